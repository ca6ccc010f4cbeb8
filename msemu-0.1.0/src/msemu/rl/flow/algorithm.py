"""PPO for a policy with a flow head."""

from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from msemu.rl.ppo import PPO


class FlowPPO(PPO):
    """PPO whose policy has a `msemu.rl.flow.distribution.FlowDistribution`.

    The rollout holds pairs of source point and action; the environment gets the action.

    A velocity that is not finite makes the likelihood not finite; `PPO` leaves such a mini-batch out.
    """

    def __init__(self, actor: MLPModel, critic: MLPModel, storage: RolloutStorage, **settings: Any):
        """Build the algorithm; the arguments are those of `PPO`."""
        super().__init__(actor, critic, storage, **settings)
        self._num_actions = storage.actions_shape[0]
        self.storage.actions = torch.zeros(*storage.actions.shape[:2], 2 * self._num_actions, device=self.device)

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample pairs of source point and action, and return the actions, shape [N, A]."""
        return super().act(obs)[:, self._num_actions :]
