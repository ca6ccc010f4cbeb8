"""Level ``mujoco``: MuJoCo's muscle, a rigid tendon without pennation."""

import warp as wp

from msemu.muscle.curves_mujoco import active_force_length, force_velocity, passive_force_length
from msemu.muscle.records import Contraction, Muscle


@wp.func
def mujoco_contraction(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """Contraction of MuJoCo's muscle (mujoco.readthedocs.io, "Muscle actuators").

    The active and the passive part normalise the length by fibre and tendon lengths of their own.
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
