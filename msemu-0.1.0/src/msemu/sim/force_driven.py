"""Physics on the CPU with msemu's own muscles in place of MuJoCo's."""

from abc import abstractmethod
from typing import NamedTuple

import mujoco
import numpy as np
import torch
import warp as wp
from mujoco.batch import Batch

from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.overrides import configured_parameters
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg
from msemu.sim.batch import BatchTeam
from msemu.sim.cpu import CpuSimulation, make_batch
from msemu.sim.muscle_state import MuscleState
from msemu.sim.randomization import Variation
from msemu.sim.simulation import with_force_actuators
from msemu.sim.threads import available_cores


class Group(NamedTuple):
    """A few bodies that one thread takes through a control step before it takes the next ones.

    Attributes:
        ids: Their places in the thread's batch.
        environments: Their environments.
        before: Kernels to launch before each physics step.
        after: Kernels to launch after it.
    """

    ids: np.ndarray
    environments: range
    before: list[wp.Launch]
    after: list[wp.Launch]


class KernelMuscleSimulation(CpuSimulation):
    """`CpuSimulation` whose activation, fibers and forces come from the kernels of `msemu.muscle`.

    Activation is therefore in single precision. Each thread takes a few bodies through all physics steps of a control
    step before it takes the next ones, so that their data stay in the cache of its core.
    """

    _group_size: int
    """Bodies of a group."""
    _pull: torch.Tensor
    """Force of each muscle as the engine, or what stands before it, takes it [N], shape [E, M]."""
    _groups: list[list[Group]]
    """Groups of each batch of the team."""

    def _start_muscles(self, parameters: MuscleParameters, muscle: MuscleCfg, seed: int) -> None:
        """Make the muscles; the subclass cuts the bodies into groups and brings the muscles to rest."""
        self.muscles = MuscleDynamics(parameters, self.num_envs, self.model.opt.timestep, muscle, "cpu", seed)
        self._host = HostMuscles(self.muscles)
        self.act = torch.from_numpy(self._host.activation)

    def _cut_into_groups(self) -> list[list[Group]]:
        """Return the groups of each batch of the team."""
        return [
            [
                self._make_group(part, range(start, min(start + self._group_size, part.nsim)), own.start)
                for start in range(0, part.nsim, self._group_size)
            ]
            for part, own in zip(self._batch.parts, self._batch.ranges, strict=True)
        ]

    def _rest(self, mask: torch.Tensor) -> None:
        """Bring the muscles of some environments into equilibrium at their present length."""
        path = self.muscle_length.numpy(), self.muscle_velocity.numpy()
        self._host.reset(mask.numpy(), *path, self.act.numpy().copy())
        rows = mask.numpy()
        self._pull.numpy()[rows] = self._host.force[rows]

    @abstractmethod
    def _make_group(self, part: Batch, rows: range, first: int) -> Group:
        """Make the group of some rows of a batch whose environments begin at ``first``."""

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        self._host.excitation[:] = ctrl

        def advance(index: int) -> None:
            part = self._batch.parts[index]
            for group in self._groups[index]:
                for _ in range(substeps):
                    for kernel in group.before:
                        kernel.launch()
                    part.step(group.ids, nstep=1, stage=mujoco.mjtStage.mjSTAGE_VEL)
                    for kernel in group.after:
                        kernel.launch()

        self._batch.run(advance)
        self._finish_step()

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

    def _make_batch(self, num_threads: int, variation: Variation | None) -> BatchTeam:
        def make(environments: range) -> Batch:
            return make_batch(self.model, len(environments), 1, variation[environments] if variation else None)

        return BatchTeam(make, self.num_envs, num_threads or available_cores())


class ForceDrivenSimulation(KernelMuscleSimulation):
    """`KernelMuscleSimulation` on the engine's tendons: its actuators pass the force of each muscle on as it is."""

    _group_size = 2
    """With 0.2 to 0.3 MB each, two bodies fit the second cache of a core."""

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
        super().__init__(with_force_actuators(model), num_envs, num_threads, max_joint_speed, variation)
        self._start_muscles(parameters, muscle, seed)
        self._groups = self._cut_into_groups()
        self._pull = self._ctrl
        self._rest(torch.ones(num_envs, dtype=torch.bool))

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        super().reset(mask, qpos, qvel, act)
        self._rest(mask)

    def _rest(self, mask: torch.Tensor) -> None:
        super()._rest(mask)
        self._batch.forward(self.rows(mask).numpy())

    def _make_group(self, part: Batch, rows: range, first: int) -> Group:
        arrays = [part.bind(name)[rows.start : rows.stop] for name in ("actuator_length", "actuator_velocity", "ctrl")]
        environments = range(first + rows.start, first + rows.stop)
        return Group(np.array(rows), environments, [self._host.record(environments, *arrays)], [])
