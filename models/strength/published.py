"""Published strength and moment arms; the values are in `cfg/anthropometry`."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from msemu.config import build, cfg_file, read_yaml

_GRAVITY = 9.81
_SPREAD = 2.0
"""Standard deviations on either side of the mean that count as published."""


@dataclass(frozen=True)
class TorqueCurve:
    """The greatest isometric torque of a group of adults over the angle of a joint."""

    share: float
    """Peak over body weight times stature [-]."""
    sd: float
    """Standard deviation of it [-]."""
    width: float
    """Factor of the angle in the cosine [-]; 0 for a single figure."""
    optimum_rad: float
    """Angle of the peak [rad]."""

    def torque(self, angles_deg: np.ndarray, mass_kg: float, stature_m: float, deviations: float = 0.0) -> np.ndarray:
        """Return the torque [N m] at angles [deg], some standard deviations from the mean."""
        shape = np.cos(self.width * (np.radians(angles_deg) - self.optimum_rad))
        return (self.share + deviations * self.sd) * mass_kg * _GRAVITY * stature_m * shape


@dataclass(frozen=True)
class Movement:
    """A movement about one joint."""

    joints: dict[str, int]
    """Names of the joint in bodies, and the sign of the movement there."""
    angles_deg: tuple[float, ...]
    """Angles at which it is compared."""
    men: TorqueCurve | None = None
    """What men give, where a figure could be verified."""
    women: TorqueCurve | None = None
    posture_deg: dict[str, float] = field(default_factory=dict)
    """Angles of other joints."""
    alone: bool = False
    """Whether the joint is meant without those that follow it."""
    flipped_in: tuple[str, ...] = ()
    """Bodies in which a joint of that name counts the other way."""


@dataclass(frozen=True)
class StrengthTable:
    """What adults give."""

    stature_m: float
    movements: dict[str, Movement]

    def range(self, name: str, angles_deg: np.ndarray, mass_kg: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the least and the greatest torque of men [N m], two standard deviations around the mean, if known."""
        curve = self.movements[name].men
        if curve is None:
            return None
        low, high = (curve.torque(angles_deg, mass_kg, self.stature_m, sign * _SPREAD) for sign in (-1, 1))
        return low, high


@dataclass(frozen=True)
class Tolerance:
    """How far outside the published range a figure may lie."""

    mm: float
    share: float


@dataclass(frozen=True)
class ArmTable:
    """Published moment arms."""

    tolerance: Tolerance
    arms_mm: dict[str, dict[str, dict[int, tuple[float, float]]]]
    """Least and greatest [mm] by joint, muscle and angle [deg]."""


@cache
def strength_table() -> StrengthTable:
    """Return the published torques."""
    path = cfg_file("anthropometry", "strength")
    return build(StrengthTable, read_yaml(path), str(path))


@cache
def arm_table() -> ArmTable:
    """Return the published moment arms."""
    path = cfg_file("anthropometry", "moment_arms")
    return build(ArmTable, read_yaml(path), str(path))
