"""The paths of the muscles on a device, beside MuJoCo Warp."""

import mujoco_warp as mjw
import torch
import warp as wp

from msemu.muscle.paths.dynamics import EngineArrays, PathDynamics
from msemu.sim.simulation import LeanModel


class WarpPaths:
    """Measures the paths over the bodies of `mujoco_warp.Data`, and applies the forces along them to the joints.

    It only launches kernels, so that a graph can capture it.

    Attributes:
        length: Muscle-tendon length [m], shape [E, M].
        velocity: Muscle-tendon lengthening speed [m/s], shape [E, M].
        root_force: Force and moment from outside on the root, see `msemu.sim.Simulation.root_force`, shape [E, 6].
    """

    def __init__(self, lean: LeanModel, data: mjw.Data, force: wp.array, device: str):
        """Put the paths on a device; ``force`` is that of the actuators [N], shape [E, M]."""
        self._dynamics = PathDynamics(lean.paths, lean.model, device, double=False)
        self._data, self._force = data, force
        self._engine = EngineArrays(data.xpos, data.xmat, data.subtree_com, data.cvel, data.cdof)
        self.length, self.velocity = wp.zeros_like(force), wp.zeros_like(force)
        self._lines, self._wrench = self._dynamics.allocate(data.nworld)
        self.root_force = wp.zeros((data.nworld, 6), dtype=float, device=device)

    def measure(self) -> None:
        """Measure the paths at the present position and velocity stages."""
        wp.launch(**self._dynamics.measure(self._engine, self.length, self.velocity, self._lines))

    def apply(self) -> None:
        """Turn the forces of the muscles, and that on the root, into applied forces."""
        wp.launch(**self._dynamics.add_up(self._force, self._lines, self._wrench))
        wp.launch(**self._dynamics.pull(self._data.cdof, self._wrench, self.root_force, self._data.qfrc_applied))

    def moment_arms(self, num_dofs: int) -> torch.Tensor:
        """Return the moment arms [m or 1], shape [E, M, nv]."""
        dynamics = self._dynamics
        values = wp.zeros((self._data.nworld, len(dynamics.arm_dof)), dtype=float, device=self._force.device)
        wp.launch(**dynamics.moment_arms(self._data.cdof, self._lines, values))
        arms = wp.to_torch(values).new_zeros(*self.length.shape, num_dofs)
        arms[:, torch.from_numpy(dynamics.arm_muscle), torch.from_numpy(dynamics.arm_dof)] = wp.to_torch(values)
        return arms
