"""Which values a field may have, declared beside it: ``share: Annotated[float, Range(0, 1)]`` or ``share: Fraction``.

`msemu.config` refuses what a declaration does not allow, wherever the value comes from. Plug-ins declare the fields of
their own dataclasses alike; a field without a declaration may have any value of its type.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any

from msemu.errors import suggestion


class Rule(ABC):
    """What is asked of a value."""

    @abstractmethod
    def refusal(self, value: Any) -> str:
        """Say what is wrong with a value; nothing where it fits."""


_BOUNDS = {
    "least": ("at least", operator.ge),
    "above": ("above", operator.gt),
    "greatest": ("at most", operator.le),
    "below": ("below", operator.lt),
}


@dataclass(frozen=True)
class Range(Rule):
    """Numbers within bounds; they are finite, unless infinity is itself the least or the greatest."""

    least: float | None = None
    greatest: float | None = None
    above: float | None = None
    below: float | None = None

    def refusal(self, value: float) -> str:  # noqa: D102
        is_within = all(holds(value, bound) for _, holds, bound in self._bounds())
        is_fine = is_within and (abs(value) < inf or value in (self.least, self.greatest))
        return "" if is_fine else f"{_plain(value)} is not {'a finite number' if is_within else self}"

    def __str__(self) -> str:
        if self.least is not None and self.greatest is not None:
            return f"between {_plain(self.least)} and {_plain(self.greatest)}"
        return " and ".join(f"{word} {_plain(bound)}" for word, _, bound in self._bounds()) or "a finite number"

    def _bounds(self) -> list[tuple[str, Callable[[float, float], bool], float]]:
        given = {name: bound for name in _BOUNDS if (bound := getattr(self, name)) is not None}
        return [(*_BOUNDS[name], bound) for name, bound in given.items()]


@dataclass(frozen=True, eq=False)  # hashed by identity: tyro wants to, and a table has no hash
class Known(Rule):
    """Names that there are; they may be a function, for a table that grows, and ``open`` lets ``module:Class`` pass."""

    names: Iterable[Any] | Callable[[], Iterable[Any]]
    open: bool = False

    def refusal(self, value: Any) -> str:  # noqa: D102
        known = list(self.names() if callable(self.names) else self.names)
        fits = value in known or (self.open and ":" in value)
        return "" if fits else f"{value!r} is unknown{suggestion(value, map(str, known))}"


class Ascending(Rule):
    """Values from a least to a greatest one, such as a pair of both."""

    def refusal(self, value: tuple[float, ...]) -> str:  # noqa: D102
        return "" if list(value) == sorted(value) else f"{list(value)} does not go from a least to a greatest value"


class NotEmpty(Rule):
    """Lists, names and mappings that hold something."""

    def refusal(self, value: Any) -> str:  # noqa: D102
        return "" if len(value) else "one at least is wanted"


Finite = Annotated[float, Range()]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1)]
Seconds = Annotated[float, Range(above=0, greatest=3600)]
"""A length of time, up to an hour [s]."""
TimeStep = Annotated[float, Range(above=0, greatest=0.1)]
"""A physics step [s]."""
Seed = Annotated[int, Range(0, 2**63 - 1)]
Count = Annotated[int, Range(1, 1_000_000)]
Step = Annotated[int, Range(0, 10**12)]
"""Number of a control step of a training."""
Threads = Annotated[int, Range(0, 4096)]
Factors = Annotated[tuple[NotNegative, NotNegative], Ascending()]
"""Least and greatest of what is drawn."""


def _plain(number: float) -> str:
    return repr(number).removesuffix(".0")
