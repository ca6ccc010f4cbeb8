"""A reward term of the plug-in's own."""

import torch

from msemu.envs.readings import Transition
from msemu.models import LANDMARKS

_ANKLES = [LANDMARKS.index(f"ankle_{side}") for side in "rl"]


def ankle_height(step: Transition) -> torch.Tensor:
    """Mean height of the ankles [m]."""
    return step.state.landmark_position[:, _ANKLES, 2].mean(1)
