"""Mass matrices about the independent degrees of freedom, of which the engine keeps few entries."""

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
import torch


@dataclass(frozen=True)
class _Pattern:
    """Which entries of a matrix of D degrees of freedom, flat, the P entries of the engine are added to.

    Attributes:
        place: Place of each, shape [P].
        mirrored: Place of those that are not on the engine's diagonal in the other triangle.
        off_diagonal: Which those are.
        count: D.
    """

    place: torch.Tensor
    mirrored: torch.Tensor
    off_diagonal: torch.Tensor
    count: int

    def filled(self, entries: torch.Tensor) -> torch.Tensor:
        """Return the matrices of some entries, shape [E, P] to [E, D, D]."""
        matrix = entries.new_zeros(len(entries), self.count**2).index_add_(1, self.place, entries)
        matrix.index_add_(1, self.mirrored, entries.index_select(1, self.off_diagonal))
        return matrix.unflatten(1, (self.count, self.count))


@dataclass(frozen=True)
class MassMatrix:
    """The mass matrices ``G^T M G`` of E bodies.

    Attributes:
        entries: Entries of the lower triangle of M, reduced [kg, kg m or kg m^2], shape [E, P].
        pattern: Where they belong.
    """

    entries: torch.Tensor
    pattern: _Pattern

    @cached_property
    def dense(self) -> torch.Tensor:
        """All of it, made when first asked for, shape [E, D, D]."""
        return self.pattern.filled(self.entries)

    def center_velocity(self, velocity: torch.Tensor) -> torch.Tensor:
        """Return the velocity of the center of mass [m/s], [E, 3], of a body's degrees of freedom at theirs, [E, D]."""
        momentum = (self.dense[:, :3] @ velocity.unsqueeze(-1)).squeeze(-1)
        return momentum / self.dense[:, :1, 0]


class MassReader:
    """Reduces the engine's mass matrices to degrees of freedom on which those of the model hang."""

    def __init__(self, model: mujoco.MjModel, owner: torch.Tensor, count: int):
        """``owner`` tells on which of ``count`` degrees of freedom each hangs, shape [nv]."""
        # The engine keeps the lower triangle, in sparse rows of constant pattern.
        self.row = torch.from_numpy(np.repeat(np.arange(model.nv), model.M_rownnz))
        self.column = torch.from_numpy(model.M_colind.astype(np.int64))
        off_diagonal = torch.nonzero(self.row != self.column).squeeze(1)
        rows, columns = owner[self.row], owner[self.column]
        mirrored = (columns * count + rows)[off_diagonal]
        self._pattern = _Pattern(rows * count + columns, mirrored, off_diagonal, count)

    def coupled(self) -> torch.Tensor:
        """Return which entries can be different from zero, bool, shape [D, D]."""
        return self._pattern.filled(torch.ones(1, len(self.row)))[0] > 0.0

    def read(self, entries: torch.Tensor, slopes: torch.Tensor) -> MassMatrix:
        """Reduce the engine's entries, shape [E, P], by the slopes of `IndependentDofs`, shape [E, nv]."""
        row, column = (slopes.index_select(1, index) for index in (self.row, self.column))
        return MassMatrix(entries * row * column, self._pattern)
