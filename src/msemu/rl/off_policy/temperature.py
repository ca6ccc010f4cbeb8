"""How much entropy counts."""

import math

import torch
from torch import nn


class Temperature(nn.Module):
    """A factor of the entropy that is learned such that the policy keeps a wanted one (SAC, arXiv:1812.05905).

    Attributes:
        log_value: Logarithm of the factor.
    """

    def __init__(self, num_actions: int, init_temperature: float, target_per_action: float):
        """Start.

        Args:
            num_actions: Actions A.
            init_temperature: The factor to begin with.
            target_per_action: Entropy wanted, per action [nat].
        """
        super().__init__()
        self.log_value = nn.Parameter(torch.tensor(math.log(init_temperature)))
        self._target = target_per_action * num_actions

    @property
    def value(self) -> torch.Tensor:
        """The factor, without gradient."""
        return self.log_value.detach().exp()

    def loss(self, log_prob: torch.Tensor) -> torch.Tensor:
        """Return what its update makes less, by the log-densities [N, 1] of the policy's actions."""
        return -self.log_value.exp() * (log_prob + self._target).mean()
