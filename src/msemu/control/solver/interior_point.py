"""The interior-point method of `msemu.control.solver.dense` as a kernel on sparse matrices.

One thread solves `LANES` problems side by side. What varies between them is data, not the course of the program, so
every number below is a vector of one number of each, and the compiler turns its operations into those of the processor.
"""

import warp as wp

from msemu.control.solver.dense import FINISHED, MIN_OBJECTIVE, TO_BOUNDARY
from msemu.control.solver.lanes import LANES, Lanes, choose, load, store
from msemu.control.solver.newton import (
    Pattern,
    Work,
    add_columns,
    begin_factor,
    factorize,
    newton_step,
    residual,
)

wp.set_module_options({"enable_backward": False})

_ABOVE_ZERO = wp.constant(wp.float64(1e-300))
_HALF = wp.constant(wp.float64(0.5))


@wp.func
def _begin(
    g: int,
    work: Work,
    values_in: wp.array2d(dtype=wp.float64),
    covariance_in: wp.array2d(dtype=wp.float64),
    target_in: wp.array2d(dtype=wp.float64),
    quadratic_in: wp.array2d(dtype=wp.float64),
    lower_in: wp.array2d(dtype=wp.float64),
    upper_in: wp.array2d(dtype=wp.float64),
    open_in: wp.array2d(dtype=wp.float64),
    start_in: wp.array2d(dtype=wp.float64),
    margin: wp.float64,
):
    """Put the problems of a group side by side, and the start within its bounds."""
    first = g * wp.static(LANES)
    for i in range(work.target.shape[1]):
        work.target[g, i] = load(target_in, first, i)
    for k in range(work.value.shape[1]):
        work.value[g, k] = load(values_in, first, k)
    for place in range(work.covariance.shape[1]):
        work.covariance[g, place] = load(covariance_in, first, place)
    num_open = wp.int32(0)
    for n in range(work.x.shape[1]):
        is_open = load(open_in, first, n)
        lower = load(lower_in, first, n)
        upper = load(upper_in, first, n)
        reach = margin * (upper - lower)
        within = wp.min(wp.max(load(start_in, first, n), lower + reach), upper - reach)
        work.x[g, n] = choose(is_open, within, lower)
        work.is_open[g, n] = is_open
        work.lower[g, n] = lower
        work.upper[g, n] = upper
        work.quadratic[g, n] = load(quadratic_in, first, n)
        if wp.max(is_open) > wp.float64(0.0):
            work.open_column[g, num_open] = n
            num_open += 1
    work.num_open[g] = num_open


@wp.func
def _start_multipliers(g: int, work: Work, margin: wp.float64, per_count: Lanes):
    """Multipliers that make the gradient of the Lagrangian zero, made positive."""
    least = Lanes()
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        gradient = work.pull[g, n] + wp.cw_mul(work.quadratic[g, n], work.x[g, n])
        least += wp.cw_mul(work.is_open[g, n], wp.max(gradient, -gradient))
    least = margin * wp.cw_mul(least, per_count) + Lanes(_ABOVE_ZERO)
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        gradient = work.pull[g, n] + wp.cw_mul(work.quadratic[g, n], work.x[g, n])
        work.below[g, n] = wp.max(gradient, Lanes()) + least
        work.above[g, n] = wp.max(-gradient, Lanes()) + least


@wp.func
def _linearize(g: int, work: Work, per_count: Lanes) -> Lanes:
    """Prepare the Newton matrix and the right-hand side without centring; return the mean complementarity."""
    center = Lanes()
    one = Lanes(wp.float64(1.0))
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        is_open = work.is_open[g, n]
        x = work.x[g, n]
        quadratic = work.quadratic[g, n]
        below = work.below[g, n]
        above = work.above[g, n]
        room_below = choose(is_open, x - work.lower[g, n], one)
        room_above = choose(is_open, work.upper[g, n] - x, one)
        per_room_below = wp.cw_div(one, room_below)
        per_room_above = wp.cw_div(one, room_above)
        diagonal = quadratic + wp.cw_mul(below, per_room_below) + wp.cw_mul(above, per_room_above)
        center += wp.cw_mul(is_open, wp.cw_mul(room_below, below) + wp.cw_mul(room_above, above))
        work.per_room_below[g, n] = per_room_below
        work.per_room_above[g, n] = per_room_above
        work.weight[g, n] = wp.cw_div(is_open, diagonal)
        work.force[g, n] = -work.pull[g, n] - wp.cw_mul(quadratic, x)
    return _HALF * wp.cw_mul(center, per_count)


@wp.func
def _step_lengths(g: int, work: Work):
    """How far the bounds let the unknowns, and their signs let the multipliers go without centring, 1 at most."""
    one = Lanes(wp.float64(1.0))
    block = one
    dual_block = one
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        to_lower = wp.cw_mul(work.dx[g, n], work.per_room_below[g, n])
        to_upper = wp.cw_mul(work.dx[g, n], work.per_room_above[g, n])
        block = wp.max(block, wp.max(-to_lower, to_upper))
        dual_block = wp.max(dual_block, one + wp.max(to_lower, -to_upper))
    return wp.cw_div(one, block), wp.cw_div(one, dual_block)


@wp.func
def _correct(g: int, work: Work, center: Lanes, per_count: Lanes):
    """See where the step would go without centring, and put centring and correction into `force`."""
    one = Lanes(wp.float64(1.0))
    length, dual_length = _step_lengths(g, work)
    reached = Lanes()
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        x = work.x[g, n]
        dx = work.dx[g, n]
        below = work.below[g, n]
        above = work.above[g, n]
        d_below = -wp.cw_mul(below, one + wp.cw_mul(dx, work.per_room_below[g, n]))
        d_above = -wp.cw_mul(above, one - wp.cw_mul(dx, work.per_room_above[g, n]))
        there = x + wp.cw_mul(length, dx)
        product = wp.cw_mul(there - work.lower[g, n], below + wp.cw_mul(dual_length, d_below))
        product += wp.cw_mul(work.upper[g, n] - there, above + wp.cw_mul(dual_length, d_above))
        reached += wp.cw_mul(work.is_open[g, n], product)
        work.to_below[g, n] = -wp.cw_mul(dx, d_below)
        work.to_above[g, n] = wp.cw_mul(dx, d_above)
    ratio = _HALF * wp.cw_div(wp.cw_mul(reached, per_count), center)
    wanted = wp.cw_mul(wp.cw_mul(ratio, wp.cw_mul(ratio, ratio)), center)
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        to_below = work.to_below[g, n] + wanted
        to_above = work.to_above[g, n] + wanted
        towards = wp.cw_mul(to_below, work.per_room_below[g, n]) - wp.cw_mul(to_above, work.per_room_above[g, n])
        work.force[g, n] = work.force[g, n] + towards
        work.to_below[g, n] = to_below
        work.to_above[g, n] = to_above


@wp.func
def _advance(g: int, work: Work, is_unfinished: Lanes) -> Lanes:
    """Do the corrected step in the lanes that are unfinished and finite, and return 1 for those, 0 for the others."""
    share = wp.float64(wp.static(TO_BOUNDARY))
    block = Lanes(share)
    dual_block = Lanes(share)
    total = Lanes()  # not finite if anything in it is not; the greatest would pass over such a number
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        dx = work.dx[g, n]
        below = work.below[g, n]
        above = work.above[g, n]
        is_open = work.is_open[g, n]
        per_room_below = work.per_room_below[g, n]
        per_room_above = work.per_room_above[g, n]
        d_below = wp.cw_mul(work.to_below[g, n] - wp.cw_mul(below, dx), per_room_below) - below
        d_above = wp.cw_mul(work.to_above[g, n] + wp.cw_mul(above, dx), per_room_above) - above
        d_below = wp.cw_mul(is_open, d_below)
        d_above = wp.cw_mul(is_open, d_above)
        block = wp.max(block, wp.max(-wp.cw_mul(dx, per_room_below), wp.cw_mul(dx, per_room_above)))
        dual_block = wp.max(dual_block, wp.max(-wp.cw_div(d_below, below), -wp.cw_div(d_above, above)))
        work.to_below[g, n] = d_below
        work.to_above[g, n] = d_above
        total += dx + d_below + d_above
    length = wp.cw_div(Lanes(share), block)
    dual_length = wp.cw_div(Lanes(share), dual_block)
    moves = is_unfinished
    for lane in range(wp.static(LANES)):
        if not wp.isfinite(total[lane]):
            moves[lane] = wp.float64(0.0)
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        x = work.x[g, n]
        pull = work.pull[g, n]
        below = work.below[g, n]
        above = work.above[g, n]
        work.x[g, n] = choose(moves, x + wp.cw_mul(length, work.dx[g, n]), x)
        work.pull[g, n] = choose(moves, pull + wp.cw_mul(length, work.d_pull[g, n]), pull)
        work.below[g, n] = choose(moves, below + wp.cw_mul(dual_length, work.to_below[g, n]), below)
        work.above[g, n] = choose(moves, above + wp.cw_mul(dual_length, work.to_above[g, n]), above)
    return moves


@wp.func
def _relative_gap(g: int, work: Work) -> Lanes:
    """Return the bound of `BoundedLeastSquares.relative_gap`, after `residual`."""
    objective = Lanes()
    bound = Lanes()
    for i in range(work.missing.shape[1]):
        square = _HALF * wp.cw_mul(work.missing[g, i], work.dual[g, i])
        objective += square
        bound -= wp.cw_mul(work.target[g, i], work.dual[g, i]) + square
    for index in range(work.num_open[g]):
        n = work.open_column[g, index]
        x = work.x[g, n]
        pull = work.pull[g, n]
        quadratic = work.quadratic[g, n]
        is_open = work.is_open[g, n]
        best = wp.min(wp.max(-wp.cw_div(pull, quadratic), work.lower[g, n]), work.upper[g, n])
        at_best = wp.cw_mul(best, pull + _HALF * wp.cw_mul(quadratic, best))
        objective += wp.cw_mul(is_open, _HALF * wp.cw_mul(quadratic, wp.cw_mul(x, x)))
        bound += wp.cw_mul(is_open, at_best)
    least = Lanes(wp.float64(wp.static(MIN_OBJECTIVE)))
    return wp.cw_div(objective - bound, objective + least)


@wp.kernel(enable_backward=False)
def solve(
    pattern: Pattern,
    iterations_in: int,
    margin_in: wp.float64,
    values_in: wp.array2d(dtype=wp.float64),
    covariance_in: wp.array2d(dtype=wp.float64),
    target_in: wp.array2d(dtype=wp.float64),
    quadratic_in: wp.array2d(dtype=wp.float64),
    lower_in: wp.array2d(dtype=wp.float64),
    upper_in: wp.array2d(dtype=wp.float64),
    open_in: wp.array2d(dtype=wp.float64),
    work: Work,
    x_out: wp.array2d(dtype=wp.float64),
    residual_out: wp.array2d(dtype=wp.float64),
    cost_out: wp.array2d(dtype=wp.float64),
    gap_out: wp.array2d(dtype=wp.float64),
):
    """Solve a group of problems; ``x_out`` holds the start."""
    g = wp.tid()
    one = Lanes(wp.float64(1.0))
    _begin(g, work, values_in, covariance_in, target_in, quadratic_in, lower_in, upper_in, open_in, x_out, margin_in)
    count = Lanes()
    for index in range(work.num_open[g]):
        count += work.is_open[g, work.open_column[g, index]]
    per_count = wp.cw_div(one, wp.max(count, one))
    residual(g, pattern, work)
    _start_multipliers(g, work, margin_in, per_count)
    moves = one
    finished = Lanes()
    for iteration in range(iterations_in):
        center = _linearize(g, work, per_count)
        if iteration == 0:
            finished = wp.float64(wp.static(FINISHED)) * center
        begin_factor(g, work)
        add_columns(g, pattern, work)
        factorize(g, pattern, work)
        newton_step(g, pattern, work)
        _correct(g, work, center, per_count)
        newton_step(g, pattern, work)
        moves = _advance(g, work, choose(center - finished, moves, Lanes()))
        if wp.max(moves) == wp.float64(0.0):
            break
    residual(g, pattern, work)
    first = g * wp.static(LANES)
    cost = Lanes()
    for i in range(work.missing.shape[1]):
        store(work.missing[g, i], residual_out, first, i)
        cost += wp.cw_mul(work.missing[g, i], work.dual[g, i])
    store(cost, cost_out, first, 0)
    for n in range(work.x.shape[1]):
        store(work.x[g, n], x_out, first, n)
    store(_relative_gap(g, work), gap_out, first, 0)
