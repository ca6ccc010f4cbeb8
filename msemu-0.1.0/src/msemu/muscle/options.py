"""Options of a muscle: electromechanical delay, fatigue and motor noise."""

import warp as wp


@wp.struct
class Delay:
    """A ring buffer of excitations; off when `capacity` is zero."""

    capacity: int
    steps: wp.array(dtype=int)  # delay of each environment [steps], below capacity, shape [E]
    position: wp.array2d(dtype=int)  # slot that the next excitation goes to, shape [E, M]
    buffer: wp.array3d(dtype=float)  # shape [capacity, E, M]


@wp.func
def delay_excitation(delay: Delay, worldid: int, muscleid: int, excitation: float) -> float:
    """Store an excitation and return the one of `Delay.steps` ago."""
    if delay.capacity == 0:
        return excitation
    position = delay.position[worldid, muscleid]
    delay.buffer[position, worldid, muscleid] = excitation
    delay.position[worldid, muscleid] = (position + 1) % delay.capacity
    return delay.buffer[(position - delay.steps[worldid] + delay.capacity) % delay.capacity, worldid, muscleid]


@wp.func
def reset_delay(delay: Delay, worldid: int, muscleid: int, excitation: float):
    """Fill the buffer as if the excitation had been constant."""
    for slot in range(delay.capacity):
        delay.buffer[slot, worldid, muscleid] = excitation


@wp.struct
class Fatigue:
    """The fatigued share of each muscle; off when `enabled` is zero."""

    enabled: int
    fatigue_rate: float  # F [1/s]
    recovery_rate: float  # R [1/s]
    rest_multiplier: float  # r [-]
    fatigued: wp.array2d(dtype=float)  # share of fatigued motor units, shape [E, M]


@wp.func
def limit_by_fatigue(fatigue: Fatigue, worldid: int, muscleid: int, excitation: float) -> float:
    """Return the excitation that the units which are not fatigued can follow."""
    if fatigue.enabled == 0:
        return excitation
    return wp.min(excitation, 1.0 - fatigue.fatigued[worldid, muscleid])


@wp.func
def tire(fatigue: Fatigue, worldid: int, muscleid: int, excitation: float, activation: float, dt: float) -> float:
    """Advance the fatigued share by a step and return the rate [1/s] at which activation is lost to it."""
    if fatigue.enabled == 0:
        return 0.0
    fatigued = fatigue.fatigued[worldid, muscleid]
    recovery = fatigue.recovery_rate * wp.where(activation >= excitation, fatigue.rest_multiplier, 1.0)
    lost = fatigue.fatigue_rate * activation
    fatigue.fatigued[worldid, muscleid] = wp.clamp(fatigued + dt * (lost - recovery * fatigued), 0.0, 1.0)
    return lost


@wp.func
def reset_fatigue(fatigue: Fatigue, worldid: int, muscleid: int):
    """Make the muscle fresh."""
    if fatigue.enabled != 0:
        fatigue.fatigued[worldid, muscleid] = 0.0


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
