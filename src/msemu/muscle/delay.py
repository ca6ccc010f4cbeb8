"""Electromechanical delay: the muscle receives its excitation some steps late."""

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
