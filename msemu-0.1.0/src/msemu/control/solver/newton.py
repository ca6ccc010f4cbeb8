"""Products with a sparse matrix A and Newton steps, for several problems side by side."""

import warp as wp

from msemu.control.solver.lanes import Lanes, square_root

wp.set_module_options({"enable_backward": False})


@wp.struct
class Pattern:
    """Where A is not zero, by columns, and the envelope of the lower triangle of ``S + A A^T``, by rows."""

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
    covariance: wp.array2d(dtype=Lanes)  # entries of S in the envelope
    target: wp.array2d(dtype=Lanes)
    quadratic: wp.array2d(dtype=Lanes)
    lower: wp.array2d(dtype=Lanes)
    upper: wp.array2d(dtype=Lanes)
    is_open: wp.array2d(dtype=Lanes)  # 1 or 0
    x: wp.array2d(dtype=Lanes)
    pull: wp.array2d(dtype=Lanes)  # A^T S^-1 (A x - b)
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
    missing: wp.array2d(dtype=Lanes)  # A x - b, shape [G, D]
    dual: wp.array2d(dtype=Lanes)  # S^-1 times that, or times A dx, shape [G, D]
    factor: wp.array2d(dtype=Lanes)  # entries of the envelope; on the diagonal their reciprocals


@wp.func
def residual(g: int, pattern: Pattern, work: Work):
    """Put ``A x - b`` into `missing`, ``S^-1 (A x - b)`` into `dual` and ``A^T`` times that into `pull`."""
    value = work.value[g]
    x = work.x[g]
    missing = work.missing[g]
    for i in range(missing.shape[0]):
        missing[i] = -work.target[g, i]
    for n in range(x.shape[0]):
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            missing[pattern.row[k]] = missing[pattern.row[k]] + wp.cw_mul(value[k], x[n])
    for i in range(missing.shape[0]):
        work.dual[g, i] = missing[i]
    begin_factor(g, work)
    factorize(g, pattern, work)
    solve_factored(g, pattern, work)
    for n in range(x.shape[0]):
        work.pull[g, n] = _times_dual(g, n, pattern, work)


@wp.func
def begin_factor(g: int, work: Work):
    """Put S into the envelope."""
    for place in range(work.factor.shape[1]):
        work.factor[g, place] = work.covariance[g, place]


@wp.func
def add_columns(g: int, pattern: Pattern, work: Work):
    """Add ``A diagonal^-1 A^T`` to the envelope."""
    value = work.value[g]
    factor = work.factor[g]
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


@wp.func
def factorize(g: int, pattern: Pattern, work: Work):
    """Replace a matrix by its Cholesky factor, within the envelope."""
    factor = work.factor[g]
    for i in range(pattern.first.shape[0]):
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
def solve_factored(g: int, pattern: Pattern, work: Work):
    """Replace `dual` by the factorized matrix's inverse times it."""
    factor = work.factor[g]
    dual = work.dual[g]
    num_rows = pattern.first.shape[0]
    for i in range(num_rows):
        line = pattern.line[i]
        entry = dual[i]
        for j in range(pattern.first[i], i):
            entry -= wp.cw_mul(factor[line + j], dual[j])
        dual[i] = wp.cw_mul(entry, factor[line + i])
    for back in range(num_rows):
        i = num_rows - 1 - back
        line = pattern.line[i]
        entry = wp.cw_mul(dual[i], factor[line + i])
        dual[i] = entry
        for j in range(pattern.first[i], i):
            dual[j] = dual[j] - wp.cw_mul(factor[line + j], entry)


@wp.func
def _times_dual(g: int, n: int, pattern: Pattern, work: Work) -> Lanes:
    """Return an entry of ``A^T dual``."""
    product = Lanes()
    for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
        product += wp.cw_mul(work.value[g, k], work.dual[g, pattern.row[k]])
    return product


@wp.func
def newton_step(g: int, pattern: Pattern, work: Work):
    """Solve ``(A^T S^-1 A + diagonal) dx = force`` with the factor of ``S + A diagonal^-1 A^T``."""
    value = work.value[g]
    dual = work.dual[g]
    for i in range(dual.shape[0]):
        dual[i] = Lanes()
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        share = wp.cw_mul(work.force[g, n], work.weight[g, n])
        for k in range(pattern.column_start[n], pattern.column_start[n + 1]):
            dual[pattern.row[k]] = dual[pattern.row[k]] + wp.cw_mul(value[k], share)
    solve_factored(g, pattern, work)
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        product = _times_dual(g, n, pattern, work)
        work.d_pull[g, n] = product
        work.dx[g, n] = wp.cw_mul(work.force[g, n] - product, work.weight[g, n])
