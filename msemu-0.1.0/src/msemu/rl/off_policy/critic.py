"""Twin critics without target networks."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from rsl_rl.utils import resolve_nn_activation
from torch import nn
from torch.nn.functional import linear

from msemu.rl.off_policy.batch_renorm import BatchRenorm


class TwinCritic(nn.Module):
    """Two estimates of Q(s, a), of which the less counts.

    Every layer is preceded by batch renormalization, which is what makes target networks needless: pairs (s, a) of the
    memory and pairs (s', a') of the policy are normalized together, as one batch (CrossQ, arXiv:1902.05605).

    Attributes:
        obs_groups: Observation groups that it sees.
        networks: The two estimates.
    """

    def __init__(
        self,
        obs: Mapping[str, torch.Tensor],
        obs_groups: Mapping[str, list[str]],
        obs_set: str,
        num_actions: int,
        hidden_dims: Sequence[int],
        activation: str,
        batch_renorm: Mapping[str, Any],
    ):
        """Build the networks.

        Args:
            obs: Observations, for their sizes.
            obs_groups: Observation groups of each set.
            obs_set: The set that the critic sees.
            num_actions: Actions A.
            hidden_dims: Hidden units of the layers.
            activation: Their activation function.
            batch_renorm: Arguments of `BatchRenorm`.
        """
        super().__init__()
        self.obs_groups = obs_groups[obs_set]
        widths = [sum(obs[name].shape[1] for name in self.obs_groups) + num_actions, *hidden_dims, 1]
        self.networks = nn.ModuleList(_Network(widths, activation, batch_renorm) for _ in range(2))

    def columns(self, obs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the observations that the critic sees, shape [N, O]."""
        return torch.cat([obs[name] for name in self.obs_groups], dim=1)

    def forward(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Both estimates [N, 2] at `columns` and actions [N, A], by their statistics, which the running ones join."""
        rows = torch.cat((observations, actions), dim=1)
        return torch.cat([network(rows) for network in self.networks], dim=1)

    def at(self, observations: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the lesser estimate at fixed observations (`columns`), by running statistics: from [N, A] to [N, 1].

        It passes gradients to the actions only. What does not depend on them is computed here, once.
        """
        values = [cast(_Network, network).at(observations) for network in self.networks]
        return lambda actions: torch.minimum(*(value(actions) for value in values))


class _Network(nn.Module):
    """Layers, each with its normalization before it (as in github.com/LNSGroup/Qflex)."""

    def __init__(self, widths: Sequence[int], activation: str, batch_renorm: Mapping[str, Any]):
        super().__init__()
        self.norms = nn.ModuleList(BatchRenorm(width, **batch_renorm) for width in widths[:-1])
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.activation = resolve_nn_activation(activation)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        for index, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=True)):
            rows = layer(norm(self.activation(rows) if index else rows))
        return rows

    @torch.no_grad()
    def at(self, observations: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """In evaluation a normalization is linear, so that it and the layer after it are one."""
        (weight, bias), *rest = [self._merged(index) for index in range(len(self.layers))]
        given = observations.shape[1]
        base, weight = linear(observations, weight[:, :given], bias), weight[:, given:].contiguous()

        def value(actions: torch.Tensor) -> torch.Tensor:
            rows = torch.addmm(base, actions, weight.t())
            for parameters in rest:
                rows = linear(self.activation(rows), *parameters)
            return rows

        return value

    def _merged(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        norm, layer = cast(BatchRenorm, self.norms[index]), cast(nn.Linear, self.layers[index])
        return layer.weight * norm.factor, layer.bias + layer.weight @ norm.offset
