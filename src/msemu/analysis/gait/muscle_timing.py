"""How far the timing of a body's muscles agrees with a textbook's."""

from dataclasses import dataclass

import numpy as np

from msemu.control.textbook_timing import TextbookTiming

_LEAST_SCALE = 1e-9
"""Product of the norms of two courses below which one of them does not change."""


@dataclass(frozen=True)
class Agreement:
    """How the mean activation of a muscle goes with its bursts.

    Attributes:
        inside: Mean within the bursts [-].
        outside: Mean of the rest of the cycle [-].
        peak: Greatest value [-].
        peak_at: When [% of the cycle].
        correlation: Pearson's coefficient with the bursts as a course of ones and zeros; 0 by chance, not a number for
            a muscle that never changes.
        shifts_as_good: Share of the shifts in time, by 1 to 99 % of the cycle, after which the correlation is as good
            or better; 0.5 by chance.
    """

    inside: float
    outside: float
    peak: float
    peak_at: int
    correlation: float
    shifts_as_good: float

    @classmethod
    def of(cls, activation: np.ndarray, is_on: np.ndarray) -> "Agreement":
        """Compare an activation [-] with whether the textbook has the muscle active, both at `PERCENT`, shape [101]."""
        course, on = activation[:-1], is_on[:-1]
        by_shift = correlation_by_shift(activation, is_on)
        return cls(
            inside=float(course[on].mean()),
            outside=float(course[~on].mean()),
            peak=float(course.max()),
            peak_at=int(course.argmax()),
            correlation=float(by_shift[0]),
            shifts_as_good=_shifts_as_good(by_shift),
        )


@dataclass(frozen=True)
class OverallAgreement:
    """How all muscles together go with the textbook, each counting alike.

    Attributes:
        correlation: Mean of the muscles' coefficients; 0 by chance.
        shifts_as_good: Share of the shifts of all muscles together after which it is as good or better; 0.5 by chance.
        best_shift: Shift that agrees best, positive for moving the muscles to later [% of the cycle].
        best_correlation: The mean coefficient there.
    """

    correlation: float
    shifts_as_good: float
    best_shift: int
    best_correlation: float

    @classmethod
    def of(cls, activation: np.ndarray, timing: TextbookTiming) -> "OverallAgreement":
        """Compare the activation of every channel at each of `PERCENT` [-], shape [101, K], with the textbook."""
        channels = zip(activation.T, timing.channels.values(), strict=True)
        courses = np.stack([correlation_by_shift(course, channel.is_on) for course, channel in channels])
        changing = courses[np.isfinite(courses).all(1)]
        by_shift = changing.mean(0) if len(changing) else np.full(courses.shape[1], np.nan)
        best = int(by_shift.argmax())
        return cls(
            correlation=float(by_shift[0]),
            shifts_as_good=_shifts_as_good(by_shift),
            best_shift=best if best <= 50 else best - 100,
            best_correlation=float(by_shift[best]),
        )


def correlation_by_shift(activation: np.ndarray, is_on: np.ndarray) -> np.ndarray:
    """Pearson's coefficient of an activation with bursts, after moving it to later by 0 to 99 % of the cycle, [100].

    Both are at `PERCENT`, as in `Agreement.of`; there are no numbers for a muscle that never changes.
    """
    course = activation[:-1] - activation[:-1].mean()  # 100 % is the 0 % of the next cycle
    bursts = is_on[:-1] - is_on[:-1].mean()
    scale = np.linalg.norm(course) * np.linalg.norm(bursts)
    if scale < _LEAST_SCALE:
        return np.full(len(course), np.nan)
    return np.stack([np.roll(course, shift) for shift in range(len(course))]) @ bursts / scale


def _shifts_as_good(by_shift: np.ndarray) -> float:
    return float(np.mean(by_shift[1:] >= by_shift[0])) if np.isfinite(by_shift[0]) else float("nan")
