"""The longest physics step that the muscles of a body bear."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.linalg import eigh

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.muscle_paths import paths_along
from msemu.models.poses import at_pose
from msemu.muscle.levels import LEVELS
from msemu.muscle.overrides import configured_parameters
from msemu.schema import MuscleCfg, SimCfg

_SLOW = 1e-5
"""Speed at which the slope of a force is taken [vmax]."""
_TENDON_SOFTNESS = 1.3
"""How much longer a step is borne where a tendon softens the jolt, at least (docs/lab/time_step.md)."""
_TINY = 1e-12


@dataclass(frozen=True)
class TimeStepLimit:
    """What an explicit physics step does to the joints when every muscle is fully active in the neutral pose.

    A muscle resists its lengthening with ``b = d force / d speed``, so motions decay with the eigenvalues of
    ``M^-1 R^T b R`` (R: moment arms, M: inertia, both with coupled joints as one). An explicit step of h multiplies a
    motion of eigenvalue k by ``1 - h k``. From ``h = 2 / k`` on it changes its sign in each step and grows, until the
    force no longer rises with the speed: it then chatters with the speed that half a step of all the force gives it.

    Attributes:
        smooth_s: Longest step at which nothing chatters: 2 over the largest eigenvalue [s].
        longest_s: Longest step at which nothing chatters faster than a joint may be [s].
        joint: The joint that would.
    """

    smooth_s: float
    longest_s: float
    joint: str

    @classmethod
    def of(cls, body: Body, muscle: MuscleCfg, max_joint_speed: float = SimCfg.max_joint_speed) -> TimeStepLimit:
        """Estimate it; a fiber with a state counts as the level that stands in for it, on a soft tendon.

        Raises:
            MsemuError: The muscles of the body or their parameter file cannot be read.
        """
        parameters = configured_parameters(body.model, muscle)
        contract = LEVELS[muscle.level].stateless.in_numpy
        ((length, arms),) = paths_along(body.model, body.neutral_qpos[None])
        fastest = parameters.optimal_fiber_length * parameters.max_contraction_velocity

        def rise(speed: float) -> np.ndarray:
            """Force while lengthening at a speed [vmax] over that while shortening at it [N]."""
            shortening, lengthening = (
                contract(parameters, np.ones(len(length)), length, way * speed * fastest).force for way in (-1, 1)
            )
            return muscle.strength[1] * (lengthening - shortening)

        reduction = body.couplings.reduction(body.neutral_qpos, body.independent_dofs)
        arms = arms @ reduction
        slope = rise(_SLOW) / (2 * _SLOW * fastest)
        rate, modes = eigh(arms.T @ (slope[:, None] * arms), reduction.T @ _inertia(body) @ reduction)
        smooth = 2.0 / np.maximum(rate, _TINY)
        push = 0.5 * np.abs(arms @ modes).T @ rise(1.0)
        swing = np.abs(reduction @ modes)[6:] * body.is_hinge[:, None]
        longest = np.maximum(smooth, max_joint_speed / np.maximum(0.5 * push * swing.max(0), _TINY))
        longest *= _TENDON_SOFTNESS if LEVELS[muscle.level].approximation else 1.0
        first = int(longest.argmin())
        return cls(float(smooth.min()), float(longest[first]), body.joint_names[int(swing[:, first].argmax())])


def require_bearable(body: Body, cfg: SimCfg) -> None:
    """Refuse a physics step that is longer than that of the body's own model and than its muscles bear.

    Raises:
        MsemuError: It is.
    """
    if cfg.timestep_s <= body.model.opt.timestep:
        return
    limit = TimeStepLimit.of(body, cfg.muscle, cfg.max_joint_speed)
    if cfg.timestep_s > limit.longest_s:
        raise MsemuError(
            f"sim.timestep_s of {cfg.timestep_s:g} s: muscles of the level {cfg.muscle.level} at full activation would"
            f" shake {limit.joint} of {body.name} faster than sim.max_joint_speed, {cfg.max_joint_speed:g} rad/s; take"
            f" {1e-4 * int(1e4 * limit.longest_s):.4g} s at most, {body.model.opt.timestep:g} s is usual"
        )


def _inertia(body: Body) -> np.ndarray:
    """Return the mass matrix in the neutral pose, shape [nv, nv]."""
    model = body.model
    data = at_pose(model, body.neutral_qpos)
    mujoco.mj_comPos(model, data)
    mujoco.mj_crb(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    return inertia
