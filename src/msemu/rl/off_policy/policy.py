"""Policies of bounded actions: a squashed Gaussian, and one that a flow carries on."""

import math
from typing import Any, cast

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import MLP, Distribution
from torch import nn
from torch.distributions import Normal
from torch.nn.functional import softplus

from msemu.rl.flow.velocity import VelocityFlow
from msemu.rl.heads import copy_layer

LOG_STD_RANGE = (-20.0, 2.0)
"""As in Qflex (github.com/LNSGroup/Qflex)."""


class SquashedGaussian(Distribution):
    """Actions ``limit * tanh(u)`` with ``u ~ N(mean(s), std(s)^2)`` (SAC, arXiv:1812.05905).

    The network's output holds the mean and the logarithm of the deviation.
    """

    def __init__(self, output_dim: int, action_limit: float, init_std: float):
        """Build the head; ``action_limit`` bounds an action, ``init_std`` is the deviation of u to begin with."""
        super().__init__(output_dim)
        self.action_limit = action_limit
        self._init_std = init_std

    @property
    def input_dim(self) -> int:
        """Columns of the network's output."""
        return 2 * self.output_dim

    @property
    def mean(self) -> torch.Tensor:
        """Mean of u, shape [N, A]."""
        return self._normal.mean

    @property
    def std(self) -> torch.Tensor:
        """Deviation of u, shape [N, A]."""
        return self._normal.stddev

    def init_mlp_weights(self, mlp: nn.Sequential) -> None:
        """Let the deviation begin as it shall."""
        last = cast(nn.Linear, mlp[-1])
        nn.init.zeros_(last.weight[self.output_dim : 2 * self.output_dim])
        nn.init.constant_(last.bias[self.output_dim : 2 * self.output_dim], math.log(self._init_std))

    def take_over(self, last: nn.Linear, mean: tuple[torch.Tensor, torch.Tensor], std: torch.Tensor) -> None:
        """Become nearly a Gaussian policy with a ``mean`` (`copy_layer`) and noise ``std`` [A].

        The bound bends the mean ``a`` to ``limit tanh(a / limit)``.
        """
        copy_layer(last, mean, 1.0 / self.action_limit)
        last.bias[self.output_dim : 2 * self.output_dim] = (std / self.action_limit).log()

    def update(self, mlp_output: torch.Tensor) -> None:
        """Take the network's output, shape [N, input_dim]."""
        mean, log_std = mlp_output[:, : 2 * self.output_dim].chunk(2, dim=1)
        self._normal = Normal(mean, log_std.clamp(*LOG_STD_RANGE).exp(), validate_args=False)

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw actions [N, A] that pass gradients to mean and deviation, and their log-density [N, 1]."""
        unbounded = self._normal.rsample()
        # log of the slope 1 - tanh^2 of the bound, in a form that does not overflow
        slope = 2.0 * (math.log(2.0) - unbounded - softplus(-2.0 * unbounded)) + math.log(self.action_limit)
        log_prob = (self._normal.log_prob(unbounded) - slope).sum(dim=1, keepdim=True)
        return self.action_limit * unbounded.tanh(), log_prob

    def sample(self) -> torch.Tensor:
        """Draw actions for the environment, shape [N, A]."""
        with torch.no_grad():
            return self.draw()[0]

    def deterministic_output(self, mlp_output: torch.Tensor) -> torch.Tensor:
        """Return the action at the mean, or where the flow carries it, shape [N, A]."""
        return self.as_deterministic_output_module()(mlp_output)

    def as_deterministic_output_module(self) -> nn.Module:
        """Return the same as a module of its own, for export."""
        return _ActionAtMean(self.action_limit, self.output_dim)


class SquashedFlow(SquashedGaussian):
    """A squashed Gaussian, the source, whose actions a flow carries on (Qflex, arXiv:2601.19707).

    The velocity has a network of its own (`FlowActor`), whose output stands behind that of the Gaussian. Its weights
    start at zero: the policy is then the Gaussian one.
    """

    def __init__(self, output_dim: int, num_steps: int, velocity_hidden_dim: int, **settings: Any):
        """Build the head: K Euler steps, hidden units of the velocity, and the source as in `SquashedGaussian`."""
        super().__init__(output_dim, **settings)
        self.carrier = Carrier(VelocityFlow(output_dim, num_steps, velocity_hidden_dim), self.action_limit, output_dim)

    @property
    def input_dim(self) -> int:
        """Columns of the network's output."""
        return super().input_dim + self.carrier.flow.hidden_dim

    def update(self, mlp_output: torch.Tensor) -> None:
        """Take the network's output, shape [N, input_dim]."""
        super().update(mlp_output)
        self._context = mlp_output[:, 2 * self.output_dim :]

    def sample(self) -> torch.Tensor:
        """Draw actions for the environment, shape [N, A]."""
        with torch.no_grad():
            return self.carrier(super().sample(), self._context)

    def velocity(self, actions: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Return the velocity of the flow, shape [N, A], at actions [N, A] and times [N, 1]."""
        carrier = self.carrier
        return carrier.flow.velocity(actions, time, carrier.center, carrier.limits, self._context)

    def as_deterministic_output_module(self) -> nn.Module:
        """Return the same as a module of its own, for export."""
        return _CarriedActionAtMean(super().as_deterministic_output_module(), self.carrier, 2 * self.output_dim)


class Carrier(nn.Module):
    """Carries bounded actions along a flow to bounded actions.

    Attributes:
        flow: The flow, in units of the bound.
        limits: The bound, shape [A].
        center: Middle of the range, shape [A].
    """

    limits: torch.Tensor
    center: torch.Tensor

    def __init__(self, flow: VelocityFlow, action_limit: float, num_actions: int):
        super().__init__()
        self.flow = flow
        self.register_buffer("limits", torch.full((num_actions,), action_limit), persistent=False)
        self.register_buffer("center", torch.zeros(num_actions), persistent=False)

    def forward(self, actions: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Where actions [N, A] end, shape [N, A]."""
        ends = self.flow(actions, self.center, self.limits, context)
        return torch.minimum(torch.maximum(ends, -self.limits), self.limits)


class FlowActor(MLPModel):
    """A policy network with a `SquashedFlow`, whose velocity has a network beside that of the Gaussian."""

    def __init__(self, *arguments: Any, hidden_dims: list[int], activation: str, **settings: Any):
        super().__init__(*arguments, hidden_dims=hidden_dims, activation=activation, **settings)
        context_dim = self.distribution.carrier.flow.hidden_dim
        source = MLP(self.obs_dim, self.distribution.input_dim - context_dim, hidden_dims, activation)
        self.distribution.init_mlp_weights(source)
        self.mlp = SideBySide(source, MLP(self.obs_dim, context_dim, hidden_dims, activation))


class SideBySide(nn.Module):
    """Two networks of the same input, whose outputs make one row."""

    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Output of both, shape [N, columns of the first + columns of the second]."""
        return torch.cat((self.first(rows), self.second(rows)), dim=1)


class _ActionAtMean(nn.Module):
    def __init__(self, action_limit: float, num_actions: int):
        super().__init__()
        self.action_limit, self.num_actions = action_limit, num_actions

    def forward(self, mlp_output: torch.Tensor) -> torch.Tensor:
        return self.action_limit * mlp_output[:, : self.num_actions].tanh()


class _CarriedActionAtMean(nn.Module):
    def __init__(self, source: nn.Module, carrier: Carrier, context_column: int):
        super().__init__()
        self.source, self.carrier, self.context_column = source, carrier, context_column

    def forward(self, mlp_output: torch.Tensor) -> torch.Tensor:
        return self.carrier(self.source(mlp_output), mlp_output[:, self.context_column :])
