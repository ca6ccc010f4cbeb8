"""Activation dynamics: how fast a muscle follows its excitation."""

import warp as wp

from msemu.muscle.records import Muscle

_MUJOCO = 0
"""Place in `msemu.schema.ACTIVATION_DYNAMICS`; the other one is that of De Groote."""

_DE_GROOTE_STEEPNESS = 0.1


@wp.func
def mujoco_activation_rate(
    excitation: float, activation: float, activation_time: float, deactivation_time: float, smoothing: float
) -> float:
    """Rate of activation [1/s] of MuJoCo's muscle (mujoco.readthedocs.io, "Muscle actuators").

    The time constants depend on activation after Millard et al. 2013 (doi 10.1115/1.4023390). Above a ``smoothing`` of
    zero, they are blended by a quintic over that width of excitation minus activation.
    """
    level = wp.clamp(activation, 0.0, 1.0)
    gap = wp.clamp(excitation, 0.0, 1.0) - activation
    rising = activation_time * (0.5 + 1.5 * level)
    falling = deactivation_time / (0.5 + 1.5 * level)
    time = wp.where(gap > 0.0, rising, falling)
    if smoothing > 0.0:
        x = wp.clamp(gap / smoothing + 0.5, 0.0, 1.0)
        time = falling + (rising - falling) * x * x * x * (x * (6.0 * x - 15.0) + 10.0)
    return gap / time


@wp.func
def de_groote_activation_rate(
    excitation: float, activation: float, activation_time: float, deactivation_time: float
) -> float:
    """Rate of activation [1/s] after De Groote and Fregly 2016 (doi 10.1007/s10439-016-1591-9), equations 1 and 2."""
    gap = wp.clamp(excitation, 0.0, 1.0) - activation
    f = 0.5 * wp.tanh(_DE_GROOTE_STEEPNESS * gap)
    z = 0.5 + 1.5 * wp.clamp(activation, 0.0, 1.0)
    return ((f + 0.5) / (activation_time * z) + (0.5 - f) * z / deactivation_time) * gap


@wp.func
def activation_rate(muscle: Muscle, dynamics: int, excitation: float, activation: float) -> float:
    """Rate of activation [1/s] by the dynamics at a place in `msemu.schema.ACTIVATION_DYNAMICS`."""
    if dynamics == _MUJOCO:
        return mujoco_activation_rate(
            excitation, activation, muscle.activation_time, muscle.deactivation_time, muscle.activation_smoothing
        )
    return de_groote_activation_rate(excitation, activation, muscle.activation_time, muscle.deactivation_time)
