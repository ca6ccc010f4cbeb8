"""How much antagonists work against each other.

Two indices of a pair of normalized activations (or EMG envelopes), and the one that only a model can give, in torques.
"""

import numpy as np
import torch

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.models.muscle_paths import moment_arms


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
    dofs = IndependentDofs(movement.body)
    arms = torch.from_numpy(moment_arms(movement.body.model, movement.qpos))
    reduced = dofs.reduce(arms, dofs.slopes(torch.from_numpy(movement.qpos))).numpy()[:, :, ROOT_DOFS:]
    moments = -reduced * movement.muscles.force[:, :, None]
    lost = joint_co_contraction(moments.transpose(0, 2, 1)).mean(0)
    return dict(zip(movement.joint_names, lost.tolist(), strict=True))
