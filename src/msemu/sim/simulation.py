"""What every physics engine offers: many copies of one body, as torch tensors."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import mujoco
import torch

from msemu.sim.muscle_state import MuscleState

if TYPE_CHECKING:
    from msemu.muscle.dynamics import MuscleDynamics
    from msemu.muscle.paths.segments import MusclePaths

FAR_AWAY = 1e6
"""A coordinate [m or rad] beyond this is no pose of a body."""

CONTACT_SENSOR_PREFIX = "contact/"
"""A sensor of this prefix gives the net contact wrench on a region of the body."""

WRENCH = 9
"""Numbers of such a sensor: net force [N], its moment about a point [N m], and that point [m], in world axes."""


class LeanModel(NamedTuple):
    """A model without actuators, and the paths of its muscles over its bodies."""

    model: mujoco.MjModel
    paths: MusclePaths


def with_actuators(model: mujoco.MjModel, gain: mujoco.mjtGain, bias: mujoco.mjtBias) -> mujoco.MjModel:
    """Copy ``model`` with actuators of a kind in place of its muscles, which have no state."""
    model = copy.copy(model)
    model.actuator_dyntype[:] = mujoco.mjtDyn.mjDYN_NONE
    model.actuator_actadr[:] = -1
    model.actuator_actnum[:] = 0
    model.actuator_gaintype[:] = gain
    model.actuator_biastype[:] = bias
    return model


def with_force_actuators(model: mujoco.MjModel) -> mujoco.MjModel:
    """Copy ``model`` with actuators that apply their control as a force [N] and have no state."""
    model = with_actuators(model, mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_NONE)
    model.actuator_gainprm[:] = 0.0
    model.actuator_gainprm[:, 0] = 1.0
    model.actuator_ctrllimited[:] = 0
    return model


def contact_sensors(model: mujoco.MjModel) -> tuple[tuple[str, ...], int]:
    """Find the sensors of net contact wrenches, which follow one another with `WRENCH` numbers each.

    Returns:
        The regions that they measure, and where in ``sensordata`` the first one stands.
    """
    sensors = [model.sensor(i) for i in range(model.nsensor)]
    sensors = [sensor for sensor in sensors if sensor.name.startswith(CONTACT_SENSOR_PREFIX)]
    start = int(sensors[0].adr[0]) if sensors else 0
    if [int(sensor.adr[0]) for sensor in sensors] != [start + WRENCH * i for i in range(len(sensors))]:
        raise ValueError("the contact sensors of a body must follow one another and hold nine numbers each")
    return tuple(sensor.name.removeprefix(CONTACT_SENSOR_PREFIX) for sensor in sensors), start


class Simulation(ABC):
    """``num_envs`` independent simulations of one model.

    Tensors are views of the engine's memory where the engine allows it: floating type and device are the engine's.
    State tensors (`qpos`, `qvel`, `act`) are read-only for callers; they change through `step` and `reset`. Only
    `root_force` is there to be written.

    Attributes:
        model: The model that is simulated.
        num_envs: Number of environments E.
        device: Device of all tensors.
        qpos: Generalized position [m, rad], shape [E, nq].
        qvel: Generalized velocity [m/s, rad/s], shape [E, nv].
        act: Muscle activation [-], shape [E, M].
        body_position: Origin of every body frame, world [m], shape [E, B, 3].
        body_quaternion: Orientation of every body (w, x, y, z), shape [E, B, 4].
        body_velocity: Angular [rad/s] then linear [m/s] velocity of every body, world axes, the linear part at
            `center_of_mass`, shape [E, B, 6].
        center_of_mass: Center of mass of the whole body [m], shape [E, 3].
        muscle_length: Muscle-tendon length [m], shape [E, M].
        muscle_velocity: Muscle-tendon lengthening speed [m/s], shape [E, M].
        muscle_force: Actuator force [N], negative when it pulls, of the last physics step, shape [E, M].
        muscles: The muscles, in an engine that runs those of `msemu.muscle`.
        contact_force: Net contact force on each contact region [N], world, of the last physics step and zero after a
            reset, shape [E, R, 3].
        contact_wrench: The same with its moment about a point [N m], and that point [m], shape [E, R, 9].
        contact_regions: Names of the R regions.
        root_force: Force [N] in world axes at the origin of the free root's body and moment [N m] in its axes, applied
            from outside in every physics step until others are written; a reset makes it zero. Shape [E, 6].
        is_lean: Whether bodies and geoms are those of a `LeanModel`.
        unstable: Environments that the last `step` found blown up (not finite, or faster than the limit), shape [E].
            Their state is meaningless until they are reset; the others are untouched.
    """

    model: mujoco.MjModel
    num_envs: int
    device: torch.device
    qpos: torch.Tensor
    qvel: torch.Tensor
    act: torch.Tensor
    body_position: torch.Tensor
    body_quaternion: torch.Tensor
    body_velocity: torch.Tensor
    center_of_mass: torch.Tensor
    muscle_length: torch.Tensor
    muscle_velocity: torch.Tensor
    muscle_force: torch.Tensor
    muscles: MuscleDynamics
    contact_force: torch.Tensor
    contact_wrench: torch.Tensor
    contact_regions: tuple[str, ...]
    root_force: torch.Tensor
    unstable: torch.Tensor
    is_lean: bool = False

    @abstractmethod
    def step(self, ctrl: torch.Tensor, substeps: int) -> None:
        """Advance every environment by ``substeps`` physics steps under constant excitation.

        Position- and velocity-dependent tensors describe the new state; forces are those of the last physics step.

        Args:
            ctrl: Muscle excitation in [0, 1], shape [E, M].
            substeps: Number of physics steps.
        """

    @abstractmethod
    def reset(self, mask: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, act: torch.Tensor) -> None:
        """Put some environments into a given state and refresh their tensors; the others are untouched.

        The environments are a mask and not a list of ids, so that an engine on a device never waits for the host.

        Args:
            mask: Environments to reset, shape [E], bool.
            qpos: Generalized position, shape [E, nq]; rows outside the mask are ignored, here and below.
            qvel: Generalized velocity, shape [E, nv].
            act: Muscle activation, shape [E, M].
        """

    @abstractmethod
    def forward(self) -> None:
        """Recompute the derived tensors of every environment from its state."""

    def read_muscles(self) -> MuscleState:
        """State of the muscles, shapes [E, M]; it costs nothing unless it is asked for.

        The tensors may be the engine's own memory, which the next `step` or `reset` overwrites.
        """
        return MuscleState.of(self.muscles)

    @abstractmethod
    def moment_arms(self) -> torch.Tensor:
        """Moment arms of the present state [m, or 1 about a sliding joint], float32 of shape [E, M, nv].

        Row m times the actuator force of muscle m is its generalized force. Computed anew by each call.
        """

    def stages(self, substeps: int) -> dict[str, Callable[[], None]]:
        """Return what does the muscles' part of as many physics steps, by name, where an engine can do it singly.

        The muscles move on under the excitation of the last step; the body does not.
        """
        return {}

    def overflow(self) -> str | None:
        """Return what an engine of fixed capacity left out, and the remedy, as one line; None if nothing.

        It waits for the device: ask once an iteration, not in every step.
        """
        return None

    @abstractmethod
    def rows(self, mask: torch.Tensor) -> torch.Tensor:
        """Environments worth recomputing when ``mask`` is set.

        An engine on the host returns the indices that are set; an engine on a device returns all of them, because
        counting would make the host wait.

        Args:
            mask: Shape [E], bool.

        Returns:
            Ascending indices that include every set one.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
