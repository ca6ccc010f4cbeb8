"""PPO of rsl-rl with one correction: time-outs are bootstrapped with the value of the state they end in."""

import torch
from rsl_rl.algorithms import PPO as BasePPO  # noqa: N811
from tensordict import TensorDict


class PPO(BasePPO):
    """PPO (arXiv:1707.06347).

    rsl-rl adds ``gamma V(s_t)`` for an episode cut off by time, with the state *before* the step. The state after it is
    at hand in ``extras["terminal_observations"]``, so its value is used ("partial-episode bootstrapping",
    arXiv:1712.00378).
    """

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one environment step."""
        terminal = extras["terminal_observations"].to(self.device)
        value = self.critic(terminal).squeeze(1).detach()
        bootstrapped = rewards + self.gamma * value * extras["time_outs"].to(self.device)
        without_time_outs = {key: item for key, item in extras.items() if key != "time_outs"}
        super().process_env_step(obs, bootstrapped, dones, without_time_outs)
