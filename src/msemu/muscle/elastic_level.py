"""Level ``elastic``: a pennate, damped fibre in equilibrium with an elastic tendon.

The damped-equilibrium model of Millard et al. 2013 (doi 10.1115/1.4023390) with De Groote and Fregly's curves. The
normalised fibre length l is the state, and its velocity v follows from the balance of forces along the tendon::

    tendon_force(strain) = cosine * (activation * active(l) * velocity_factor(v) + passive(l) + damping * v)

One backward Euler step puts ``v = (l - previous l) / (dt vmax)`` into the balance and solves for l. The tendon's side
falls with l and the fibre's side grows, so the root is bracketed; the damping keeps it so at rest, where the explicit
model is stiff (2800/s) or singular.
"""

import warp as wp

from msemu.muscle.curves_degroote import active_force_length, force_velocity, passive_force_length, tendon_force
from msemu.muscle.records import Contraction, Muscle
from msemu.muscle.rigid_level import rigid_contraction

MAX_ITERATIONS = 20
"""Bound of the iterations of a step; about three are usual."""
TOLERANCE = 2.0e-7
"""The iteration ends after a step shorter than this [L0], which is about what single precision resolves."""
EQUILIBRIUM_BISECTIONS = 26
"""Halvings of the bracket of an equilibrium, down to the resolution of single precision."""


@wp.func
def _projection(length: float, width: float) -> float:
    return wp.sqrt(length * length - width * width)


@wp.func
def _tendon_strain(muscle: Muscle, muscle_length: float, previous_length: float, change: float) -> float:
    """Return the strain of the tendon; in double precision, because it is a small difference of lengths."""
    length = wp.float64(previous_length) + wp.float64(change)
    width = wp.float64(muscle.width)
    fiber = wp.float64(muscle.optimal_fiber_length) * wp.sqrt(length * length - width * width)
    slack = wp.float64(muscle.tendon_slack_length)
    return float((wp.float64(muscle_length) - fiber - slack) / slack)


@wp.func
def _taut_length(muscle: Muscle, muscle_length: float) -> float:
    """Return the fibre length [L0] at which the tendon is just slack."""
    projection = wp.max((muscle_length - muscle.tendon_slack_length) / muscle.optimal_fiber_length, 0.0)
    return wp.max(wp.sqrt(projection * projection + muscle.width * muscle.width), muscle.shortest_fiber)


@wp.func
def _imbalance(
    muscle: Muscle,
    activation: float,
    muscle_length: float,
    previous_length: float,
    change: float,
    velocity: float,
    rate: float,
):
    """Tendon minus fibre force [F0] and its slope, where the velocity grows with the change of length at ``rate``."""
    length = previous_length + change
    cosine = _projection(length, muscle.width) / length
    strain = _tendon_strain(muscle, muscle_length, previous_length, change)
    tendon, tendon_slope = tendon_force(strain, muscle.tendon_stiffness)
    active, active_slope = active_force_length(length)
    factor, factor_slope = force_velocity(velocity)
    passive, passive_slope = passive_force_length(length)
    fiber = activation * active * factor + passive + muscle.fiber_damping * velocity
    fiber_slope = activation * (active_slope * factor + active * factor_slope * rate)
    fiber_slope += passive_slope + muscle.fiber_damping * rate
    tendon_slope *= -muscle.optimal_fiber_length / (muscle.tendon_slack_length * cosine)
    cosine_slope = (1.0 - cosine * cosine) / (length * cosine)
    return tendon - cosine * fiber, tendon_slope - cosine * fiber_slope - cosine_slope * fiber


@wp.func
def _contraction(
    muscle: Muscle, activation: float, muscle_length: float, previous_length: float, change: float, velocity: float
) -> Contraction:
    """Return the contraction whose total force is the tendon's."""
    strain = _tendon_strain(muscle, muscle_length, previous_length, change)
    tendon, _tendon_slope = tendon_force(strain, muscle.tendon_stiffness)
    length = previous_length + change
    active, _active_slope = active_force_length(length)
    factor, _factor_slope = force_velocity(velocity)
    cosine = _projection(length, muscle.width) / length
    state = Contraction()
    state.fiber_length = length
    state.fiber_velocity = velocity
    state.tendon_strain = strain
    state.active_force = muscle.max_isometric_force * cosine * activation * active * factor
    state.passive_force = muscle.max_isometric_force * tendon - state.active_force
    return state


@wp.func
def elastic_contraction(
    muscle: Muscle,
    activation: float,
    muscle_length: float,
    muscle_velocity: float,
    dt: float,
    previous_length: float,
    previous_velocity: float,
) -> Contraction:
    """Step the fibre to the instant of ``muscle_length``, ``dt`` after ``previous_length``.

    Newton's method starts from the previous velocity; an iterate outside the bracket gives way to the bracket's middle.
    """
    if muscle.has_rigid_tendon != 0:
        return rigid_contraction(muscle, activation, muscle_length, muscle_velocity)

    # The unknown is the change of length: the velocity is then free of cancellation.
    rate = 1.0 / (dt * muscle.max_contraction_velocity)
    low = muscle.shortest_fiber - previous_length
    high = wp.max(_taut_length(muscle, muscle_length) - previous_length, 0.0)
    change = wp.clamp(previous_velocity / rate, low, high)
    for _iteration in range(MAX_ITERATIONS):
        imbalance, slope = _imbalance(muscle, activation, muscle_length, previous_length, change, change * rate, rate)
        if imbalance > 0.0:
            low = change
        else:
            high = change
        newton = change - imbalance / slope
        step = wp.abs(newton - change)
        if not (newton >= low and newton <= high):
            newton = 0.5 * (low + high)
            step = high - low
        change = newton
        if step < TOLERANCE:
            break
    return _contraction(muscle, activation, muscle_length, previous_length, change, change * rate)


@wp.func
def elastic_equilibrium(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """Contraction in which the tendon has its length for good: the fibre takes all of the velocity.

    The velocity is limited to the greatest shortening and lengthening speed, beyond which the tendon must give.
    """
    if muscle.has_rigid_tendon != 0:
        return rigid_contraction(muscle, activation, muscle_length, muscle_velocity)

    speed = muscle_velocity / (muscle.optimal_fiber_length * muscle.max_contraction_velocity)
    low = muscle.shortest_fiber
    high = _taut_length(muscle, muscle_length)
    for _iteration in range(EQUILIBRIUM_BISECTIONS):
        length = 0.5 * (low + high)
        velocity = wp.clamp(speed * _projection(length, muscle.width) / length, -1.0, 1.0)
        imbalance, _slope = _imbalance(muscle, activation, muscle_length, length, 0.0, velocity, 0.0)
        if imbalance > 0.0:
            low = length
        else:
            high = length
    length = 0.5 * (low + high)
    velocity = wp.clamp(speed * _projection(length, muscle.width) / length, -1.0, 1.0)
    return _contraction(muscle, activation, muscle_length, length, 0.0, velocity)
