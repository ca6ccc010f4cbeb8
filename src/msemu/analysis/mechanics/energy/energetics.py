"""Powers and work of joints and muscles, and how smooth the movement is."""

from dataclasses import dataclass

import numpy as np

from msemu.analysis.mechanics.energy.least_effort import least_effort, positive_power
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.independent_dofs import ROOT_DOFS

_LEAST_W = 1e-3
"""Least power that another one is compared with [W]."""


@dataclass(frozen=True)
class Energetics:
    """Means over a movement.

    Attributes:
        positive_muscle_power_w: Power of all muscles that shorten [W].
        negative_muscle_power_w: Power of all that lengthen, negative [W].
        least_effort_power_w: The first of all if the same muscle torques were shared with the least effort [W].
        power_over_least_effort: `positive_muscle_power_w` over it [-].
        positive_joint_power_w: Power of all net joint moments that drive [W].
        negative_joint_power_w: Power of all that brake, negative [W].
        speed_m_s: Horizontal speed of the root [m/s].
        vertical_force_peak_bw: Greatest vertical force on one part [body weights].
        vertical_force_mean_bw: Mean of the sum of all vertical forces [body weights].
        smoothness: log10 of the mean squared second difference of the joint speeds [log10 of (rad/s^3)^2].
        reference_smoothness: The same of the poses that were to be followed; None without them.
        joint_power_w_kg: Positive and negative power of each joint, by name [W/kg].
        muscle_power_w: Positive and negative power of each muscle, by name [W].
    """

    positive_muscle_power_w: float
    negative_muscle_power_w: float
    least_effort_power_w: float
    power_over_least_effort: float
    positive_joint_power_w: float
    negative_joint_power_w: float
    speed_m_s: float
    vertical_force_peak_bw: float
    vertical_force_mean_bw: float
    smoothness: float
    reference_smoothness: float | None
    joint_power_w_kg: dict[str, tuple[float, float]]
    muscle_power_w: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, movement: MechanicalMovement) -> "Energetics":
        """Measure a movement."""
        body, joint, muscle = movement.body, movement.joint_power, movement.muscles.power
        vertical = movement.ground.force[..., 2] / body.weight
        driving, braking = _parts(joint)
        shortening, lengthening = _parts(muscle)
        least = positive_power(movement, least_effort(movement))
        return cls(
            positive_muscle_power_w=float(shortening.sum()),
            negative_muscle_power_w=float(lengthening.sum()),
            least_effort_power_w=least,
            power_over_least_effort=float(shortening.sum()) / max(least, _LEAST_W),
            positive_joint_power_w=float(driving.sum()),
            negative_joint_power_w=float(braking.sum()),
            speed_m_s=float(np.linalg.norm(movement.qvel[:, :2].mean(0))),
            vertical_force_peak_bw=float(vertical.max(initial=0.0)),
            vertical_force_mean_bw=float(vertical.sum(1).mean()),
            smoothness=smoothness(movement),
            reference_smoothness=reference_smoothness(movement),
            joint_power_w_kg=_by_name(movement.joint_names, driving / body.mass, braking / body.mass),
            muscle_power_w=_by_name(body.muscle_names, shortening, lengthening),
        )


def smoothness(movement: MechanicalMovement) -> float:
    """Return log10 of the mean squared second derivative of the joints' speeds, by differences within episodes."""
    return _smoothness(movement.qvel, movement)


def reference_smoothness(movement: MechanicalMovement) -> float | None:
    """Return `smoothness` of what was to be followed; its speeds are central differences."""
    speed = movement.reference_qvel
    return None if speed is None else _smoothness(speed, movement)


def _smoothness(qvel: np.ndarray, movement: MechanicalMovement) -> float:
    second = np.diff(qvel[:, movement.body.independent_dofs[ROOT_DOFS:]], 2, axis=0) * movement.fps**2
    inside = ~(movement.episode_start[1:-1] | movement.episode_start[2:])
    return float(np.log10(max((second[inside] ** 2).mean(), 1e-12))) if inside.any() else float("nan")


def _parts(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means over time of the positive and of the negative part of each column."""
    return power.clip(min=0.0).mean(0), power.clip(max=0.0).mean(0)


def _by_name(names: tuple[str, ...], positive: np.ndarray, negative: np.ndarray) -> dict[str, tuple[float, float]]:
    return {name: (float(gain), float(loss)) for name, gain, loss in zip(names, positive, negative, strict=True)}
