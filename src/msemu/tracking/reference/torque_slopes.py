"""How the torques that muscles miss along a movement change with its poses, velocities and accelerations.

The equation of motion is differentiated by differences of MuJoCo's inverse dynamics over the independent degrees of
freedom, so that couplings are followed; what touches the floor keeps its force, and the points that push answer what
root and joints then need more. Muscles keep their activations: their force changes with
length and speed, and what is left is lessened by those that have activation to give or to take away.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from msemu.control.dynamics import DynamicsReader, DynamicsState
from msemu.control.floor.implied import FloorCfg, errors_alike
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.control.static_optimization import StaticOptimization, contact_regions
from msemu.models.body import Body
from msemu.muscle.parameters import MuscleParameters

_STEP = 1e-6
"""Step of the differences of the equation of motion [rad, m and their rates]."""

_LENGTH_STEP, _SPEED_STEP = 1e-4, 1e-3
"""Steps of the differences of muscle force over half the muscle's greatest, in single precision [m and m/s]."""

_LEAST_FORCE = 1e-3
"""Force from which on a point pushes [body weights]."""

_MARGIN = 1e-3
"""Weight of the barrier that keeps activations off their bounds beside squared errors over the capacity: a muscle
within 0.03 of a bound hardly counts."""


@dataclass(frozen=True)
class TorqueSlopes:
    """What the J joints miss in one frame, and its slopes by D degrees of freedom; over the joints' capacity.

    Attributes:
        missing: What is missing, shape [J].
        by_pose: Slope by the pose at constant activations, shape [J, D].
        by_velocity: The same by the velocity.
        by_acceleration: The same by the acceleration.
        stiffness: Curvature of half the squared missing by a torque that is needed more, after the muscles have done
            what they can, shape [J, J]: the unit matrix where none can, zero where all is given.
    """

    missing: np.ndarray
    by_pose: np.ndarray
    by_velocity: np.ndarray
    by_acceleration: np.ndarray
    stiffness: np.ndarray


def slopes_along(body: Body, movement: Movement, found: StaticOptimization) -> Iterator[TorqueSlopes]:
    """Yield the slopes in every frame of a movement whose static optimization is given."""
    parts = list(dynamics_along(body, movement, contact_regions(body)))
    stiffness, damping, active = _muscle_slopes(body, parts, found)
    equation = _EquationOfMotion(body, parts[0][0])
    mass = np.concatenate([state.mass.numpy() for _, state in parts])
    push = np.concatenate([equation.push(state) for _, state in parts])
    scale, weight = found.capacity[ROOT_DOFS:, None], found.body_weight
    error = errors_alike(parts, MuscleParameters.of(body.model).max_isometric_force, weight, FloorCfg())
    for frame, arms in enumerate(found.moment_arm):
        force = found.contact_force[frame]
        slopes = [*equation.slopes(movement, frame, found.contact_position[frame], force), mass[frame]]
        left = _left_by_floor(push[frame], np.linalg.norm(force, axis=1) / weight, error, weight)
        by_pose, by_velocity, by_acceleration = (left @ slope for slope in slopes)
        by_pose += arms.T @ (stiffness[frame][:, None] * arms)
        by_velocity += arms.T @ (damping[frame][:, None] * arms)
        pull = (arms[:, ROOT_DOFS:] * active[frame][:, None]).T / scale
        yield TorqueSlopes(
            missing=found.residual[frame, ROOT_DOFS:] / scale[:, 0],
            by_pose=by_pose[ROOT_DOFS:] / scale,
            by_velocity=by_velocity[ROOT_DOFS:] / scale,
            by_acceleration=by_acceleration[ROOT_DOFS:] / scale,
            stiffness=_stiffness(pull, found.activation[frame]),
        )


def _stiffness(pull: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Return what muscles leave of a torque, shape [J, J], by their pull at full activation, shape [J, M]."""
    inside = activation.clip(1e-6, 1.0 - 1e-6)
    give = 1.0 / (_MARGIN / inside**2 + _MARGIN / (1.0 - inside) ** 2)
    return np.linalg.inv(np.eye(len(pull)) + (pull * give) @ pull.T)


def _left_by_floor(push: np.ndarray, share: np.ndarray, error: np.ndarray, weight: float) -> np.ndarray:
    """Return what the floor leaves of generalized forces that are needed more, shape [D, D].

    It answers with the forces that `msemu.control.floor.implied` would find in the frame alone.

    Args:
        push: Generalized force of a newton along each axis at each point, shape [D, C, 3].
        share: How hard each point pushes [body weights], shape [C].
        error: Errors that count alike [N m or N], shape [D].
        weight: Weight of the body [N].
    """
    pushes = weight * push[:, share > _LEAST_FORCE].reshape(len(push), -1) / error[:, None]
    answer = np.linalg.solve(pushes.T @ pushes + FloorCfg().effort * np.eye(pushes.shape[1]), pushes.T)
    return np.eye(len(push)) - error[:, None] * (pushes @ answer) / error


def _muscle_slopes(
    body: Body, parts: list[tuple[DynamicsReader, DynamicsState]], found: StaticOptimization
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slopes of the muscles' forces by length [N/m] and speed [N s/m], and force at full activation [N].

    Shapes [T, M].
    """
    capacity = MuscleCapacity(MuscleParameters.of(body.model))
    length, speed = (
        torch.cat([getattr(state, name) for _, state in parts]) for name in ("muscle_length", "muscle_velocity")
    )

    def force(longer: float, faster: float) -> np.ndarray:
        active, passive = capacity.forces(length + longer, speed + faster)
        return np.maximum(found.activation * active.numpy() + passive.numpy(), 0.0)

    stiffness = (force(_LENGTH_STEP, 0.0) - force(-_LENGTH_STEP, 0.0)) / (2.0 * _LENGTH_STEP)
    damping = (force(0.0, _SPEED_STEP) - force(0.0, -_SPEED_STEP)) / (2.0 * _SPEED_STEP)
    return stiffness, damping, capacity.forces(length, speed)[0].numpy()


class _EquationOfMotion:
    """Differentiates what muscles have to give by pose and velocity, the floor's forces being known."""

    def __init__(self, body: Body, reader: DynamicsReader):
        self._body, self._dofs, self._data = body, reader.dofs, mujoco.MjData(body.model)
        self._owner = reader.points.bodies
        self._axes = np.linalg.pinv(reader.points.edges.numpy())

    def push(self, state: DynamicsState) -> np.ndarray:
        """Return the generalized force of a newton along each axis at each point, shape [E, D, C, 3]."""
        return np.einsum("edck,cxk->edcx", state.contacts.edge_force.numpy(), self._axes)

    def slopes(
        self, movement: Movement, frame: int, position: np.ndarray, force: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes by pose and by velocity, shape [D, D] each; forces [N] push at points [m], [C, 3]."""
        body, dofs = self._body, self._dofs
        index = dofs.index.numpy()
        count = len(index)
        poses = np.repeat(movement.qpos[frame][None], 2 * count + 1, axis=0)
        for pose, dof in zip(poses[1:], index, strict=False):
            mujoco.mj_integratePos(body.model, pose, _STEP * np.eye(body.model.nv)[dof], 1.0)
        turned = torch.from_numpy(body.couplings.project(poses))
        speeds = np.repeat(movement.qvel[frame][None, index], len(poses), axis=0)
        speeds[1 + count :] += _STEP * np.eye(count)
        needed = self._needed(dofs, turned, torch.from_numpy(speeds), movement.qacc[frame][index], position, force)
        by_pose, by_velocity = np.split((needed[1:] - needed[0]) / _STEP, 2)
        return by_pose.T, by_velocity.T

    def _needed(
        self,
        dofs: IndependentDofs,
        poses: torch.Tensor,
        speeds: torch.Tensor,
        acceleration: np.ndarray,
        position: np.ndarray,
        force: np.ndarray,
    ) -> np.ndarray:
        """Return what muscles have to give at some states, shape [S, D]; points go with the bodies that they are of."""
        model, data = self._body.model, self._data
        slopes = dofs.slopes(poses)
        velocity = dofs.expand(speeds, slopes)
        change = dofs.expand(torch.from_numpy(acceleration).expand_as(speeds), slopes)
        change += dofs.acceleration_bias(poses, velocity)
        pushing = [each for each in zip(self._owner, position, force, strict=True) if each[2].any()]
        loads: list[tuple[int, np.ndarray, np.ndarray]] = []
        needed, floor, nothing = np.zeros((len(poses), model.nv)), np.zeros(model.nv), np.zeros(3)
        for row, states in enumerate(zip(poses.numpy(), velocity.numpy(), change.numpy(), strict=True)):
            data.qpos[:], data.qvel[:], data.qacc[:] = states
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_comVel(model, data)
            mujoco.mj_passive(model, data)
            mujoco.mj_rne(model, data, 1, needed[row])
            if not loads:
                loads = [(of, data.xmat[of].reshape(3, 3).T @ (at - data.xpos[of]), push) for of, at, push in pushing]
            floor[:] = 0.0
            for of, place, push in loads:
                point = data.xpos[of] + data.xmat[of].reshape(3, 3) @ place
                mujoco.mj_applyFT(model, data, push, nothing, point, of, floor)
            needed[row] += model.dof_armature * data.qacc - data.qfrc_passive - floor
        return dofs.reduce(torch.from_numpy(needed), slopes).numpy()
