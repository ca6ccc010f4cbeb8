"""What to do about a recording that contradicts the body, as the reader of its format says it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Remedies:
    """Ends of messages.

    Attributes:
        axes: The file's axes x, y and z in those of the recording, as rows, shape [3, 3].
        up: What to do about the vertical; ``{axis}`` is the one that fits. None: the user has said what is up.
        sides: What to do about left and right.
        length: What to do about the unit of length.
        angle: What to do about the unit of angles.
    """

    axes: np.ndarray
    up: str | None
    sides: str
    length: str
    angle: str
