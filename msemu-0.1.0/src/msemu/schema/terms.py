"""Values of terms: the named parts of observations, rewards and terminations."""

from dataclasses import dataclass, field
from math import inf
from typing import Annotated, Any

from msemu.schema.ranges import Finite, NotNegative, Range


@dataclass(kw_only=True)
class TermCfg:
    """A named term of the environment: a measure that msemu has, or one of your own (docs/plugins.md)."""

    function: str = ""
    """``module:name`` of a function or class of your own; empty takes msemu's of the term's name."""
    options: dict[str, Any] = field(default_factory=dict)
    """What a term that is a class can be told."""


@dataclass(kw_only=True)
class ObservationTermCfg(TermCfg):
    """One observation term, ``scale * value``; its name is the group that networks ask for."""

    scale: Finite = 1.0
    """Factor of the numbers [-]."""


@dataclass(kw_only=True)
class RewardTermCfg(TermCfg):
    """One reward term: ``weight * exp(-sensitivity * value)``, or ``weight * value`` when sensitivity is 0."""

    weight: Finite
    """Share of the term in the reward; negative for a cost."""
    sensitivity: NotNegative = 0.0
    """Slope of the exponential, in 1 over the unit of the term's value."""


@dataclass(kw_only=True)
class TerminationTermCfg(TermCfg):
    """One termination term; the episode ends where its value exceeds the limit or is not a number."""

    limit: Annotated[float, Range(-inf, inf)] = 0.0
    """Greatest value of a body that has not failed, in the unit of the term."""
