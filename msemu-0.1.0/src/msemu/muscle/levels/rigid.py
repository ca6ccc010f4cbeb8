"""Level ``rigid``: a pennate fiber on a rigid tendon."""

import warp as wp

from msemu.muscle import in_numpy
from msemu.muscle.levels import Functions
from msemu.muscle.levels.de_groote import active_force_length, force_velocity, passive_force_length
from msemu.muscle.records import Contraction, Muscle


@wp.func
def rigid_contraction(muscle: Muscle, activation: float, muscle_length: float, muscle_velocity: float) -> Contraction:
    """Contraction with a tendon of constant length.

    The muscle keeps its thickness, so the fiber of length l [L0] and its projection p on the tendon obey
    ``l^2 = p^2 + width^2`` (Millard et al. 2013, doi 10.1115/1.4023390). A path too short for the shortest fiber leaves
    the fiber there. The damper never makes the muscle push.
    """
    shortest = muscle.shortest_fiber * muscle.shortest_fiber - muscle.width * muscle.width
    projection = (muscle_length - muscle.tendon_slack_length) / muscle.optimal_fiber_length
    projection = wp.max(projection, wp.sqrt(shortest))
    length = wp.sqrt(projection * projection + muscle.width * muscle.width)
    cosine = projection / length
    velocity = muscle_velocity * cosine / (muscle.optimal_fiber_length * muscle.max_contraction_velocity)

    active_length_factor, _active_slope = active_force_length(length)
    velocity_factor, _slope, _curvature = force_velocity(velocity)
    elastic, _elastic_slope = passive_force_length(length)

    state = Contraction()
    state.fiber_length = length
    state.fiber_velocity = velocity
    scale = muscle.max_isometric_force * cosine
    state.active_force = scale * activation * active_length_factor * velocity_factor
    state.passive_force = wp.max(scale * (elastic + muscle.fiber_damping * velocity), -state.active_force)
    return state


FUNCTIONS = Functions(rigid_contraction, in_numpy.rigid_state)
