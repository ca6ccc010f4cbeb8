"""How much antagonists work against each other.

Two indices of a pair of normalized activations (or EMG envelopes), and the one that only a model can give, in torques.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.models.muscle_paths import moment_arms

_FLEXION = re.compile(r"(hip_flexion|knee_angle|ankle_angle)_[rl]")
_LEAST_ARM_M = 1e-3


def rudolph(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean of ``lesser / greater * (lesser + greater)``, 0 to 2 (Rudolph et al. 2000), shape [T] each."""
    lesser, greater = np.minimum(one, other), np.maximum(one, other)
    ratio = np.divide(lesser, greater, out=np.zeros_like(lesser, dtype=float), where=greater > 0.0)
    return float((ratio * (lesser + greater)).mean())


def falconer_winter(one: np.ndarray, other: np.ndarray) -> float:
    """Return twice the common area over the sum of both, 0 to 1 (Falconer and Winter 1985), shape [T] each."""
    total = float((one + other).sum())
    return 2.0 * float(np.minimum(one, other).sum()) / total if total > 0.0 else 0.0


def joint_co_contraction(moments: np.ndarray) -> np.ndarray:
    """Return the torque that muscles take from one another, ``(sum |m| - |sum m|) / 2``, over the last axis [N m]."""
    return 0.5 * (np.abs(moments).sum(-1) - np.abs(moments.sum(-1)))


def co_contraction_of(movement: MechanicalMovement) -> dict[str, float]:
    """Return the mean torque that muscles take from one another about each joint [N m or N], by name."""
    moments = -joint_arms(movement) * movement.muscles.force[:, :, None]
    lost = joint_co_contraction(moments.transpose(0, 2, 1)).mean(0)
    return dict(zip(movement.joint_names, lost.tolist(), strict=True))


@dataclass(frozen=True)
class Antagonists:
    """The two groups of muscles of a joint and how they work against each other.

    Attributes:
        positive: Muscles whose mean torque drives the joint's angle up, such as flexors of a hip.
        negative: Muscles whose mean torque drives it down.
        rudolph: `rudolph` of the two mean activations.
        falconer_winter: `falconer_winter` of them.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    rudolph: float
    falconer_winter: float


def antagonists_of(movement: MechanicalMovement) -> dict[str, Antagonists]:
    """Compare flexors and extensors of hips, knees and ankles, by joint.

    A muscle belongs to a group by the sign of its mean moment arm over the movement, if that is 1 mm at least. The
    activation of a group is the mean of its muscles, weighted by that arm and their greatest force.
    """
    arms, found = -joint_arms(movement).mean(0), {}
    strength = movement.parameters.max_isometric_force
    for name, arm in zip(movement.joint_names, arms.T, strict=True):
        up, down = arm >= _LEAST_ARM_M, arm <= -_LEAST_ARM_M
        if _FLEXION.fullmatch(name) and up.any() and down.any():
            one, other = (
                movement.muscles.activation[:, group] @ _shares(np.abs(arm) * strength, group) for group in (up, down)
            )
            names = np.array(movement.body.muscle_names)
            found[name] = Antagonists(
                positive=tuple(names[up].tolist()),
                negative=tuple(names[down].tolist()),
                rudolph=rudolph(one, other),
                falconer_winter=falconer_winter(one, other),
            )
    return found


def joint_arms(movement: MechanicalMovement) -> np.ndarray:
    """Return the moment arm of each muscle about each joint that moves by itself [m], shape [T, M, J].

    As MuJoCo has them, positive where the muscle lengthens as the joint's value grows.
    """
    dofs = IndependentDofs(movement.body)
    arms = torch.from_numpy(moment_arms(movement.body.model, movement.qpos))
    return dofs.reduce(arms, dofs.slopes(torch.from_numpy(movement.qpos))).numpy()[:, :, ROOT_DOFS:]


def _shares(weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    return weight[group] / weight[group].sum()
