"""A clip is changed, and slowed where that helps, until muscles of a given strength give its joint torques."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import StaticOptimization, optimize
from msemu.control.weakness import Weakness, find_weaknesses
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import find_flights, flight_figures, lowest_height
from msemu.motion.repair.flight.flights import free_flights
from msemu.motion.repair.flight.timing import resample_path
from msemu.motion.repair.paths import MOST_CHANGE_CM, along, landmark_distance
from msemu.motion.repair.repair import with_quality
from msemu.motion.repair.stance.optimization import FEWEST_FRAMES, StanceOptimization
from msemu.motion.repair.stance.stances import (
    MOST_IN_FLIGHT,
    STANCE_MEDIAN,
    STANCE_MOST,
    RepairedStance,
    compare_stances,
    prolonged,
    shortened,
)
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.tracking.reference.missing_torque import SMOOTHING_S, MissingTorque

WITHIN_VERSION = 1
"""Goes up with every change of the result; clips in the cache are made anew."""

GOOD_SHARE = 0.02
"""Share of a group's torque that may be missing."""

SLOWER = (0.0, 0.1)
"""By how much the parts of a clip with contact last longer, the second tried when too much is missing with the first
[-]."""

_GAIN = 0.8
"""A slower clip is taken when it misses less than this share of what the faster one does."""

_ENDS, _MOST_STEPS = 0.03, 15
"""The repair ends when a step lowers its cost by less than this share, and after so many steps."""

_TRANSITION_FRAMES = 3.0
"""Standard deviation of the change between slowed and other parts [frames]."""


@dataclass(frozen=True)
class WithinStrength:
    """A clip before and after, and what muscles miss of its torques.

    Attributes:
        clip: The changed clip, or the given one where no change was needed or none helped.
        same: The original poses at the same points of the movement, shape [T, nq].
        before: Static optimization along the given clip.
        after: Static optimization along the changed one.
        slowed_s: By how much the clip lasts longer [s].
        stances: The phases with contact, in the given clip at the new timing and in the changed one.
    """

    clip: MotionClip
    same: np.ndarray
    before: StaticOptimization
    after: StaticOptimization
    slowed_s: float
    stances: list[RepairedStance]

    @property
    def still_weak(self) -> list[Weakness]:
        """The joints that still miss a notable torque, the worst first."""
        return find_weaknesses(self.after)


def bring_within_strength(
    own: Body,
    strong: Body,
    clip: MotionClip,
    same: np.ndarray,
    on_step: Callable[[float], None] = lambda slower: None,
) -> WithinStrength:
    """Change a clip as little as possible until muscles give its torques; one that asks for no more is returned.

    ``own`` is the clip's body and ``strong`` the same with the strength that counts. The change is stated against the
    poses ``same``, shape [T, nq]. The parts in the air keep their timing, as does all of a cyclic clip. ``on_step``
    gets by how much slower a clip is that is tried next.
    """
    before = measure(strong, clip)
    best = WithinStrength(clip, same, before, before, 0.0, [])
    if clip.num_frames < FEWEST_FRAMES or not find_weaknesses(before):
        return best
    most = _worst(compare_stances(own, clip, clip))
    for slower in SLOWER:
        if clip.cyclic and slower:
            break
        on_step(slower)
        found = _changed(own, strong, clip, same, slower, before)
        needed = _missing(best.after) * (1.0 if best.clip is clip else _GAIN)
        if found and _stands(found.stances, most) and _missing(found.after) < needed:
            best = found
        if max(missing_shares(best.after, joint_groups(own)).values()) < GOOD_SHARE:
            break
    return best if best.clip is clip else replace(best, clip=_described(own, best))


def measure(body: Body, clip: MotionClip) -> StaticOptimization:
    """Return the static optimization along a clip."""
    return optimize(body, differentiate(body, clip, SMOOTHING_S))


def _changed(
    own: Body, strong: Body, clip: MotionClip, same: np.ndarray, slower: float, before: StaticOptimization
) -> WithinStrength | None:
    """Return a clip that is slower and changed; None where it would no longer fly or be another movement."""
    slow = clip
    if slower:
        at = _instants(own, clip, slower)
        slow, same = _at(own, clip, at), resample_path(own, same, at)
    solver = InverseKinematics(own, Costs())
    long = prolonged(own, slow)
    flights = [figures for figures in free_flights(own, long) if not figures.is_supported]
    cost = MissingTorque(strong, long, solver.free_joints)
    optimization = StanceOptimization(
        own, solver.free_joints, solver.pace, long, [figures.flight for figures in flights], cost
    )
    longer_moved = along(own, long, optimization.go_on(long.qpos, _ENDS, _MOST_STEPS))
    moved = shortened(own, longer_moved, slow)
    if 100.0 * landmark_distance(own, moved.qpos, same).mean() > MOST_CHANGE_CM or any(
        flight_figures(own, longer_moved, each.flight).residual_max > max(MOST_IN_FLIGHT, each.residual_max)
        for each in flights
    ):
        return None
    longer = (slow.num_frames - clip.num_frames) / clip.fps
    return WithinStrength(moved, same, before, measure(strong, moved), longer, compare_stances(own, slow, moved))


def _worst(stances: list[RepairedStance]) -> tuple[float, float]:
    """Return what contacts leave in the median frame and in the worst one, each of the worst stance."""
    after = [each.after for each in stances]
    return max((each.median for each in after), default=0.0), max((each.most for each in after), default=0.0)


def _stands(stances: list[RepairedStance], given: tuple[float, float]) -> bool:
    """Return whether contacts leave no more than is good or than they did in the given clip."""
    good = (STANCE_MEDIAN, STANCE_MOST)
    return all(now <= max(once, limit) for now, once, limit in zip(_worst(stances), given, good, strict=True))


def _described(body: Body, found: WithinStrength) -> MotionClip:
    """Return the changed clip with its figures."""
    clip = with_quality(body, found.clip, found.same)
    groups = joint_groups(body)
    for when, each in (("before", found.before), ("after", found.after)):
        shares = missing_shares(each, groups).items()
        clip.quality |= {f"repair_torque_missing_{group}_{when}": share for group, share in shares}
    clip.quality["repair_longer_s"] = found.slowed_s
    return clip


def _missing(found: StaticOptimization) -> float:
    """Return the sum over time and joints of what is missing, each joint by its capacity."""
    return float(np.abs(found.residual / found.capacity)[:, ROOT_DOFS:].sum() / len(found.residual))


def _instants(body: Body, clip: MotionClip, slower: float) -> np.ndarray:
    """Return the instants of a clip [frames] whose parts with contact last longer by a share, shape [T'].

    Parts in the air keep their time.
    """
    longer = np.full(clip.num_frames, slower)
    for flight in find_flights(lowest_height(body, clip.qpos), clip.cyclic):
        longer[flight.first : flight.last + 1] = 0.0
    pace = 1.0 + gaussian_filter1d(longer, _TRANSITION_FRAMES, mode="nearest")
    time = np.concatenate([[0.0], np.cumsum(0.5 * (pace[1:] + pace[:-1]))])
    frames = round(time[-1])
    return np.interp(np.arange(frames + 1), time * frames / time[-1], np.arange(clip.num_frames))


def _at(body: Body, clip: MotionClip, instants: np.ndarray) -> MotionClip:
    """Return a clip at some instants [frames], shape [T']."""
    centers = clip.joint_centers
    if centers is not None:
        centers = CubicSpline(np.arange(clip.num_frames), centers)(instants)
    slow = replace(clip, qpos=resample_path(body, clip.qpos, instants), joint_centers=centers, simulated=None)
    return along(body, slow, slow.qpos)
