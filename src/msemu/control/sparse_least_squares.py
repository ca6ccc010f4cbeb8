"""Bounded least squares with a sparse matrix of constant pattern: one thread solves one problem.

The method is that of `msemu.control.bounded_least_squares`. A muscle moves few of a body's joints, so most of A is
zero, and so is most of ``1 + A diagonal^-1 A^T``. This takes a third of the time of the dense tensors for a whole body,
and on a small one it avoids starting hundreds of small tensor operations.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
import warp as wp

from msemu.control.bounded_least_squares import FINISHED, TO_BOUNDARY, Solution

wp.set_module_options({"enable_backward": False})

_ABOVE_ZERO = wp.constant(wp.float64(1e-300))


@wp.struct
class Pattern:
    """Where A is not zero, by columns, and the envelope of the lower triangle of ``A A^T``."""

    column_start: wp.array(dtype=int)  # shape [N + 1]
    row: wp.array(dtype=int)  # ascending in each column
    first: wp.array(dtype=int)  # first column of each row of the triangle, shape [D]


@wp.struct
class Work:
    """Memory of the iterations, shape [B, ...]."""

    below: wp.array2d(dtype=wp.float64)  # multipliers of the lower bounds
    above: wp.array2d(dtype=wp.float64)  # and of the upper bounds
    pull: wp.array2d(dtype=wp.float64)  # A^T (A x - b)
    diagonal: wp.array2d(dtype=wp.float64)
    force: wp.array2d(dtype=wp.float64)
    dx: wp.array2d(dtype=wp.float64)
    to_below: wp.array2d(dtype=wp.float64)  # wanted change of the complementarity, then of the multiplier
    to_above: wp.array2d(dtype=wp.float64)
    d_pull: wp.array2d(dtype=wp.float64)
    change: wp.array2d(dtype=wp.float64)  # A dx, shape [B, D]
    factor: wp.array2d(dtype=wp.float64)  # shape [B, D * D]


@wp.func
def _newton_step(
    b: int, pattern: Pattern, values: wp.array2d(dtype=wp.float64), open_in: wp.array2d(dtype=bool), work: Work
):
    """Solve ``(A^T A + diagonal) dx = force`` with the factor of ``1 + A diagonal^-1 A^T``."""
    change = work.change[b]
    force = work.force[b]
    diagonal = work.diagonal[b]
    factor = work.factor[b]
    d_pull = work.d_pull[b]
    dx = work.dx[b]
    is_open = open_in[b]
    value_of = values[b]
    num_rows = pattern.first.shape[0]
    num_columns = pattern.column_start.shape[0] - 1
    for i in range(num_rows):
        change[i] = wp.float64(0.0)
    for n in range(num_columns):
        if is_open[n]:
            share = force[n] / diagonal[n]
            for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
                change[pattern.row[k]] += value_of[k] * share
    for i in range(num_rows):
        value = change[i]
        for j in range(pattern.first[i], i):
            value -= factor[i * num_rows + j] * change[j]
        change[i] = value / factor[i * num_rows + i]
    for back in range(num_rows):
        i = num_rows - 1 - back
        value = change[i] / factor[i * num_rows + i]
        change[i] = value
        for j in range(pattern.first[i], i):
            change[j] -= factor[i * num_rows + j] * value
    for n in range(num_columns):
        if is_open[n]:
            product = wp.float64(0.0)
            for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
                product += value_of[k] * change[pattern.row[k]]
            d_pull[n] = product
            dx[n] = (force[n] - product) / diagonal[n]


@wp.func
def _factorise(
    b: int, pattern: Pattern, values: wp.array2d(dtype=wp.float64), open_in: wp.array2d(dtype=bool), work: Work
):
    """Cholesky factor of ``1 + A diagonal^-1 A^T`` within its envelope."""
    factor = work.factor[b]
    diagonal = work.diagonal[b]
    is_open = open_in[b]
    value_of = values[b]
    num_rows = pattern.first.shape[0]
    for i in range(num_rows):
        for j in range(pattern.first[i], i):
            factor[i * num_rows + j] = wp.float64(0.0)
        factor[i * num_rows + i] = wp.float64(1.0)
    for n in range(pattern.column_start.shape[0] - 1):
        if is_open[n]:
            start = pattern.column_start[n]
            weight = wp.float64(1.0) / diagonal[n]
            for k in range(start, pattern.column_start[n + 1]):
                scaled = value_of[k] * weight
                line = pattern.row[k] * num_rows
                for other in range(start, k + 1):
                    factor[line + pattern.row[other]] += scaled * value_of[other]
    for i in range(num_rows):
        line = i * num_rows
        for j in range(pattern.first[i], i + 1):
            value = factor[line + j]
            other_line = j * num_rows
            for k in range(wp.max(pattern.first[i], pattern.first[j]), j):
                value -= factor[line + k] * factor[other_line + k]
            if j < i:
                factor[line + j] = value / factor[other_line + j]
            else:
                factor[line + i] = wp.sqrt(value)


@wp.func
def _residual(
    b: int,
    pattern: Pattern,
    values: wp.array2d(dtype=wp.float64),
    target: wp.array2d(dtype=wp.float64),
    x: wp.array2d(dtype=wp.float64),
    work: Work,
):
    """Put ``A x - b`` into `change` and ``A^T (A x - b)`` into `pull`."""
    change = work.change[b]
    pull = work.pull[b]
    wanted_row = target[b]
    value_of = values[b]
    solution = x[b]
    for i in range(pattern.first.shape[0]):
        change[i] = -wanted_row[i]
    for n in range(pattern.column_start.shape[0] - 1):
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            change[pattern.row[k]] += value_of[k] * solution[n]
    for n in range(pattern.column_start.shape[0] - 1):
        product = wp.float64(0.0)
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            product += value_of[k] * change[pattern.row[k]]
        pull[n] = product


@wp.kernel(enable_backward=False)
def _solve(
    pattern_in: Pattern,
    first_problem_in: int,
    iterations_in: int,
    margin_in: wp.float64,
    values_in: wp.array2d(dtype=wp.float64),
    target_in: wp.array2d(dtype=wp.float64),
    quadratic_in: wp.array2d(dtype=wp.float64),
    lower_in: wp.array2d(dtype=wp.float64),
    upper_in: wp.array2d(dtype=wp.float64),
    open_in: wp.array2d(dtype=bool),
    work: Work,
    x_out: wp.array2d(dtype=wp.float64),
    residual_out: wp.array2d(dtype=wp.float64),
    gap_out: wp.array(dtype=wp.float64),
):
    b = first_problem_in + wp.tid()
    pull = work.pull[b]
    below = work.below[b]
    above = work.above[b]
    force = work.force[b]
    diagonal = work.diagonal[b]
    dx = work.dx[b]
    to_below = work.to_below[b]
    to_above = work.to_above[b]
    d_pull = work.d_pull[b]
    change = work.change[b]
    is_open = open_in[b]
    upper = upper_in[b]
    lower = lower_in[b]
    solution = x_out[b]
    quadratic = quadratic_in[b]
    residual_of = residual_out[b]
    target = target_in[b]
    num_columns = pattern_in.column_start.shape[0] - 1
    zero, half, one = wp.float64(0.0), wp.float64(0.5), wp.float64(1.0)
    share_of_way = wp.float64(wp.static(TO_BOUNDARY))
    finished = wp.float64(wp.static(FINISHED))
    first_centre = wp.float64(0.0)
    count = wp.float64(0.0)
    for n in range(num_columns):
        if is_open[n]:
            reach = margin_in * (upper[n] - lower[n])
            solution[n] = wp.clamp(solution[n], lower[n] + reach, upper[n] - reach)
            count += one
        else:
            solution[n] = lower[n]
    _residual(b, pattern_in, values_in, target_in, x_out, work)
    least = wp.float64(0.0)
    for n in range(num_columns):
        if is_open[n]:
            least += wp.abs(pull[n] + quadratic[n] * solution[n])
    least = margin_in * least / wp.max(count, one) + _ABOVE_ZERO
    for n in range(num_columns):
        gradient = pull[n] + quadratic[n] * solution[n]
        below[n] = wp.max(gradient, zero) + least
        above[n] = wp.max(-gradient, zero) + least

    for iteration in range(iterations_in):
        centre = wp.float64(0.0)
        for n in range(num_columns):
            if is_open[n]:
                room_below, room_above = solution[n] - lower[n], upper[n] - solution[n]
                centre += room_below * below[n] + room_above * above[n]
                force[n] = -pull[n] - quadratic[n] * solution[n]
                diagonal[n] = quadratic[n] + below[n] / room_below + above[n] / room_above
        centre = half * centre / wp.max(count, one)
        if iteration == 0:
            first_centre = centre
        if centre <= finished * first_centre:
            break
        _factorise(b, pattern_in, values_in, open_in, work)

        # Where the step would go without centring, and how far the bounds let it go there.
        _newton_step(b, pattern_in, values_in, open_in, work)
        block = wp.float64(1.0)
        dual_block = wp.float64(1.0)
        for n in range(num_columns):
            if is_open[n]:
                to_lower = dx[n] / (solution[n] - lower[n])
                to_upper = dx[n] / (upper[n] - solution[n])
                block = wp.max(block, wp.max(-to_lower, to_upper))
                dual_block = wp.max(dual_block, wp.max(one + to_lower, one - to_upper))
        length, dual_length = one / block, one / dual_block
        reached = wp.float64(0.0)
        for n in range(num_columns):
            if is_open[n]:
                room_below, room_above = solution[n] - lower[n], upper[n] - solution[n]
                step = dx[n]
                d_below = -below[n] * (one + step / room_below)
                d_above = -above[n] * (one - step / room_above)
                reached += (room_below + length * step) * (below[n] + dual_length * d_below)
                reached += (room_above - length * step) * (above[n] + dual_length * d_above)
        ratio = half * reached / wp.max(count, one) / centre
        wanted = ratio * ratio * ratio * centre

        for n in range(num_columns):
            if is_open[n]:
                room_below, room_above = solution[n] - lower[n], upper[n] - solution[n]
                step = dx[n]
                wanted_below = wanted + step * below[n] * (one + step / room_below)
                wanted_above = wanted - step * above[n] * (one - step / room_above)
                force[n] += wanted_below / room_below - wanted_above / room_above
                to_below[n] = wanted_below
                to_above[n] = wanted_above
        _newton_step(b, pattern_in, values_in, open_in, work)
        total = wp.float64(0.0)  # not finite if anything in it is not; the greatest would pass over such a number
        block = wp.float64(wp.static(TO_BOUNDARY))
        dual_block = wp.float64(wp.static(TO_BOUNDARY))
        for n in range(num_columns):
            if is_open[n]:
                room_below, room_above = solution[n] - lower[n], upper[n] - solution[n]
                step = dx[n]
                d_below = -below[n] + (to_below[n] - below[n] * step) / room_below
                d_above = -above[n] + (to_above[n] + above[n] * step) / room_above
                block = wp.max(block, wp.max(-step / room_below, step / room_above))
                dual_block = wp.max(dual_block, wp.max(-d_below / below[n], -d_above / above[n]))
                to_below[n] = d_below
                to_above[n] = d_above
                total += step + d_below + d_above
        length, dual_length = share_of_way / block, share_of_way / dual_block
        if not wp.isfinite(total):
            break
        for n in range(num_columns):
            if is_open[n]:
                solution[n] += length * dx[n]
                pull[n] += length * d_pull[n]
                below[n] += dual_length * to_below[n]
                above[n] += dual_length * to_above[n]

    _residual(b, pattern_in, values_in, target_in, x_out, work)
    objective = wp.float64(0.0)
    bound = wp.float64(0.0)
    scale = wp.float64(0.0)
    for i in range(pattern_in.first.shape[0]):
        residual = change[i]
        residual_of[i] = residual
        objective += half * residual * residual
        bound -= target[i] * residual + half * residual * residual
        scale += half * target[i] * target[i]
    for n in range(num_columns):
        if is_open[n]:
            curvature = quadratic[n]
            best = wp.clamp(-pull[n] / curvature, lower[n], upper[n])
            objective += half * curvature * solution[n] * solution[n]
            bound += pull[n] * best + half * curvature * best * best
    gap_out[b] = (objective - bound) / (objective + wp.float64(1e-12) * (scale + one))


class SparseLeastSquares:
    """Solves B problems of one pattern again and again, without linear or cubic costs and from a given start.

    On the CPU the problems are shared among threads. The rows are taken in reverse order, so that the root, which every
    contact couples with its leg, comes last and does not fill the factor.
    """

    def __init__(self, pattern: torch.Tensor, num_problems: int, num_threads: int = 0, device: str = "cpu"):
        """Allocate everything.

        Args:
            pattern: Where the matrices may be different from zero, bool, shape [D, N].
            num_problems: Number of problems B.
            num_threads: Threads on the CPU; 0 uses every core.
            device: Warp's name of the device.
        """
        num_rows, num_columns = pattern.shape
        mask = pattern.flip(0).cpu().numpy()
        self.row, self.column = (torch.from_numpy(index.copy()).to(device) for index in np.nonzero(mask.T)[::-1])
        self.row = num_rows - 1 - self.row
        self._pattern = Pattern()
        counts = mask.sum(axis=0)
        self._pattern.column_start = wp.array(np.concatenate([[0], np.cumsum(counts)]), dtype=int, device=device)
        self._pattern.row = wp.array(np.nonzero(mask.T)[1], dtype=int, device=device)
        self._pattern.first = wp.array(_envelope(mask), dtype=int, device=device)
        self._work = Work()
        sizes = {"change": num_rows, "factor": num_rows * num_rows}
        for name in Work.vars:
            shape = (num_problems, sizes.get(name, num_columns))
            setattr(self._work, name, wp.zeros(shape, dtype=wp.float64, device=device))
        self._device = device
        _solve.module.load(wp.get_device(device))  # before several threads ask for it
        threads = min(num_threads or os.cpu_count() or 1, num_problems) if device == "cpu" else 1
        self._parts = list(pairwise(np.linspace(0, num_problems, threads + 1).astype(int).tolist()))
        self._threads = ThreadPoolExecutor(threads, "least_squares") if threads > 1 else None

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
        inputs = [values, target.flip(1), quadratic, lower, upper, is_open]
        inputs = [wp.from_torch(tensor.contiguous()) for tensor in inputs]
        x, residual, gap = start.clone(), torch.empty_like(target), target.new_empty(len(target))
        outputs = [wp.from_torch(tensor) for tensor in (x, residual, gap)]

        def run(part: tuple[int, int]) -> None:
            wp.launch(
                _solve,
                dim=part[1] - part[0],
                inputs=[self._pattern, part[0], iterations, margin, *inputs, self._work],
                outputs=outputs,
                device=self._device,
            )

        if self._threads is None:
            run(self._parts[0])
        else:
            list(self._threads.map(run, self._parts))
        return Solution(x, residual.flip(1), gap, gap <= tolerance)


def _envelope(mask: np.ndarray) -> np.ndarray:
    """Return the first column of each row in which the lower triangle of ``A A^T`` is not zero, shape [D]."""
    coupled = mask.astype(float) @ mask.T.astype(float) > 0
    np.fill_diagonal(coupled, True)
    return coupled.argmax(axis=1)
