"""The torque that muscles miss along a path, as a cost of the path with its slopes."""

import mujoco
import numpy as np

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.control.static_optimization import StaticOptimization, StaticOptimizationCfg, find_floor, optimize
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.repair.banded import NormalEquations
from msemu.motion.repair.frame import cross_matrix
from msemu.motion.repair.paths import along
from msemu.motion.smoothing import smooth_path
from msemu.tracking.reference.torque_slopes import TorqueSlopes, slopes_along

SMOOTHING_S = 0.02
"""Standard deviation of the Gaussian over a path before it is differentiated [s]."""

_MISSING = 0.02
"""Missing torque that counts as one, as a share of the joint's capacity [-]."""

_REACH_S = 0.08
"""How far poses are taken to act on torques [s]: the Gaussian and two differences leave beyond less than 2 % of the
most."""

_SOLVER = StaticOptimizationCfg(iterations=20, tolerance=1e-4)


class MissingTorque:
    """Squares of what muscles miss, by static optimization along the path: a `PathCost` of the repair of stance.

    What pushes against the floor is what does so along the clip.

    Attributes:
        reach: Frames that it ties together are at most so many apart [frames].
    """

    def __init__(self, body: Body, clip: MotionClip, joints: np.ndarray):
        """Take a body with the strength that counts, a clip, and the indices of the joints that may change."""
        self._body, self._clip = body, clip
        self._around = max(round(_REACH_S * clip.fps), 2)
        self.reach = 2 * self._around
        self._columns = np.searchsorted(
            body.independent_dofs, np.concatenate([np.arange(ROOT_DOFS), ROOT_DOFS + joints])
        )
        self._stencils = [_within(each, self._around, clip.cyclic) for each in _stencils(clip)]
        self._touching = find_floor(body, differentiate(body, clip, SMOOTHING_S)).touching
        self._last: tuple[np.ndarray, Movement, StaticOptimization] | None = None

    def value(self, path: np.ndarray) -> float:
        """Return the cost of a path, shape [T, nq]."""
        _, found = self._solved(path)
        missing = (found.residual / found.capacity)[:, ROOT_DOFS:] / _MISSING
        return float((missing**2).sum())

    def add_to(self, equations: NormalEquations, path: np.ndarray) -> None:
        """Add half of its slope at a path, and half of a curvature, to the equations of a step from there."""
        movement, found = self._solved(path)
        count, turns = len(path), np.array([_matrix(pose[3:7]) for pose in movement.qpos])
        for frame, slopes in enumerate(slopes_along(self._body, movement, found)):
            around = frame + np.arange(-self._around, self._around + 1)
            if not self._clip.cyclic:
                around = around[(around >= 0) & (around < count)]
            rows = [self._rows(slopes, movement, frame, int(other) % count, turns) for other in around]
            by_path = np.stack(rows, axis=1).reshape(len(slopes.missing), -1) / _MISSING
            equations.add(around, by_path.T @ slopes.stiffness @ by_path, by_path.T @ slopes.missing / _MISSING)

    def _rows(self, slopes: TorqueSlopes, movement: Movement, frame: int, other: int, turns: np.ndarray) -> np.ndarray:
        """Return the slope of what a frame misses by the pose of another, shape [J, D].

        A turn of the root is about its own axes, which differ between the frames: ``turns``, shape [T, 3, 3].
        """
        smooth, speed, bend = (stencil[frame, other] for stencil in self._stencils)
        rows = smooth * slopes.by_pose + speed * slopes.by_velocity + bend * slopes.by_acceleration
        rows[:, 3:6] -= speed * slopes.by_acceleration[:, 3:6] @ cross_matrix(movement.qvel[frame, 3:6])
        rows[:, 3:6] = rows[:, 3:6] @ turns[frame].T @ turns[other]
        return rows[:, self._columns]

    def _solved(self, path: np.ndarray) -> tuple[Movement, StaticOptimization]:
        """Return the movement along a path and its static optimization; the last one is kept."""
        if self._last is None or self._last[0] is not path:
            clip = along(self._body, self._clip, path)
            movement = differentiate(self._body, clip, SMOOTHING_S)
            floor = find_floor(self._body, movement, touching=self._touching)
            self._last = path, movement, optimize(self._body, movement, _SOLVER, floor=floor)
        return self._last[1:]


def _stencils(clip: MotionClip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how smoothed poses, velocities and accelerations depend on the frames of a clip, shape [T, T] each."""
    count, displacement = clip.num_frames, np.zeros(3) if clip.cyclic else None
    unit = np.hstack([np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], (count, 1)), np.eye(count)])
    smooth = smooth_path(unit, SMOOTHING_S, clip.fps, displacement)[:, 7:]

    def rate(values: np.ndarray) -> np.ndarray:
        if clip.cyclic:
            return 0.5 * clip.fps * (np.roll(values, -1, axis=0) - np.roll(values, 1, axis=0))
        return np.gradient(values, 1.0 / clip.fps, axis=0)

    return smooth, rate(smooth), rate(rate(smooth))


def _within(stencil: np.ndarray, reach: int, cyclic: bool) -> np.ndarray:
    """Return a stencil, shape [T, T], whose weights of frames that are further away go to the furthest within reach.

    So a constant and a steady course keep no acceleration.
    """
    frame = np.arange(len(stencil))
    away = frame - frame[:, None]
    if cyclic:
        away = (away + len(frame) // 2) % len(frame) - len(frame) // 2
    to = (frame[:, None] + away.clip(-reach, reach)) % len(frame)
    near = np.zeros_like(stencil)
    np.add.at(near, (frame[:, None], to), stencil)
    return near


def _matrix(quaternion: np.ndarray) -> np.ndarray:
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
