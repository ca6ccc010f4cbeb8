"""Level ``elastic``: a pennate, damped fiber in equilibrium with an elastic tendon.

The damped-equilibrium model of Millard et al. 2013 (doi 10.1115/1.4023390) with De Groote and Fregly's curves. The
normalized fiber length l is the state, and its velocity v follows from the balance of forces along the tendon::

    tendon_force(strain) = cosine * (activation * active(l) * velocity_factor(v) + passive(l) + damping * v)

One backward Euler step puts ``v = (l - previous l) / (dt vmax)`` into the balance and solves for l. The tendon's side
falls with l and the fiber's side grows, so the root is bracketed; the damping keeps it so at rest, where the explicit
model is stiff (2800/s) or singular.
"""

import warp as wp

from msemu.muscle import in_numpy
from msemu.muscle.levels import Functions
from msemu.muscle.levels.de_groote import active_force_length, force_velocity, passive_force_length, tendon_force
from msemu.muscle.levels.rigid import rigid_contraction
from msemu.muscle.records import Contraction, Muscle

MAX_ITERATIONS = 20
"""Bound of the iterations of a step; one or two are usual."""
_SMALLEST_STEP = 2.0e-7
"""Step of the fiber length [L0] that is about what single precision resolves."""
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
    """Return the fiber length [L0] at which the tendon is just slack."""
    projection = wp.max((muscle_length - muscle.tendon_slack_length) / muscle.optimal_fiber_length, 0.0)
    return wp.max(wp.sqrt(projection * projection + muscle.width * muscle.width), muscle.shortest_fiber)


@wp.struct
class _Balance:
    """Forces along the tendon at one fiber length [F0], how they grow with it [F0/L0] and bend [F0/L0^2].

    The curvature is that of the two steep curves, the tendon's and the force-velocity curve.
    """

    imbalance: float  # tendon minus fiber
    imbalance_slope: float
    tendon: float
    tendon_slope: float
    tendon_curvature: float
    active: float
    active_slope: float
    active_curvature: float
    strain: float  # of the tendon [-]
    strain_slope: float


@wp.func
def _balance(
    muscle: Muscle,
    activation: float,
    muscle_length: float,
    previous_length: float,
    change: float,
    velocity: float,
    rate: float,
) -> _Balance:
    """Return the forces, where the velocity grows with the change of length at ``rate``."""
    length = previous_length + change
    cosine = _projection(length, muscle.width) / length
    cosine_slope = (1.0 - cosine * cosine) / (length * cosine)
    active, active_slope = active_force_length(length)
    factor, factor_slope, factor_curvature = force_velocity(velocity)
    passive, passive_slope = passive_force_length(length)
    passive += muscle.fiber_damping * velocity
    passive_slope += muscle.fiber_damping * rate

    at = _Balance()
    at.strain = _tendon_strain(muscle, muscle_length, previous_length, change)
    at.strain_slope = -muscle.optimal_fiber_length / (muscle.tendon_slack_length * cosine)
    tendon, tendon_slope, tendon_curvature = tendon_force(at.strain, muscle.tendon_stiffness)
    at.tendon = tendon
    at.tendon_slope = tendon_slope * at.strain_slope
    at.tendon_curvature = tendon_curvature * at.strain_slope * at.strain_slope
    strength = cosine * activation * active
    at.active = strength * factor
    at.active_slope = strength * factor_slope * rate
    at.active_slope += activation * factor * (cosine * active_slope + cosine_slope * active)
    at.active_curvature = strength * factor_curvature * rate * rate
    at.imbalance = at.tendon - at.active - cosine * passive
    at.imbalance_slope = at.tendon_slope - at.active_slope - cosine * passive_slope - cosine_slope * passive
    return at


@wp.func
def _halley_step(at: _Balance) -> float:
    """Return the step of Halley's method towards the balance [L0]."""
    newton = -at.imbalance / at.imbalance_slope
    return newton / (1.0 + 0.5 * newton * (at.tendon_curvature - at.active_curvature) / at.imbalance_slope)


@wp.func
def _after(value: float, slope: float, curvature: float, step: float) -> float:
    return value + step * (slope + 0.5 * step * curvature)


@wp.func
def _contraction(muscle: Muscle, at: _Balance, length: float, velocity: float, step: float) -> Contraction:
    """Return the contraction a small ``step`` [L0] beside a balance; its total force is the tendon's."""
    tendon = wp.max(_after(at.tendon, at.tendon_slope, at.tendon_curvature, step), 0.0)
    active = _after(at.active, at.active_slope, at.active_curvature, step)
    state = Contraction()
    state.fiber_length = length
    state.fiber_velocity = velocity
    state.tendon_strain = at.strain + step * at.strain_slope
    state.active_force = muscle.max_isometric_force * active
    state.passive_force = muscle.max_isometric_force * tendon - state.active_force
    return state


@wp.func
def _small_step(muscle: Muscle, at: _Balance, step: float) -> float:
    """Return the step [L0] after which the next one would be lost in single precision.

    The error is of third order where both curves are smooth on the way; not across the tendon's corner at slack or
    that of the force-velocity curve at the greatest speed, beyond which there is no active force.
    """
    strain_after = at.strain + step * at.strain_slope
    active_after = at.active + step * at.active_slope
    is_smooth = at.strain * strain_after > 0.0 and at.active * active_after > 0.0
    return wp.where(is_smooth, muscle.small_step, _SMALLEST_STEP)


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
    """Step the fiber to the instant of ``muscle_length``, ``dt`` after ``previous_length``.

    Halley's method starts from the previous velocity; an iterate outside the bracket gives way to the bracket's
    middle. The forces follow the last, small step along their parabolas.
    """
    if muscle.has_rigid_tendon != 0:
        return rigid_contraction(muscle, activation, muscle_length, muscle_velocity)

    # The unknown is the change of length: the velocity is then free of cancellation.
    rate = 1.0 / (dt * muscle.max_contraction_velocity)
    low = muscle.shortest_fiber - previous_length
    high = wp.max(_taut_length(muscle, muscle_length) - previous_length, 0.0)
    change = wp.clamp(previous_velocity / rate, low, high)
    step = wp.float32(0.0)
    at = _Balance()
    for _iteration in range(MAX_ITERATIONS):
        at = _balance(muscle, activation, muscle_length, previous_length, change, change * rate, rate)
        if at.imbalance > 0.0:
            low = change
        else:
            high = change
        step = _halley_step(at)
        small_step = _small_step(muscle, at, step)
        if not (change + step >= low and change + step <= high):
            step = 0.5 * (low + high) - change
            small_step = _SMALLEST_STEP
        change += step
        if wp.abs(step) < small_step:
            break
    return _contraction(muscle, at, previous_length + change, change * rate, step)


@wp.func
def elastic_equilibrium(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """Contraction in which the tendon has its length for good: the fiber takes all of the velocity.

    The velocity is limited to the greatest shortening and lengthening speed, beyond which the tendon must give.
    """
    if muscle.has_rigid_tendon != 0:
        return rigid_contraction(muscle, activation, muscle_length, muscle_velocity)

    speed = muscle_velocity / (muscle.optimal_fiber_length * muscle.max_contraction_velocity)
    low = muscle.shortest_fiber
    high = _taut_length(muscle, muscle_length)
    length = low
    velocity = wp.float32(0.0)
    at = _Balance()
    for _iteration in range(EQUILIBRIUM_BISECTIONS):
        length = 0.5 * (low + high)
        velocity = wp.clamp(speed * _projection(length, muscle.width) / length, -1.0, 1.0)
        at = _balance(muscle, activation, muscle_length, length, 0.0, velocity, 0.0)
        if at.imbalance > 0.0:
            low = length
        else:
            high = length
    return _contraction(muscle, at, length, velocity, 0.0)


FUNCTIONS = Functions(
    elastic_equilibrium,
    in_numpy.elastic_equilibrium,
    step=elastic_contraction,
    step_in_numpy=in_numpy.elastic_step,
    tendon_in_numpy=in_numpy.tendon_force,
)
