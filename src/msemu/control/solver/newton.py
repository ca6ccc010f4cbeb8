"""Products with a sparse matrix A and Newton steps, for several problems side by side."""

import warp as wp

from msemu.control.solver.lanes import Lanes, square_root

wp.set_module_options({"enable_backward": False})


@wp.struct
class Pattern:
    """Where A is not zero, by columns, and the envelope of the lower triangle of ``A A^T``, by rows."""

    column_start: wp.array(dtype=int)  # shape [N + 1]
    row: wp.array(dtype=int)  # ascending in each column
    first: wp.array(dtype=int)  # first column of each row of the triangle, shape [D]
    line: wp.array(dtype=int)  # place of column 0 of each row among the entries of the envelope, shape [D]


@wp.struct
class Work:
    """Memory of the groups of `LANES` problems, shape [G, ...]."""

    num_open: wp.array(dtype=int)  # columns that are open in any lane, shape [G]
    open_column: wp.array2d(dtype=int)  # which they are, ascending
    value: wp.array2d(dtype=Lanes)  # entries of A
    target: wp.array2d(dtype=Lanes)
    quadratic: wp.array2d(dtype=Lanes)
    lower: wp.array2d(dtype=Lanes)
    upper: wp.array2d(dtype=Lanes)
    is_open: wp.array2d(dtype=Lanes)  # 1 or 0
    x: wp.array2d(dtype=Lanes)
    pull: wp.array2d(dtype=Lanes)  # A^T (A x - b)
    below: wp.array2d(dtype=Lanes)  # multipliers of the lower bounds
    above: wp.array2d(dtype=Lanes)  # and of the upper bounds
    per_room_below: wp.array2d(dtype=Lanes)  # 1 / (x - lower)
    per_room_above: wp.array2d(dtype=Lanes)  # 1 / (upper - x)
    weight: wp.array2d(dtype=Lanes)  # 1 / diagonal; 0 keeps an unknown where it is
    force: wp.array2d(dtype=Lanes)  # right-hand side of a Newton step
    dx: wp.array2d(dtype=Lanes)
    d_pull: wp.array2d(dtype=Lanes)
    to_below: wp.array2d(dtype=Lanes)  # wanted change of the complementarity, then of the multiplier
    to_above: wp.array2d(dtype=Lanes)
    change: wp.array2d(dtype=Lanes)  # A dx, shape [G, D]
    factor: wp.array2d(dtype=Lanes)  # entries of the envelope; on the diagonal their reciprocals


@wp.func
def residual(g: int, pattern: Pattern, work: Work):
    """Put ``A x - b`` into `change` and ``A^T (A x - b)`` into `pull`."""
    value = work.value[g]
    x = work.x[g]
    change = work.change[g]
    pull = work.pull[g]
    for i in range(change.shape[0]):
        change[i] = -work.target[g, i]
    for n in range(x.shape[0]):
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            change[pattern.row[k]] = change[pattern.row[k]] + wp.cw_mul(value[k], x[n])
    for n in range(x.shape[0]):
        product = Lanes()
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            product += wp.cw_mul(value[k], change[pattern.row[k]])
        pull[n] = product


@wp.func
def factorize(g: int, pattern: Pattern, work: Work):
    """Cholesky factor of ``1 + A diagonal^-1 A^T`` within its envelope."""
    value = work.value[g]
    factor = work.factor[g]
    num_rows = pattern.first.shape[0]
    for place in range(factor.shape[0]):
        factor[place] = Lanes()
    for i in range(num_rows):
        factor[pattern.line[i] + i] = Lanes(wp.float64(1.0))
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        weight = work.weight[g, n]
        start = pattern.column_start[n]
        for k in range(start, pattern.column_start[n + 1]):
            scaled = wp.cw_mul(value[k], weight)
            line = pattern.line[pattern.row[k]]
            for other in range(start, k + 1):
                place = line + pattern.row[other]
                factor[place] = factor[place] + wp.cw_mul(scaled, value[other])
    for i in range(num_rows):
        line = pattern.line[i]
        first = pattern.first[i]
        for j in range(first, i + 1):
            entry = factor[line + j]
            other_line = pattern.line[j]
            for k in range(wp.max(first, pattern.first[j]), j):
                entry -= wp.cw_mul(factor[line + k], factor[other_line + k])
            if j < i:
                factor[line + j] = wp.cw_mul(entry, factor[other_line + j])
            else:
                factor[line + i] = wp.cw_div(Lanes(wp.float64(1.0)), square_root(entry))


@wp.func
def newton_step(g: int, pattern: Pattern, work: Work):
    """Solve ``(A^T A + diagonal) dx = force`` with the factor of ``1 + A diagonal^-1 A^T``."""
    value = work.value[g]
    factor = work.factor[g]
    change = work.change[g]
    num_rows = pattern.first.shape[0]
    for i in range(num_rows):
        change[i] = Lanes()
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        share = wp.cw_mul(work.force[g, n], work.weight[g, n])
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            change[pattern.row[k]] = change[pattern.row[k]] + wp.cw_mul(value[k], share)
    for i in range(num_rows):
        line = pattern.line[i]
        entry = change[i]
        for j in range(pattern.first[i], i):
            entry -= wp.cw_mul(factor[line + j], change[j])
        change[i] = wp.cw_mul(entry, factor[line + i])
    for back in range(num_rows):
        i = num_rows - 1 - back
        line = pattern.line[i]
        entry = wp.cw_mul(change[i], factor[line + i])
        change[i] = entry
        for j in range(pattern.first[i], i):
            change[j] = change[j] - wp.cw_mul(factor[line + j], entry)
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        product = Lanes()
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            product += wp.cw_mul(value[k], change[pattern.row[k]])
        work.d_pull[g, n] = product
        work.dx[g, n] = wp.cw_mul(work.force[g, n] - product, work.weight[g, n])
