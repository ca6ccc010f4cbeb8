"""Gaussian policies whose exploration noise lasts for more than one step."""

import math
from typing import Any

import torch
from rsl_rl.modules import GaussianDistribution


class AutoregressiveGaussian(GaussianDistribution):
    """Gaussian policy whose noise in a step is correlated with that of the step before.

    Noise that is drawn anew in each step of 20 to 30 ms averages out before a leg has moved, so that a foot set down
    elsewhere is hardly ever tried. Here that of each environment is a stationary first-order autoregressive process
    ``n' = c n + sqrt(1 - c^2) e`` (arXiv:1903.11524). Density, entropy and divergence are those of a step by itself, as
    in "Colored Noise in PPO" (arXiv:2312.11091), so the policy is the Gaussian one in all but how rollouts are drawn.

    Attributes:
        density_of: The head whose density, parameters and checkpoints these are; of this class, not of those derived
            from it.
        correlation: Of the noise in successive steps of an environment, from 0 to below 1 [-].
    """

    density_of = GaussianDistribution

    def __init__(self, output_dim: int, correlation: float, **settings: Any):
        """Build the head; the settings are those of rsl-rl's Gaussian."""
        super().__init__(output_dim, **settings)
        self.correlation = correlation
        self._noise: torch.Tensor | None = None

    def sample(self) -> torch.Tensor:
        """Draw actions, shape [N, A]; in a rollout, which has no gradients, row n goes on with its noise.

        An update draws with gradients. The next rollout then begins anew, so that a checkpoint need not hold the noise.
        """
        if torch.is_grad_enabled():
            self._noise = None
            return super().sample()
        fresh = torch.randn_like(self.mean)
        if self._noise is None or self._noise.shape != fresh.shape:
            self._noise = fresh
        else:
            self._noise = self.correlation * self._noise + math.sqrt(1.0 - self.correlation**2) * fresh
        return self.mean + self.std * self._noise
