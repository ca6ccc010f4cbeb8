"""The center of mass as a task: the root accelerates so that the whole body's momentum changes as is wanted."""

from dataclasses import replace

import torch

from msemu.control.dynamics import DynamicsState, EngineDynamics
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.control.tracking.smoothed_reference import Instant
from msemu.control.tracking.springs import pull
from msemu.schema import SpringCfg


class CenterOfMass:
    """Pulls the center of mass, not the root, to its place in the reference.

    The floor's forces move the center of mass. Above a root that is held in place a trunk that leans carries it off.
    """

    def __init__(self, dynamics: EngineDynamics, along: ReferenceDynamics, spring: SpringCfg, reach: float):
        """``reach`` is the greatest pull over the acceleration of gravity; 0 leaves it unbounded."""
        self._dynamics, self._along, self._spring = dynamics, along, spring
        self._greatest = reach * dynamics.gravity.norm().item() or torch.inf

    def missing_acceleration(
        self, state: DynamicsState, place: torch.Tensor, now: Instant, later: Instant
    ) -> torch.Tensor:
        """Return what the acceleration that is wanted of the root lacks for the center of mass [m/s^2], shape [E, 3].

        Args:
            state: The equation of motion with wanted accelerations of root and joints.
            place: Where the root should be [m], shape [E, 3].
            now: When it is in the reference.
            later: When the acceleration is had that is wanted.
        """
        dynamics, along = self._dynamics, self._along
        error = place + now.look_up(along.center) - dynamics.read_center_of_mass()
        drift = now.look_up(along.center_velocity) - state.mass_matrix.center_velocity(dynamics.read_velocity())
        back = pull(self._spring, error, drift).clamp(-self._greatest, self._greatest)
        return later.look_up(along.center_acceleration) + back - dynamics.center_acceleration(state)

    def moved(self, state: DynamicsState, acceleration: torch.Tensor) -> DynamicsState:
        """Return a state with the forces that give the root so much more acceleration, shape [E, 3]."""
        force = (state.mass[:, :, :3] @ acceleration.unsqueeze(-1)).squeeze(-1)
        return replace(state, required_force=state.required_force + force)
