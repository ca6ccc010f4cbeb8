"""Where in its gait cycle a leg is: stances, heel strikes, and the percent of the cycle between them."""

import numpy as np
from scipy.ndimage import binary_closing, binary_opening

PERCENT = np.arange(101)
"""Instants of a cycle [%]; the last one is the first of the next cycle."""

_SHORTEST_S = 0.1
"""An interruption of a stance, or a touch of the floor in swing, that is shorter does not count [s]."""


def find_stances(touches: np.ndarray, fps: float, cyclic: bool = False) -> np.ndarray:
    """Whether a foot stands, which brief interruptions do not end and brief touches do not begin.

    Args:
        touches: Whether it touches the floor, shape [T].
        fps: Samples per second [Hz].
        cyclic: Whether the signal repeats. If not, what lasts at one of its ends counts as long enough, since it may
            have lasted before or go on.
    """
    brief = max(1, round(_SHORTEST_S * fps))
    margin = 2 * brief
    padded = np.pad(touches, margin, mode="wrap" if cyclic else "edge")
    return binary_opening(binary_closing(padded, np.ones(brief)), np.ones(brief))[margin:-margin]


def find_strikes(stands: np.ndarray, cyclic: bool = False) -> np.ndarray:
    """Find the samples at which a foot begins to stand; the first may be one when the signal repeats."""
    before = np.roll(stands, 1)
    if not cyclic:
        before[0] = True
    return np.flatnonzero(stands & ~before)


def percent_of_cycle(stands: np.ndarray, cyclic: bool) -> np.ndarray:
    """Return how far a leg is from a heel strike to its next one [%], not a number outside cycles, shape [T]."""
    strikes, count = find_strikes(stands, cyclic), len(stands)
    strikes = strikes[strikes > 0] if not cyclic else np.concatenate([strikes + turn * count for turn in (-1, 0, 1)])
    if len(strikes) < 2:
        return np.full(count, np.nan)
    place = np.interp(np.arange(count), strikes, np.arange(len(strikes)), left=np.nan, right=np.nan)
    return 100.0 * (place % 1.0)
