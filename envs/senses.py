"""What a body senses of itself, read off the physics and brought to natural units."""

from dataclasses import dataclass

import numpy as np
import torch

from msemu.models.body import Body
from msemu.motion.kinematics import Kinematics, LandmarkModel
from msemu.muscle.parameters import MuscleParameters
from msemu.sim import Simulation

Rows = torch.Tensor | slice
"""Some environments, by index, or all of them."""

EVERYTHING = slice(None)


@dataclass
class Senses:
    """What observations are made of, for some environments.

    Attributes:
        state: The body.
        contact_force: Net force on each contact region [body weights], shape [N, R, 3].
        muscle_length: Fiber length over the optimal length [-], shape [N, M].
        muscle_velocity: Lengthening [optimal fiber lengths/s], shape [N, M].
        muscle_force: Pull over the greatest isometric force [-], shape [N, M].
        activation: Muscle activation [-], shape [N, M].
        frame: Frame of the reference, shape [N].
        fiber: Fiber length [L0], fiber velocity [vmax] and tendon strain [-], shape [N, 3, M]; [N, 0] unless it is
            asked for.
        sound: False where the simulation has blown up, shape [N, 1].
    """

    state: Kinematics
    contact_force: torch.Tensor
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor
    muscle_force: torch.Tensor
    activation: torch.Tensor
    frame: torch.Tensor
    fiber: torch.Tensor
    sound: torch.Tensor

    def followed_by(self, others: "Senses") -> "Senses":
        """Those of other environments after these."""
        tensors = {
            name: torch.cat((value, getattr(others, name))) for name, value in vars(self).items() if name != "state"
        }
        return Senses(state=self.state.followed_by(others.state), **tensors)


class SenseReader:
    """Reads `Senses` off a simulation."""

    def __init__(self, body: Body, sim: Simulation, with_fiber: bool = False):
        """Prepare the scales of ``body`` for ``sim``; ``with_fiber`` reads the state of the fibers as well."""

        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(array, dtype=torch.float32, device=sim.device)

        parameters = MuscleParameters.of(body.model)
        self._sim = sim
        self._with_fiber = with_fiber
        self._landmarks = LandmarkModel(body, sim.device)
        self._slack_length = tensor(parameters.tendon_slack_length)
        self._per_length = tensor(1.0 / parameters.optimal_fiber_length)
        self._per_force = tensor(1.0 / parameters.max_isometric_force)
        self._per_weight = 1.0 / body.weight

    def read(self, frame: torch.Tensor, rows: Rows = EVERYTHING) -> Senses:
        """Read the present state of some environments.

        Args:
            frame: Frame of the reference of every environment, shape [E].
            rows: Which environments.
        """
        sim = self._sim
        arrays = (sim.qpos, sim.qvel, sim.body_position, sim.body_quaternion, sim.body_velocity, sim.center_of_mass)
        return Senses(
            state=self._landmarks.read(*(array[rows] for array in arrays)),
            contact_force=sim.contact_force[rows].float() * self._per_weight,
            muscle_length=(sim.muscle_length[rows].float() - self._slack_length) * self._per_length,
            muscle_velocity=sim.muscle_velocity[rows].float() * self._per_length,
            muscle_force=-sim.muscle_force[rows].float() * self._per_force,
            activation=sim.act[rows].to(torch.float32, copy=True),
            frame=frame[rows],
            fiber=self._fiber(rows),
            sound=~sim.unstable[rows].unsqueeze(1),
        )

    def _fiber(self, rows: Rows) -> torch.Tensor:
        if not self._with_fiber:
            return self._sim.unstable.new_zeros((self._sim.num_envs, 0), dtype=torch.float32)[rows]
        muscles = self._sim.read_muscles()
        quantities = (muscles.fiber_length, muscles.fiber_velocity, muscles.tendon_strain)
        return torch.stack([quantity[rows] for quantity in quantities], dim=1)
