"""The muscle in double precision NumPy: the same equations as the kernels, written for reading and for tests.

All functions take arrays that broadcast against the table's columns, shape [..., M].
"""

from dataclasses import dataclass

import numpy as np

from msemu.muscle.parameters import MuscleParameters

_MIN_COSINE = 0.1
_SHORTEST, _LONGEST = 0.2, 1.8
_BISECTIONS = 80


@dataclass(frozen=True)
class ReferenceState:
    """A contraction; forces are along the tendon.

    Attributes:
        fiber_length: Fiber length [L0].
        fiber_velocity: Fiber velocity [vmax], positive when it lengthens.
        tendon_strain: Tendon strain [-].
        active_force: Active force [N].
        passive_force: Elastic and damping force [N].
    """

    fiber_length: np.ndarray
    fiber_velocity: np.ndarray
    tendon_strain: np.ndarray
    active_force: np.ndarray
    passive_force: np.ndarray

    @property
    def force(self) -> np.ndarray:
        """Total force [N]."""
        return self.active_force + self.passive_force


def mujoco_state(parameters: MuscleParameters, activation: np.ndarray, length: np.ndarray, velocity: np.ndarray):
    """Contraction of MuJoCo's muscle."""
    p = parameters
    fiber = (length - p.tendon_slack_length) / p.optimal_fiber_length
    speed = velocity / (p.optimal_fiber_length * p.max_contraction_velocity)
    below, above = 0.5 * (p.lmin + 1), 0.5 * (1 + p.lmax)
    force_length = np.select(
        [fiber <= p.lmin, fiber <= below, fiber <= 1, fiber <= above, fiber < p.lmax],
        [
            0 * fiber,
            0.5 * ((fiber - p.lmin) / (below - p.lmin)) ** 2,
            1 - 0.5 * ((1 - fiber) / (1 - below)) ** 2,
            1 - 0.5 * ((fiber - 1) / (above - 1)) ** 2,
            0.5 * ((p.lmax - fiber) / (p.lmax - above)) ** 2,
        ],
        0.0,
    )
    y = p.fvmax - 1
    force_velocity = np.select(
        [speed <= -1, speed <= 0, speed <= y],
        [0 * speed, (speed + 1) ** 2, p.fvmax - (y - speed) ** 2 / y],
        p.fvmax + 0 * speed,
    )
    passive_fiber = (length - p.passive_tendon_slack_length) / p.passive_optimal_fiber_length
    knee = 0.5 * (1 + p.passive_lmax)
    passive = p.fpmax * np.select(
        [passive_fiber <= 1, passive_fiber <= knee],
        [0 * passive_fiber, 0.5 * ((passive_fiber - 1) / (knee - 1)) ** 2],
        0.5 + (passive_fiber - knee) / (knee - 1),
    )
    return ReferenceState(
        fiber,
        speed,
        0 * fiber,
        p.max_isometric_force * activation * force_length * force_velocity,
        p.passive_max_isometric_force * passive,
    )


def active_force_length(length: np.ndarray) -> np.ndarray:
    """Active force [F0] of De Groote and Fregly 2016 at a normalized fiber length."""
    coefficients = (
        (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
        (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
        (0.1, 1.0, 0.353553390593274, 0.0),
    )
    bumps = [b1 * np.exp(-0.5 * (length - b2) ** 2 / (b3 + b4 * length) ** 2) for b1, b2, b3, b4 in coefficients]
    return np.sum(bumps, axis=0)


def force_velocity(velocity: np.ndarray) -> np.ndarray:
    """Factor of the active force [-] of De Groote and Fregly 2016 at a normalized velocity, not below 0."""
    d1, d2, d3, d4 = -0.3211346127989808, -8.149, -0.374, 0.8825327733249912
    return np.maximum(d1 * np.arcsinh(d2 * velocity + d3) + d4, 0.0)


def passive_force_length(length: np.ndarray) -> np.ndarray:
    """Passive force [F0] of De Groote and Fregly 2016 at a normalized fiber length, linear beyond 1.8."""
    k, e0 = 4.0, 0.6
    offset = np.exp(k * (_SHORTEST - 1) / e0)

    def curve(x: np.ndarray | float) -> np.ndarray:
        return (np.exp(k * (x - 1) / e0) - offset) / (np.exp(k) - offset)

    slope = k / e0 * np.exp(k * (_LONGEST - 1) / e0) / (np.exp(k) - offset)
    return np.where(
        length < _LONGEST, curve(np.minimum(length, _LONGEST)), curve(_LONGEST) + slope * (length - _LONGEST)
    )


def tendon_force(strain: np.ndarray, strain_at_one: np.ndarray) -> np.ndarray:
    """Tendon force [F0] of De Groote and Fregly 2016 at a strain, zero when slack, linear beyond 5."""
    c1, c3 = 0.2, 0.2
    stiffness = np.log((1 + c3) / c1) / strain_at_one
    last = np.log((5 + c3) / c1) / stiffness
    inner = c1 * np.exp(stiffness * np.clip(strain, 0.0, last)) - c3
    return inner + c1 * stiffness * np.exp(stiffness * last) * np.maximum(strain - last, 0.0)


def rigid_fiber_length(parameters: MuscleParameters, length: np.ndarray) -> np.ndarray:
    """Fiber length [L0] with a rigid tendon, for a muscle-tendon length [m]."""
    width = np.sin(parameters.pennation_angle)
    projection = (length - parameters.tendon_slack_length) / parameters.optimal_fiber_length
    return np.hypot(np.maximum(projection, _projection(_shortest(width), width)), width)


def rigid_state(parameters: MuscleParameters, activation: np.ndarray, length: np.ndarray, velocity: np.ndarray):
    """Contraction with a rigid tendon."""
    p = parameters
    fiber = rigid_fiber_length(p, length)
    cosine = np.sqrt(1 - (np.sin(p.pennation_angle) / fiber) ** 2)
    speed = velocity * cosine / (p.optimal_fiber_length * p.max_contraction_velocity)
    active = p.max_isometric_force * cosine * activation * active_force_length(fiber) * force_velocity(speed)
    passive = p.max_isometric_force * cosine * (passive_force_length(fiber) + p.fiber_damping * speed)
    return ReferenceState(fiber, speed, 0 * fiber, active, np.maximum(passive, -active))


def elastic_step(
    parameters: MuscleParameters,
    activation: np.ndarray,
    length: np.ndarray,
    velocity: np.ndarray,
    dt: float,
    previous_fiber: np.ndarray,
) -> ReferenceState:
    """One backward Euler step ``dt`` [s] of the fiber from its previous length [L0], solved by bisection.

    Activation, muscle-tendon length [m] and speed [m/s] are those at the end of the step; tendons that are too short to
    be elastic are rigid.
    """

    def fiber_velocity(fiber: np.ndarray) -> np.ndarray:
        return (fiber - previous_fiber) / (dt * parameters.max_contraction_velocity)

    high = np.maximum(rigid_fiber_length(parameters, length), previous_fiber)
    elastic = _balanced(parameters, activation, length, fiber_velocity, high)
    return _rigid_where_short(parameters, elastic, rigid_state(parameters, activation, length, velocity))


def elastic_equilibrium(parameters: MuscleParameters, activation: np.ndarray, length: np.ndarray, velocity: np.ndarray):
    """Contraction with an elastic tendon that keeps its length, the fiber no faster than its greatest speed."""
    p = parameters

    def fiber_velocity(fiber: np.ndarray) -> np.ndarray:
        cosine = _projection(fiber, np.sin(p.pennation_angle)) / fiber
        return np.clip(velocity * cosine / (p.optimal_fiber_length * p.max_contraction_velocity), -1, 1)

    elastic = _balanced(p, activation, length, fiber_velocity, rigid_fiber_length(p, length))
    return _rigid_where_short(p, elastic, rigid_state(p, activation, length, velocity))


def mujoco_activation_rate(parameters: MuscleParameters, excitation: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Rate of activation [1/s] of MuJoCo's muscle."""
    p = parameters
    gap = np.clip(excitation, 0, 1) - activation
    factor = 0.5 + 1.5 * np.clip(activation, 0, 1)
    rising, falling = p.activation_time * factor, p.deactivation_time / factor
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.clip(np.where(p.activation_smoothing > 0, gap / p.activation_smoothing + 0.5, gap > 0), 0, 1)
    return gap / (falling + (rising - falling) * (6 * x**5 - 15 * x**4 + 10 * x**3))


def de_groote_activation_rate(
    parameters: MuscleParameters, excitation: np.ndarray, activation: np.ndarray
) -> np.ndarray:
    """Rate of activation [1/s] of De Groote and Fregly 2016."""
    gap = np.clip(excitation, 0, 1) - activation
    f = 0.5 * np.tanh(0.1 * gap)
    z = 0.5 + 1.5 * np.clip(activation, 0, 1)
    return ((f + 0.5) / (parameters.activation_time * z) + (0.5 - f) * z / parameters.deactivation_time) * gap


def _shortest(width: np.ndarray) -> np.ndarray:
    return np.maximum(_SHORTEST, width / np.sqrt(1 - _MIN_COSINE**2))


def _projection(fiber: np.ndarray, width: np.ndarray) -> np.ndarray:
    return np.sqrt(fiber**2 - width**2)


def _strain(parameters: MuscleParameters, length: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    tendon = length - parameters.optimal_fiber_length * _projection(fiber, np.sin(parameters.pennation_angle))
    return tendon / parameters.tendon_slack_length - 1


def _imbalance(parameters: MuscleParameters, activation, length, fiber, velocity) -> np.ndarray:
    """Tendon minus fiber force [F0]."""
    cosine = _projection(fiber, np.sin(parameters.pennation_angle)) / fiber
    fiber_force = (
        activation * active_force_length(fiber) * force_velocity(velocity)
        + passive_force_length(fiber)
        + parameters.fiber_damping * velocity
    )
    return tendon_force(_strain(parameters, length, fiber), parameters.tendon_strain) - cosine * fiber_force


def _balanced(parameters: MuscleParameters, activation, length, fiber_velocity, high: np.ndarray) -> ReferenceState:
    """Contraction whose fiber, between its shortest length and ``high``, is in balance with the tendon."""
    p = parameters
    with np.errstate(all="ignore"):  # a tendon that is taken as rigid may have no length
        low = np.broadcast_to(_shortest(np.sin(p.pennation_angle)), high.shape)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            is_low = _imbalance(p, activation, length, middle, fiber_velocity(middle)) > 0
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        fiber = 0.5 * (low + high)
        velocity, strain = fiber_velocity(fiber), _strain(p, length, fiber)
        cosine = _projection(fiber, np.sin(p.pennation_angle)) / fiber
        active = p.max_isometric_force * cosine * activation * active_force_length(fiber) * force_velocity(velocity)
        tendon = p.max_isometric_force * tendon_force(strain, p.tendon_strain)
        return ReferenceState(fiber, velocity, strain, active, tendon - active)


def _rigid_where_short(parameters: MuscleParameters, elastic: ReferenceState, rigid: ReferenceState) -> ReferenceState:
    pairs = zip(vars(elastic).values(), vars(rigid).values(), strict=True)
    return ReferenceState(*(np.where(parameters.has_rigid_tendon, short, long) for long, short in pairs))
