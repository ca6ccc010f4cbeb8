"""Work of joints and muscles, in a gait cycle where a movement has some, else in a second."""

from dataclasses import dataclass

import numpy as np

from msemu.analysis.mechanics.gait_cycles import SIDES, cycles_of
from msemu.analysis.mechanics.movement import MechanicalMovement

Parts = dict[str, float]
"""``positive`` and ``negative`` work [J]; that of joints has ``net`` and all three per kilogram, ``positive_j_kg``."""


@dataclass(frozen=True)
class Work:
    """Means over the gait cycles of each side's own foot, or over a second; what has no side takes those of both feet.

    Attributes:
        work_per: ``gait cycle``, where both feet have a whole one, or ``second``.
        work_cycles: Cycles of both feet; 0 for seconds.
        work_cycle_s: How long one lasts on average [s]; 1 for seconds.
        joint_work_j: Of each net joint moment, by name: ``positive``, ``negative``, ``net`` [J], and each of them over
            the body's mass, ``positive_j_kg`` ... [J/kg].
        muscle_work_j: Of each muscle, by name: ``positive`` when it shortens, ``negative`` [J].
        all_joints_work_j: The sum of `joint_work_j`.
        all_muscles_work_j: The sum of `muscle_work_j`.
    """

    work_per: str
    work_cycles: int
    work_cycle_s: float
    joint_work_j: dict[str, Parts]
    muscle_work_j: dict[str, Parts]
    all_joints_work_j: Parts
    all_muscles_work_j: Parts

    @classmethod
    def of(cls, movement: MechanicalMovement) -> "Work":
        """Measure a movement."""
        cycles = {side: cycles_of(movement, side) for side in SIDES}
        every = [frames for side in SIDES for frames in cycles[side]]
        is_gait = all(cycles.values())
        mass = movement.body.mass

        def by_name(names: tuple[str, ...], powers: np.ndarray) -> dict[str, Parts]:
            own = [cycles.get(name[-1] if name[-2:-1] == "_" else "", every) if is_gait else [] for name in names]
            each = zip(names, powers.T, own, strict=True)
            return {name: _parts(power, movement.fps, spans) for name, power, spans in each}

        joint = by_name(movement.joint_names, movement.joint_power)
        muscle = by_name(movement.body.muscle_names, movement.muscles.power)
        return cls(
            work_per="gait cycle" if is_gait else "second",
            work_cycles=len(every) if is_gait else 0,
            work_cycle_s=float(np.mean([len(frames) - 1 for frames in every])) / movement.fps if is_gait else 1.0,
            joint_work_j={name: _with_net(parts, mass) for name, parts in joint.items()},
            muscle_work_j=muscle,
            all_joints_work_j=_with_net(_sum(joint), mass),
            all_muscles_work_j=_sum(muscle),
        )

    def largest_muscles(self, count: int) -> list[str]:
        """Return the names of the muscles of most work, either way, the largest first."""
        size = {name: parts["positive"] - parts["negative"] for name, parts in self.muscle_work_j.items()}
        return sorted(size, key=lambda name: -size[name])[:count]


def _parts(power: np.ndarray, fps: float, cycles: list[np.ndarray]) -> Parts:
    """Return the work of a power, shape [T], in a mean cycle, or in a second without cycles."""
    spans = [power[frames[:-1]] for frames in cycles]  # the last frame is the first of the next cycle
    seconds = float(np.mean([len(span) for span in spans])) / fps if spans else 1.0
    along = np.concatenate(spans) if spans else power
    return {
        "positive": float(along.clip(min=0.0).mean()) * seconds,
        "negative": float(along.clip(max=0.0).mean()) * seconds,
    }


def _sum(named: dict[str, Parts]) -> Parts:
    return {part: sum(parts[part] for parts in named.values()) for part in ("positive", "negative")}


def _with_net(parts: Parts, mass: float) -> Parts:
    whole = parts | {"net": parts["positive"] + parts["negative"]}
    return whole | {f"{part}_j_kg": value / mass for part, value in whole.items()}
