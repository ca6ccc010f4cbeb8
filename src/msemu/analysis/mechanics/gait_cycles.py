"""The gait cycles of a movement, by the floor's force on each foot."""

from itertools import pairwise

import numpy as np

from msemu.analysis.gait.cycles import LOADED_BW
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.gait_phase import find_stances, find_strikes

SIDES = "rl"


def cycles_of(movement: MechanicalMovement, side: str) -> list[np.ndarray]:
    """Return the frames of each whole gait cycle of a foot, from one strike to the next, both included.

    A cycle lies within one episode. The last one of a movement that repeats goes on over its end.
    """
    ground, region = movement.ground, f"foot_{side}"
    if region not in ground.regions:
        return []
    touches = ground.force[:, ground.regions.index(region), 2] > LOADED_BW * movement.body.weight
    strikes = find_strikes(find_stances(touches, movement.fps, movement.cyclic), movement.cyclic)
    if movement.cyclic:
        turned = [*strikes, *(strikes[:1] + movement.num_frames)]
        return [np.arange(begin, end + 1) % movement.num_frames for begin, end in pairwise(turned)]
    episode = np.cumsum(movement.episode_start)
    spans = [np.arange(begin, end + 1) for begin, end in pairwise(strikes)]
    return [span for span in spans if episode[span[0]] == episode[span[-1]]]


def has_cycles(movement: MechanicalMovement) -> bool:
    """Say whether both feet have a whole gait cycle."""
    return all(cycles_of(movement, side) for side in SIDES)
