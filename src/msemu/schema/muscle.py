"""Which muscle runs, and its options (`msemu.muscle`)."""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar

from msemu.schema.ranges import Ascending, Factors, Fraction, Known, NotNegative, Positive

LEVELS = ("mujoco", "rigid", "elastic")
"""Levels of fidelity: MuJoCo's muscle, a rigid tendon with pennation, an elastic tendon."""


def known_levels() -> tuple[str, ...]:
    """Names of all levels: `LEVELS`, and what was put into their table (`msemu.muscle.levels`) beside them."""
    table = sys.modules.get("msemu.muscle.levels")  # whoever adds a level has imported it; here it is not needed
    return tuple(table.LEVELS) if table else LEVELS


ACTIVATION_DYNAMICS = ("mujoco", "de_groote")
"""Activation dynamics by name."""
CALIBRATED = Path("calibrated")
"""What stands in place of a parameter file for the one that comes with msemu for the body."""


@dataclass
class MotorNoiseCfg:
    """Signal-dependent noise on the excitation."""

    amplitude: Factors = (0.0, 0.0)
    """Least and greatest standard deviation over excitation [-]; drawn per environment at each reset."""
    correlation_time_s: Positive = 0.02
    """Time constant of the noise [s]."""


@dataclass
class FatigueCfg:
    """Three-compartment fatigue, 3CC-r; the values are those of Cheema et al. 2020 (doi 10.1145/3313831.3376701)."""

    fatigue_rate: NotNegative = 0.0146
    """Rate F from active to fatigued [1/s]."""
    recovery_rate: NotNegative = 0.0022
    """Rate R from fatigued to resting [1/s]."""
    rest_multiplier: NotNegative = 15.0
    """Factor r of the recovery while the load falls [-]; 15 after Looft et al. 2018."""


@dataclass
class MuscleCfg:
    """The muscle of every environment."""

    role: ClassVar[str] = "muscle"
    """Folder of cfg that holds such values by name."""

    level: Annotated[str, Known(known_levels)] = "mujoco"
    """Level of fidelity: mujoco, rigid or elastic."""
    activation_dynamics: Annotated[str, Known(ACTIVATION_DYNAMICS)] = "mujoco"
    """How activation follows excitation: mujoco or de_groote."""
    parameter_file: Path | None = None
    """YAML or CSV file with parameters of your own, by muscle, in a YAML file relative to that file; or ``calibrated``:
    those from published architecture that come with msemu for the body."""
    strength_set: str = "own"
    """How strong the body's muscles are: ``own``, as its model says, or a set of cfg/strength, such as ``athlete``."""
    strength: Factors = (1.0, 1.0)
    """Least and greatest factor of every muscle's force [-]; drawn per environment at each reset."""
    delay_s: Annotated[tuple[Fraction, Fraction], Ascending()] = (0.0, 0.0)
    """Least and greatest electromechanical delay [s]; drawn per environment at each reset."""
    motor_noise: MotorNoiseCfg = field(default_factory=MotorNoiseCfg)
    fatigue: FatigueCfg | None = None
    """None: muscles do not tire."""

    def relative_to(self, folder: Path) -> "MuscleCfg":
        """Return the same with its parameter file looked for in ``folder``."""
        if self.parameter_file in (None, CALIBRATED):
            return self
        return replace(self, parameter_file=folder / self.parameter_file)
