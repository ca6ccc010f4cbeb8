"""The network of a policy, and which action head it has."""

from typing import Any

import torch
from rsl_rl.models import MLPModel

from msemu.errors import MsemuError


def head_name(actor: MLPModel) -> str:
    """Name of an actor's head, as a checkpoint holds it."""
    return type(getattr(actor, "distribution", None)).__name__


def expect_head(actor: MLPModel, stored: str | None, path: str) -> None:
    """Refuse a checkpoint at ``path`` of another head than the actor's; old ones did not name theirs.

    Raises:
        MsemuError: The heads differ; the message names both.
    """
    if stored is not None and stored != head_name(actor):
        raise MsemuError(
            f"{path} holds a policy with the action head {stored}, not {head_name(actor)}; use one of the same agent"
        )


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
