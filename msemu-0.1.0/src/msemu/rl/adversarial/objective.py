"""What a discriminator learns, and the reward that follows from it.

The network's output is a logit: positive for a sample that it takes for good, negative for one of the policy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import softplus

_LEAST_DOUBT = 1e-4
"""Least probability of being the policy's that counts in the logistic reward (MimicKit): the reward ends at 9.2."""


def logistic_reward(logits: torch.Tensor) -> torch.Tensor:
    """``-log(max(1 - sigmoid(logit), 1e-4))``, the reward of ADD (arXiv:2505.04961), written without cancellation."""
    return softplus(logits).clamp(max=-math.log(_LEAST_DOUBT))


def least_squares_reward(logits: torch.Tensor) -> torch.Tensor:
    """``max(0, 1 - (logit - 1)^2 / 4)``, the reward of AMP (doi:10.1145/3450626.3459670)."""
    return (1.0 - 0.25 * (logits - 1.0).square()).clamp(min=0.0)


@dataclass(frozen=True)
class Objective:
    """A pair of losses on logits, and the reward that belongs to it.

    Attributes:
        positive_loss: Loss of good samples' logits, element by element.
        negative_loss: Loss of the policy's.
        reward: Reward of the policy's.
    """

    positive_loss: Callable[[torch.Tensor], torch.Tensor]
    negative_loss: Callable[[torch.Tensor], torch.Tensor]
    reward: Callable[[torch.Tensor], torch.Tensor]


OBJECTIVES = {
    "logistic": Objective(lambda logits: softplus(-logits), softplus, logistic_reward),
    "least_squares": Objective(
        lambda logits: (logits - 1.0).square(), lambda logits: (logits + 1.0).square(), least_squares_reward
    ),
}


def gradient_penalty(logits: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Mean squared norm of the gradient of logits [N, 1] by their inputs [N, D], differentiable in turn."""
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return gradient.square().sum(1).mean()
