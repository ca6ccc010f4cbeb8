"""What an action is worth, learned from rollouts, and where a better one lies."""

import math
from collections.abc import Callable, Sequence

import torch
from rsl_rl.modules import MLP
from torch import nn


def ascend(
    value: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor, num_steps: int, step_size: float
) -> torch.Tensor:
    """Climb a value by bounded gradient steps (Qflex, arXiv:2601.19707).

    A step is ``min(step_size, 2 sqrt(A) / |g|) g`` with the gradient ``g``, so that none is longer than ``2 sqrt(A)``:
    two units for each of A actions.

    Args:
        value: From points [N, A] to values [N, 1].
        points: Where the ascent begins, shape [N, A].
        num_steps: Steps.
        step_size: Step size for small gradients.

    Returns:
        Where it ends, shape [N, A].
    """
    longest = 2.0 * math.sqrt(points.shape[1])
    for _ in range(num_steps):
        points = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(value(points).sum(), points)
        length = longest / (gradient.norm(dim=1, keepdim=True) + 1e-6)
        points = points + length.clamp(max=step_size) * gradient
    return points.detach()


def explained_variance(prediction: torch.Tensor, target: torch.Tensor) -> float:
    """``1 - Var(target - prediction) / Var(target)``: one is perfect, zero no better than a constant."""
    return (1.0 - (target - prediction).var() / target.var()).item()


class TwinAdvantage(nn.Module):
    """Two estimates of ``Q(s, a) - V(s)``, of which the less counts.

    V is learned already, and how an action changes the value is a small part of Q. The part is learned alone; its
    gradient by the action is that of Q.

    Attributes:
        networks: The two estimates.
    """

    def __init__(self, num_observations: int, num_actions: int, hidden_dims: Sequence[int], activation: str):
        """Build the networks.

        Args:
            num_observations: Columns of the normalized observations.
            num_actions: Actions A.
            hidden_dims: Hidden units of the layers.
            activation: Their activation function.
        """
        super().__init__()
        columns = num_observations + num_actions
        self.networks = nn.ModuleList(MLP(columns, 1, hidden_dims, activation) for _ in range(2))

    def forward(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Both estimates, shape [N, 2].

        Args:
            observations: Normalized, shape [N, num_observations].
            actions: In units of the noise about the policy's mean, shape [N, A].
        """
        inputs = torch.cat((observations, actions), dim=1)
        return torch.cat([network(inputs) for network in self.networks], dim=1)

    def min_value(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the less of both estimates, shape [N, 1]; see `forward`."""
        return self(observations, actions).min(dim=1, keepdim=True).values
