"""Physics on the CPU with msemu's own muscles in place of MuJoCo's."""

import copy

import mujoco
import numpy as np
import torch
import warp as wp
from mujoco.batch import Batch

from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.overrides import configured_parameters
from msemu.schema import MuscleCfg
from msemu.sim.batch import BatchTeam
from msemu.sim.cpu import CpuSimulation, make_batch
from msemu.sim.muscle_state import MuscleState
from msemu.sim.randomization import Variation
from msemu.sim.threads import available_cores

_GROUP = 2
"""Bodies of a group: with 0.2 to 0.3 MB each, two fit the second cache of a core."""


class ForceDrivenSimulation(CpuSimulation):
    """`CpuSimulation` that hands the force of each muscle to the engine in every physics step.

    The engine's actuators pass a force on as it is; activation, fibers and force come from the kernels of
    `msemu.muscle`. Activation is therefore in single precision.

    Each thread takes a few bodies through all physics steps of a control step before it takes the next ones, so that
    their data stay in the cache of its core.
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
        """Make the simulations as `CpuSimulation` does, with muscles at rest; ``seed`` is that of their options."""
        parameters = configured_parameters(model, muscle)
        super().__init__(_with_force_actuators(model), num_envs, num_threads, max_joint_speed, variation)
        self.muscles = MuscleDynamics(parameters, num_envs, model.opt.timestep, muscle, "cpu", seed)
        self._host = HostMuscles(self.muscles)
        self._groups = [
            _groups(part, own.start, self._host)
            for part, own in zip(self._batch.parts, self._batch.ranges, strict=True)
        ]
        self._path = self.muscle_length.numpy(), self.muscle_velocity.numpy()
        self.act = torch.from_numpy(self._host.activation)
        self._rest(torch.ones(num_envs, dtype=torch.bool))

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        self._host.excitation[:] = ctrl

        def advance(index: int) -> None:
            part = self._batch.parts[index]
            for ids, muscles in self._groups[index]:
                for _ in range(substeps):
                    muscles.launch()
                    part.step(ids, nstep=1, stage=mujoco.mjtStage.mjSTAGE_VEL)

        self._batch.run(advance)
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
        rows = self.rows(mask).numpy()
        self._ctrl.numpy()[rows] = self._host.force[rows]
        self._batch.forward(rows)

    def _make_batch(self, num_threads: int, variation: Variation | None) -> BatchTeam:
        def make(environments: range) -> Batch:
            return make_batch(self.model, len(environments), 1, variation[environments] if variation else None)

        return BatchTeam(make, self.num_envs, num_threads or available_cores())


def _groups(part: Batch, first: int, muscles: HostMuscles) -> list[tuple[np.ndarray, wp.Launch]]:
    """Cut a batch, whose environments begin at ``first``, into groups: places in it, and the step of their muscles."""
    arrays = [part.bind(name) for name in ("actuator_length", "actuator_velocity", "ctrl")]
    groups = []
    for start in range(0, part.nsim, _GROUP):
        end = min(start + _GROUP, part.nsim)
        own = [array[start:end] for array in arrays]
        groups.append((np.arange(start, end), muscles.record(range(first + start, first + end), *own)))
    return groups


def _with_force_actuators(model: mujoco.MjModel) -> mujoco.MjModel:
    """Copy ``model`` with actuators that apply their control as a force [N] and have no state."""
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
