"""Bounded least squares with a sparse matrix of constant pattern.

The method is that of `msemu.control.solver.dense`. A muscle moves few of a body's joints, so most of A is
zero, and so is most of ``1 + A diagonal^-1 A^T``; and there are no small tensor operations to start.
"""

import numpy as np
import torch
import warp as wp

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

    def __init__(self, pattern: torch.Tensor, num_problems: int):
        """Allocate everything for matrices that may be different from zero in a pattern, bool, shape [D, N]."""
        num_rows, num_columns = pattern.shape
        mask = pattern.flip(0).numpy()
        column, row = np.nonzero(mask.T)
        self.row = torch.from_numpy(num_rows - 1 - row)
        self.column = torch.from_numpy(column)
        first = _envelope(mask)
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
        sizes = {"value": len(row), "target": num_rows, "change": num_rows, "factor": int(length.sum())}
        for name in Work.vars.keys() - {"num_open", "open_column"}:  # type: ignore[attr-defined]  # every struct has it
            shape = (groups, sizes.get(name, num_columns))
            setattr(self._work, name, wp.zeros(shape, dtype=Lanes, device="cpu"))
        self._num_groups = groups
        compile_now(solve)

    def solve(
        self,
        values: torch.Tensor,
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

        ``values`` are the entries of the matrices at rows `row` and columns `column`, shape [B, P]. Only the unknowns
        that ``is_open``, bool, [B, N], are solved for; the others are ``lower``, and it must be zero there.
        """
        inputs = [values, target.flip(1), quadratic, lower, upper, is_open.double()]
        inputs = [wp.from_torch(tensor.contiguous()) for tensor in inputs]
        inputs = [self._pattern, iterations, margin, *inputs, self._work]
        x, residual, gap = start.clone(), torch.empty_like(target), target.new_empty(len(target), 1)
        outputs = [wp.from_torch(tensor) for tensor in (x, residual, gap)]
        wp.launch(solve, dim=self._num_groups, inputs=inputs, outputs=outputs, device="cpu")
        gap = gap.squeeze(1)
        return Solution(x, residual.flip(1), gap, gap <= tolerance)


def _envelope(mask: np.ndarray) -> np.ndarray:
    """Return the first column of each row in which the lower triangle of ``A A^T`` is not zero, shape [D]."""
    coupled = mask.astype(float) @ mask.T.astype(float) > 0
    np.fill_diagonal(coupled, True)
    return coupled.argmax(axis=1)
