"""Force curves of MuJoCo's muscle: piecewise quadratic (mujoco.readthedocs.io, "Muscle actuators")."""

import warp as wp

from msemu.muscle import in_numpy
from msemu.muscle.levels import Functions
from msemu.muscle.records import Contraction, Muscle


@wp.func
def active_force_length(length: float, lmin: float, lmax: float) -> float:
    """Active force [F0] at a normalized fiber length: a bump on (lmin, lmax) with its peak at 1."""
    if length <= lmin or length >= lmax:
        return 0.0
    # Distance from the peak, 0 to 1 on either side; the curve turns from convex to concave half way.
    x = wp.where(length <= 1.0, (1.0 - length) / (1.0 - lmin), (length - 1.0) / (lmax - 1.0))
    if x < 0.5:
        return 1.0 - 2.0 * x * x
    return 2.0 * (1.0 - x) * (1.0 - x)


@wp.func
def force_velocity(velocity: float, fvmax: float) -> float:
    """Factor of the active force [-] at a normalized velocity (lengthening is positive)."""
    if velocity <= -1.0:
        return 0.0
    if velocity <= 0.0:
        return (velocity + 1.0) * (velocity + 1.0)
    y = fvmax - 1.0
    if velocity <= y:
        return fvmax - (y - velocity) * (y - velocity) / y
    return fvmax


@wp.func
def passive_force_length(length: float, lmax: float, fpmax: float) -> float:
    """Passive force [F0] at a normalized fiber length: quadratic from 1, linear beyond half way to lmax."""
    half = 0.5 * (lmax - 1.0)
    x = (length - 1.0) / half
    if x <= 0.0:
        return 0.0
    if x <= 1.0:
        return 0.5 * fpmax * x * x
    return fpmax * (x - 0.5)


@wp.func
def mujoco_contraction(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """Contraction of MuJoCo's muscle (mujoco.readthedocs.io, "Muscle actuators").

    The active and the passive part normalize the length by fiber and tendon lengths of their own.
    """
    length = (muscle_length - muscle.tendon_slack_length) / muscle.optimal_fiber_length
    velocity = muscle_velocity / (muscle.optimal_fiber_length * muscle.max_contraction_velocity)
    passive_length = (muscle_length - muscle.passive_tendon_slack_length) / muscle.passive_optimal_fiber_length
    state = Contraction()
    state.fiber_length = length
    state.fiber_velocity = velocity
    state.active_force = (
        muscle.max_isometric_force
        * activation
        * active_force_length(length, muscle.lmin, muscle.lmax)
        * force_velocity(velocity, muscle.fvmax)
    )
    state.passive_force = muscle.passive_max_isometric_force * passive_force_length(
        passive_length, muscle.passive_lmax, muscle.fpmax
    )
    return state


FUNCTIONS = Functions(mujoco_contraction, in_numpy.mujoco_state)
