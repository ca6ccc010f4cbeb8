"""What colors the muscles: a quantity of each, brought to the range of the color scale."""

from dataclasses import dataclass

import numpy as np

from msemu.errors import MsemuError, suggestion
from msemu.motion.recording import Recording


@dataclass(frozen=True)
class Coloring:
    """A quantity of a muscle that can be shown.

    Attributes:
        field: Its name in `Recording`.
        label: What people call it.
        low: Value at the dark, thin end of the scale.
        high: Value at the bright, thick end.
    """

    field: str
    label: str
    low: float
    high: float

    def levels(self, recording: Recording) -> np.ndarray | None:
        """Place of each value on the scale, 0 to 1 within it, shape [T, num_muscles]; None when not recorded."""
        values = getattr(recording, self.field)
        return None if values is None else (values - self.low) / (self.high - self.low)

    def value(self, level: float) -> float:
        """Return the value of a place on the scale."""
        return self.low + level * (self.high - self.low)


COLORINGS = {
    coloring.field: coloring
    for coloring in (
        Coloring("activation", "muscle activation", 0.0, 1.0),
        Coloring("muscle_force", "muscle force / F0", 0.0, 1.0),
        Coloring("fiber_length", "fiber length / L0", 0.5, 1.5),
        Coloring("freedom", "freedom of the muscle", 0.0, 1.0),
    )
}
"""By the name of the field in `Recording`; the first is the default."""


def pick_coloring(recording: Recording, name: str) -> Coloring:
    """Look a coloring up.

    Raises:
        MsemuError: There is none of this name, or the recording of a body with muscles lacks its quantity.
    """
    if name not in COLORINGS:
        raise MsemuError(f"unknown coloring '{name}'{suggestion(name, COLORINGS)}")
    if name != "activation" and getattr(recording, name) is None and recording.activation is not None:
        remedy = "give --freedom FILE" if name == "freedom" else "record it again"
        raise MsemuError(f"the recording holds no {name}; {remedy}, or color by activation")
    return COLORINGS[name]
