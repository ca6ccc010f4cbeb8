"""Bounded least squares with a sparse matrix of constant pattern, whose residuals may be correlated.

The cost is ``1/2 (A x - b)^T S^-1 (A x - b)`` with the covariance S of the residual, beside the regularizer. The method
is that of `msemu.control.solver.dense`, whose S is 1. A muscle moves few of a body's joints, so most of A is zero, and
so is most of ``S + A diagonal^-1 A^T``; and there are no small tensor operations to start.
"""

import numpy as np
import torch
import warp as wp

from msemu.control.solver.arrays import as_array
from msemu.control.solver.dense import Solution
from msemu.control.solver.interior_point import solve
from msemu.control.solver.lanes import LANES, Lanes
from msemu.control.solver.newton import Pattern, Work
from msemu.control.solver.row_threads import compile_now


class SparseLeastSquares:
    """Solves B problems of one pattern again and again, without linear or cubic costs and from a given start.

    The rows are taken in reverse order, so that the root, which every contact couples with its leg, comes last and does
    not fill the factor. Each of several threads needs a solver of its own.

    Attributes:
        row: Row of each of the P entries of a matrix, shape [P].
        column: Their columns, ascending, shape [P].
    """

    def __init__(self, pattern: torch.Tensor, coupled: torch.Tensor, num_problems: int):
        """Allocate everything for A and S that may differ from zero in patterns, bool, shapes [D, N] and [D, D]."""
        num_rows, num_columns = pattern.shape
        mask = pattern.flip(0).numpy()
        column, row = np.nonzero(mask.T)
        self.row = torch.from_numpy(num_rows - 1 - row)
        self.column = torch.from_numpy(column)
        first = _envelope(mask, coupled.flip(0, 1).numpy())
        length = np.arange(num_rows) - first + 1
        tables = {
            "column_start": np.concatenate([[0], np.cumsum(mask.sum(axis=0))]),
            "row": row,
            "first": first,
            "line": np.cumsum(length) - length - first,
        }
        self._pattern = Pattern()
        for name, table in tables.items():
            setattr(self._pattern, name, wp.array(table, dtype=int, device="cpu"))
        groups = -(-num_problems // LANES)
        self._work = Work()
        self._work.num_open = wp.zeros(groups, dtype=int, device="cpu")
        self._work.open_column = wp.zeros((groups, num_columns), dtype=int, device="cpu")
        envelope = np.flatnonzero(np.tril(np.arange(num_rows) >= first[:, None]))
        self._envelope = torch.from_numpy(num_rows**2 - 1 - envelope)  # the rows are reversed, and the columns
        sizes = dict.fromkeys(("target", "missing", "dual"), num_rows) | {"value": len(row)}
        sizes |= dict.fromkeys(("covariance", "factor"), len(envelope))
        for name in Work.vars.keys() - {"num_open", "open_column"}:  # type: ignore[attr-defined]  # every struct has it
            shape = (groups, sizes.get(name, num_columns))
            setattr(self._work, name, wp.zeros(shape, dtype=Lanes, device="cpu"))
        self._num_groups = groups
        compile_now(solve)

    def solve(
        self,
        values: torch.Tensor,
        covariance: torch.Tensor,
        target: torch.Tensor,
        quadratic: torch.Tensor,
        lower: torch.Tensor,
        upper: torch.Tensor,
        is_open: torch.Tensor,
        start: torch.Tensor,
        iterations: int,
        tolerance: float,
        margin: float = 0.05,
    ) -> Solution:
        """Do a fixed number of iterations; all numbers are float64, arguments and shapes those of the dense solver.

        ``values`` are the entries of the matrices at rows `row` and columns `column`, shape [B, P], and ``covariance``
        is S, [B, D, D]. Only the unknowns that ``is_open``, bool, [B, N], are solved for; the others are ``lower``, and
        it must be zero there.
        """
        tensors = [
            values,
            covariance.flatten(1).index_select(1, self._envelope),
            target.flip(1),
            quadratic,
            lower,
            upper,
            is_open.double(),
        ]
        tensors = [tensor.contiguous() for tensor in tensors]
        inputs = [self._pattern, iterations, margin, *map(as_array, tensors), self._work]
        x, residual = start.clone(), torch.empty_like(target)
        cost, gap = target.new_empty(2, len(target), 1)
        outputs = [as_array(tensor) for tensor in (x, residual, cost, gap)]
        wp.launch(solve, dim=self._num_groups, inputs=inputs, outputs=outputs, device="cpu")
        cost, gap = cost.squeeze(1), gap.squeeze(1)
        return Solution(x, residual.flip(1), cost, gap, gap <= tolerance)


def _envelope(mask: np.ndarray, coupled: np.ndarray) -> np.ndarray:
    """Return the first column of each row in which the lower triangle of ``S + A A^T`` is not zero, shape [D]."""
    coupled = coupled | (mask.astype(float) @ mask.T.astype(float) > 0)
    np.fill_diagonal(coupled, True)
    return coupled.argmax(axis=1)
