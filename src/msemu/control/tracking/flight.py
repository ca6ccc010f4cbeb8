"""A body in the air: nothing changes its momentum, so the root is wanted to go where that takes it."""

from dataclasses import replace

import torch

from msemu.control.dynamics import DynamicsState
from msemu.control.independent_dofs import ROOT_DOFS


def released(state: DynamicsState, flying: torch.Tensor) -> tuple[DynamicsState, torch.Tensor]:
    """Let what is wanted of the root of flying bodies, shape [E], bool, need no force.

    The joints keep their wanted accelerations. The root takes the one with which the center of mass falls freely and
    the centroidal angular momentum stays, as in the reference; the pelvis turns as the joints then make it.

    Returns:
        That state, and what is added to the root's acceleration [m/s^2, rad/s^2], shape [E, 6].
    """
    root = state.mass[:, :, :ROOT_DOFS]
    needed = torch.where(flying.unsqueeze(1), state.required_force[:, :ROOT_DOFS], 0.0)
    more = -torch.linalg.solve(root[:, :ROOT_DOFS], needed.unsqueeze(-1))
    return replace(state, required_force=state.required_force + (root @ more).squeeze(-1)), more.squeeze(-1)
