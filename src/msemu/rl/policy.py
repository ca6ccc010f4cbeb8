"""The network of a policy."""

from typing import Any

import torch
from rsl_rl.models import MLPModel

_LAST_LAYER_SCALE = 0.01


class PolicyNetwork(MLPModel):
    """MLP whose first actions are nearly zero.

    Zero is every action space's best guess, such as a prior or a weak muscle tone. A last layer as it is usually drawn
    would begin a few tenths beside it, different in every state. A hundredth of it is what "What Matters In On-Policy
    Reinforcement Learning?" recommends (arXiv:2006.05990, section 3.2).
    """

    def __init__(self, *arguments: Any, **settings: Any):
        """Take the arguments of rsl-rl's MLP."""
        super().__init__(*arguments, **settings)
        with torch.no_grad():
            self.mlp[-1].weight.mul_(_LAST_LAYER_SCALE)
            self.mlp[-1].bias.zero_()
