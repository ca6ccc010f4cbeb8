"""What the same torques would cost muscles that share them with the least effort."""

import numpy as np
import torch

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.floor.forces import FloorForces
from msemu.control.inverse_dynamics import Movement, required_forces
from msemu.control.static_optimization import StaticOptimization, optimize


def least_effort(movement: MechanicalMovement) -> StaticOptimization:
    """Find the least sum of squared activations that gives the muscles' own torques, frame by frame.

    Tendons are rigid. No frame knows the one before, so activations may change as fast as they like.
    """
    along = Movement(movement.qpos, movement.qvel, movement.qacc, movement.fps)
    # All that is not the muscles' is taken off, whether floor, limits or soft couplings give it.
    others = required_forces(movement.body, along) - movement.muscle_moment
    none = np.zeros((movement.num_frames, 0, 3))
    floor = FloorForces((), none[..., 0].astype(bool), none, none, others)
    return optimize(movement.body, along, parameters=movement.parameters, floor=floor)


def positive_power(movement: MechanicalMovement, found: StaticOptimization) -> float:
    """Return the mean power of all muscles that shorten in a solution [W]."""
    velocity = torch.from_numpy(movement.qvel[:, movement.body.independent_dofs])
    lengthening = torch.einsum("tmd,td->tm", torch.from_numpy(found.moment_arm), velocity).numpy()
    return float(np.clip(-found.muscle_force * lengthening, 0.0, None).sum(1).mean())
