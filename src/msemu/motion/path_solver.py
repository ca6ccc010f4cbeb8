"""Inverse kinematics of a whole movement: two passes with smoothing between."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.body import LANDMARKS, Body
from msemu.motion.inverse_kinematics import InverseKinematics
from msemu.motion.kinematics import landmark_path
from msemu.motion.smoothing import smooth_path
from msemu.motion.source import JOINT_CENTRES
from msemu.motion.targets import Targets

_APPROACH_STEPS = 12
_APPROACH_ITERATIONS = 5


class PathSolver:
    """Finds a smooth path of poses along the targets."""

    def __init__(self, body: Body, solver: InverseKinematics, targets: Targets) -> None:
        """Take the body, the solver of a frame and the targets of all frames."""
        self._body, self._solver, self._targets = body, solver, targets

    def solve(
        self,
        iterations: tuple[int, int],
        smooth: Callable[[np.ndarray], np.ndarray],
        on_frame: Callable[[int, int], None],
    ) -> np.ndarray:
        """Return the path, shape [T, nq].

        The first pass goes from frame to frame and stays close to the pose before; the second starts from the smoothed
        result and stays close to it, so that what the targets leave open, such as the plane of elevation of a hanging
        arm, follows the smooth course instead of the history. Only the second pass pulls standing soles to the floor: by
        then it is settled whether the heel or the ball of the foot is the lower.

        Args:
            iterations: Gauss-Newton steps per frame of the first and the second pass.
            smooth: Smoothing of a path, shape [T, nq].
            on_frame: Called with the number of frames done and in all.
        """
        frames = len(self._targets.positions)
        path = np.empty((frames, self._body.model.nq))
        pose = self._first_pose()
        for frame in range(frames):
            pose = path[frame] = self._frame(frame, pose, pose, iterations[0], contact=0.0)
            on_frame(frame + 1, 2 * frames)
        path = smooth(path)
        for frame in range(frames):
            path[frame] = self._frame(frame, path[frame], path[frame].copy(), iterations[1], contact=1.0)
            on_frame(frames + frame + 1, 2 * frames)
        return smooth(path)

    def _frame(self, frame: int, start: np.ndarray, near: np.ndarray, iterations: int, contact: float) -> np.ndarray:
        targets = self._targets
        return self._solver.solve(
            start,
            targets.positions[frame],
            targets.orientations[frame],
            contact * targets.contact[frame],
            near,
            iterations,
        )

    def _first_pose(self) -> np.ndarray:
        """Approach the first frame from the neutral pose, whose targets are moved to those of the frame in steps.

        Starting far away, the joints would run into their limits and stay in a wrong branch.
        """
        body, goal = self._body, self._targets.positions[0]
        pose = body.neutral_qpos.copy()
        neutral = landmark_path(body, pose[None])[0][0]
        hips = [LANDMARKS.index(f"hip_{side}") for side in "rl"]
        pelvis, turn = neutral[hips].mean(axis=0), Rotation.from_quat(self._targets.orientations[0, 0], scalar_first=True)
        there = 0.5 * (goal[JOINT_CENTRES.index("hip_r")] + goal[JOINT_CENTRES.index("hip_l")])
        pose[:3] = there + turn.apply(pose[:3] - pelvis)
        pose[3:7] = (turn * Rotation.from_quat(pose[3:7], scalar_first=True)).as_quat(scalar_first=True)
        centres = neutral[[LANDMARKS.index(name) for name in JOINT_CENTRES]]
        begin = there + turn.apply(centres - pelvis)
        for share in np.linspace(0.0, 1.0, _APPROACH_STEPS):
            pose = self._solver.solve(
                pose,
                begin + share * (goal - begin),
                self._targets.orientations[0],
                np.zeros(2),
                pose,
                _APPROACH_ITERATIONS,
            )
        return pose
