"""Gait cycles of one leg: from a heel strike to the next, by whether its foot touches the floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from msemu.control.gait_phase import PERCENT, find_stances, find_strikes

LOADED_BW = 0.05
"""Vertical force on a foot from which it touches the floor [body weights]."""

_TOLERANCE = 0.3
"""Part of the expected duration by which a cycle may be shorter or longer."""


@dataclass(frozen=True)
class GaitCycle:
    """One cycle, in samples of the signal.

    Attributes:
        strike: The foot stands for the first time.
        foot_off: It does not stand any more.
        next_strike: It stands again.
    """

    strike: int
    foot_off: int
    next_strike: int

    @property
    def stance(self) -> float:
        """Share of the cycle in which the foot stands."""
        return (self.foot_off - self.strike) / (self.next_strike - self.strike)

    def resample(self, values: np.ndarray) -> np.ndarray:
        """Interpolate a signal [T, K] at the instants `PERCENT` of the cycle, shape [101, K]."""
        samples = np.arange(self.strike, self.next_strike + 1)
        instants = np.linspace(self.strike, self.next_strike, len(PERCENT))
        return np.stack([np.interp(instants, samples, column) for column in values[samples].T], axis=1)


def over_cycles(values: np.ndarray, cycles: Sequence[np.ndarray]) -> np.ndarray:
    """Interpolate a signal, shape [T], at each of `PERCENT` of cycles given by their frames, shape [cycles, 101]."""
    courses = [np.interp(PERCENT, np.linspace(0, 100, len(frames)), values[frames]) for frames in cycles]
    return np.array(courses).reshape(-1, len(PERCENT))


def find_cycles(touches: np.ndarray, fps: float, duration_s: float) -> tuple[list[GaitCycle], int]:
    """Find the cycles of a foot that touches the floor [T] which last about ``duration_s`` [s].

    Returns:
        The cycles, and the number of others that are left out because they are over 30 % shorter or longer, as after
        a foot that drags.
    """
    stands = find_stances(touches, fps)
    spans = list(pairwise(find_strikes(stands)))
    cycles = [
        GaitCycle(int(begin), int(begin + np.argmin(stands[begin:end])), int(end))
        for begin, end in spans
        if abs((end - begin) / fps - duration_s) <= _TOLERANCE * duration_s
    ]
    return cycles, len(spans) - len(cycles)
