"""A Gaussian that a flow carries on: a policy of any shape with an exact likelihood ratio."""

import math
from typing import Any

import torch
from torch import nn
from torch.distributions import Normal

from msemu.rl.flow.export import MeanOfFlow
from msemu.rl.flow.velocity import VelocityFlow
from msemu.rl.heads import copy_layer, set_gaussian_noise
from msemu.rl.noise.over_time import AutoregressiveGaussian

_LEAST_STD = 1e-6


class FlowDistribution(AutoregressiveGaussian):
    """Actions ``a = flow(x) + r e`` with a source ``x ~ N(mean(s), std^2)`` and residual noise ``e ~ N(0, 1)``.

    What is sampled and judged is the pair of source point and action. Its density
    ``N(x; mean, std^2) N(a; flow(x), r^2)`` is exact for every weight of the flow, which that of the action alone would
    not be at bounded cost; the environment sees the action only, so the policy gradient is the same (ReinFlow,
    arXiv:2505.22094, with all its noise at the two ends). Divergence and entropy are those of the pair, too: upper
    bound and, but for the flow's change of volume, counterpart of the action's own.

    A flow without velocity leaves the Gaussian policy ``N(mean, std^2 + r^2)``.

    The network's output holds the mean and what the observations add to the hidden units of the velocity.
    """

    def __init__(
        self,
        output_dim: int,
        num_steps: int,
        velocity_hidden_dim: int,
        init_residual_std: float,
        correlation: float = 0.0,
        **settings: Any,
    ):
        """Build the head.

        Args:
            output_dim: Actions A.
            num_steps: Euler steps K.
            velocity_hidden_dim: Hidden units of the velocity.
            init_residual_std: Residual noise ``r`` to begin with.
            correlation: Of the source's noise in successive steps of an environment [-].
            settings: Arguments of rsl-rl's Gaussian: the source.
        """
        super().__init__(output_dim, correlation, **settings)
        self.flow = VelocityFlow(output_dim, num_steps, velocity_hidden_dim)
        self.residual_log_std = nn.Parameter(torch.full((output_dim,), math.log(init_residual_std)))
        self.context: torch.Tensor | None = None
        self._drawn: torch.Tensor | None = None
        self._carried: torch.Tensor

    @property
    def input_dim(self) -> int:
        """Columns of the network's output."""
        return self.output_dim + self.flow.hidden_dim

    def take_over(self, last: nn.Linear, mean: tuple[torch.Tensor, torch.Tensor], std: torch.Tensor) -> None:
        """Become a Gaussian policy with a ``mean`` (`copy_layer`) and noise ``std`` [A], in both parts as before."""
        copy_layer(last, mean)
        share = self.source_std / torch.hypot(self.source_std, self.residual_std)
        self.residual_log_std.copy_((std * (1.0 - share.square()).sqrt()).log())
        set_gaussian_noise(self, std * share)

    @property
    def residual_std(self) -> torch.Tensor:
        """Residual noise, shape [A]."""
        return self.residual_log_std.exp().clamp(min=_LEAST_STD)

    def update(self, mlp_output: torch.Tensor) -> None:
        """Take the network's output, shape [N, input_dim]."""
        mean, self.context = self._split(mlp_output)
        self._drawn = None
        super().update(mean)

    def sample(self) -> torch.Tensor:
        """Draw pairs of source point and action, shape [N, 2 A]."""
        source = super().sample()
        with torch.no_grad():
            self._carried = self.flow(source, self.mean, self.source_std, self.context)
            residual = self.residual_std * torch.randn_like(self._carried)
            self._drawn = torch.cat((source, self._carried + residual), dim=-1)
            return self._drawn

    def log_prob(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log-density of pairs [N, 2 A], shape [N]."""
        source, actions = outputs.chunk(2, dim=-1)
        just_drawn = self._drawn is not None and outputs.data_ptr() == self._drawn.data_ptr()
        if torch.is_grad_enabled() or not just_drawn:
            self._carried = self.flow(source, self.mean, self.source_std, self.context)
        residual = Normal(self._carried, self.residual_std).log_prob(actions)
        return super().log_prob(source) + residual.sum(dim=-1)

    @property
    def entropy(self) -> torch.Tensor:
        """Entropy of the pair, shape [N]."""
        return super().entropy + Normal(0.0, self.residual_std).entropy().sum()

    @property
    def params(self) -> tuple[torch.Tensor, ...]:
        """Means and deviations of the source and, for the source point last looked at, of the action."""
        return self.mean, self.std, self._carried, self.residual_std.expand_as(self._carried)

    def kl_divergence(self, old_params: tuple[torch.Tensor, ...], new_params: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """KL(old || new) of the pair from their `params`, given the source points that the old one drew, shape [N]."""
        source = super().kl_divergence(old_params[:2], new_params[:2])
        return source + super().kl_divergence(old_params[2:], new_params[2:])

    def deterministic_output(self, mlp_output: torch.Tensor) -> torch.Tensor:
        """Return the action that the mean of the source is carried to, shape [N, A]."""
        mean, context = self._split(mlp_output)
        return self.flow(mean, mean, self.source_std, context)

    def as_deterministic_output_module(self) -> nn.Module:
        """Return the same as a module of its own, for export."""
        return MeanOfFlow(self.flow, self.source_std)

    @property
    def source_std(self) -> torch.Tensor:
        """Deviation of the source, shape [A]."""
        if self.std_type == "log":
            return self.log_std_param.clamp(*self.log_std_range).exp()
        return self.std_param.clamp(*self.std_range)

    def _split(self, mlp_output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, context = mlp_output.split([self.output_dim, self.flow.hidden_dim], dim=-1)
        return mean, context
