"""Forces of the floor along a movement, and those that were measured."""

from dataclasses import dataclass, replace

import mujoco
import numpy as np
import torch

from msemu.control.independent_dofs import IndependentDofs
from msemu.control.inverse_dynamics import Movement
from msemu.models.body import Body

_TWIST_M = 0.05
"""Half the distance of the two points that carry a free moment [m]."""


@dataclass(frozen=True)
class FloorForces:
    """Forces of the floor on C points over T frames.

    Attributes:
        regions: Contact region of each point.
        touching: Points that may be in contact, shape [T, C].
        position: The points [m], shape [T, C, 3].
        force: Force on each [N], world axes, shape [T, C, 3].
        torque: Generalized force of all of them [N m or N], shape [T, D].
    """

    regions: tuple[str, ...]
    touching: np.ndarray
    position: np.ndarray
    force: np.ndarray
    torque: np.ndarray

    def part(self, frames: slice) -> "FloorForces":
        """Return some of the frames."""
        names = ("touching", "position", "force", "torque")
        return replace(self, **{name: getattr(self, name)[frames] for name in names})


def measured_forces(
    body: Body,
    movement: Movement,
    regions: tuple[str, ...],
    force: np.ndarray,
    center: np.ndarray,
    free_moment: np.ndarray,
) -> FloorForces:
    """Take forces that were measured; a free moment is a couple of two points beside the center.

    Args:
        body: The body.
        movement: The movement.
        regions: The R parts that they act on.
        force: Force on each part [N], world axes, shape [T, R, 3].
        center: Centers of pressure [m], shape [T, R, 3].
        free_moment: Moments about the vertical through them [N m], shape [T, R].
    """
    aside, couple = np.zeros_like(center), np.zeros_like(force)
    aside[..., 0], couple[..., 1] = _TWIST_M, 0.5 * free_moment / _TWIST_M
    position = np.concatenate([center + aside, center - aside], axis=1)
    pushes = np.concatenate([0.5 * force + couple, 0.5 * force - couple], axis=1)
    dofs = IndependentDofs(body)
    owner = np.array([body.model.geom_bodyid[body.contact_regions[region][0]] for region in regions * 2])
    given = torch.from_numpy(_generalized(body.model, movement.qpos, owner, position, pushes))
    torque = dofs.reduce(given, dofs.slopes(torch.from_numpy(movement.qpos))).numpy()
    return FloorForces(regions * 2, (pushes != 0.0).any(2), position, pushes, torque)


def _generalized(
    model: mujoco.MjModel, qpos: np.ndarray, owner: np.ndarray, position: np.ndarray, force: np.ndarray
) -> np.ndarray:
    """Return the generalized force of forces [N] on bodies at points [m], shape [T, nv]."""
    data, result = mujoco.MjData(model), np.zeros((len(qpos), model.nv))
    nothing = np.zeros(3)
    for frame, pose in enumerate(qpos):
        data.qpos = pose
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        for body, point, push in zip(owner, position[frame], force[frame], strict=True):
            mujoco.mj_applyFT(model, data, push, nothing, point, body, result[frame])
    return result
