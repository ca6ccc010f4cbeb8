"""PPO of rsl-rl with two corrections, for time-outs and for actions of many dimensions, and at less cost."""

from typing import Any

import torch
from rsl_rl.algorithms import PPO as BasePPO  # noqa: N811
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

_ROWS_AT_ONCE = 16384
"""Samples whose values are computed together; more would only take memory."""


class PPO(BasePPO):
    """PPO (arXiv:1707.06347) for actions of many dimensions.

    Two things differ from rsl-rl:

    * rsl-rl adds ``gamma V(s_t)`` for an episode cut off by time, with the state *before* the step. The state after it
      is at hand in ``extras["terminal_observations"]``, so its value is used ("partial-episode bootstrapping",
      arXiv:1712.00378).
    * The divergence that steers the learning rate sums over the action's dimensions. It is therefore given per
      dimension, so that one value serves 80 and 700 muscles.

    Two more things change nothing but the time: the values of a rollout are computed all at once when it is complete,
    and Adam is the fused one.
    """

    def __init__(
        self, actor: MLPModel, critic: MLPModel, storage: RolloutStorage, desired_kl_per_action: float, **settings: Any
    ):
        """Build the algorithm.

        Args:
            actor: Policy network.
            critic: Value network.
            storage: Memory of one rollout.
            desired_kl_per_action: Divergence of an update that the adaptive schedule aims at, per action dimension.
            settings: Arguments of rsl-rl's PPO.
        """
        desired_kl = desired_kl_per_action * storage.actions_shape[0]
        super().__init__(actor, critic, storage, desired_kl=desired_kl, **settings)
        if isinstance(self.optimizer, torch.optim.Adam):
            parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            self.optimizer = type(self.optimizer)(parameters, lr=self.learning_rate, fused=True)
        self._unknown_values = torch.zeros(storage.num_envs, 1, device=self.device)

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample actions; their values follow in `compute_returns`."""
        transition = self.transition
        transition.observations = obs
        transition.actions = self.actor(obs, stochastic_output=True).detach()
        transition.actions_log_prob = self.actor.get_output_log_prob(transition.actions).detach()
        transition.distribution_params = tuple(each.detach() for each in self.actor.output_distribution_params)
        transition.values = self._unknown_values
        return transition.actions

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one environment step."""
        time_outs = extras["time_outs"].to(self.device)
        # Time-outs are rare. The host looks whether there is one; a device computes the value rather than wait.
        if time_outs.device.type != "cpu" or time_outs.any():
            value = self.critic(extras["terminal_observations"].to(self.device)).squeeze(1).detach()
            rewards = rewards + self.gamma * value * time_outs
        without_time_outs = {key: item for key, item in extras.items() if key != "time_outs"}
        super().process_env_step(obs, rewards, dones, without_time_outs)

    def compute_returns(self, obs: TensorDict) -> None:
        """Compute values, then returns and advantages."""
        visited = self.storage.observations.flatten(0, 1).split(_ROWS_AT_ONCE)
        values = torch.cat([self.critic(rows).detach() for rows in visited])
        self.storage.values.copy_(values.view_as(self.storage.values))
        super().compute_returns(obs)
