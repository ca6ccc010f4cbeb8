"""A termination term of the plug-in's own."""

import torch

from msemu.envs.readings import Transition


def pelvis_drop(step: Transition) -> torch.Tensor:
    """How far the pelvis is below its reference [m]."""
    return step.reference.root_position[:, 2] - step.state.root_position[:, 2]
