"""Inverse kinematics of a whole movement: two passes with smoothing between."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.body import Body
from msemu.motion.geometry import joint_centers
from msemu.motion.quality import joint_center_errors
from msemu.motion.retargeting.inverse_kinematics import InverseKinematics
from msemu.motion.retargeting.targets import Targets
from msemu.motion.source import JOINT_CENTERS

_APPROACH_STEPS = 12
_APPROACH_ITERATIONS = 5
_LOOK_AHEAD_FRAMES = 25

_GOOD_START_M = 0.02
"""A first pose whose joint centers are closer than this on average is not looked for twice [m]."""


class PathSolver:
    """Finds a smooth path of poses along the targets."""

    def __init__(
        self,
        body: Body,
        solver: InverseKinematics,
        targets: Targets,
        displacement: np.ndarray | None,
        longest_move: float,
    ) -> None:
        """Take body, solver, targets, displacement of a cycle [m] and the largest move of a joint in a frame [rad]."""
        self._body, self._solver = body, solver
        self._targets, self._displacement = targets, displacement
        self._longest_move = longest_move

    def solve(
        self,
        iterations: tuple[int, int],
        guide: Callable[[np.ndarray], np.ndarray],
        smooth: Callable[[np.ndarray], np.ndarray],
        on_frame: Callable[[int, int], None],
    ) -> np.ndarray:
        """Return the path, shape [T, nq].

        The first pass goes from frame to frame and stays close to the pose before; the second starts from the
        result that ``guide`` smooths and stays close to it, so that what the targets leave open, such as the plane of
        elevation of a hanging arm, follows the smooth course instead of the history. The root follows it
        closely: where it jerks by millimeters, forces of a body weight would be needed. Of a cycle, the first
        pass repeats the first half at its end, so that the first frame, too, has a past. ``smooth`` smooths the result.

        The two ``iterations`` are Gauss-Newton steps per frame of the passes; ``on_frame`` gets the frames done and in
        all.
        """
        frames = len(self._targets.positions)
        path = np.empty((frames, self._body.model.nq))
        run_up = frames // 2 if self._displacement is not None else 0
        total = run_up + 2 * frames
        pose = self._first_pose()
        for done in range(run_up + frames):
            frame = done % frames
            if done == frames:
                pose = pose.copy()
                pose[:3] -= self._displacement
            pose = path[frame] = self._frame(frame, pose, iterations[0], pose if done else None)
            on_frame(done + 1, total)
        path = guide(path)
        for frame in range(frames):
            before = path[frame - 1] if frame or self._displacement is not None else None
            path[frame] = self._frame(frame, path[frame], iterations[1], before, follow_root=True)
            on_frame(total - frames + frame + 1, total)
        return smooth(path)

    def _frame(
        self, frame: int, near: np.ndarray, iterations: int, before: np.ndarray | None, follow_root: bool = False
    ) -> np.ndarray:
        targets = self._targets.frame(frame)
        return self._solver.solve(targets, near, iterations, before, self._longest_move, follow_root)

    def _first_pose(self) -> np.ndarray:
        """Return the better one of two poses of the first frame: approached from the neutral pose, or from later on.

        On hands and knees an arm can be caught in a wrong branch that it leaves as soon as the hand is lifted.
        """
        direct = pose = self._approach()
        if self._first_error(direct) < _GOOD_START_M * self._solver.tracked.sum():
            return direct
        there = range(1, min(_LOOK_AHEAD_FRAMES, len(self._targets.positions)))
        for frame in (*there, *reversed(there), 0):
            pose = self._frame(frame, pose, _APPROACH_ITERATIONS, None)
        return min((direct, pose), key=self._first_error)

    def _first_error(self, pose: np.ndarray) -> float:
        """Return the summed distance of the joint centers from their targets in the first frame [m]."""
        targets = self._targets.aims[:1]
        return float(joint_center_errors(self._body, pose[None], targets, self._solver.tracked).sum())

    def _approach(self) -> np.ndarray:
        """Approach the first frame from the neutral pose.

        The targets move in steps from where the neutral pose has its landmarks to those of the frame: from
        far away, the joints would run into their limits and stay in a wrong branch.
        """
        body, goal = self._body, self._targets.aims[0]
        pose = body.neutral_qpos.copy()
        centers = joint_centers(body, pose[None])[0]
        hips = [JOINT_CENTERS.index(f"hip_{side}") for side in "rl"]
        pelvis = centers[hips].mean(axis=0)
        turn = Rotation.from_quat(self._targets.orientations[0, 0], scalar_first=True)
        there = goal[hips].mean(axis=0)
        pose[:3] = there + turn.apply(pose[:3] - pelvis)
        pose[3:7] = (turn * Rotation.from_quat(pose[3:7], scalar_first=True)).as_quat(scalar_first=True)
        begin = there + turn.apply(centers - pelvis)
        for share in np.linspace(0.0, 1.0, _APPROACH_STEPS):
            aims = begin + share * (goal - begin)
            targets = replace(self._targets.frame(0), aims=aims, contact=np.zeros((2, 2)))
            pose = self._solver.solve(targets, pose, _APPROACH_ITERATIONS)
        return pose
