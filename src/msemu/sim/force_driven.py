"""Physics on the CPU with msemu's own muscles in place of MuJoCo's."""

import copy
import os

import mujoco
import numpy as np
import torch

from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles, wait
from msemu.muscle.overrides import configured_parameters
from msemu.muscle.settings import MuscleCfg
from msemu.sim.cpu import CpuSimulation
from msemu.sim.muscle_state import MuscleState
from msemu.sim.randomization import Variation


class ForceDrivenSimulation(CpuSimulation):
    """`CpuSimulation` that hands the force of each muscle to the engine in every physics step.

    The engine's actuators pass a force on as it is; activation, fibres and force come from the kernels of
    `msemu.muscle`. Activation is therefore in single precision.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_envs: int,
        muscle: MuscleCfg,
        num_threads: int = 0,
        max_joint_speed: float = 200.0,
        seed: int = 0,
        variation: Variation | None = None,
    ):
        """Make the simulations, all in the model's default pose and with muscles at rest.

        Args:
            model: A model whose root is a free joint and whose actuators are muscles.
            num_envs: Number of environments.
            muscle: Level and options of the muscles.
            num_threads: Threads of the engine and of the muscles; 0 uses every core.
            max_joint_speed: Speed [rad/s or m/s] beyond which an environment has blown up.
            seed: Seed of the muscles' random options.
            variation: How the bodies differ; None makes them alike.
        """
        parameters = configured_parameters(model, muscle)
        super().__init__(_with_force_actuators(model), num_envs, num_threads, max_joint_speed, variation)
        self.muscles = MuscleDynamics(parameters, num_envs, model.opt.timestep, muscle, "cpu", seed)
        self._host = HostMuscles(self.muscles, num_threads or os.cpu_count() or 1, self._ctrl.numpy())
        self._ids = [np.array(group) for group in self._host.groups]
        self._path = self.muscle_length.numpy(), self.muscle_velocity.numpy()
        self.act = torch.from_numpy(self._host.activation)
        self._rest(torch.ones(num_envs, dtype=torch.bool))

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        # The muscles of one half of the environments run while the engine moves the other half.
        self._host.connect(ctrl.numpy(), *self._path)
        under_way = [self._host.begin(group) for group in range(len(self._ids))]
        for substep in range(1, substeps + 1):
            for group, ids in enumerate(self._ids):
                wait(under_way[group])
                self._batch.step(ids, nstep=1, stage=mujoco.mjtStage.mjSTAGE_VEL)
                if substep < substeps:
                    under_way[group] = self._host.begin(group)
        self._finish_step()

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        super().reset(mask, qpos, qvel, act)
        self._rest(mask)

    def read_muscles(self) -> MuscleState:  # noqa: D102
        return MuscleState.of(self.muscles)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        arrays = self.muscles.state_arrays()
        muscles = {f"muscle.{name}": torch.from_numpy(array.numpy().copy()) for name, array in arrays.items()}
        return super().state_dict() | muscles

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        for name, array in self.muscles.state_arrays().items():
            np.copyto(array.numpy(), state[f"muscle.{name}"].numpy())
        super().load_state_dict(state)

    def _rest(self, mask: torch.Tensor) -> None:
        """Bring the muscles of some environments into equilibrium at their present length."""
        self._host.reset(mask.numpy(), *self._path, self.act.numpy().copy())
        self._batch.forward(self.rows(mask).numpy())


def _with_force_actuators(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of ``model`` whose actuators apply their control as a force [N] and have no state."""
    model = copy.copy(model)
    model.actuator_dyntype[:] = mujoco.mjtDyn.mjDYN_NONE
    model.actuator_actadr[:] = -1
    model.actuator_actnum[:] = 0
    model.actuator_gaintype[:] = mujoco.mjtGain.mjGAIN_FIXED
    model.actuator_gainprm[:] = 0.0
    model.actuator_gainprm[:, 0] = 1.0
    model.actuator_biastype[:] = mujoco.mjtBias.mjBIAS_NONE
    model.actuator_ctrllimited[:] = 0
    return model
