"""Gaussian policies whose exploration noise is correlated between actions: Lattice and muscle groups."""

import math
from abc import ABC, abstractmethod
from typing import Any, cast

import numpy as np
import torch
from rsl_rl.env import VecEnv
from rsl_rl.modules import GaussianDistribution
from tensordict import TensorDict
from torch import nn
from torch.linalg import solve_triangular

from msemu.errors import MsemuError
from msemu.models.muscle_groups import group_by_length
from msemu.rl.heads import copy_layer, set_gaussian_noise
from msemu.rl.ppo import PPO

_LOG_TWO_PI = math.log(2.0 * math.pi)


class CorrelatedGaussian(GaussianDistribution, ABC):
    """Actions ``mean(s) + std e + F (shared_std z)`` with independent standard normal ``e`` and ``z``.

    Their covariance ``diag(std^2) + F diag(shared_std^2) F^T`` does not depend on the state, so that one Cholesky
    factor serves a whole batch; density, entropy and divergence are exact.

    Attributes:
        log_shared_std: Logarithm of the shared noise's deviation, shape [S].
    """

    def __init__(self, output_dim: int, num_shared: int, init_shared_std: float, **settings: Any):
        """Build the head.

        Args:
            output_dim: Actions A.
            num_shared: Sources of shared noise S.
            init_shared_std: Their deviation to begin with.
            settings: Further arguments of rsl-rl's Gaussian: the noise of each action alone.
        """
        super().__init__(output_dim, **settings)
        self.log_shared_std = nn.Parameter(torch.full((num_shared,), math.log(init_shared_std)))
        self._rollout_factor: torch.Tensor

    def take_over(self, last: nn.Linear, mean: tuple[torch.Tensor, torch.Tensor], std: torch.Tensor) -> None:
        """Become a Gaussian policy with a ``mean`` (`copy_layer`); the shared noise makes half of the mean variance."""
        copy_layer(last, mean)
        set_gaussian_noise(self, std * math.sqrt(0.5))
        spread = self.directions().square().sum(dim=1).mean()
        self.log_shared_std.fill_(0.5 * torch.log(0.5 * std.square().mean() / spread))

    @abstractmethod
    def directions(self) -> torch.Tensor:
        """How the shared noise moves the actions: the matrix F, shape [A, S]."""

    def update(self, mlp_output: torch.Tensor) -> None:
        """Take the network's output, the mean, shape [N, A]."""
        super().update(mlp_output)
        shared = self.directions() * self.log_shared_std.exp()
        covariance = shared @ shared.t() + torch.diag(super().std[0].square())
        self._factor = torch.linalg.cholesky(covariance)
        self._std = covariance.diagonal().sqrt()

    @property
    def factor(self) -> torch.Tensor:
        """Cholesky factor of the covariance, shape [A, A]."""
        return self._factor

    @property
    def std(self) -> torch.Tensor:
        """Deviation of each action, shape [N, A]."""
        return self._std.expand_as(self.mean)

    def sample(self) -> torch.Tensor:
        """Draw actions, shape [N, A]."""
        if not torch.is_grad_enabled():  # a rollout, whose noise `kl_divergence` compares with
            self._rollout_factor = self._factor
        with torch.no_grad():
            return self.mean + torch.randn_like(self.mean) @ self._factor.t()

    def log_prob(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log-density of actions [N, A], shape [N]."""
        length = _whitened(self._factor, (outputs - self.mean).t()).square().sum(dim=0)
        return -0.5 * (length + self.output_dim * _LOG_TWO_PI) - _log_det(self._factor)

    @property
    def entropy(self) -> torch.Tensor:
        """Entropy, shape [N]."""
        entropy = 0.5 * self.output_dim * (1.0 + _LOG_TWO_PI) + _log_det(self._factor)
        return entropy.expand(len(self.mean))

    def kl_divergence(self, old_params: tuple[torch.Tensor, ...], new_params: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """KL(old || new) of the policy of the last rollout and the present one, from their `params`, shape [N]."""
        old = self._rollout_factor
        spread = _whitened(self._factor, old).square().sum()
        shift = _whitened(self._factor, (new_params[0] - old_params[0]).t()).square().sum(dim=0)
        return 0.5 * (spread + shift - self.output_dim) + _log_det(self._factor) - _log_det(old)


class LatticeGaussian(CorrelatedGaussian):
    """Noise on the last hidden units, which the last layer spreads over the actions (Lattice, arXiv:2305.20065).

    This is its form without dependence on the state.
    """

    def __init__(self, output_dim: int, latent_dim: int, init_latent_std: float, **settings: Any):
        """Build the head for ``latent_dim`` units of the last hidden layer; the rest is as in `CorrelatedGaussian`."""
        super().__init__(output_dim, latent_dim, init_latent_std, **settings)

    def init_mlp_weights(self, mlp: nn.Sequential) -> None:
        """Find the last layer, which has ``latent_dim`` inputs."""
        if mlp[-1].in_features != len(self.log_shared_std):
            raise TypeError(f"latent_dim must be the last of actor.hidden_dims, {mlp[-1].in_features}")
        self._last_layer = (cast(nn.Linear, mlp[-1]),)  # in a tuple: the layer is the network's, not this module's

    def directions(self) -> torch.Tensor:
        """Weights of the last layer."""
        return self._last_layer[0].weight


class GroupGaussian(CorrelatedGaussian):
    """Noise that the muscles of a group share (after DynSyn, arXiv:2407.11472).

    Attributes:
        membership: One where an action belongs to a group, shape [A, groups]; set by `MuscleGroupPPO`.
    """

    membership: torch.Tensor

    def __init__(self, output_dim: int, muscles_per_group: float, init_group_std: float, **settings: Any):
        """Build the head; a group has ``muscles_per_group`` on average, the rest is as in `CorrelatedGaussian`."""
        num_groups = max(1, round(output_dim / muscles_per_group))
        super().__init__(output_dim, num_groups, init_group_std, **settings)
        self.register_buffer("membership", torch.zeros(output_dim, num_groups))

    def directions(self) -> torch.Tensor:
        """Membership in the groups."""
        return self.membership


class MuscleGroupPPO(PPO):
    """PPO for a policy with a `GroupGaussian`, whose groups it finds in the body."""

    @staticmethod
    def construct_algorithm(obs: TensorDict, env: VecEnv, cfg: dict, device: str) -> PPO:
        """Build networks and algorithm.

        Raises:
            MsemuError: An action is not a muscle.
        """
        body = env.body
        if env.num_actions != body.num_muscles:
            raise MsemuError(
                "groups of muscles want one action a muscle; use --env.action excitation, or another --agent"
            )
        algorithm = PPO.construct_algorithm(obs, env, cfg, device)
        membership = algorithm.get_policy().distribution.membership
        groups = group_by_length(body, membership.shape[1])
        membership.copy_(torch.tensor(np.eye(membership.shape[1])[groups]))
        return algorithm


def _whitened(factor: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return solve_triangular(factor, columns, upper=False)


def _log_det(factor: torch.Tensor) -> torch.Tensor:
    return factor.diagonal().log().sum()
