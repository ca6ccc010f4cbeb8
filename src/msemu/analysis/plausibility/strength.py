"""Whether the muscles are strong enough for a clip: required joint torques against what the muscles can give.

Inverse dynamics gives the generalized forces of the movement. The floor may push on whatever touches it, within a
friction cone; its forces are those that leave the least at the root, which nothing drives, and at the joints.
"""

import copy
from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.optimize import nnls

from msemu.analysis.plausibility.muscles import MusclePath
from msemu.models.body import Body
from msemu.motion.flight import CONTACT_HEIGHT_M
from msemu.motion.geometry import support_point
from msemu.muscle.in_numpy import mujoco_state
from msemu.muscle.parameters import MuscleParameters

FRICTION = 1.0
"""Coefficient of friction between body and floor, that of the models' contact geoms."""

_JOINT_WEIGHT = 0.02
"""Weight of a joint that needs all its strength beside a residual of one body weight at the root."""

_LEAST_TORQUE = 1.0
"""Joints that need less than this are not judged, and no capacity is taken to be smaller [Nm or N]."""

_DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True)
class Strength:
    """Required and available joint torques over F frames and J independent joints.

    Attributes:
        joint_names: The joints.
        required: Torque that the muscles have to give [Nm, or N for a slide], shape [F, J].
        available: What they can give in that direction at full activation, at the posture and the velocity of the
            clip, over what their passive forces give [Nm or N], shape [F, J].
        ratio: Required over available, zero where passive forces suffice [-], shape [F, J].
        residual: Force missing at the root after the floor has given what it can, in body weights [-], shape [F].
    """

    joint_names: tuple[str, ...]
    required: np.ndarray
    available: np.ndarray
    ratio: np.ndarray
    residual: np.ndarray


def strength(body: Body, path: np.ndarray, fps: float, muscles: MusclePath) -> Strength:
    """Compare required and available torques in the frames of a path that have neighbors.

    Each joint is judged by itself: a muscle counts with all its force at every joint that it crosses, so that a ratio
    above 1 proves that the clip is too demanding, and one below 1 does not prove that it can be followed.

    Args:
        body: The body.
        path: Poses, shape [F + 2, nq].
        fps: Frame rate [Hz].
        muscles: The muscles along the same path.
    """
    inverse = _InverseDynamics(body)
    parameters = MuscleParameters.of(body.model)
    required, available, ratio, residual = [], [], [], []
    for frame in range(1, len(path) - 1):
        velocity, acceleration = _derivatives(body, path[frame - 1 : frame + 2], fps)
        reduction, arms = muscles.reduction[frame], muscles.moment_arm[frame]
        dofs = np.concatenate([np.arange(6), 6 + body.independent_joints])
        state = mujoco_state(parameters, np.ones(body.model.nu), muscles.length[frame], arms @ velocity[dofs])
        passive = -(state.passive_force @ arms)[6:]
        active = -state.active_force[:, None] * arms[:, 6:]
        low, high = np.minimum(active, 0.0).sum(axis=0), np.maximum(active, 0.0).sum(axis=0)
        scale = np.maximum(np.minimum(-low, high), 10.0 * _LEAST_TORQUE)
        torque, missing = inverse.torques(path[frame], velocity, acceleration, reduction, scale)
        wanted = torque - passive
        capacity = np.where(wanted > 0.0, high, -low)
        required.append(torque)
        available.append(capacity)
        counts = (np.abs(torque) > _LEAST_TORQUE) & (wanted * torque > 0.0)
        ratio.append(np.where(counts, np.abs(wanted) / np.maximum(capacity, _LEAST_TORQUE), 0.0))
        residual.append(missing)
    names = tuple(body.joint_names[joint] for joint in body.independent_joints)
    return Strength(names, np.stack(required), np.stack(available), np.stack(ratio), np.array(residual))


def _derivatives(body: Body, poses: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Return velocity and acceleration of the middle one of three poses, shapes [nv]."""
    first, second = np.empty(body.model.nv), np.empty(body.model.nv)
    mujoco.mj_differentiatePos(body.model, first, 1.0 / fps, poses[0], poses[1])
    mujoco.mj_differentiatePos(body.model, second, 1.0 / fps, poses[1], poses[2])
    return 0.5 * (first + second), (second - first) * fps


class _InverseDynamics:
    """Generalized forces of a movement, with the forces of the floor that explain them best."""

    def __init__(self, body: Body) -> None:
        self._model = copy.copy(body.model)
        self._model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
        self._data = mujoco.MjData(self._model)
        self._geoms = np.concatenate(list(body.contact_regions.values()))
        self._weight = body.weight

    def torques(
        self, pose: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray, reduction: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Return the torques of the independent joints, shape [J], and the force missing at the root [body weights].

        Args:
            pose: Pose, shape [nq].
            velocity: Velocity, shape [nv].
            acceleration: Acceleration, shape [nv].
            reduction: Derivative of all velocities by the independent ones, shape [nv, D].
            scale: What each joint can give [Nm or N], shape [J].
        """
        model, data = self._model, self._data
        data.qpos[:], data.qvel[:], data.qacc[:] = pose, velocity, acceleration
        mujoco.mj_inverse(model, data)
        forces = reduction.T @ data.qfrc_inverse
        pushes = self._pushes(reduction)
        if len(pushes):
            weight = np.concatenate([np.ones(6) / self._weight, _JOINT_WEIGHT / scale])
            share, _ = nnls((pushes * self._weight * weight).T, forces * weight)
            forces = forces - self._weight * share @ pushes
        return forces[6:], float(np.linalg.norm(forces[:3])) / self._weight

    def _pushes(self, reduction: np.ndarray) -> np.ndarray:
        """Return the generalized forces of unit forces along the edges of the friction cones, shape [E, D]."""
        model, data = self._model, self._data
        near = self._geoms[data.geom_xpos[self._geoms, 2] < model.geom_rbound[self._geoms] + CONTACT_HEIGHT_M]
        edges = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]) * FRICTION
        rows, jacobian = [np.empty((0, reduction.shape[1]))], np.empty((3, model.nv))
        for geom in near:
            point = support_point(model, data, geom, _DOWN)
            if point[2] < CONTACT_HEIGHT_M:
                mujoco.mj_jac(model, data, jacobian, None, point, model.geom_bodyid[geom])
                rows.append(np.column_stack([edges, np.ones(4)]) @ jacobian @ reduction)
        return np.concatenate(rows)
