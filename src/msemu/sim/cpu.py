"""Physics on the CPU: MuJoCo's C engine over a thread pool (``mujoco.batch``)."""

import warnings

import mujoco
import torch
from mujoco.batch import Batch

from msemu.sim.simulation import CONTACT_SENSOR_PREFIX, Simulation

_UNSTABLE_WARNINGS = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)
"""Bad position, velocity and acceleration: three neighbours among MuJoCo's warnings."""

_FAR_AWAY = 1e6
"""A coordinate [m or rad] beyond this is no pose of a body."""


class CpuSimulation(Simulation):
    """`Simulation` on `mujoco.batch.Batch`, in double precision, with MuJoCo's built-in muscle."""

    def __init__(self, model: mujoco.MjModel, num_envs: int, num_threads: int = 0, max_joint_speed: float = 200.0):
        """Make the simulations, all in the model's default pose.

        Args:
            model: A model whose root is a free joint and whose actuators are muscles.
            num_envs: Number of environments.
            num_threads: Threads of the engine; 0 uses every core.
            max_joint_speed: Speed [rad/s or m/s] beyond which an environment has blown up.
        """
        self.model = model
        self.num_envs = num_envs
        self.device = torch.device("cpu")
        self.unstable = torch.zeros(num_envs, dtype=torch.bool)
        self._max_joint_speed = max_joint_speed
        # Persistent data lets a step start from the position and velocity stages that the last call left behind.
        self._batch = Batch(model, num_envs, num_threads, persistent=True)
        self._ctrl = self._view("ctrl")
        self.qpos = self._view("qpos")
        self.qvel = self._view("qvel")
        self.act = self._view("act")
        self.body_position = self._view("xpos")
        self.body_quaternion = self._view("xquat")
        self.body_velocity = self._view("cvel")
        self.center_of_mass = self._view("subtree_com")[:, 1]
        self.muscle_length = self._view("actuator_length")
        self.muscle_velocity = self._view("actuator_velocity")
        self.muscle_force = self._view("actuator_force")
        self.contact_regions, self.contact_force = self._contact_forces()
        # A row of the state holds time, warm start and applied forces as well: writing all of it is a whole reset.
        self._initial_state = self._batch.state[0].copy()
        self.forward()

    def step(self, ctrl: torch.Tensor, substeps: int) -> None:  # noqa: D102
        self._ctrl.copy_(ctrl)
        self._batch.step(nstep=substeps, stage=mujoco.mjtStage.mjSTAGE_VEL)
        self.unstable = self._find_unstable()

    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:  # noqa: D102
        ids = self.rows(mask)
        if len(ids) == 0:
            return
        self._batch.state[ids.numpy()] = self._initial_state
        self.qpos[ids] = qpos[ids].to(self.qpos.dtype)
        self.qvel[ids] = qvel[ids].to(self.qvel.dtype)
        self.act[ids] = act[ids].to(self.act.dtype)
        self._batch.forward(ids.numpy())
        self.unstable[ids] = False

    def forward(self) -> None:  # noqa: D102
        self._batch.forward()

    def rows(self, mask: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return mask.nonzero().squeeze(1)

    def state_dict(self) -> dict[str, torch.Tensor]:  # noqa: D102
        return {"state": torch.from_numpy(self._batch.state.copy())}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:  # noqa: D102
        self._batch.state[:] = state["state"].numpy()
        self.forward()

    def _view(self, field: str) -> torch.Tensor:
        with warnings.catch_warnings():
            # Derived fields are read-only; torch has no such tensors and says so. Nobody writes to them.
            warnings.simplefilter("ignore", UserWarning)
            return torch.from_numpy(self._batch.bind(field))

    def _contact_forces(self) -> tuple[tuple[str, ...], torch.Tensor]:
        sensors = [self.model.sensor(i) for i in range(self.model.nsensor)]
        sensors = [sensor for sensor in sensors if sensor.name.startswith(CONTACT_SENSOR_PREFIX)]
        names = tuple(sensor.name.removeprefix(CONTACT_SENSOR_PREFIX) for sensor in sensors)
        if not sensors:
            return names, torch.zeros(self.num_envs, 0, 3, dtype=self.qpos.dtype)
        start = int(sensors[0].adr[0])
        if [int(sensor.adr[0]) for sensor in sensors] != [start + 3 * i for i in range(len(sensors))]:
            raise ValueError("the contact sensors of a body must follow one another and hold three numbers each")
        return names, self._view("sensordata")[:, start : start + 3 * len(sensors)].unflatten(1, (len(sensors), 3))

    def _find_unstable(self) -> torch.Tensor:
        # MuJoCo resets a simulation with bad values by itself and counts a warning: the state alone would look sound.
        warnings_of_step = self._batch.warning[:, _UNSTABLE_WARNINGS]
        warned = torch.from_numpy(warnings_of_step[..., 1].any(1))
        warnings_of_step[:] = 0
        # Comparisons with a value that is not a number are false, so this finds those as well.
        sound = (self.qvel.abs() < self._max_joint_speed).all(1) & (self.qpos.abs() < _FAR_AWAY).all(1)
        return warned | ~sound
