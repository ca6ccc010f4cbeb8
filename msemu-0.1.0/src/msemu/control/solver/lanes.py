"""Numbers of several problems side by side, which a processor computes with one instruction."""

import warp as wp

wp.set_module_options({"enable_backward": False})

LANES = 16
"""Problems side by side: doubles in two of the widest vector registers, which shares the cost of finding them."""

Lanes = wp.types.vector(length=LANES, dtype=wp.float64)
"""One number of each problem."""


@wp.func
def load(source: wp.array2d(dtype=wp.float64), first: int, column: int) -> Lanes:
    """One column of the rows from ``first`` on; the last row stands in for those after it."""
    lanes = Lanes()
    for lane in range(wp.static(LANES)):
        lanes[lane] = source[wp.min(first + lane, source.shape[0] - 1), column]
    return lanes


@wp.func
def store(lanes: Lanes, target: wp.array2d(dtype=wp.float64), first: int, column: int):
    """Write to the rows from ``first`` on that are there."""
    for lane in range(wp.static(LANES)):
        if first + lane < target.shape[0]:
            target[first + lane, column] = lanes[lane]


@wp.func
def choose(condition: Lanes, true: Lanes, false: Lanes) -> Lanes:
    """Return ``true`` in the lanes whose ``condition`` is positive, else ``false``, which may be no number."""
    lanes = Lanes()
    for lane in range(wp.static(LANES)):
        lanes[lane] = wp.where(condition[lane] > wp.float64(0.0), true[lane], false[lane])
    return lanes


@wp.func
def square_root(lanes: Lanes) -> Lanes:
    """Return the square root of each lane."""
    roots = Lanes()
    for lane in range(wp.static(LANES)):
        roots[lane] = wp.sqrt(lanes[lane])
    return roots
