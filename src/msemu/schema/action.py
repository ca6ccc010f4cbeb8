"""Values of the action spaces (`msemu.envs.action`): how the policy's output becomes muscle excitation."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from msemu.errors import MsemuError
from msemu.schema.controller import ControllerCfg
from msemu.schema.preference import PreferenceCfg
from msemu.schema.ranges import Finite, Fraction, NotNegative, Range, Step


@dataclass(frozen=True)
class ActionCfg:
    """An action space; the values that it has depend on its kind."""

    role: ClassVar[str] = "action"
    """Folder of cfg that holds such values by name, and role of the classes in `msemu.components`."""
    kind: str = ""
    """Name of the action space in `msemu.components`, or ``module:Class`` of one of your own."""


@dataclass(frozen=True)
class PriorCfg:
    """What drives the muscles before anything is learned; the values that it has depend on its kind."""

    role: ClassVar[str] = "prior"
    kind: str = ""
    """Name of the prior in `msemu.components`, or ``module:Class`` of one of your own."""


@dataclass(frozen=True)
class ScheduleCfg:
    """A value that goes from one to another, linearly in control steps of each environment, and stays there."""

    initial: Finite
    """Value up to `begin`."""
    final: Finite
    """Value from `end` on."""
    begin: Step = 0
    """Control step at which it begins to change."""
    end: Step = 0
    """Control step at which it has changed."""

    def __post_init__(self) -> None:
        if self.begin > self.end:
            raise MsemuError(f"a schedule ends after it begins, not at steps {self.begin} to {self.end}")

    def at(self, step: int) -> float:
        """Return the value at a control step."""
        if step >= self.end:
            return self.final
        if step <= self.begin:
            return self.initial
        share = (step - self.begin) / (self.end - self.begin)
        return self.initial + share * (self.final - self.initial)


@dataclass(frozen=True)
class ShareCfg(ScheduleCfg):
    """A share that goes from one to another, linearly in control steps of each environment, and stays there."""

    initial: Fraction
    """Share up to `begin`."""
    final: Fraction
    """Share from `end` on."""


@dataclass(frozen=True)
class ExcitationCfg(ActionCfg):
    """The policy excites the muscles itself: ``excitation = sigmoid(slope * (action - center))``."""

    kind: str = "excitation"
    slope: Finite = 5.0
    """Steepness of the map [-]; 5 after msgym (github.com/LNSGroup/msgym)."""
    center: Finite = 0.5
    """Output at which a muscle is half excited [-]; 0.5 makes an output of zero a weak tone of 0.08."""
    start: Literal["tone", "reference"] = "tone"
    """Activation that episodes start with: env.reset_activation, or the static optimization along the reference."""


@dataclass(frozen=True)
class JointCfg(ActionCfg):
    """The policy leads a muscle controller: targets of the joints are the reference + ``offset_rad * tanh(action)``."""

    kind: str = "joint"
    offset_rad: Annotated[float, Range(above=0, greatest=10)] = 0.2
    """Greatest offset of a joint's target from the reference [rad]."""
    led: list[str] = field(default_factory=list)
    """Joints whose targets the policy moves, as patterns such as hip_*, all by default; others' are the reference."""
    preference: PreferenceCfg = field(default_factory=PreferenceCfg)
    """In a YAML file also the name of a file in cfg/preference (cubed, power, fatigued ...), or of one of yours."""
    controller: ControllerCfg = field(default_factory=ControllerCfg)


@dataclass(frozen=True)
class ReflexCfg(PriorCfg):
    """What the muscles do along the reference, and stretch reflexes."""

    kind: str = "reflex"
    length_gain: NotNegative = 2.0
    """Excitation for a muscle that is longer than the reference's by an optimal fiber length [-]."""
    velocity_gain_s: NotNegative = 0.02
    """Excitation for one that lengthens faster by an optimal fiber length per second [s]."""
    delay_s: Fraction = 0.02
    """Delay of the reflex [s], rounded to control steps; Geyer and Herr 2010 have 5 (hip) to 20 ms (ankle)."""


@dataclass(frozen=True)
class ControllerPriorCfg(PriorCfg):
    """The muscle controller of the action space `JointCfg` at an action of zero."""

    kind: str = "controller"
    controller: ControllerCfg = field(default_factory=ControllerCfg)


@dataclass(frozen=True)
class ResidualCfg(ActionCfg):
    """A prior and a bounded correction: ``excitation = clip(share * prior + bound * tanh(action), 0, 1)``."""

    kind: str = "residual"
    bound: ShareCfg = field(default_factory=lambda: ShareCfg(0.3, 0.3))
    """Greatest correction of an excitation [-]."""
    prior_share: ShareCfg = field(default_factory=lambda: ShareCfg(1.0, 1.0))
    """Factor of the prior [-]; it may fade to 0, while the bound grows to 1."""
    prior: PriorCfg = field(default_factory=ReflexCfg)


KINDS: dict[type, dict[str, type]] = {
    ActionCfg: {cfg.kind: cfg for cfg in (ExcitationCfg, JointCfg, ResidualCfg)},
    PriorCfg: {cfg.kind: cfg for cfg in (ReflexCfg, ControllerPriorCfg)},
}
"""Dataclass of each kind that msemu brings."""
