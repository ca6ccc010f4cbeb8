"""Repair of a clip: flights become free flights, and the floor can carry the rest, as little changed as possible."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import CONTACT_HEIGHT_M, Flight
from msemu.motion.geometry import sole_heights
from msemu.motion.quality import assess, clip_errors, error_figures
from msemu.motion.repair.flight.flights import RepairedFlight, repair_flights
from msemu.motion.repair.paths import along, landmark_distance
from msemu.motion.repair.stance.optimization import FEWEST_FRAMES
from msemu.motion.repair.stance.stances import RepairedStance, repair_stances
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.schema import RepairKind

REPAIR_VERSION = 8
"""Goes up with every change of the result; clips in the cache are made anew."""

STANCE_VERSION = 6
"""The same for the repair of stance."""


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
    with_stance = kind == "contact" and clip.num_frames >= FEWEST_FRAMES
    solver = InverseKinematics(body, Costs())
    course = repair_flights(body, clip, solver, lambda done, total: on_flight(done, total + int(with_stance)))
    result = along(body, clip, course.path)
    stances: list[RepairedStance] = []
    if with_stance:
        on_flight(course.found, course.found + 1)
        result, stances = repair_stances(body, result, solver)
    on_flight(course.found + int(with_stance), course.found + int(with_stance))
    if not course.repaired and not stances:
        return Repair(clip, clip, clip.qpos, [], course.left_alone)
    if clip.joint_centers is not None and not clip.cyclic:
        result.joint_centers = CubicSpline(np.arange(clip.num_frames), clip.joint_centers)(course.at)
    result = with_quality(body, result, course.same)
    result.quality |= _flight_figures(course.repaired) if course.repaired else {}
    result.quality |= _stance_figures(stances) if stances else {}
    return Repair(result, clip, course.same, course.repaired, course.left_alone, stances)


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
