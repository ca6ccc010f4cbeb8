"""The paths of the muscles on a device, beside MuJoCo Warp."""

import mujoco_warp as mjw
import numpy as np
import torch
import warp as wp

from msemu.muscle.paths.arms import PathArms
from msemu.muscle.paths.dynamics import EngineArrays, PathDynamics
from msemu.sim.moment_arms import MomentArms
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
        self._model, self._data, self._force = lean.model, data, force
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

    def moment_arms(self) -> torch.Tensor:
        """Return the moment arms [m or 1], shape [E, M, nv]."""
        num_dofs = self._data.cdof.shape[1]
        arms = PathArms(self._dynamics, self._model, np.arange(num_dofs))
        slopes = wp.ones((self._data.nworld, num_dofs), dtype=float, device=self._force.device)
        values = wp.to_torch(arms.read(self._data.cdof, slopes, self._lines))
        muscle, dof = (torch.from_numpy(index).to(values.device) for index in (arms.muscle, arms.dof))
        return MomentArms(values, muscle, dof, (self.length.shape[1], num_dofs)).dense()
