"""Muscle lengths and moment arms along a clip, and the jumps of the tendons over their wrapping surfaces."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters


@dataclass(frozen=True)
class MusclePath:
    """Muscles along a path of F frames, in the body's independent coordinates, the root first, D of them.

    Attributes:
        length: Muscle-tendon lengths [m], shape [F, M].
        moment_arm: Derivative of the length by the independent coordinates [m], shape [F, M, D].
        reduction: Derivative of all velocities by the independent ones, shape [F, nv, D].
        jump: Change of length between frames that the moment arms do not explain, as a share of the optimal fiber
            length [-], shape [F - 1, M]. Where a tendon moves smoothly over its wrapping surfaces this vanishes
            with the cube of the time between frames; where it snaps over one, it is the size of the snap.
    """

    length: np.ndarray
    moment_arm: np.ndarray
    reduction: np.ndarray
    jump: np.ndarray


_SUBSTEPS = 200
"""Parts into which a step between frames is divided to see whether a length jumps within it."""

_SURFACES = [int(mujoco.mjtWrap.mjWRAP_SPHERE), int(mujoco.mjtWrap.mjWRAP_CYLINDER)]

_SNAP_SHARE = 0.5
"""A jump is the body's when at least this share of it happens within one of the parts."""


def snapping_geom(body: Body, muscle: int, before: np.ndarray, after: np.ndarray, jump: float) -> str | None:
    """Return the wrapping geom over which a muscle jumps between two frames; None when it only moves fast.

    Joints move evenly between the frames. A path that takes another way round a geom changes its length within one of
    many small parts of the step, and would do so however slowly a body passes the pose.

    Args:
        body: The body.
        muscle: Index of the muscle.
        before: Pose of the first frame, shape [nq].
        after: Pose of the second frame, shape [nq].
        jump: The change of length that the moment arms do not explain, over the optimal fiber length [-].
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


def muscle_path(body: Body, qpos: np.ndarray) -> MusclePath:
    """Follow the muscles along poses, shape [F, nq]."""
    model, data = body.model, mujoco.MjData(body.model)
    dofs = np.concatenate([np.arange(6), 6 + body.independent_joints])
    length, arms, reductions, jumps = [], [], [], []
    dense, step = np.zeros((model.nu, model.nv)), np.zeros(model.nv)
    earlier = np.zeros_like(dense)
    for frame, pose in enumerate(qpos):
        data.qpos[:] = pose
        mujoco.mj_fwdPosition(model, data)
        earlier[:] = dense
        mujoco.mju_sparse2dense(dense, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
        reduction = body.couplings.project_velocity(pose, np.eye(model.nv)[dofs]).T
        length.append(data.actuator_length.copy())
        arms.append(dense @ reduction)
        reductions.append(reduction)
        if frame:
            mujoco.mj_differentiatePos(model, step, 1.0, qpos[frame - 1], pose)
            jumps.append(length[-1] - length[-2] - 0.5 * (earlier + dense) @ step)
    optimal = MuscleParameters.of(model).optimal_fiber_length
    return MusclePath(np.stack(length), np.stack(arms), np.stack(reductions), np.abs(np.stack(jumps)) / optimal)
