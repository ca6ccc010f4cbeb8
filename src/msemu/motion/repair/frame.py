"""What one frame contributes to the optimization of a flight: its errors, its momenta and their derivatives."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.geoms import points_below
from msemu.motion.flight import CONTACT_HEIGHT_M, central_velocity, momentum_of
from msemu.motion.geometry import FEET
from msemu.motion.repair.momentum import momentum_by_pose

_TOUCHING_M = 0.5 * CONTACT_HEIGHT_M
"""Height to which a point that touches the floor is brought at most, so that it is still taken to touch [m]."""

_SLIDING = 0.5
"""Speed from which a point that touches the floor slides [m/s]: recorded feet glide where they land and take off."""

_GLIDING_M = (0.005, 0.007)
"""Height of a point that slides: it touches, but does not stand [m]."""

_FAR_M = 0.07
"""Change of a landmark's position beyond which more counts more [m]: no frame shall be far off."""

ON_FLOOR = np.zeros(2)
"""Heights of soles that may stand on the floor [m]."""

_DIFFERENCE = 1e-6
"""Step of the derivative of the slopes of couplings [rad or m]."""


@dataclass(frozen=True)
class FrameCosts:
    """The error of each kind that counts as much as one of another kind.

    Attributes:
        landmark_m: Change of a landmark's position [m].
        far_m: The part of that change that is beyond 7 cm [m].
        joint_rad: Change of a joint or of the root's orientation [rad].
        contact_m: Change of a point that touches the floor, and penetration [m].
        limit_rad: Excess over a joint limit [rad or m].
        clearance_m: What the sole of a swinging foot is too low [m].
    """

    landmark_m: float = 0.02
    far_m: float = 0.005
    joint_rad: float = 0.5
    contact_m: float = 0.001
    limit_rad: float = 0.001
    clearance_m: float = 0.002


@dataclass(frozen=True)
class Anchor:
    """The pose that a frame shall stay close to.

    Attributes:
        pose: The pose, shape [nq].
        landmarks: Its landmarks [m], shape [L, 3].
        touching: Points that touch the floor: body, position in its frame [m] and in the world [m].
        clearance: Least height of the right and the left sole [m], shape [2].
    """

    pose: np.ndarray
    landmarks: np.ndarray
    touching: list[tuple[int, np.ndarray, np.ndarray]]
    clearance: np.ndarray


class FlightFrame:
    """Evaluates a frame in the body's independent coordinates, the root first, D of them.

    Attributes:
        num_coordinates: Number of coordinates D.
    """

    def __init__(self, body: Body, joints: np.ndarray, fps: float, costs: FrameCosts) -> None:
        """Take the body, the indices of the joints that may change, the frame rate [Hz] and the weights."""
        self._body, self._fps, self._costs = body, fps, costs
        self._data = mujoco.MjData(body.model)
        self._dofs = np.concatenate([np.arange(6), 6 + joints])
        self.num_coordinates = len(self._dofs)
        self._qpos_index = 7 + joints
        limits = body.model.jnt_range[1 + joints].copy()
        limits[~body.model.jnt_limited[1 + joints].astype(bool)] = (-np.inf, np.inf)
        self._low, self._high = limits.T
        self._sites = [body.model.site(f"landmark/{name}").id for name in LANDMARKS]
        self._geoms = np.concatenate(list(body.contact_regions.values()))
        self._soles = [body.contact_regions[foot] for foot in FEET]

    def anchor(self, pose: np.ndarray, after: np.ndarray, clearance: np.ndarray = ON_FLOOR) -> Anchor:
        """Return a pose as something to stay close to; ``after`` is the pose of the next frame.

        The ``clearance`` is the least height of the right and the left sole [m], shape [2].
        """
        data = self._data
        self._set(pose)
        landmarks = data.site_xpos[self._sites].copy()
        swinging = {body for geoms, _ in self._swings(clearance) for body in self._body.model.geom_bodyid[geoms]}
        points = [
            (body_id, data.xmat[body_id].reshape(3, 3).T @ (point - data.xpos[body_id]), point)
            for body_id, point in points_below(self._body.model, data, self._geoms, CONTACT_HEIGHT_M)
            if body_id not in swinging
        ]
        self._set(after)
        touching = []
        for body_id, local, point in points:
            move = data.xpos[body_id] + data.xmat[body_id].reshape(3, 3) @ local - point
            slides = np.linalg.norm(move[:2]) * self._fps > _SLIDING
            height = np.clip(point[2], *(_GLIDING_M if slides else (0.0, _TOUCHING_M)))
            touching.append((body_id, local, np.append(point[:2], height)))
        return Anchor(pose.copy(), landmarks, touching, clearance)

    def moved(self, pose: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Return ``pose`` moved by ``change`` [D], couplings applied, shape [nq]."""
        full = np.zeros(self._body.model.nv)
        full[self._dofs] = change
        moved = pose.copy()
        mujoco.mj_integratePos(self._body.model, moved, full, 1.0)
        return self._body.couplings.project(moved)

    def closeness(self, pose: np.ndarray, anchor: Anchor) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted errors against an anchor, the limits and the floor, and their derivative [E, D]."""
        errors, rows = self.nearness(pose, anchor)
        excess = self.excess(pose[self._qpos_index])
        beyond = np.flatnonzero(excess)
        limits = np.eye(self.num_coordinates)[6 + beyond] / self._costs.limit_rad
        return np.concatenate([errors, excess[beyond] / self._costs.limit_rad]), np.vstack([rows, limits])

    def excess(self, angles: np.ndarray) -> np.ndarray:
        """Return by how much the joints that may change are beyond their limits [rad or m], shape [..., J]."""
        return np.minimum(angles - self._low, 0.0) + np.maximum(angles - self._high, 0.0)

    def nearness(self, pose: np.ndarray, anchor: Anchor) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted errors against an anchor and the floor, and their derivative [E, D]."""
        model, data, costs = self._body.model, self._data, self._costs
        self._set(pose)
        mujoco.mj_comPos(model, data)
        reduction = self._reduction(pose)
        errors, rows = [], []
        block = np.empty((3, model.nv))
        for site, target in zip(self._sites, anchor.landmarks, strict=True):
            mujoco.mj_jacSite(model, data, block, None, site)
            moved, row = data.site_xpos[site] - target, block @ reduction
            errors.append(moved / costs.landmark_m)
            rows.append(row / costs.landmark_m)
            distance = np.linalg.norm(moved)
            if distance > _FAR_M:
                errors.append(np.array([distance - _FAR_M]) / costs.far_m)
                rows.append(moved[None] @ row / distance / costs.far_m)
        for body_id, local, target in anchor.touching:
            point = data.xpos[body_id] + data.xmat[body_id].reshape(3, 3) @ local
            mujoco.mj_jac(model, data, block, None, point, body_id)
            errors.append((point - target) / costs.contact_m)
            rows.append(block @ reduction / costs.contact_m)
        for geoms, height, scale in self._floors(anchor):
            for body_id, point in points_below(model, data, geoms, height):
                mujoco.mj_jac(model, data, block, None, point, body_id)
                errors.append((point[2:] - height) / scale)
                rows.append(block[2:] @ reduction / scale)
        unit = np.eye(self.num_coordinates)
        errors.append(self.change(pose, anchor.pose)[3:] / costs.joint_rad)
        rows.append(unit[3:] / costs.joint_rad)
        return np.concatenate(errors), np.vstack(rows)

    def center_of_mass(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the center of mass [m], shape [3], and its derivative by the pose, shape [3, D]."""
        model, data = self._body.model, self._data
        self._set(pose)
        mujoco.mj_comPos(model, data)
        jacobian = np.empty((3, model.nv))
        mujoco.mj_jacSubtreeCom(model, data, jacobian, 0)
        return data.subtree_com[0].copy(), jacobian @ self._reduction(pose)

    def momenta(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return center of mass [m] and angular momentum about it [kg m^2/s] in the middle of three poses, [3] each."""
        self._move(poses)
        return momentum_of(self._body.model, self._data)

    def angular_momentum(self, poses: np.ndarray) -> np.ndarray:
        """Return the angular momentum about the center of mass in the middle of three poses [kg m^2/s], shape [3]."""
        return self.momenta(poses)[1]

    def angular_momentum_derivative(self, poses: np.ndarray) -> np.ndarray:
        """Return the derivative of `angular_momentum` by each of the three poses, shape [3, 3, D]."""
        model, data = self._body.model, self._data
        velocity = self._move(poses)
        momentum_of(model, data)
        reduction = self._reduction(poses[1])
        matrix = np.empty((3, model.nv))
        mujoco.mj_angmomMat(model, data, matrix, 0)
        by_pose = momentum_by_pose(model, data) @ reduction
        by_pose[:, 6:] += matrix @ self._velocity_by_joints(poses[1], velocity)
        by_after = 0.5 * self._fps * matrix @ reduction
        by_before = -by_after
        turn = 2.0 / self._fps * velocity[3:6]
        by_before[:, 3:6] = by_before[:, 3:6] @ _inverse_right_jacobian(-turn)
        by_after[:, 3:6] = by_after[:, 3:6] @ _inverse_right_jacobian(turn)
        return np.stack([by_before, by_pose, by_after])

    def moment_derivative(
        self, pose: np.ndarray, bodies: np.ndarray, points: np.ndarray, forces: np.ndarray
    ) -> np.ndarray:
        """Return how the moment of forces [N] on points of bodies [m], shape [P, 3], changes as they move, [3, D]."""
        model, data = self._body.model, self._data
        self._set(pose)
        mujoco.mj_comPos(model, data)
        total, block = np.zeros((3, model.nv)), np.empty((3, model.nv))
        for body_id, point, force in zip(bodies, points, forces, strict=True):
            mujoco.mj_jac(model, data, block, None, point, body_id)
            total -= cross_matrix(force) @ block
        return total @ self._reduction(pose)

    def change(self, pose: np.ndarray, origin: np.ndarray) -> np.ndarray:
        """Return what leads from one pose to another in the independent coordinates, shape [D]."""
        away = np.empty(self._body.model.nv)
        mujoco.mj_differentiatePos(self._body.model, away, 1.0, origin, pose)
        return away[self._dofs]

    def _move(self, poses: np.ndarray) -> np.ndarray:
        """Take the middle one of three poses and the velocity there, which is returned, shape [nv]."""
        velocity = central_velocity(self._body, poses, self._fps)
        self._data.qpos[:], self._data.qvel[:] = poses[1], velocity
        return velocity

    def _velocity_by_joints(self, pose: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return how the velocity of coupled joints changes with the joints while theirs stays, shape [nv, J]."""
        poses = np.repeat(pose[None], len(self._qpos_index), axis=0)
        poses[np.arange(len(poses)), self._qpos_index] += _DIFFERENCE
        velocities = np.repeat(velocity[None], len(poses), axis=0)
        couplings = self._body.couplings
        return (couplings.project_velocity(couplings.project(poses), velocities) - velocity).T / _DIFFERENCE

    def _set(self, pose: np.ndarray) -> None:
        self._data.qpos[:] = pose
        mujoco.mj_kinematics(self._body.model, self._data)

    def _reduction(self, pose: np.ndarray) -> np.ndarray:
        """Return the derivative of all velocities by the independent ones, shape [nv, D]."""
        return self._body.couplings.reduction(pose, self._dofs)

    def _swings(self, clearance: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Return the geoms of the feet that are to be off the floor, and how far [m]."""
        return [(geoms, height) for geoms, height in zip(self._soles, clearance, strict=True) if height > 0.0]

    def _floors(self, anchor: Anchor) -> list[tuple[np.ndarray, float, float]]:
        """Return the geoms that are to be above some height [m], and by what they are too low that counts as one."""
        above = [(*swing, self._costs.clearance_m) for swing in self._swings(anchor.clearance)]
        return [(self._geoms, 0.0, self._costs.contact_m), *above]


def cross_matrix(vector: np.ndarray) -> np.ndarray:
    """Return the matrix of the cross product of a vector with another, shape [3, 3]."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _inverse_right_jacobian(turn: np.ndarray) -> np.ndarray:
    """Return the derivative of the rotation vector of ``exp(turn) exp(delta)`` by ``delta`` at zero, shape [3, 3].

    Sola et al. 2018, equation 144 (arXiv:1812.01537).
    """
    angle = float(np.linalg.norm(turn))
    cross = cross_matrix(turn)
    if angle < 1e-4:
        return np.eye(3) + 0.5 * cross + cross @ cross / 12.0
    factor = 1.0 / angle**2 - (1.0 + np.cos(angle)) / (2.0 * angle * np.sin(angle))
    return np.eye(3) + 0.5 * cross + factor * cross @ cross
