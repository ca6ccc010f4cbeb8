"""The network of a policy, and which action head it has."""

from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import GaussianDistribution
from torch import nn

from msemu.errors import MsemuError


def head_name(actor: MLPModel) -> str:
    """Name of an actor's head, as a checkpoint holds it; heads that differ in how noise is drawn alone share one."""
    head = type(getattr(actor, "distribution", None))
    # Its own alone: what derives from a head, as the flow does, may have another density.
    return vars(head).get("density_of", head).__name__


def expect_head(actor: MLPModel, stored: str | None, path: str) -> None:
    """Refuse a checkpoint at ``path`` of another head than the actor's; old ones did not name theirs.

    Raises:
        MsemuError: The heads differ; the message names both.
    """
    if stored is not None and stored != head_name(actor):
        raise MsemuError(
            f"{path} holds a policy with the action head {stored}, not {head_name(actor)}; use one of the same agent"
        )


def set_gaussian_noise(head: GaussianDistribution, std: torch.Tensor) -> None:
    """Give each action of a Gaussian the noise ``std``, shape [A]."""
    if head.std_type == "log":
        head.log_std_param.copy_(std.log())
    else:
        head.std_param.copy_(std)


def copy_layer(layer: nn.Linear, mean: tuple[torch.Tensor, torch.Tensor], scale: float = 1.0) -> None:
    """Fill the first rows of a layer with weight [A, H] and bias [A] of another, times a scale."""
    rows = slice(len(mean[1]))
    layer.weight[rows] = scale * mean[0]
    layer.bias[rows] = scale * mean[1]


_LAST_LAYER_SCALE = 0.01


class PolicyNetwork(MLPModel):
    """MLP whose first actions are nearly zero.

    Zero is every action space's best guess, such as a prior or a weak muscle tone. A last layer as it is usually drawn
    would begin a few tenths beside it, different in every state. A hundredth of it is what "What Matters In On-Policy
    Reinforcement Learning?" recommends (arXiv:2006.05990, section 3.2).
    """

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        with torch.no_grad():
            self.mlp[-1].weight.mul_(_LAST_LAYER_SCALE)
            self.mlp[-1].bias.zero_()
