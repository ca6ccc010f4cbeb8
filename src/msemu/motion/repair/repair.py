"""Repair of a clip: flights become free flights, and the floor can carry the rest, as little changed as possible."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import mujoco
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import maximum_filter1d

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import (
    CONTACT_HEIGHT_M,
    Flight,
    FlightFigures,
    find_flights,
    flight_figures,
    lowest_height,
    unrolled,
)
from msemu.motion.geometry import landmark_path, sole_heights
from msemu.motion.quality import assess, clip_errors, error_figures
from msemu.motion.repair.optimization import FlightOptimization
from msemu.motion.repair.stance import FEWEST_FRAMES, StanceOptimization
from msemu.motion.repair.timing import TOLERATED_M, FlightCourse, resample_path, retime
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.motion.smoothing import velocities
from msemu.motion.support import Stance, find_stances, support_along
from msemu.motion.verdict import JUDGMENTS
from msemu.schema import RepairKind

REPAIR_VERSION = 8
"""Goes up with every change of the result; clips in the cache are made anew."""

STANCE_VERSION = 6
"""The same for the repair of stance."""

MARGIN_FRAMES = 16
"""Frames before and after a flight that may change with it [frames]; fewer where another flight is close."""

LEAST_MARGIN_FRAMES = 4
"""A flight with fewer frames of contact beside it cannot be joined to them."""

MOST_MISSING = 1.0
"""A flight is left alone when the repair leaves more missing force, that of a body which hangs in the air [-]."""

MOST_CHANGE_CM = 6.2
"""A flight is left alone when its landmarks would move further on average: it would be another movement [cm].
DeepMimic's backflip needs 4.3."""


MOST_IN_FLIGHT = 0.1
"""Missing force that the repair of stance leaves in a flight at most, unless there was more before [body weights]."""

_ALIKE = 0.01
"""Difference of what is missing in a frame that is none [body weights]."""

STANCE_MEDIAN, STANCE_MOST = JUDGMENTS["stance"].good, 0.3
"""What contacts leave of a stance in the median frame and in the worst one, up to which it is good [body weights]."""


EDGE_FRAMES = 3
"""By how many frames a clip that is no cycle is prolonged on either side while its stance is repaired [frames]."""

STILL_FRAMES = 6
"""Frames on either side of one that the repair of stance makes worse, which then stay as they were [frames]: so many
does the missing force of a frame depend on."""

_MOST_ROUNDS = 6
"""How often frames are taken out of the repair of stance, before all are."""


@dataclass(frozen=True)
class RepairedFlight:
    """One flight before and after.

    Attributes:
        before: Its figures in the clip as it was.
        after: Its figures in the repaired clip.
        change_cm: Mean distance between the landmarks of the two during the flight, at the same point of the
            movement [cm].
        slowed_s: By how much the part of the clip around it lasts longer [s]; negative when it lasts less.
    """

    before: FlightFigures
    after: FlightFigures
    change_cm: float
    slowed_s: float


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


@dataclass(frozen=True)
class Repair:
    """A repaired clip and what changed.

    Attributes:
        clip: The repaired clip; its ``quality`` describes the repaired movement and holds the figures of the change
            under ``repair_*``.
        original: The clip as it was.
        same: Its poses at the same points of the movement, shape [T, nq].
        flights: The flights that were made ballistic, in order.
        left_alone: Flights too close to others, supported, or that the repair did not better.
        stances: The phases with contact; none where only the flights were to be repaired.
    """

    clip: MotionClip
    original: MotionClip
    same: np.ndarray
    flights: list[RepairedFlight]
    left_alone: list[Flight]
    stances: list[RepairedStance] = field(default_factory=list)

    def save(self, path: Path) -> Path:
        """Write the repaired clip to ``path`` and the original beside it; return where the original lies."""
        raw = path.with_suffix(".raw.npz")
        self.original.save(raw)
        self.clip.save(path)
        return raw


def repair(
    body: Body,
    clip: MotionClip,
    on_flight: Callable[[int, int], None] = lambda done, total: None,
    kind: RepairKind = "flight",
) -> Repair:
    """Make the flight phases of a clip ballistic; a clip without one is returned as it is.

    The ``kind`` contact also makes its stance one that the floor can carry, all of the clip at once.

    The timing changes only where free flight is far from the clip at its own, and never that of a cyclic clip, whose
    period is kept. ``on_flight`` gets the number of flights done and in all.
    """
    start = _seam(body, clip) if clip.cyclic else 0
    path = unrolled(clip, start, start + clip.num_frames - 1)
    same = path.copy()  # the original at the same point of the movement
    at = np.arange(len(path), dtype=float)  # the frame of the original that this point is
    height = lowest_height(body, path)
    flights = [flight for flight in find_flights(height, cyclic=False) if not flight.is_hovering]
    total = len(flights) + int(kind == "contact")
    solver = InverseKinematics(body, Costs())
    optimization = FlightOptimization(body, solver.free_joints, solver.pace, clip.fps)
    repaired, left_alone, shift = [], [], 0
    for number, flight in enumerate(flights):
        first, last = _window(flights, number, len(height))
        on_flight(number, total)
        # Where the clip ends there is nothing to join, so that the poses up to its end may change.
        is_joined = flight.first - first >= LEAST_MARGIN_FRAMES, last - flight.last >= LEAST_MARGIN_FRAMES
        ends = (first == 0 and not clip.cyclic, last == len(height) - 1 and not clip.cyclic)
        if not all(joins or ends_here for joins, ends_here in zip(is_joined, ends, strict=True)):
            left_alone.append(flight)
            continue
        before = flight_figures(body, replace(clip, qpos=path, cyclic=False), _moved(flight, shift))
        if before.is_supported:
            left_alone.append(flight)
            continue
        part = slice(first + shift, last + shift + 1)
        window, instants = path[part], at[part]
        inside = _moved(flight, -first)
        if not clip.cyclic and all(is_joined):
            window, timing, inside = _retimed(body, window, inside, clip.fps)
            instants = np.interp(timing, np.arange(len(instants)), instants)
        changed = optimization.solve(window, inside.first, inside.last, is_joined)
        joined = np.concatenate([path[: part.start], changed, path[part.stop :]])
        after = flight_figures(body, replace(clip, qpos=joined, cyclic=False), _moved(inside, part.start))
        during = slice(after.flight.first - part.start, after.flight.last + 1 - part.start)
        change_cm = 100 * float(landmark_distance(body, changed[during], window[during]).mean())
        if after.residual_max > min(MOST_MISSING, before.residual_max) or change_cm > MOST_CHANGE_CM:
            left_alone.append(flight)
            continue
        path, same = joined, np.concatenate([same[: part.start], window, same[part.stop :]])
        at = np.concatenate([at[: part.start], instants, at[part.stop :]])
        slowed = len(window) - (last - first + 1)
        repaired.append(RepairedFlight(before, after, change_cm, slowed / clip.fps))
        shift += slowed
    result = along(body, clip, _rolled_back(path, clip, start))
    stances: list[RepairedStance] = []
    if kind == "contact" and len(path) >= FEWEST_FRAMES:
        on_flight(len(flights), total)
        result, stances = _carried(body, result, solver)
    on_flight(total, total)
    if not repaired and not stances:
        return Repair(clip, clip, clip.qpos, [], left_alone)
    if clip.joint_centers is not None and not clip.cyclic:
        result.joint_centers = CubicSpline(np.arange(clip.num_frames), clip.joint_centers)(at)
    same = _rolled_back(same, clip, start)
    result = with_quality(body, result, same)
    result.quality |= _flight_figures(repaired) if repaired else {}
    result.quality |= _stance_figures(stances) if stances else {}
    return Repair(result, clip, same, repaired, left_alone, stances)


def with_quality(body: Body, clip: MotionClip, same: np.ndarray) -> MotionClip:
    """Return a repaired clip with the figures of how good it is and of what changed.

    The poses ``same`` [T, nq] are those before the repair at the same points of the movement.
    """
    quality = (
        {name: value for name, value in clip.quality.items() if not name.startswith("recorded_error")}
        | ({} if clip.joint_centers is None else error_figures(clip_errors(body, clip), "error"))
        | assess(body, clip, sole_heights(body, same) < CONTACT_HEIGHT_M)
        | _figures(body, clip.qpos, same)
    )
    return replace(clip, quality=quality)


def _carried(body: Body, clip: MotionClip, solver: InverseKinematics) -> tuple[MotionClip, list[RepairedStance]]:
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


def along(body: Body, clip: MotionClip, path: np.ndarray) -> MotionClip:
    """Return a clip with other poses, shape [T, nq], and the velocities that belong to them."""
    displacement = clip.cycle_displacement if clip.cyclic else None
    return replace(clip, qpos=path, qvel=velocities(body, path, clip.fps, displacement), simulated=None)


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


def compare_stances(body: Body, clip: MotionClip, moved: MotionClip) -> list[RepairedStance]:
    """Return the phases with contact of a clip, and what no contact gives in the same frames of another."""
    stances = find_stances(*support_along(body, clip), clip.cyclic)
    found, first = support_along(body, moved)
    frames = [(np.arange(each.first, each.last + 1) - first) % len(found.wrench) for each in stances]
    return [
        RepairedStance(each, replace(each, wrench=found.wrench[rows]))
        for each, rows in zip(stances, frames, strict=True)
    ]


def free_flights(body: Body, clip: MotionClip) -> list[FlightFigures]:
    """Return the flights of a clip in which nothing hovers."""
    flights = find_flights(lowest_height(body, clip.qpos), clip.cyclic)
    return [flight_figures(body, clip, flight) for flight in flights if not flight.is_hovering]


def landmark_distance(body: Body, qpos: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the distance between the landmarks of two paths [m], shape [T, L]."""
    return np.linalg.norm(landmark_path(body, qpos)[0] - landmark_path(body, other)[0], axis=-1)


def _seam(body: Body, clip: MotionClip) -> int:
    """Return a frame in the middle of the longest contact of a cyclic clip, where it can be cut open."""
    flights = find_flights(lowest_height(body, clip.qpos), cyclic=True)
    if not flights:
        return 0
    ends = [flight.last + 1 for flight in flights]
    starts = [*(flight.first for flight in flights[1:]), flights[0].first + clip.num_frames]
    longest = int(np.argmax(np.subtract(starts, ends)))
    return (ends[longest] + starts[longest]) // 2 % clip.num_frames


def _rolled_back(path: np.ndarray, clip: MotionClip, start: int) -> np.ndarray:
    """Undo the opening of a cyclic clip at frame ``start``."""
    if start == 0:
        return path
    rolled = np.roll(path, start, axis=0)
    rolled[:start, :3] -= clip.cycle_displacement
    return rolled


def _window(flights: list[Flight], number: int, frames: int) -> tuple[int, int]:
    """Return the first and the last frame that may change with a flight."""
    flight = flights[number]
    first, last = flight.first - MARGIN_FRAMES, flight.last + MARGIN_FRAMES
    if number > 0:
        first = max(first, (flights[number - 1].last + flight.first + 1) // 2)
    if number + 1 < len(flights):
        last = min(last, (flight.last + flights[number + 1].first - 1) // 2)
    return max(first, 0), min(last, frames - 1)


def _moved(flight: Flight, frames: int) -> Flight:
    return replace(flight, first=flight.first + frames, last=flight.last + frames)


def _retimed(body: Body, window: np.ndarray, flight: Flight, fps: float) -> tuple[np.ndarray, np.ndarray, Flight]:
    """Return a window whose flight is closer to free flight, where its frames lie in the given one, and the flight."""
    given = window, np.arange(len(window), dtype=float), flight
    course = FlightCourse.of(body, window, flight.first, flight.last, fps)
    if course.mean_departure(fps) < TOLERATED_M:
        return given
    timing = retime(course, fps)
    retimed = resample_path(body, window, timing)
    found = find_flights(lowest_height(body, retimed), cyclic=False)
    longest = max(found, key=lambda candidate: candidate.num_frames, default=flight)
    is_joined = min(longest.first, len(retimed) - 1 - longest.last) >= LEAST_MARGIN_FRAMES
    return (retimed, timing, longest) if is_joined else given


def _figures(body: Body, qpos: np.ndarray, same: np.ndarray) -> dict[str, float]:
    """Say what changed."""
    distance = 100 * landmark_distance(body, qpos, same)
    angles = np.degrees(np.abs(qpos[:, 7 + body.independent_joints] - same[:, 7 + body.independent_joints]))
    return {
        "repair_change_mean_cm": float(distance.mean()),
        "repair_change_max_cm": float(distance.max()),
        "repair_change_mean_deg": float(angles.mean()),
        "repair_change_max_deg": float(angles.max()),
    }


def _flight_figures(flights: list[RepairedFlight]) -> dict[str, float]:
    """Say what became of the flights."""
    return {
        "repair_flights": float(len(flights)),
        "repair_change_flight_cm": float(np.mean([flight.change_cm for flight in flights])),
        "repair_slowed_s": float(sum(flight.slowed_s for flight in flights)),
        "repair_residual_before": max(flight.before.residual_max for flight in flights),
        "repair_residual_after": max(flight.after.residual_max for flight in flights),
        "repair_drift_before": max(flight.before.drift for flight in flights),
        "repair_drift_after": max(flight.after.drift for flight in flights),
    }


def _stance_figures(stances: list[RepairedStance]) -> dict[str, float]:
    """Say what became of the stances: the worst median and the worst frame."""
    return {
        f"repair_stance_{name}_{when}": max(float(getattr(getattr(each, when), name)) for each in stances)
        for when in ("before", "after")
        for name in ("median", "most")
    }
