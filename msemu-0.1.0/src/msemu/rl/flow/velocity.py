"""The velocity field of a flow and its integral."""

import math

import torch
from torch import nn
from torch.nn.functional import linear

_NUM_TIME_FEATURES = 4


class VelocityFlow(nn.Module):
    """Moves actions along a velocity field ``v(x, t, s)`` in K Euler steps from time 0 to 1.

    The field has one layer of ``tanh`` units, which see the action in units of the source's noise, the time, and what
    the policy network says of the observations. It is bounded by its output weights, wherever an action lies; they are
    zero at first.

    Attributes:
        num_steps: Euler steps K.
        hidden_dim: Hidden units, the columns of a context.
        weight: From the action to the hidden units, shape [hidden, A].
        time: From the features of the time to the hidden units.
        output: From the hidden units to the velocity.
    """

    grid: torch.Tensor

    def __init__(self, num_actions: int, num_steps: int, hidden_dim: int):
        """Build the field.

        Args:
            num_actions: Actions A.
            num_steps: Euler steps K.
            hidden_dim: Hidden units.
        """
        super().__init__()
        self.num_steps = num_steps
        self.hidden_dim = hidden_dim
        bound = 1.0 / math.sqrt(num_actions)
        self.weight = nn.Parameter(torch.empty(hidden_dim, num_actions).uniform_(-bound, bound))
        self.time = nn.Linear(_NUM_TIME_FEATURES, hidden_dim, bias=False)
        self.output = nn.Linear(hidden_dim, num_actions, bias=False)
        nn.init.zeros_(self.output.weight)
        grid = torch.arange(num_steps).view(num_steps, 1, 1) / num_steps
        self.register_buffer("grid", grid, persistent=False)

    def forward(
        self, source: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, context: torch.Tensor
    ) -> torch.Tensor:
        """Integrate from the source.

        Args:
            source: Where the flow starts, shape [N, A].
            mean: Mean of the source, shape [N, A].
            std: Its standard deviation, shape [A].
            context: What the observations add to the hidden units, shape [N, hidden].

        Returns:
            Where it ends, shape [N, A].
        """
        weight, bias = self._prepare(mean, std, context, self.grid)
        step = 1.0 / self.num_steps
        for number in range(self.num_steps):
            hidden = torch.tanh(torch.addmm(bias[number], source, weight.t()))
            source = torch.addmm(source, hidden, self.output.weight.t(), alpha=step)
        return source

    @torch.jit.export
    def velocity(
        self, actions: torch.Tensor, time: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, context: torch.Tensor
    ) -> torch.Tensor:
        """Evaluate the field itself.

        Args:
            actions: Points, shape [N, A].
            time: Times from 0 to 1, shape [N, 1].
            mean: As in `forward`.
            std: As in `forward`.
            context: As in `forward`.

        Returns:
            Change of the actions per unit of time, shape [N, A].
        """
        weight, bias = self._prepare(mean, std, context, time)
        return self.output(torch.tanh(torch.addmm(bias, actions, weight.t())))

    def _prepare(
        self, mean: torch.Tensor, std: torch.Tensor, context: torch.Tensor, time: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights of actions as they are, and the rest of the hidden units' input at ``time``, once for all steps."""
        weight = self.weight / std
        turns = torch.cat((time, 2.0 * time), dim=-1) * math.pi
        features = torch.cat((turns.sin(), turns.cos()), dim=-1)
        return weight, context - linear(mean, weight) + self.time(features)
