"""What an action is worth, where a better one lies, and how a velocity is taught to go there."""

import math
from collections.abc import Callable, Sequence

import torch
from rsl_rl.modules import MLP
from torch import nn


def ascend(
    value: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor, num_steps: int, step_size: float
) -> torch.Tensor:
    """Climb a value [N, 1] from points [N, A] by bounded gradient steps, and return where that ends (arXiv:2601.19707).

    A step is ``min(step_size, 2 sqrt(A) / |g|) g`` with the gradient ``g``, so that none is longer than ``2 sqrt(A)``:
    two units for each of A actions.
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


def point_between(source: torch.Tensor, target: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a point on the straight path from source to target [N, A] at times [N, 1], and the velocity there.

    Conditional flow matching (arXiv:2210.02747): the point is ``(1 - t) x_0 + t x_1`` and the velocity ``x_1 - x_0``.
    """
    return torch.lerp(source, target, time), target - source


def flow_matching_loss(velocity: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error of a velocity [N, A] per action, so that one weight serves 80 and 700 muscles."""
    return (velocity - target).square().mean()


class TwinAdvantage(nn.Module):
    """Two estimates of ``Q(s, a) - V(s)``, of which the less counts.

    V is learned already, and how an action changes the value is a small part of Q. The part is learned alone; its
    gradient by the action is that of Q.

    Attributes:
        networks: The two estimates.
    """

    def __init__(self, num_observations: int, num_actions: int, hidden_dims: Sequence[int], activation: str):
        super().__init__()
        columns = num_observations + num_actions
        self.networks = nn.ModuleList(MLP(columns, 1, hidden_dims, activation) for _ in range(2))

    def forward(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Both estimates [N, 2] by normalized observations and actions [N, A] in units of the noise about the mean."""
        inputs = torch.cat((observations, actions), dim=1)
        return torch.cat([network(inputs) for network in self.networks], dim=1)

    def min_value(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the less of both estimates, shape [N, 1]; see `forward`."""
        return self(observations, actions).min(dim=1, keepdim=True).values
