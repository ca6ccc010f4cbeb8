"""Values that change in the course of a training."""

from dataclasses import dataclass

from msemu.errors import MsemuError


@dataclass(frozen=True)
class Schedule:
    """A value that goes from one to another, linearly in control steps of each environment, and stays there."""

    initial: float
    """Value up to `begin`."""
    final: float
    """Value from `end` on."""
    begin: int = 0
    """Control step at which it begins to change."""
    end: int = 0
    """Control step at which it has changed."""

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.end:
            raise MsemuError(f"a schedule ends after it begins, and not before step 0: {self.begin} to {self.end}")

    def at(self, step: int) -> float:
        """Return the value at a control step."""
        if step >= self.end:
            return self.final
        if step <= self.begin:
            return self.initial
        share = (step - self.begin) / (self.end - self.begin)
        return self.initial + share * (self.final - self.initial)
