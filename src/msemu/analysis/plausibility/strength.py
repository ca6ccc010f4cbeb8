"""Whether the muscles are strong enough for a clip: required joint torques against what the muscles can give.

Inverse dynamics gives the generalized forces of the movement. The floor may push on whatever touches it, within a
friction cone; its forces are those that leave the least at the root, which nothing drives, and at the joints.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from scipy.ndimage import minimum_filter1d
from scipy.optimize import nnls

from msemu.control.inverse_dynamics import differences, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.models.body import Body
from msemu.models.geoms import points_below
from msemu.models.poses import posed
from msemu.motion.flight import CONTACT_HEIGHT_M
from msemu.muscle.parameters import MuscleParameters

FRICTION = 1.0
"""Coefficient of friction between body and floor, that of the models' contact geoms."""

_JOINT_WEIGHT = 0.02
"""Weight of a joint that needs all its strength beside a residual of one body weight at the root."""

_LEAST_TORQUE = 1.0
"""Joints that need less than this are not judged, and no capacity is taken to be smaller [Nm or N]."""

SUSTAINED_FRAMES = 3
"""A joint is too weak when it is in this many frames in a row: where contact begins or ends the torques of single
frames say more about the instant at which the floor begins to push than about the movement."""

_EDGES = np.array([[FRICTION, 0, 1], [-FRICTION, 0, 1], [0, FRICTION, 1], [0, -FRICTION, 1]])
"""Forces along the edges of the friction cone of a point, the normal part 1, in world axes."""


@dataclass(frozen=True)
class Strength:
    """Required and available joint torques over F frames and J independent joints.

    Attributes:
        joint_names: The joints.
        required: Torque that the muscles have to give [Nm, or N for a slide], shape [F, J].
        available: What they can give in that direction at full activation, at the posture and the velocity of the
            clip, over what their passive forces give [Nm or N], shape [F, J].
        ratio: Required over available, zero where passive forces suffice [-], shape [F, J].
    """

    joint_names: tuple[str, ...]
    required: np.ndarray
    available: np.ndarray
    ratio: np.ndarray

    def peaks(self) -> list[tuple[int, int]]:
        """Return each joint and the row whose ratio it exceeds `SUSTAINED_FRAMES` in a row at most, the worst first."""
        sustained = minimum_filter1d(self.ratio, SUSTAINED_FRAMES, axis=0, mode="nearest")
        rows = sustained.argmax(axis=0)
        rows += [
            int(self.ratio[max(row - 1, 0) : row + 2, joint].argmin()) - min(row, 1) for joint, row in enumerate(rows)
        ]
        return [(int(joint), int(rows[joint])) for joint in np.argsort(-sustained.max(axis=0))]


def strength(body: Body, path: np.ndarray, fps: float) -> Strength:
    """Compare required and available torques in the frames of a path [F + 2, nq] that have neighbors.

    Each joint is judged by itself: a muscle counts with all its force at every joint that it crosses, so that a ratio
    above 1 proves that the clip is too demanding, and one below 1 does not prove that it can be followed.
    """
    capacity = MuscleCapacity(MuscleParameters.of(body.model))
    parts = []
    for _, state in dynamics_along(body, differences(body, path, fps), ()):
        active, resting = capacity.forces(state.muscle_length, state.muscle_velocity)
        pull = -active.unsqueeze(-1) * state.moment_arms[..., 6:]
        at_rest = -(resting.unsqueeze(1) @ state.moment_arms[..., 6:]).squeeze(1)
        parts.append((state.required_force, at_rest, pull.clamp(max=0.0).sum(1), pull.clamp(min=0.0).sum(1)))
    needed, passive, low, high = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    scale = np.maximum(np.minimum(-low, high), 10.0 * _LEAST_TORQUE)
    frames = zip(posed(body.model, path[1:-1]), needed, scale, strict=True)
    left = np.stack([_beside_floor(body, *frame) for frame in frames])
    required = left[:, 6:]
    wanted = required - passive
    available = np.where(wanted > 0.0, high, -low)
    counts = (np.abs(required) > _LEAST_TORQUE) & (wanted * required > 0.0)
    ratio = np.where(counts, np.abs(wanted) / np.maximum(available, _LEAST_TORQUE), 0.0)
    names = tuple(body.joint_names[joint] for joint in body.independent_joints)
    return Strength(names, required, available, ratio)


def _beside_floor(body: Body, data: mujoco.MjData, forces: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return what is left of generalized forces in a pose when the floor gives what it can, shape [D].

    The ``scale`` is what each joint can give [Nm or N], shape [D - 6].
    """
    pushes = body.weight * _pushes(body, data)
    weight = np.concatenate([np.ones(6) / body.weight, _JOINT_WEIGHT / scale])
    share, _ = nnls((pushes * weight).T, forces * weight) if len(pushes) else (np.zeros(0), 0.0)
    return forces - share @ pushes


def _pushes(body: Body, data: mujoco.MjData) -> np.ndarray:
    """Return the generalized forces of unit forces along the edges of the friction cones, shape [E, D]."""
    model, jacobian = body.model, np.empty((3, body.model.nv))
    mujoco.mj_comPos(model, data)
    reduction = body.couplings.reduction(data.qpos, body.independent_dofs)
    rows = [np.empty((0, reduction.shape[1]))]
    geoms = np.concatenate(list(body.contact_regions.values()))
    for body_id, point in points_below(model, data, geoms, CONTACT_HEIGHT_M):
        mujoco.mj_jac(model, data, jacobian, None, point, body_id)
        rows.append(_EDGES @ jacobian @ reduction)
    return np.concatenate(rows)
