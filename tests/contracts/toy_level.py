"""A level of fidelity of the tests' own: a module like those in msemu.muscle.levels, and its line in the table."""

import numpy as np
import warp as wp

from msemu.muscle.in_numpy import ReferenceState
from msemu.muscle.levels import LEVELS, Functions, Level
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.records import Contraction, Muscle


@wp.func
def spring_contraction(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """A fiber that pulls as it is active, and a spring beside it."""
    state = Contraction()
    state.fiber_length = (muscle_length - muscle.tendon_slack_length) / muscle.optimal_fiber_length
    state.fiber_velocity = muscle_velocity / (muscle.optimal_fiber_length * muscle.max_contraction_velocity)
    state.active_force = muscle.max_isometric_force * activation
    state.passive_force = muscle.max_isometric_force * wp.max(state.fiber_length - 1.0, 0.0)
    return state


def spring_state(p: MuscleParameters, activation: np.ndarray, length: np.ndarray, velocity: np.ndarray):
    fiber = (length - p.tendon_slack_length) / p.optimal_fiber_length
    speed = velocity / (p.optimal_fiber_length * p.max_contraction_velocity)
    passive = p.max_isometric_force * np.maximum(fiber - 1, 0)
    return ReferenceState(fiber, speed, 0 * fiber, p.max_isometric_force * activation + 0 * fiber, passive)


FUNCTIONS = Functions(spring_contraction, spring_state)
LEVELS["toy"] = Level("a spring", __name__)
