"""Repair of a clip's flights: each becomes a free flight, joined to the contacts beside it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import Flight, FlightFigures, find_flights, flight_figures, lowest_height, unrolled
from msemu.motion.repair.flight.optimization import FlightOptimization
from msemu.motion.repair.flight.timing import TOLERATED_M, FlightCourse, resample_path, retime
from msemu.motion.repair.paths import MOST_CHANGE_CM, landmark_distance
from msemu.motion.retargeting.inverse_kinematics import InverseKinematics

MARGIN_FRAMES = 16
"""Frames before and after a flight that may change with it [frames]; fewer where another flight is close."""

LEAST_MARGIN_FRAMES = 4
"""A flight with fewer frames of contact beside it cannot be joined to them."""

MOST_MISSING = 1.0
"""A flight is left alone when the repair leaves more missing force, that of a body which hangs in the air [-]."""


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
class FlightRepair:
    """A clip whose flights are free, frame by frame.

    Attributes:
        path: Its poses, shape [T, nq].
        same: The poses of the clip as it was, at the same points of the movement, shape [T, nq].
        at: The frames of the clip as it was that these points are, shape [T].
        repaired: The flights that were made ballistic, in order.
        left_alone: Flights too close to others, supported, or that the repair did not better.
        found: Number of flights in which nothing hovers.
    """

    path: np.ndarray
    same: np.ndarray
    at: np.ndarray
    repaired: list[RepairedFlight]
    left_alone: list[Flight]
    found: int


def repair_flights(
    body: Body, clip: MotionClip, solver: InverseKinematics, on_flight: Callable[[int, int], None]
) -> FlightRepair:
    """Make the flights of a clip ballistic, one after the other.

    ``on_flight`` gets the number of flights done and in all.
    """
    start = _seam(body, clip) if clip.cyclic else 0
    path = unrolled(clip, start, start + clip.num_frames - 1)
    same = path.copy()
    at = np.arange(len(path), dtype=float)
    height = lowest_height(body, path)
    flights = [flight for flight in find_flights(height, cyclic=False) if not flight.is_hovering]
    optimization = FlightOptimization(body, solver.free_joints, solver.pace, clip.fps)
    repaired, left_alone, shift = [], [], 0
    for number, flight in enumerate(flights):
        first, last = _window(flights, number, len(height))
        on_flight(number, len(flights))
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
    return FlightRepair(
        _rolled_back(path, clip, start), _rolled_back(same, clip, start), at, repaired, left_alone, len(flights)
    )


def free_flights(body: Body, clip: MotionClip) -> list[FlightFigures]:
    """Return the flights of a clip in which nothing hovers."""
    flights = find_flights(lowest_height(body, clip.qpos), clip.cyclic)
    return [flight_figures(body, clip, flight) for flight in flights if not flight.is_hovering]


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
