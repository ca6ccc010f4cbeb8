"""Physics on the CPU without the engine's tendons: the paths of the muscles are msemu's, too."""

import numpy as np
import torch
import warp as wp
from mujoco.batch import Batch

from msemu.muscle.host import shared
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.paths.arms import PathArms
from msemu.muscle.paths.dynamics import EngineArrays, PathDynamics
from msemu.schema import MuscleCfg
from msemu.sim.force_driven import Group, KernelMuscleSimulation
from msemu.sim.moment_arms import ArmReader
from msemu.sim.randomization import Variation
from msemu.sim.simulation import LeanModel

_LEAST_GROUP, _GROUP_DOFS = 8, 512
"""A group shares the launches of kernels, and should fit the second cache of a core: bodies and degrees of freedom."""


class LeanSimulation(KernelMuscleSimulation):
    """`KernelMuscleSimulation` of a model without actuators, whose joints feel the muscles as applied forces.

    After each physics step the kernels of `msemu.muscle.paths` measure the paths, and before each they turn the forces
    along them into generalized ones.
    """

    is_lean = True

    def __init__(
        self,
        lean: LeanModel,
        parameters: MuscleParameters,
        num_envs: int,
        muscle: MuscleCfg,
        num_threads: int = 0,
        max_joint_speed: float = 200.0,
        seed: int = 0,
        variation: Variation | None = None,
    ):
        """Make the simulations as `CpuSimulation` does, with muscles at rest.

        The ``parameters`` are those of the muscles, ``seed`` is that of their options.
        """
        self._group_size = max(_LEAST_GROUP, _GROUP_DOFS // lean.model.nv)
        super().__init__(lean.model, num_envs, num_threads, max_joint_speed, variation)
        self.paths = PathDynamics(lean.paths, lean.model)
        self._length, self._velocity, self._force = (np.zeros((num_envs, len(parameters))) for _ in range(3))
        self._root_force = np.zeros((num_envs, 6))
        self._lines, self._wrench = self.paths.allocate(num_envs)
        self.muscle_length, self.muscle_velocity, self.muscle_force, self.root_force = map(
            torch.from_numpy, (self._length, self._velocity, self._force, self._root_force)
        )
        self._pull = self.muscle_force
        self._start_muscles(parameters, muscle, seed)
        self._groups = self._cut_into_groups()
        self.forward()
        self._rest(torch.ones(num_envs, dtype=torch.bool))

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        super().reset(mask, qpos, qvel, act)
        self.root_force[mask] = 0.0
        self._measure(mask)
        self._rest(mask)

    def forward(self) -> None:  # noqa: D102
        super().forward()
        self._measure(torch.ones(self.num_envs, dtype=torch.bool))

    def arm_reader(self, owner: np.ndarray) -> ArmReader:  # noqa: D102
        arms = PathArms(self.paths, self.model, owner)

        def values(slopes: torch.Tensor) -> torch.Tensor:
            axis = shared(self.field("cdof").numpy(), wp.spatial_vectord)
            return wp.to_torch(arms.read(axis, shared(slopes.numpy()), self._lines))

        shape = self.muscle_length.shape[1], int(owner.max()) + 1
        return ArmReader(arms.muscle, arms.dof, shape, values)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return super().state_dict() | {"muscle_force": self.muscle_force.clone(), "root_force": self.root_force.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        super().load_state_dict(state)
        self.muscle_force.copy_(state["muscle_force"])
        self.root_force.copy_(state["root_force"])

    def _measure(self, mask: torch.Tensor) -> None:
        """Measure the paths of the groups in which an environment of the mask is."""
        for groups in self._groups:
            for group in groups:
                if mask[group.environments.start : group.environments.stop].any():
                    for kernel in group.after:
                        kernel.launch()

    def _make_group(self, part: Batch, rows: range, first: int) -> Group:
        environments = range(first + rows.start, first + rows.stop)
        own = slice(environments.start, environments.stop)
        length, velocity, force = self._length[own], self._velocity[own], self._force[own]
        lines, wrench = self._lines[own], self._wrench[own]
        engine = _engine_arrays(part, slice(rows.start, rows.stop))
        pull = shared(part.bind("qfrc_applied")[rows.start : rows.stop])
        measure = self.paths.measure(engine, shared(length), shared(velocity), lines)
        add_up = self.paths.add_up(shared(force), lines, wrench)
        act = self.paths.pull(engine.axis, wrench, shared(self._root_force[own]), pull)
        muscles = self._host.record(environments, length, velocity, force)
        before = [muscles, *(wp.launch(**launch, record_cmd=True) for launch in (add_up, act))]
        return Group(np.array(rows), environments, before, [wp.launch(**measure, record_cmd=True)])


def _engine_arrays(part: Batch, rows: slice) -> EngineArrays:
    """Return the arrays of some rows of a batch; the engine keeps them up to date."""
    vectors = {"position": "xpos", "center": "subtree_com"}
    motions = {"velocity": "cvel", "axis": "cdof"}
    return EngineArrays(
        **{name: shared(part.bind(field)[rows], wp.vec3d) for name, field in vectors.items()},
        **{name: shared(part.bind(field)[rows], wp.spatial_vectord) for name, field in motions.items()},
        rotation=shared(part.bind("xmat")[rows], wp.mat33d),
    )
