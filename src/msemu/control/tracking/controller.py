"""A model-based controller that makes muscles follow a reference, without learning."""

import torch

from msemu.control.dynamics import EngineDynamics
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.control.tracking.decoder import Decoded, MuscleDecoder
from msemu.control.tracking.foot_placement import FootPlacement
from msemu.control.tracking.smoothed_reference import SmoothedReference, Target
from msemu.control.tracking.springs import RootDeviation, pull
from msemu.models.body import Body
from msemu.motion import rotation
from msemu.motion.reference import ReferenceMotion
from msemu.muscle.overrides import configured_parameters
from msemu.schema import ControllerCfg, MuscleCfg
from msemu.sim import CpuSimulation


class TrackingController:
    """Wants the reference's accelerations plus a pull towards it, and lets a `MuscleDecoder` find the excitations.

    It reads the engine's own arrays: mass matrix, moment arms and bias forces of the present state are there already.

    Attributes:
        decoder: What turns accelerations into excitations.
        dofs: The independent degrees of freedom D, the root's six first, then J joints.
        wanted: Acceleration that the last call asked of them [m/s^2, rad/s^2], shape [E, D].
    """

    def __init__(
        self,
        body: Body,
        sim: CpuSimulation,
        reference: ReferenceMotion,
        cfg: ControllerCfg,
        substeps: int,
        muscle: MuscleCfg,
        num_threads: int = 0,
    ):
        """Differentiate the reference and prepare the decoder for ``muscle``, that of ``sim``.

        A control step has ``substeps`` physics steps; ``num_threads`` of 0 uses every core.
        """
        self._sim = sim
        self._reference = reference
        self._cfg = cfg
        self._dynamics = EngineDynamics(body.lean if sim.is_lean else body, sim, cfg.contact_regions)
        self.dofs = self._dynamics.dofs
        timestep_s, parameters = sim.model.opt.timestep, configured_parameters(body.model, muscle)
        self.decoder = MuscleDecoder(
            body, self._dynamics, sim.num_envs, substeps, timestep_s, muscle, cfg.decoder, parameters, num_threads
        )
        self._smoothed = SmoothedReference(body, reference, self.dofs, cfg.smoothing_s)
        self._ahead_s = cfg.ahead * substeps * timestep_s
        self._feet = FootPlacement(self._dynamics.points, cfg.contact_regions, cfg.foot_placement)
        self._foot_position = torch.cat([self._feet_along(body, movement) for movement in self._smoothed.movements])
        self._load = [sim.contact_regions.index(region) for region in cfg.contact_regions]
        self._per_weight = 1.0 / body.weight
        self._joints = self.dofs.index[ROOT_DOFS:]
        self.wanted = torch.zeros(sim.num_envs, len(self.dofs), dtype=torch.float64)

    def decode(
        self,
        frame: torch.Tensor,
        offset: torch.Tensor | float = 0.0,
        push: torch.Tensor | float = 0.0,
        step: torch.Tensor | float = 0.0,
    ) -> Decoded:
        """Find the excitations that lead to a frame of the reference, shape [E], in the next control step.

        ``offset`` is added to the joint angles of the reference [rad or m], shape [E, J], ``push`` to the acceleration
        that is wanted of the root [m/s^2, rad/s^2], shape [E, 6], and ``step`` to the place of a swinging foot in world
        axes [m], shape [E, 2].
        """
        sim = self._sim
        target = self._smoothed.target(frame, self._cfg.lookahead)
        root = RootDeviation.between(sim.qpos, sim.qvel, target.qpos, target.qvel)
        contacts = self._dynamics.read_contacts()
        wanted_feet = target.qpos[:, None, :3] + self._foot_position[self._reference.row(frame)]
        deviation = self._feet.positions(contacts) - wanted_feet
        load = sim.contact_force[:, self._load, 2] * self._per_weight
        offset = offset + self._feet.offsets(contacts, root, sim.qpos[:, 2], deviation, load, step)
        self.wanted = self._wanted_acceleration(target, root, offset)
        self.wanted[:, :ROOT_DOFS] += push
        return self.decoder.decode(self._dynamics.read_present(self.wanted, self._ahead_s, contacts), sim.act)

    def _wanted_acceleration(self, target: Target, root: RootDeviation, offset: torch.Tensor) -> torch.Tensor:
        """Return the acceleration of the independent degrees of freedom, shape [E, D]."""
        sim, cfg = self._sim, self._cfg
        joints, places = self._joints, self._joints + 1
        error = target.qpos[:, places] + offset - sim.qpos[:, places]
        linear, angular, joint = target.acceleration.split((3, 3, len(joints)), 1)
        return torch.cat(
            (
                linear + pull(cfg.root_translation, root.position, root.linear_velocity),
                rotation.rotate(root.quaternion, angular)
                + pull(cfg.root_rotation, root.rotation, root.angular_velocity),
                joint + pull(cfg.joints, error, target.qvel[:, joints] - sim.qvel[:, joints]),
            ),
            dim=1,
        )

    def _feet_along(self, body: Body, movement: Movement) -> torch.Tensor:
        """Position of each foot relative to the root along a movement [m], shape [T, F, 3]."""
        states = dynamics_along(body, movement, self._cfg.contact_regions)
        feet = [self._feet.positions(state.contacts) for _, state in states]
        return torch.cat(feet) - torch.from_numpy(movement.qpos[:, None, :3])

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the last solution of some bodies, shape [E], bool."""
        self.decoder.reset(mask)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next call depends on beside the simulation."""
        return {"solution": self.decoder.solution.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self.decoder.solution = state["solution"].clone()
