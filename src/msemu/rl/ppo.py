"""PPO of rsl-rl with two corrections, for time-outs and for actions of many dimensions."""

from typing import Any

import torch
from rsl_rl.algorithms import PPO as BasePPO  # noqa: N811
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict


class PPO(BasePPO):
    """PPO (arXiv:1707.06347) for actions of many dimensions.

    Two things differ from rsl-rl:

    * rsl-rl adds ``gamma V(s_t)`` for an episode cut off by time, with the state *before* the step. The state after it
      is at hand in ``extras["terminal_observations"]``, so its value is used ("partial-episode bootstrapping",
      arXiv:1712.00378).
    * The divergence that steers the learning rate sums over the action's dimensions. It is therefore given per
      dimension, so that one value serves 80 and 700 muscles.
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

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one environment step."""
        terminal = extras["terminal_observations"].to(self.device)
        value = self.critic(terminal).squeeze(1).detach()
        bootstrapped = rewards + self.gamma * value * extras["time_outs"].to(self.device)
        without_time_outs = {key: item for key, item in extras.items() if key != "time_outs"}
        super().process_env_step(obs, bootstrapped, dones, without_time_outs)
