"""A policy as one module: from observations and standard normal noise to excitations."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import GaussianDistribution
from torch import nn

from msemu.rl.flow.distribution import FlowDistribution
from msemu.rl.flow.export import MeanOfFlow
from msemu.rl.noise.between_actions import CorrelatedGaussian, GroupGaussian, LatticeGaussian
from msemu.rl.noise.over_time import AutoregressiveGaussian
from msemu.rl.off_policy.policy import LOG_STD_RANGE, SquashedFlow, SquashedGaussian
from msemu.schema import ExcitationCfg


class ExportedPolicy(nn.Module):
    """Normalizer, network, sampler and the map to excitations of a policy; noise of zero is the policy that is played.

    Attributes:
        num_observations: Columns of the observations.
        num_noise: Columns of the noise; 0 where the head's noise cannot be given from outside.
    """

    def __init__(self, actor: MLPModel, space: ExcitationCfg):
        """Copy a policy whose actions mean what ``space`` says."""
        super().__init__()
        self.obs_normalizer = copy.deepcopy(actor.obs_normalizer)
        self.mlp = copy.deepcopy(actor.mlp)
        make = _HEADS.get(type(actor.distribution))
        self.head = make(actor.distribution) if make else _Played(actor)
        self.num_observations = actor.obs_dim
        self.num_noise = actor.distribution.output_dim if make else 0
        self.slope, self.center = space.slope, space.center

    def forward(self, obs: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Excitations [N, M] and actions [N, M] of observations [N, num_observations] and noise [N, num_noise]."""
        actions = self.head(self.mlp(self.obs_normalizer(obs)), noise)
        return torch.sigmoid(self.slope * (actions - self.center)), actions


class _Played(nn.Module):
    """What is played, whatever the noise."""

    def __init__(self, actor: MLPModel):
        super().__init__()
        self.output = actor.distribution.as_deterministic_output_module() if actor.distribution else nn.Identity()

    def forward(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.output(mlp_output)


class _Gaussian(nn.Module):
    """Noise of the same spread in every state."""

    factor: torch.Tensor

    def __init__(self, factor: torch.Tensor):
        super().__init__()
        self.register_buffer("factor", factor.detach().clone())

    def forward(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return mlp_output + noise @ self.factor.t()


class _Flow(nn.Module):
    """The source's noise, carried by the flow."""

    def __init__(self, head: FlowDistribution):
        super().__init__()
        self.carrier = MeanOfFlow(head.flow, head.source_std)

    def forward(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.carrier.sampled(mlp_output, noise)


class _Squashed(nn.Module):
    """Noise whose spread depends on the state, bounded."""

    def __init__(self, head: SquashedGaussian):
        super().__init__()
        self.num_actions, self.limit = head.output_dim, head.action_limit

    def forward(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mean = mlp_output[:, : self.num_actions]
        log_std = mlp_output[:, self.num_actions : 2 * self.num_actions].clamp(*LOG_STD_RANGE)
        return self.limit * (mean + log_std.exp() * noise).tanh()


class _SquashedFlow(nn.Module):
    """Bounded noise, carried by the flow."""

    def __init__(self, head: SquashedFlow):
        super().__init__()
        self.source, self.carrier, self.context = _Squashed(head), copy.deepcopy(head.carrier), 2 * head.output_dim

    def forward(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.carrier(self.source(mlp_output, noise), mlp_output[:, self.context :])


def _independent(head: GaussianDistribution) -> nn.Module:
    head.update(torch.zeros(1, head.output_dim))
    return _Gaussian(torch.diag(head.std.flatten()[: head.output_dim]))


def _correlated(head: CorrelatedGaussian) -> nn.Module:
    head.update(torch.zeros(1, head.output_dim))
    return _Gaussian(head.factor)


_HEADS: dict[type, Callable[[Any], nn.Module]] = {
    GaussianDistribution: _independent,
    AutoregressiveGaussian: _independent,
    LatticeGaussian: _correlated,
    GroupGaussian: _correlated,
    FlowDistribution: _Flow,
    SquashedGaussian: _Squashed,
    SquashedFlow: _SquashedFlow,
}
