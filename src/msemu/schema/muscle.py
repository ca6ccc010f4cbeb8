"""Which muscle runs, and its options (`msemu.muscle`)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from msemu.errors import MsemuError, suggestion

LEVELS = ("mujoco", "rigid", "elastic")
"""Levels of fidelity: MuJoCo's muscle, a rigid tendon with pennation, an elastic tendon."""
ACTIVATION_DYNAMICS = ("mujoco", "de_groote")
"""Activation dynamics by name."""


@dataclass
class MotorNoiseCfg:
    """Signal-dependent noise on the excitation."""

    amplitude: tuple[float, float] = (0.0, 0.0)
    """Least and greatest standard deviation over excitation [-]; drawn per environment at each reset."""
    correlation_time_s: float = 0.02
    """Time constant of the noise [s]."""


@dataclass
class FatigueCfg:
    """Three-compartment fatigue, 3CC-r; the values are those of Cheema et al. 2020 (doi 10.1145/3313831.3376701)."""

    fatigue_rate: float = 0.0146
    """Rate F from active to fatigued [1/s]."""
    recovery_rate: float = 0.0022
    """Rate R from fatigued to resting [1/s]."""
    rest_multiplier: float = 15.0
    """Factor r of the recovery while the load falls [-]; 15 after Looft et al. 2018."""


@dataclass
class MuscleCfg:
    """The muscle of every environment."""

    role: ClassVar[str] = "muscle"
    """Folder of cfg that holds such values by name."""

    level: str = "mujoco"
    """Level of fidelity: mujoco, rigid or elastic."""
    activation_dynamics: str = "mujoco"
    """How activation follows excitation: mujoco or de_groote."""
    parameter_file: Path | None = None
    """YAML or CSV file with parameters of your own, by muscle; in a YAML file, relative to that file."""
    strength: tuple[float, float] = (1.0, 1.0)
    """Least and greatest factor of every muscle's force [-]; drawn per environment at each reset."""
    delay_s: tuple[float, float] = (0.0, 0.0)
    """Least and greatest electromechanical delay [s]; drawn per environment at each reset."""
    motor_noise: MotorNoiseCfg = field(default_factory=MotorNoiseCfg)
    fatigue: FatigueCfg | None = None
    """None: muscles do not tire."""

    def __post_init__(self) -> None:
        _require_known("muscle level", self.level, LEVELS)
        _require_known("activation dynamics", self.activation_dynamics, ACTIVATION_DYNAMICS)
        for name, limits in (
            ("strength", self.strength),
            ("delay_s", self.delay_s),
            ("motor_noise.amplitude", self.motor_noise.amplitude),
        ):
            if not 0 <= limits[0] <= limits[1]:
                raise MsemuError(f"muscle {name} must go from a least to a greatest value, not {list(limits)}")
        if not self.motor_noise.correlation_time_s > 0:
            raise MsemuError("muscle motor_noise.correlation_time_s must be positive")

    def relative_to(self, folder: Path) -> "MuscleCfg":
        """Return the same with its parameter file looked for in ``folder``."""
        return replace(self, parameter_file=folder / self.parameter_file) if self.parameter_file else self


def _require_known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise MsemuError(f"unknown {what} '{name}'{suggestion(name, known)}")
