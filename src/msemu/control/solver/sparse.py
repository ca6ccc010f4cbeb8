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

    def __init__(self, pattern: torch.Tensor, num_problems: int, device: str = "cpu"):
        """Allocate everything.

        Args:
            pattern: Where the matrices may be different from zero, bool, shape [D, N].
            num_problems: Number of problems B.
            device: Warp's name of the device.
        """
        num_rows, num_columns = pattern.shape
        mask = pattern.flip(0).cpu().numpy()
        column, row = np.nonzero(mask.T)
        self.row = torch.from_numpy(num_rows - 1 - row).to(device)
        self.column = torch.from_numpy(column).to(device)
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
            setattr(self._pattern, name, wp.array(table, dtype=int, device=device))
        groups = -(-num_problems // LANES)
        self._work = Work()
        self._work.num_open = wp.zeros(groups, dtype=int, device=device)
        self._work.open_column = wp.zeros((groups, num_columns), dtype=int, device=device)
        sizes = {"value": len(row), "target": num_rows, "change": num_rows, "factor": int(length.sum())}
        for name in Work.vars.keys() - {"num_open", "open_column"}:  # type: ignore[attr-defined]  # every struct has it
            shape = (groups, sizes.get(name, num_columns))
            setattr(self._work, name, wp.zeros(shape, dtype=Lanes, device=device))
        self._device = device
        self._num_groups = groups
        compile_now(solve, device)

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
        """Do a fixed number of iterations. All numbers are float64; shapes as in `BoundedLeastSquares`.

        Args:
            values: Entries of the matrices at rows `row` and columns `column`, shape [B, P].
            target: Shape [B, D].
            quadratic: Positive, shape [B, N].
            lower: Shape [B, N].
            upper: Shape [B, N].
            is_open: Unknowns that are solved for; the others are `lower`, and it must be zero there, bool, [B, N].
            start: A guess, shape [B, N].
            iterations: Number of iterations.
            tolerance: Relative gap at which a problem counts as converged.
            margin: Least distance of the start from the bounds, over their distance.
        """
        tensors = [values, target.flip(1), quadratic, lower, upper, is_open.double()]
        inputs = [wp.from_torch(tensor.contiguous()) for tensor in tensors]
        x, residual, gap = start.clone(), torch.empty_like(target), target.new_empty(len(target), 1)
        outputs = [wp.from_torch(tensor) for tensor in (x, residual, gap)]

        wp.launch(
            solve,
            dim=self._num_groups,
            inputs=[self._pattern, iterations, margin, *inputs, self._work],
            outputs=outputs,
            device=self._device,
        )
        gap = gap.squeeze(1)
        return Solution(x, residual.flip(1), gap, gap <= tolerance)


def _envelope(mask: np.ndarray) -> np.ndarray:
    """Return the first column of each row in which the lower triangle of ``A A^T`` is not zero, shape [D]."""
    coupled = mask.astype(float) @ mask.T.astype(float) > 0
    np.fill_diagonal(coupled, True)
    return coupled.argmax(axis=1)
