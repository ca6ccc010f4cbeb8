"""Physics on a device: MuJoCo Warp with msemu's muscles, each control step one captured graph."""

import dataclasses
import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import mujoco
import mujoco_warp as mjw
import torch
import warp as wp

from msemu.errors import MsemuError
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.overrides import configured_parameters
from msemu.schema import Capacity, MuscleCfg
from msemu.sim import warp_kernels
from msemu.sim.device import require_memory
from msemu.sim.randomization import Variation
from msemu.sim.simulation import FAR_AWAY, WRENCH, LeanModel, Simulation, contact_sensors, with_actuators
from msemu.sim.warp_paths import WarpPaths

_VARIED_FIELDS = (
    *("body_mass", "body_inertia", "geom_friction", "pair_friction"),
    *("body_subtreemass", "body_invweight0", "dof_invweight0", "tendon_invweight0", "actuator_acc0"),
)
"""Fields of the model that differ between environments: those that vary, and those that follow from them."""


class WarpSimulation(Simulation):
    """`Simulation` on `mujoco_warp`, in single precision, with the muscles of `msemu.muscle`.

    The position and velocity stages are always those of the present state: a physics step goes from the muscles'
    force over the constraint solver to the new state, and then through these two stages. A control step is one graph of
    many such steps; a reset is another. Neither allocates, reads back, or depends on the host.

    On Warp's device ``cpu`` the same graphs run on one thread: correct, and slow.

    Attributes:
        device_model: The model on the device (`mujoco_warp.Model`).
        data: State and derived quantities on the device (`mujoco_warp.Data`).
        muscles: The muscles; they run as a callback of ``device_model``.
        capacity: Capacity for contacts and constraints.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_envs: int,
        muscle: MuscleCfg,
        device: str,
        capacity: Capacity,
        max_joint_speed: float = 200.0,
        seed: int = 0,
        variation: Variation | None = None,
        lean: LeanModel | None = None,
    ):
        """Make the simulations as `ForceDrivenSimulation` does, on ``cpu`` or a device such as ``cuda:0``.

        With a ``lean`` model, they are as `LeanSimulation` makes them; ``model`` then gives the muscles alone.

        Raises:
            MsemuError: The device cannot run the engine, or its memory is too small.
        """
        user = mujoco.mjtGain.mjGAIN_USER, mujoco.mjtBias.mjBIAS_USER
        self.model = lean.model if lean else with_actuators(model, *user)
        self.is_lean = lean is not None
        self.num_envs = num_envs
        self.device = torch.device(device)
        self.capacity = capacity
        self._max_joint_speed = max_joint_speed
        self._wp_device = wp.get_device(device)
        self._require_device()
        parameters = configured_parameters(model, muscle)
        with wp.ScopedDevice(self._wp_device):
            own_fields = dict.fromkeys(_VARIED_FIELDS, num_envs) if variation else None
            self.device_model = mjw.put_model(self.model, own_fields)
            self.data = self._make_data(num_envs)
            if variation:
                self._vary(variation)
        self.device_model.opt.warn_overflow = False
        self.muscles = MuscleDynamics(parameters, num_envs, model.opt.timestep, muscle, device, seed)
        self._paths = WarpPaths(lean, self.data, self.muscles.force, device) if lean else None
        if not self._paths:
            # The muscles write straight into the engine's forces.
            self.data.actuator_force = self.muscles.force
            self.device_model.callback.act_bias = lambda model, data: self._step_muscles()
        length = self._paths.length if self._paths else self.data.actuator_length
        velocity = self._paths.velocity if self._paths else self.data.actuator_velocity

        self._path = length, velocity
        self._excitation = torch.zeros(num_envs, model.nu, device=self.device)
        self._mask = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        self._reset_qpos = torch.tensor(model.qpos0, dtype=torch.float32, device=self.device).repeat(num_envs, 1)
        self._reset_qvel = torch.zeros(num_envs, model.nv, device=self.device)
        self._reset_act = torch.zeros(num_envs, model.nu, device=self.device)
        self.unstable = torch.zeros(num_envs, dtype=torch.bool, device=self.device)
        self._contact_demand = torch.zeros(1, dtype=torch.int32, device=self.device)
        self._constraint_demand = torch.zeros(num_envs, dtype=torch.int32, device=self.device)

        self.qpos = wp.to_torch(self.data.qpos)
        self.qvel = wp.to_torch(self.data.qvel)
        self.act = wp.to_torch(self.muscles.activation)
        self.body_position = wp.to_torch(self.data.xpos)
        self.body_quaternion = wp.to_torch(self.data.xquat)
        self.body_velocity = wp.to_torch(self.data.cvel)
        self.center_of_mass = wp.to_torch(self.data.subtree_com)[:, 1]
        self.muscle_length, self.muscle_velocity = map(wp.to_torch, self._path)
        self.muscle_force = wp.to_torch(self.muscles.force)
        applied = self._paths.root_force if self._paths else self.data.qfrc_applied
        self.root_force = wp.to_torch(applied)[:, :6]
        self.contact_regions, start = contact_sensors(self.model)
        measured = wp.to_torch(self.data.sensordata)[:, start : start + WRENCH * len(self.contact_regions)]
        self.contact_wrench = measured.unflatten(1, (len(self.contact_regions), WRENCH))
        self.contact_force = self.contact_wrench[..., :3]

        # Kernels are compiled when they first run, which a capture does not allow.
        with wp.ScopedDevice(self._wp_device):
            self._do_reset()
            self._do_step(1)
        self._contact_demand.zero_()
        self._constraint_demand.zero_()
        self._reset_graph = self._capture(self._do_reset)
        self._refresh_graph = self._capture(self._refresh)
        self._step_graphs: dict[int, wp.Graph] = {}
        self._launch(self._reset_graph)

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        if substeps not in self._step_graphs:
            self._step_graphs[substeps] = self._capture(lambda: self._do_step(substeps))
        self._excitation.copy_(ctrl)
        self._launch(self._step_graphs[substeps])

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        self._mask.copy_(mask)
        self._reset_qpos.copy_(qpos)
        self._reset_qvel.copy_(qvel)
        self._reset_act.copy_(act)
        self.root_force.masked_fill_(mask.unsqueeze(1), 0.0)
        self._launch(self._reset_graph)

    def forward(self) -> None:  # noqa: D102
        self._launch(self._refresh_graph)

    def moment_arms(self) -> torch.Tensor:  # noqa: D102
        if self._paths:
            return self._paths.moment_arms()
        data = self.data
        dense = torch.zeros(self.num_envs, self.model.nu, self.model.nv, device=self.device)
        wp.launch(
            warp_kernels.spread_moment_arms,
            dim=dense.shape[:2],
            inputs=[data.moment_rownnz, data.moment_rowadr, data.moment_colind, data.actuator_moment],
            outputs=[wp.from_torch(dense)],
            device=self._wp_device,
            stream=self._stream(),
        )
        return dense

    def stages(self, substeps: int) -> dict[str, Callable[[], None]]:  # noqa: D102
        stages = {"muscle dynamics": [self._step_muscles]}
        if self._paths:
            stages["muscle paths"] = [self._paths.measure, self._paths.apply]

        def captured(works: list[Callable[[], None]]) -> Callable[[], None]:
            graph = self._capture(lambda: [work() for _ in range(substeps) for work in works])
            return partial(self._launch, graph)

        return {name: captured(works) for name, works in stages.items()}

    def rows(self, mask: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return torch.arange(self.num_envs, device=self.device)

    def overflow(self) -> str | None:  # noqa: D102
        demand = self.demand
        wanted = []
        if demand.contacts > self.capacity.contacts:
            wanted.append(f"--sim.contacts-per-env {demand.contacts}")
        if demand.constraints > self.capacity.constraints:
            short = int((self._constraint_demand > self.capacity.constraints).sum())
            wanted.append(f"--sim.constraints-per-env {demand.constraints} ({short} of {self.num_envs} environments)")
        return f"forces were left out for want of capacity: set {' and '.join(wanted)}" if wanted else None

    @property
    def demand(self) -> Capacity:
        """The greatest numbers of contacts and constraints so far, which reads back from the device."""
        contacts = -(-int(self._contact_demand) // self.num_envs)
        return Capacity(max(contacts, 1), max(int(self._constraint_demand.max()), 1))

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return {name: tensor.clone() for name, tensor in self._state_tensors().items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        for name, tensor in self._state_tensors().items():
            tensor.copy_(state[name])
        self.forward()

    def _state_tensors(self) -> dict[str, torch.Tensor]:
        data = self.data
        tensors = {
            "time": wp.to_torch(data.time),
            "qpos": self.qpos,
            "qvel": self.qvel,
            "qacc": wp.to_torch(data.qacc),
            "qacc_warmstart": wp.to_torch(data.qacc_warmstart),
            "sensordata": wp.to_torch(data.sensordata),
            "root_force": self.root_force,
            "muscle_force": self.muscle_force,
        }
        arrays = self.muscles.state_arrays()
        return tensors | {f"muscle.{name}": wp.to_torch(array) for name, array in arrays.items()}

    def _do_step(self, substeps: int) -> None:
        model, data = self.device_model, self.data
        for substep in range(substeps):
            if self._paths:
                self._step_muscles()
                self._paths.apply()
            else:
                mjw.fwd_actuation(model, data)
            mjw.fwd_acceleration(model, data, factorize=True)
            mjw.solve(model, data)
            if substep == substeps - 1:
                data.sensordata.zero_()
                mjw.sensor_acc(model, data, skip_rne_postconstraint=True)
            mjw.euler(model, data)
            self._refresh()
        wp.launch(
            warp_kernels.find_unstable,
            dim=self.num_envs,
            inputs=[self._max_joint_speed, FAR_AWAY, data.qpos, data.qvel],
            outputs=[wp.from_torch(self.unstable)],
        )

    def _do_reset(self) -> None:
        data, mask = self.data, wp.from_torch(self._mask)
        wp.launch(
            warp_kernels.set_state,
            dim=self.num_envs,
            inputs=[mask, wp.from_torch(self._reset_qpos), wp.from_torch(self._reset_qvel)],
            outputs=[data.qpos, data.qvel, data.qacc, data.qacc_warmstart, data.time],
        )
        self._refresh()
        activation = wp.from_torch(self._reset_act)
        self.muscles.reset(mask, *self._path, activation)  # type: ignore[arg-type]  # `from_torch` gives arrays
        wp.launch(
            warp_kernels.clear_measurements,
            dim=self.num_envs,
            inputs=[mask],
            outputs=[data.sensordata, wp.from_torch(self.unstable)],
        )

    def _refresh(self) -> None:
        """Bring the position and velocity stages up to date with the state."""
        model, data = self.device_model, self.data
        mjw.fwd_position(model, data, factorize=False)
        mjw.fwd_velocity(model, data)
        if self._paths:
            self._paths.measure()
        wp.launch(
            warp_kernels.record_demand,
            dim=self.num_envs,
            inputs=[data.nacon, data.ncollision, data.nefc],
            outputs=[wp.from_torch(self._contact_demand), wp.from_torch(self._constraint_demand)],
        )

    def _step_muscles(self) -> None:
        self.muscles.step(wp.from_torch(self._excitation), *self._path)  # type: ignore[arg-type]  # `from_torch` gives arrays

    def _capture(self, work: Callable[[], object]) -> wp.Graph:
        # A collection in the midst of a capture could free memory that the graph refers to.
        collecting = gc.isenabled()
        gc.disable()
        try:
            with wp.ScopedDevice(self._wp_device), wp.ScopedCapture(self._wp_device) as capture:
                work()
        finally:
            if collecting:
                gc.enable()
        return capture.graph

    def _launch(self, graph: wp.Graph) -> None:
        wp.capture_launch(graph, stream=self._stream())

    def _stream(self) -> wp.Stream | None:
        """Return the stream that torch uses, so that its work and the engine's follow one another."""
        return wp.stream_from_torch(torch.cuda.current_stream(self.device)) if self._wp_device.is_cuda else None

    def _vary(self, variation: Variation) -> None:
        model = self.device_model
        mass, friction = (
            torch.tensor(factor, dtype=torch.float32, device=self.device).unsqueeze(1)
            for factor in (variation.mass, variation.friction)
        )
        wp.to_torch(model.body_mass).mul_(mass)
        wp.to_torch(model.body_inertia).mul_(mass.unsqueeze(2))
        wp.to_torch(model.geom_friction)[..., 0].mul_(friction)
        if self.model.npair:
            wp.to_torch(model.pair_friction)[..., :2].mul_(friction.unsqueeze(2))
        mjw.set_const(model, self.data, mjw.SetConstGroup.FIXED | mjw.SetConstGroup.INERT0)

    def _require_device(self) -> None:
        if self._wp_device.is_cuda and not self._wp_device.is_mempool_supported:
            raise MsemuError(
                f"the driver of {self.device} is too old to capture graphs; update it, or use --sim.device cpu"
            )

    def _make_data(self, num_envs: int) -> mjw.Data:
        sizes = {"nconmax": self.capacity.contacts, "njmax": self.capacity.constraints}
        if self._wp_device.is_cuda:
            with wp.ScopedDevice("cpu"):
                bytes_per_env = _size(mjw.make_data(self.model, nworld=1, **sizes))
            require_memory(num_envs, bytes_per_env, self._wp_device.free_memory)
        return mjw.make_data(self.model, nworld=num_envs, **sizes)


def _size(record: Any) -> int:
    """Bytes of every array of a record and of the records in it."""
    values = [getattr(record, entry.name) for entry in dataclasses.fields(record)]
    arrays = sum(value.capacity for value in values if isinstance(value, wp.array))
    return arrays + sum(_size(value) for value in values if dataclasses.is_dataclass(value))
