"""The reward term `metabolic`: what the muscles burn."""

import torch

from msemu.envs.action.space import Scene
from msemu.envs.readings import Transition
from msemu.envs.terms import NoOptions, Term
from msemu.muscle.metabolic import bhargava, muscle_mass
from msemu.muscle.parameters import MuscleParameters


class MetabolicPower(Term):
    """Metabolic power of the muscles without the basal rate, over the body's mass [W/kg]; walking takes 2 to 4."""

    def __init__(self, options: NoOptions, scene: Scene):
        """Read strength and length of the body's muscles."""
        parameters, device = MuscleParameters.of(scene.body.model), scene.sim.device
        mass = muscle_mass(parameters.max_isometric_force, parameters.optimal_fiber_length)
        self._mass = torch.as_tensor(mass, dtype=torch.float32, device=device)
        speed = parameters.max_contraction_velocity * parameters.optimal_fiber_length
        self._speed = torch.as_tensor(speed, dtype=torch.float32, device=device)
        self._per_mass = 1.0 / scene.body.mass

    def __call__(self, step: Transition) -> torch.Tensor:  # noqa: D102
        muscles = step.muscles
        active, velocity = muscles.active_force.clamp(min=0.0), muscles.fiber_velocity * self._speed
        force = active + muscles.passive_force
        power = bhargava(self._mass, muscles.excitation, muscles.fiber_length, velocity, force, active)
        return power.sum(dim=1) * self._per_mass
