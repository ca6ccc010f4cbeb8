"""Repair of a clip's stances: poses that the floor can carry."""

from dataclasses import dataclass, replace

import mujoco
import numpy as np
from scipy.ndimage import maximum_filter1d

from msemu.models.body import Body
from msemu.motion.checks.verdict import JUDGMENTS
from msemu.motion.clip import MotionClip
from msemu.motion.flight import flight_figures
from msemu.motion.repair.flight.flights import free_flights
from msemu.motion.repair.paths import MOST_CHANGE_CM, along, landmark_distance
from msemu.motion.repair.stance.optimization import StanceOptimization
from msemu.motion.retargeting.inverse_kinematics import InverseKinematics
from msemu.motion.support import Stance, find_stances, support_along

STANCE_MEDIAN, STANCE_MOST = JUDGMENTS["stance"].good, 0.3
"""What contacts leave of a stance in the median frame and in the worst one, up to which it is good [body weights]."""

MOST_IN_FLIGHT = 0.1
"""Missing force that the repair of stance leaves in a flight at most, unless there was more before [body weights]."""

_ALIKE = 0.01
"""Difference of what is missing in a frame that is none [body weights]."""

EDGE_FRAMES = 3
"""By how many frames a clip that is no cycle is prolonged on either side while its stance is repaired [frames]."""

STILL_FRAMES = 6
"""Frames on either side of one that the repair of stance makes worse, which then stay as they were [frames]: so many
does the missing force of a frame depend on."""

_MOST_ROUNDS = 6
"""How often frames are taken out of the repair of stance, before all are."""


@dataclass(frozen=True)
class RepairedStance:
    """One phase in which something touches the floor, before and after.

    Attributes:
        before: What no contact gives in the clip whose flights are repaired.
        after: The same in the repaired clip.
    """

    before: Stance
    after: Stance

    @property
    def worse(self) -> np.ndarray:
        """The frames of which more is missing than within two frames before the repair and than is good, shape [W]."""
        before, after = self.before.residual, self.after.residual
        is_usual = self.after.median <= max(self.before.median, STANCE_MEDIAN)
        good = np.maximum(maximum_filter1d(before, 5, mode="nearest"), STANCE_MOST if is_usual else STANCE_MEDIAN)
        return self.before.first + np.flatnonzero(after > good + _ALIKE)

    @property
    def complaint(self) -> str:
        """What is wanting of the phase after the repair, as one line; empty when nothing is."""
        if self.after.median <= STANCE_MEDIAN and self.after.most <= STANCE_MOST:
            return ""
        return (
            f"frames {self.after.first} to {self.after.last}: contacts leave {self.after.median:.2f} body weights in"
            f" the median ({STANCE_MEDIAN:g} is good), {self.after.most:.2f} at frame {self.after.worst}"
            f" ({STANCE_MOST:g} is good): {self.after.reason}"
        )


def repair_stances(body: Body, clip: MotionClip, solver: InverseKinematics) -> tuple[MotionClip, list[RepairedStance]]:
    """Return a clip that the floor can carry, and its stances; the given one where that would be no better.

    Frames that come out worse than they were stay as they were, and the others are solved for again. The laws ask for
    two neighbors on either side of a frame: where a clip that is no cycle begins and ends, it goes on for so long.
    """
    given, clip = clip, prolonged(body, clip)
    flights = [figures for figures in free_flights(body, clip) if not figures.is_supported]
    optimization = StanceOptimization(body, solver.free_joints, solver.pace, clip, [each.flight for each in flights])
    still = np.zeros(clip.num_frames, dtype=bool)
    for _ in range(_MOST_ROUNDS):
        moved = replace(clip, qpos=optimization.solve(still))
        stances = compare_stances(body, clip, moved)
        worse = np.concatenate([np.zeros(0, dtype=int), *(each.worse for each in stances)])
        if not len(worse):
            break
        still |= _around(worse, clip)
    fly = all(
        flight_figures(body, moved, before.flight).residual_max < max(MOST_IN_FLIGHT, before.residual_max)
        for before in flights
    )
    near = 100 * landmark_distance(body, moved.qpos, clip.qpos).mean() < MOST_CHANGE_CM
    gained = sum(float((each.before.residual - each.after.residual).sum()) for each in stances)
    moved = moved if fly and near and gained >= 0.0 and not len(worse) else clip
    moved = shortened(body, moved, given)
    return moved, compare_stances(body, given, moved)


def compare_stances(body: Body, clip: MotionClip, moved: MotionClip) -> list[RepairedStance]:
    """Return the phases with contact of a clip, and what no contact gives in the same frames of another."""
    stances = find_stances(*support_along(body, clip), clip.cyclic)
    found, first = support_along(body, moved)
    frames = [(np.arange(each.first, each.last + 1) - first) % len(found.wrench) for each in stances]
    return [
        RepairedStance(each, replace(each, wrench=found.wrench[rows]))
        for each, rows in zip(stances, frames, strict=True)
    ]


def prolonged(body: Body, clip: MotionClip) -> MotionClip:
    """Return a clip that goes on at its speed for `EDGE_FRAMES` before its first pose and after its last one.

    A cycle has neighbors everywhere and stays as it is.
    """
    if clip.cyclic:
        return clip
    before, after = (_onward(body, *pair) for pair in ((clip.qpos[1], clip.qpos[0]), (clip.qpos[-2], clip.qpos[-1])))
    qpos = np.concatenate([before[::-1], clip.qpos, after])
    return replace(clip, qpos=qpos, joint_centers=None, joint_center_names=(), simulated=None)


def _onward(body: Body, neighbor: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Return the poses to which the way from a pose to its neighbor leads on, shape [`EDGE_FRAMES`, nq]."""
    way = np.empty(body.model.nv)
    mujoco.mj_differentiatePos(body.model, way, 1.0, neighbor, pose)
    poses = np.repeat(pose[None], EDGE_FRAMES, axis=0)
    for step, moved in enumerate(poses, 1):
        mujoco.mj_integratePos(body.model, moved, way, step)
    return body.couplings.project(poses)


def shortened(body: Body, moved: MotionClip, given: MotionClip) -> MotionClip:
    """Return what has become of a given clip that was `prolonged` and then moved, with the velocities it has there."""
    inner = slice(None) if given.cyclic else slice(EDGE_FRAMES, -EDGE_FRAMES)
    qvel = along(body, moved, moved.qpos).qvel[inner]
    return replace(given, qpos=moved.qpos[inner], qvel=qvel, simulated=None)


def _around(frames: np.ndarray, clip: MotionClip) -> np.ndarray:
    """Return which frames of a clip are `STILL_FRAMES` or fewer beside one of some frames, shape [T]."""
    near = frames[:, None] + np.arange(-STILL_FRAMES, STILL_FRAMES + 1)
    near = near % clip.num_frames if clip.cyclic else near.clip(0, clip.num_frames - 1)
    return np.isin(np.arange(clip.num_frames), near)
