"""Normal equations of a path in which only neighboring frames have to do with each other."""

from copy import copy

import numpy as np
from scipy.linalg import solveh_banded

REACH = 4
"""Frames that the laws of flight and stance tie together are at most so many apart [frames]."""


class NormalEquations:
    """Sums up matrix and right-hand side of a least-squares step over F frames of D coordinates.

    A cycle is folded, its first and its last frame side by side, so that its matrix is banded as well.

    Attributes:
        gradient: Right-hand side, half the derivative of the cost, shape [F, D].
    """

    def __init__(self, frames: int, coordinates: int, cyclic: bool, reach: int = REACH) -> None:
        """Begin with zero; frames that have to do with each other are at most ``reach`` apart."""
        there = np.arange(frames)
        self._place = np.where(2 * there < frames, 2 * there, 2 * (frames - there) - 1) if cyclic else there
        self._count = coordinates
        blocks = (2 * reach if cyclic else reach) + 1
        self._band = np.zeros((blocks * coordinates, frames * coordinates))
        self._row, self._column = np.indices((coordinates, coordinates))
        self.gradient = np.zeros((frames, coordinates))

    def add(self, frames: np.ndarray, matrix: np.ndarray, gradient: np.ndarray) -> None:
        """Add what N frames contribute together, shapes [N], [N D, N D] and [N D]."""
        size, frames = self._count, np.asarray(frames) % len(self.gradient)
        blocks = matrix.reshape(len(frames), size, len(frames), size)
        np.add.at(self.gradient, frames, gradient.reshape(len(frames), size))
        for one, first in enumerate(self._place[frames]):
            for other, second in enumerate(self._place[frames]):
                if first >= second:
                    self._add_block(first, second, blocks[one, :, other])

    def _add_block(self, first: int, second: int, block: np.ndarray) -> None:
        below = (first - second) * self._count + self._row - self._column
        lower = below >= 0
        self._band[below[lower], second * self._count + self._column[lower]] += block[lower]

    def damped(self, damping: float) -> "NormalEquations":
        """Return a copy whose diagonal is larger by a share."""
        other = copy(self)
        other._band, other.gradient = self._band.copy(), self.gradient.copy()
        other._band[0] *= 1.0 + damping
        return other

    def at(self, step: np.ndarray) -> "NormalEquations":
        """Return a copy for what is left after a step, shape [F, D]."""
        other = self.damped(0.0)
        other.gradient += self._times(step)
        return other

    def value(self, step: np.ndarray) -> float:
        """Return by how much a step, shape [F, D], changes the sum of the squares."""
        return float((step * (2.0 * self.gradient + self._times(step))).sum())

    def step(self) -> np.ndarray:
        """Return the step that minimizes the sum of the squares, shape [F, D]."""
        found = solveh_banded(self._band, self._ordered(self.gradient), lower=True)
        return -found.reshape(self.gradient.shape)[self._place]

    def _times(self, step: np.ndarray) -> np.ndarray:
        """Return the product of the matrix and a step, shape [F, D]."""
        ordered = self._ordered(step)
        product = self._band[0] * ordered
        for below, diagonal in enumerate(self._band[1:], 1):
            product[below:] += diagonal[:-below] * ordered[:-below]
            product[:-below] += diagonal[:-below] * ordered[below:]
        return product.reshape(step.shape)[self._place]

    def _ordered(self, values: np.ndarray) -> np.ndarray:
        ordered = np.empty_like(values)
        ordered[self._place] = values
        return ordered.ravel()
