"""PPO for a policy with a flow head."""

from itertools import chain
from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from msemu.rl.ppo import PPO


class FlowPPO(PPO):
    """PPO whose policy has a `msemu.rl.flow.distribution.FlowDistribution`.

    The rollout holds pairs of source point and action; the environment gets the action.

    A velocity that is not finite makes the likelihood, hence the gradient of the mini-batch, not finite. Such a
    mini-batch changes nothing and is counted; neither gradient nor velocity is replaced.

    Attributes:
        skipped_updates: Mini-batches left out so far.
    """

    def __init__(self, actor: MLPModel, critic: MLPModel, storage: RolloutStorage, **settings: Any):
        """Build the algorithm; the arguments are those of `PPO`."""
        super().__init__(actor, critic, storage, **settings)
        self._num_actions = storage.actions_shape[0]
        self.storage.actions = torch.zeros(*storage.actions.shape[:2], 2 * self._num_actions, device=self.device)
        self.skipped_updates = 0
        self.optimizer.register_step_pre_hook(self._skip_if_not_finite)

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample pairs of source point and action, and return the actions, shape [N, A]."""
        return super().act(obs)[:, self._num_actions :]

    def update(self) -> dict[str, float]:
        """Train on the rollout; the losses hold how many mini-batches of it were left out."""
        before = self.skipped_updates
        losses = super().update()
        return {**losses, "skipped_updates": self.skipped_updates - before}

    def save(self) -> dict:
        """Everything that the next iteration depends on."""
        return {**super().save(), "skipped_updates": self.skipped_updates}

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`."""
        if load_cfg is None:
            self.skipped_updates = loaded_dict["skipped_updates"]
        return super().load(loaded_dict, load_cfg, strict)

    def _skip_if_not_finite(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        parameters = chain(self.actor.parameters(), self.critic.parameters())
        gradients = [each.grad for each in parameters if each.grad is not None]
        if not torch.nn.utils.get_total_norm(gradients).isfinite():
            self.skipped_updates += 1
            optimizer.zero_grad(set_to_none=True)  # an optimiser passes over a parameter without a gradient
