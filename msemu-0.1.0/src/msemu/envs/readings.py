"""What terms look at: the bodies at one instant, and a control step that led there."""

from dataclasses import dataclass

import torch

from msemu.envs.muscles import EVERYTHING, MuscleReader, Muscles
from msemu.models.body import Body
from msemu.motion.kinematics import Kinematics, LandmarkModel
from msemu.sim import Simulation


@dataclass
class Readings:
    """What an observation term looks at: N of the E environments at one instant.

    Attributes:
        state: The body.
        muscles: Its muscles.
        contact_force: Net force on each contact region [body weights], world frame, shape [N, R, 3].
        frame: Number of the reference frame that the body should be in, shape [N].
        finite: False where the simulation has blown up and the rest is meaningless, shape [N].
        rows: Indices of the environments, shape [N].
    """

    state: Kinematics
    muscles: Muscles
    contact_force: torch.Tensor
    frame: torch.Tensor
    finite: torch.Tensor
    rows: torch.Tensor

    def followed_by(self, others: "Readings") -> "Readings":
        """Those of other environments after these."""
        names = ("contact_force", "frame", "finite", "rows")
        return Readings(
            state=self.state.followed_by(others.state),
            muscles=self.muscles.followed_by(others.muscles),
            **{name: torch.cat((getattr(self, name), getattr(others, name))) for name in names},
        )


@dataclass
class Transition(Readings):
    """What a reward or termination term looks at: all environments after a control step, before any reset.

    Attributes:
        reference: Where the body should be.
        previous_excitation: Muscle excitation of the step before [-], shape [E, M].
    """

    reference: Kinematics
    previous_excitation: torch.Tensor


class ObservationReader:
    """Reads `Readings` off a simulation."""

    def __init__(self, body: Body, sim: Simulation):
        self._sim = sim
        self._landmarks = LandmarkModel(body.lean if sim.is_lean else body, sim.device)
        self._muscles = MuscleReader(body, sim)
        self._per_weight = 1.0 / body.weight
        self._everything = torch.arange(sim.num_envs, device=sim.device)

    def read(
        self, frame: torch.Tensor, excitation: torch.Tensor | None = None, rows: torch.Tensor | None = None
    ) -> Readings:
        """Read some environments, all by default; reference frames [E] and excitation [E, M] are those of all."""
        sim, picked = self._sim, EVERYTHING if rows is None else rows
        arrays = (sim.qpos, sim.qvel, sim.body_position, sim.body_quaternion, sim.body_velocity, sim.center_of_mass)
        return Readings(
            state=self._landmarks.read(*(array[picked] for array in arrays)),
            muscles=self._muscles.read(excitation, picked),
            contact_force=sim.contact_force[picked].float() * self._per_weight,
            frame=frame[picked],
            finite=~sim.unstable[picked],
            rows=self._everything if rows is None else rows,
        )
