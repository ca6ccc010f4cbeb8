"""The jumps of the tendons over their wrapping surfaces."""

from itertools import pairwise

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.models.muscle_paths import paths_along
from msemu.motion.smoothing import steps_between
from msemu.muscle.parameters import MuscleParameters

_SUBSTEPS = 200
"""Parts into which a step between frames is divided to see whether a length jumps within it."""

_SURFACES = [int(mujoco.mjtWrap.mjWRAP_SPHERE), int(mujoco.mjtWrap.mjWRAP_CYLINDER)]

_SNAP_SHARE = 0.5
"""A jump is the body's when at least this share of it happens within one of the parts."""


def snapping_geom(body: Body, muscle: int, before: np.ndarray, after: np.ndarray, jump: float) -> str | None:
    """Return the wrapping geom over which a muscle jumps between two poses [nq]; None when it only moves fast.

    Joints move evenly between the frames. A path that takes another way round a geom changes its length within one of
    many small parts of the step, and would do so however slowly a body passes the pose. The ``jump`` is the change of
    length that the moment arms do not explain, over the optimal fiber length [-].
    """
    model, data = body.model, mujoco.MjData(body.model)
    tendon = model.actuator_trnid[muscle, 0]
    path = slice(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
    geoms = model.wrap_objid[path][np.isin(model.wrap_type[path], _SURFACES)]
    step = np.zeros(model.nv)
    mujoco.mj_differentiatePos(model, step, 1.0, before, after)
    lengths = np.empty(_SUBSTEPS + 1)
    for part in range(_SUBSTEPS + 1):
        data.qpos[:] = before
        mujoco.mj_integratePos(model, data.qpos, step, part / _SUBSTEPS)
        data.qpos[:] = body.couplings.project(data.qpos)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_tendon(model, data)
        lengths[part] = data.ten_length[tendon]
    change = np.diff(lengths)
    snap = np.abs(change - np.median(change)).max() / MuscleParameters.of(model).optimal_fiber_length[muscle]
    return model.geom(geoms[0]).name if len(geoms) and snap > _SNAP_SHARE * jump else None


def tendon_jumps(body: Body, path: np.ndarray) -> np.ndarray:
    """Return how far each length changes along poses [T, nq] beyond what the moment arms explain, shape [T - 1, M].

    The unit is the optimal fiber length [-]. Where a tendon moves smoothly over its wrapping surfaces this vanishes
    with the cube of the time between frames; where it snaps over one, it is the size of the snap.
    """
    pairs = zip(steps_between(body, path), pairwise(paths_along(body.model, path)), strict=True)
    jumps = [after - before - 0.5 * (arms + later) @ step for step, ((before, arms), (after, later)) in pairs]
    return np.abs(np.stack(jumps)) / MuscleParameters.of(body.model).optimal_fiber_length
