"""Physics on the CPU: MuJoCo's C engine over a thread pool (``mujoco.batch``)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from msemu.sim.batch import view
from msemu.sim.moment_arms import ArmReader, tendon_arms
from msemu.sim.muscle_state import MuscleState
from msemu.sim.randomization import Variation
from msemu.sim.simulation import FAR_AWAY, WRENCH, Simulation, contact_sensors
from msemu.sim.threads import available_cores

if TYPE_CHECKING:
    from msemu.muscle.host import HostMuscles

_UNSTABLE_WARNINGS = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)
"""Bad position, velocity and acceleration: three neighbors among MuJoCo's warnings."""


class CpuSimulation(Simulation):
    """`Simulation` on `mujoco.batch.Batch`, in double precision, with MuJoCo's built-in muscle."""

    def __init__(
        self,
        model: mujoco.MjModel,
        num_envs: int,
        num_threads: int = 0,
        max_joint_speed: float = 200.0,
        variation: Variation | None = None,
    ):
        """Make the simulations, all in the model's default pose.

        The root of the model is a free joint, its actuators are muscles. ``num_threads`` of 0 uses every core. An
        environment faster than ``max_joint_speed`` [rad/s or m/s] has blown up. Without a ``variation`` the bodies are
        alike.
        """
        self.model = model
        self.num_envs = num_envs
        self.device = torch.device("cpu")
        self.unstable = torch.zeros(num_envs, dtype=torch.bool)
        self._max_joint_speed = max_joint_speed
        self._batch = self._make_batch(num_threads, variation)
        self._observer: HostMuscles | None = None
        self._ctrl = view(self._batch, "ctrl")
        self.qpos = view(self._batch, "qpos")
        self.qvel = view(self._batch, "qvel")
        self.act = view(self._batch, "act")
        self.body_position = view(self._batch, "xpos")
        self.body_quaternion = view(self._batch, "xquat")
        self.body_velocity = view(self._batch, "cvel")
        self.center_of_mass = view(self._batch, "subtree_com")[:, 1]
        self.muscle_length = view(self._batch, "actuator_length")
        self.muscle_velocity = view(self._batch, "actuator_velocity")
        self.muscle_force = view(self._batch, "actuator_force")
        self.root_force = view(self._batch, "qfrc_applied")[:, :6]
        self.contact_regions, start = contact_sensors(model)
        regions = len(self.contact_regions)
        measured = view(self._batch, "sensordata")[:, start : start + WRENCH * regions]
        self._measured_contact = measured.unflatten(1, (regions, WRENCH))
        self.contact_wrench = torch.zeros_like(self._measured_contact)
        self.contact_force = self.contact_wrench[..., :3]
        # A row of the state holds time, warm start and applied forces as well: writing all of it is a whole reset.
        self._initial_state = self._batch.state[0].copy()
        self._batch.forward()

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        self._ctrl.copy_(ctrl)
        self._batch.step(nstep=substeps, stage=mujoco.mjtStage.mjSTAGE_VEL)
        self._finish_step()

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        ids = self.rows(mask)
        if len(ids) == 0:
            return
        self._batch.state[ids.numpy()] = self._initial_state
        self.qpos[ids] = qpos[ids].to(self.qpos.dtype)
        self.qvel[ids] = qvel[ids].to(self.qvel.dtype)
        self.act[ids] = act[ids].to(self.act.dtype)
        self._batch.forward(ids.numpy())
        self.contact_wrench[ids] = 0.0
        self.unstable[ids] = False

    def forward(self) -> None:  # noqa: D102
        self._batch.forward()

    def read_muscles(self) -> MuscleState:
        """State of MuJoCo's muscles at the present path, as the kernels of `msemu.muscle` compute it on request."""
        if self._observer is None:
            from msemu.muscle.dynamics import MuscleDynamics
            from msemu.muscle.host import HostMuscles
            from msemu.muscle.parameters import MuscleParameters

            parameters = MuscleParameters.of(self.model)
            self._observer = HostMuscles(MuscleDynamics(parameters, self.num_envs, self.model.opt.timestep))
        everything = np.ones(self.num_envs, bool)
        self._observer.reset(everything, self.muscle_length.numpy(), self.muscle_velocity.numpy(), self.act.numpy())
        return MuscleState.of(self._observer.dynamics)

    def moment_arms(self) -> torch.Tensor:  # noqa: D102
        return self._own_arms.read(torch.ones_like(self.qvel)).dense().float()

    def arm_reader(self, owner: np.ndarray) -> ArmReader:
        """Return what reads moment arms; ``owner`` tells on what each degree of freedom hangs, shape [nv]."""
        return tendon_arms(self.model, self.field, owner)

    @cached_property
    def _own_arms(self) -> ArmReader:
        return self.arm_reader(np.arange(self.model.nv))

    def field(self, name: str) -> torch.Tensor:
        """Return the engine's own memory of a field of `mujoco.MjData`, shape [E, ...]; only for reading.

        Like the tensors of `Simulation`, what depends on position and velocity is that of the present state.
        """
        return view(self._batch, name)

    def rows(self, mask: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return mask.nonzero().squeeze(1)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return {"state": torch.from_numpy(self._batch.state.copy()), "contact_force": self.contact_force.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._batch.state[:] = state["state"].numpy()
        self.contact_force.copy_(state["contact_force"])
        self.forward()

    def _make_batch(self, num_threads: int, variation: Variation | None) -> Batch:
        return make_batch(self.model, self.num_envs, num_threads, variation)

    def _finish_step(self) -> None:
        """Look at what the last physics step has left behind."""
        self.contact_wrench.copy_(self._measured_contact)
        # MuJoCo resets a simulation with bad values by itself and counts a warning: the state alone would look valid.
        warnings_of_step = self._batch.warning[:, _UNSTABLE_WARNINGS]
        warned = torch.from_numpy(warnings_of_step[..., 1].any(1))
        warnings_of_step[:] = 0
        # Comparisons with a value that is not a number are false, so this finds those as well.
        valid = (self.qvel.abs().amax(1) < self._max_joint_speed) & (self.qpos.abs().amax(1) < FAR_AWAY)
        self.unstable = warned | ~valid


def make_batch(model: mujoco.MjModel, num_sims: int, num_threads: int, variation: Variation | None) -> Batch:
    """Make simulations of a model that differ by ``variation``."""
    # Persistent data lets a step start from the position and velocity stages that the last call left behind.
    batch = Batch(model, num_sims, num_threads or available_cores(), persistent=True)
    if variation:
        batch.expand("body_mass")[:] *= variation.mass[:, None]
        batch.expand("body_inertia")[:] *= variation.mass[:, None, None]
        batch.expand("geom_friction")[..., 0] *= variation.friction[:, None]
        if model.npair:
            batch.expand("pair_friction")[..., :2] *= variation.friction[:, None, None]
        batch.set_const()
    return batch
