"""Signal-dependent motor noise: the stronger the command, the larger its random part.

The standard deviation is proportional to the excitation (Harris and Wolpert 1998, doi 10.1038/29528). The noise is an
Ornstein-Uhlenbeck process, so that its effect does not depend on the time step.
"""

import warp as wp


@wp.struct
class MotorNoise:
    """Multiplicative noise; off when `enabled` is zero."""

    enabled: int
    decay: float  # correlation from one step to the next, exp(-dt / correlation time) [-]
    amplitude: wp.array(dtype=float)  # standard deviation over excitation, shape [E]
    value: wp.array2d(dtype=float)  # the process, of unit variance, shape [E, M]
    random_state: wp.array2d(dtype=wp.uint32)  # shape [E, M]


@wp.func
def add_motor_noise(noise: MotorNoise, worldid: int, muscleid: int, excitation: float) -> float:
    """Advance the process by a step and return the noisy excitation, in [0, 1]."""
    if noise.enabled == 0:
        return excitation
    random_state = noise.random_state[worldid, muscleid]
    innovation = wp.sqrt(1.0 - noise.decay * noise.decay) * wp.randn(random_state)
    value = noise.decay * noise.value[worldid, muscleid] + innovation
    noise.random_state[worldid, muscleid] = random_state
    noise.value[worldid, muscleid] = value
    return wp.clamp(excitation * (1.0 + noise.amplitude[worldid] * value), 0.0, 1.0)


@wp.func
def reset_motor_noise(noise: MotorNoise, worldid: int, muscleid: int):
    """Start the process from its mean."""
    if noise.enabled != 0:
        noise.value[worldid, muscleid] = 0.0
