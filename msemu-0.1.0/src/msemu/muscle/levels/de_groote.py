"""Force curves of De Groote and Fregly 2016 (doi 10.1007/s10439-016-1591-9), each with its slope.

The coefficients are those of OpenSim's DeGrooteFregly2016Muscle, which refined the published ones so that the curves
pass through 1 at optimal length and zero velocity and through 0 at slack length. Beyond the lengths for which they are
published, the exponentials go on as straight lines: stiff enough to stop the fiber, and finite in single precision.
The two steep curves come with their curvature.
"""

import math

import warp as wp

SHORTEST_FIBER = 0.2
"""Shortest normalized fiber length of the curves [-]."""
LONGEST_FIBER = 1.8
"""Normalized fiber length beyond which the passive force is linear [-]."""
GREATEST_TENDON_FORCE = 5.0
"""Tendon force beyond which the tendon is linear [F0]."""
TENDON_SCALE = 0.2
"""Factor of the tendon's exponential [F0]."""

_PASSIVE_STIFFNESS = 4.0 / 0.6  # exponential shape factor over the passive strain at F0
_PASSIVE_OFFSET = math.exp(_PASSIVE_STIFFNESS * (SHORTEST_FIBER - 1.0))
_PASSIVE_SCALE = 1.0 / (math.exp(4.0) - _PASSIVE_OFFSET)  # so that the force is 1 at length 1.6
_LAST_TENDON_EXPONENT = math.log(1.0 + GREATEST_TENDON_FORCE / TENDON_SCALE)


@wp.func
def _gaussian(length: float, height: float, center: float, width: float, width_slope: float):
    per_width = 1.0 / (width + width_slope * length)
    u = (length - center) * per_width
    value = height * wp.exp(-0.5 * u * u)
    return value, -value * u * (width + width_slope * center) * per_width * per_width


@wp.func
def active_force_length(length: float):
    """Active force [F0] at a normalized fiber length, and its slope: a sum of three Gaussian-like bumps."""
    first, first_slope = _gaussian(length, 0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465)
    second, second_slope = _gaussian(
        length, 0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188
    )
    third, third_slope = _gaussian(length, 0.1, 1.0, 0.353553390593274, 0.0)
    return first + second + third, first_slope + second_slope + third_slope


@wp.func
def force_velocity(velocity: float):
    """Factor of the active force [-] at a normalized velocity (lengthening is positive), its slope and curvature.

    Not negative: a fiber that shortens faster than its greatest speed bears no active force.
    """
    x = -8.149 * velocity - 0.374
    root = wp.sqrt(x * x + 1.0)
    # The logarithm of the absolute value: x + root would cancel in single precision for fast lengthening.
    inverse_hyperbolic_sine = wp.sign(x) * wp.log(wp.abs(x) + root)
    value = -0.3211346127989808 * inverse_hyperbolic_sine + 0.8825327733249912
    slope = 0.3211346127989808 * 8.149 / root
    if value < 0.0:
        return 0.0, 0.0, 0.0
    return value, slope, 8.149 * slope * x / (root * root)


@wp.func
def passive_force_length(length: float):
    """Passive force [F0] at a normalized fiber length, and its slope: exponential, 1 at a length of 1.6."""
    exponential = wp.exp(_PASSIVE_STIFFNESS * (wp.min(length, LONGEST_FIBER) - 1.0))
    slope = _PASSIVE_STIFFNESS * exponential * _PASSIVE_SCALE
    return (exponential - _PASSIVE_OFFSET) * _PASSIVE_SCALE + slope * wp.max(length - LONGEST_FIBER, 0.0), slope


@wp.func
def tendon_force(strain: float, stiffness: float):
    """Tendon force [F0] at a strain, its slope and curvature.

    Exponential from slack, 1 at the strain that gives ``stiffness``. Zero below slack, where the published curve goes
    on to negative values: a tendon does not push.
    """
    if strain <= 0.0:
        return 0.0, 0.0, 0.0
    x = stiffness * strain
    exponential = TENDON_SCALE * wp.exp(wp.min(x, _LAST_TENDON_EXPONENT))
    slope = stiffness * exponential
    if x > _LAST_TENDON_EXPONENT:
        return exponential * (1.0 + x - _LAST_TENDON_EXPONENT) - TENDON_SCALE, slope, 0.0
    return exponential - TENDON_SCALE, slope, stiffness * slope
