"""What activations and ground force make of a movement's joints: reaction forces and stiffness, for many solutions.

Pose, speed and acceleration are the clip's, so both are affine in what the muscles do and are prepared once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np
import torch

from msemu.analysis.mechanics.joint_reaction import (
    distal_bodies,
    reaction_forces,
    subtree_sums,
    unit_pulls,
    without_contact,
)
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.models.body import Body
from msemu.motion.geometry import FEET
from msemu.muscle.parameters import MuscleParameters

STIFF_JOINTS = tuple(f"{joint}_{side}" for joint in ("hip_flexion", "knee_angle", "ankle_angle") for side in "rl")
"""The joints whose stiffness is told, of those that a body has."""
_STEP_RAD = 1e-3


@dataclass(frozen=True)
class JointLoads:
    """The B frames of a clip; K joints that bear, J joints that are stiff, M muscles.

    Attributes:
        bearing: Names of the K joints.
        inertial: Reaction without muscles and floor [N], world axes, shape [B, K, 3].
        pull: Reaction to one newton of each muscle [-], shape [B, K, 3, M].
        carries: Whether the right and the left foot are beyond a joint, 0 or 1, shape [K, 2].
        active: Force at full activation [N], shape [B, M].
        passive: Passive force [N], shape [B, M].
        stiff: Names of the J joints.
        active_stiffness: Stiffness that full activation gives, ``-d tau / dq`` at its speed [N m/rad], shape [B, J, M].
        passive_stiffness: That of the passive forces, shape [B, J].
        weight: Weight of the body [N].
    """

    bearing: tuple[str, ...]
    inertial: np.ndarray
    pull: np.ndarray
    carries: np.ndarray
    active: np.ndarray
    passive: np.ndarray
    stiff: tuple[str, ...]
    active_stiffness: np.ndarray
    passive_stiffness: np.ndarray
    weight: float

    def at(self, bins: np.ndarray) -> "JointLoads":
        """Return some frames of the clip."""
        names = ("inertial", "pull", "active", "passive", "active_stiffness", "passive_stiffness")
        return replace(self, **{name: getattr(self, name)[bins] for name in names})

    def reaction_bw(self, activation: np.ndarray, ground_bw: np.ndarray) -> np.ndarray:
        """Return the size of the joints' reaction forces [body weights], shape [B, K].

        Args:
            activation: Activations, shape [B, M].
            ground_bw: Force of the floor on the feet [body weights], world axes, shape [B, 2, 3].
        """
        force = np.clip(activation * self.active + self.passive, 0.0, None)
        reaction = self.inertial + np.einsum("bkcm,bm->bkc", self.pull, force)
        floor = np.einsum("kf,bfc->bkc", self.carries, ground_bw)
        return np.linalg.norm(reaction / self.weight - floor, axis=2)

    def stiffness(self, activation: np.ndarray) -> np.ndarray:
        """Return the stiffness of the joints [N m/rad] at activations [B, M], shape [B, J]."""
        return np.einsum("bjm,bm->bj", self.active_stiffness, activation) + self.passive_stiffness


def joint_loads(body: Body, movement: Movement, level: str) -> JointLoads:
    """Prepare the loads along a movement for muscles at a level of fidelity."""
    capacity = MuscleCapacity(MuscleParameters.of(body.model), level)
    _, length, speed = _paths(body, movement)
    active, passive = _forces(capacity, length, speed)
    joints = distal_bodies(body)
    inertial, pull = _reactions(body, movement, list(joints.values()))
    feet = [int(body.model.geom_bodyid[body.contact_regions[foot][0]]) for foot in FEET]
    stiff = [name for name in STIFF_JOINTS if name in body.joint_names]
    slopes = [_stiffness(body, movement, speed, capacity, name) for name in stiff]
    frames, muscles = active.shape
    return JointLoads(
        bearing=tuple(joints),
        inertial=inertial,
        pull=pull,
        carries=np.array([[float(_is_beyond(body.model, foot, at)) for foot in feet] for at in joints.values()]),
        active=active,
        passive=passive,
        stiff=tuple(stiff),
        active_stiffness=np.array([each for each, _ in slopes]).reshape(-1, frames, muscles).swapaxes(0, 1),
        passive_stiffness=np.array([each for _, each in slopes]).reshape(-1, frames).T,
        weight=body.weight,
    )


def _reactions(body: Body, movement: Movement, places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the reaction without muscles and floor [B, K, 3] and to a newton of each muscle [B, K, 3, M]."""
    model = without_contact(body.model)
    data, inertial, pull = mujoco.MjData(model), [], []
    nothing = np.zeros((model.nbody, 3))
    for qpos, qvel, qacc in zip(movement.qpos, movement.qvel, movement.qacc, strict=True):
        data.qpos, data.qvel = qpos, qvel
        inertial.append(reaction_forces(model, data, qacc, np.zeros(model.nu), nothing)[places])
        pull.append(-subtree_sums(model, unit_pulls(model, data))[places])
    return np.array(inertial), np.array(pull)


def _stiffness(
    body: Body, movement: Movement, speed: np.ndarray, capacity: MuscleCapacity, joint: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each muscle at full activation, [B, M], and all passive forces, [B], give a joint's stiffness."""
    dof = ROOT_DOFS + [body.joint_names[each] for each in body.independent_joints].index(joint)
    torques = []
    for step in (-_STEP_RAD, _STEP_RAD):
        qpos = movement.qpos.copy()
        qpos[:, 1 + body.independent_dofs[dof]] += step
        qpos = body.couplings.project(qpos)
        arms, length, _ = _paths(body, replace(movement, qpos=qpos))
        active, passive = _forces(capacity, length, speed)
        torques.append((-arms[:, :, dof] * active, -(arms[:, :, dof] * passive).sum(1)))
    (less, less_passive), (more, more_passive) = torques
    return (less - more) / (2.0 * _STEP_RAD), (less_passive - more_passive) / (2.0 * _STEP_RAD)


def _paths(body: Body, movement: Movement) -> tuple[np.ndarray, ...]:
    """Return moment arms about the D independent degrees of freedom, [B, M, D], lengths and speeds, [B, M]."""
    parts = [
        tuple(each.clone().numpy() for each in (state.moment_arms, state.muscle_length, state.muscle_velocity))
        for _, state in dynamics_along(body, movement, ())
    ]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _forces(capacity: MuscleCapacity, length: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    active, passive = capacity.forces(torch.from_numpy(length), torch.from_numpy(speed))
    return active.numpy(), passive.numpy()


def _is_beyond(model: mujoco.MjModel, body: int, joint_body: int) -> bool:
    """Whether a body is the one beyond a joint, or beyond that."""
    while body > joint_body:
        body = int(model.body_parentid[body])
    return body == joint_body
