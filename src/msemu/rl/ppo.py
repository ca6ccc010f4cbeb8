"""PPO of rsl-rl with corrections for time-outs and for actions of many dimensions, and at less cost."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from rsl_rl.algorithms import PPO as BasePPO  # noqa: N811
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from msemu.rl.initial.anchor import Anchor
from msemu.rl.progress import tell_of_no_update
from msemu.sim import single_threaded

_ROWS_AT_ONCE = 16384
"""Samples whose values are computed together; more would only take memory."""


class ShuffledRollout(RolloutStorage):
    """Rollout memory that gathers its mini-batches once; rsl-rl gathers the same ones anew in every epoch."""

    def __init__(self, storage: RolloutStorage):
        """Take over the memory of ``storage``."""
        self.__dict__.update(vars(storage))

    def mini_batch_generator(self, num_mini_batches: int, num_epochs: int = 8) -> Iterator[RolloutStorage.Batch]:
        """Yield the same mini-batches as rsl-rl."""
        size = self.num_envs * self.num_transitions_per_env // num_mini_batches
        order = torch.randperm(num_mini_batches * size, device=self.device)
        held = {name: getattr(self, name) for name in ("observations", "actions", "values", "advantages", "returns")}
        held["old_actions_log_prob"] = self.actions_log_prob
        shuffled = {name: values.flatten(0, 1)[order] for name, values in held.items()}
        params = [values.flatten(0, 1)[order] for values in self.distribution_params]
        for _ in range(num_epochs):
            for start in range(0, len(order), size):
                rows = slice(start, start + size)
                batch = {name: values[rows] for name, values in shuffled.items()}
                yield RolloutStorage.Batch(**batch, old_distribution_params=tuple(each[rows] for each in params))


class PPO(BasePPO):
    """PPO (arXiv:1707.06347) for actions of many dimensions.

    Five things differ from rsl-rl:

    * Rewards count ``1 - gamma`` times as much, so a value is a mean of the rewards to come and of their size. The
      values of a network begin at zero and move by at most ``clip_param`` in an update: sums of rewards are out of
      their reach for long.
    * The critic has a learning rate of its own. The policy's is steered by its divergence and can become very small.
    * rsl-rl adds ``gamma V(s_t)`` for an episode cut off by time, with the state *before* the step. The state after it
      is at hand in ``extras["terminal_observations"]``, so its value is used ("partial-episode bootstrapping",
      arXiv:1712.00378).
    * The divergence that steers the learning rate sums over the action's dimensions. It is therefore given per
      dimension, so that one value serves 80 and 700 muscles.
    * The ratio of two likelihoods of very many actions can exceed what a float holds. A mini-batch whose gradient is
      not finite changes nothing and is counted; nothing is replaced.

    Other changes concern nothing but the time: on a CPU, actions are sampled on one thread (see `single_threaded`);
    the values of a rollout are computed all at once when it is complete; its mini-batches are gathered once; and Adam
    is the fused one.

    Attributes:
        skipped_updates: Mini-batches left out so far.
        anchor: What keeps the policy near the one that the run began with, if anything does.
    """

    optimizer: Any  # of the class that the configuration names
    learning_rate: float

    def __init__(
        self,
        actor: MLPModel,
        critic: MLPModel,
        storage: RolloutStorage,
        desired_kl_per_action: float,
        critic_learning_rate: float,
        anchor: dict[str, Any] | None = None,
        **settings: Any,
    ):
        """Build the algorithm.

        Args:
            actor: Policy network.
            critic: Value network.
            storage: Memory of one rollout.
            desired_kl_per_action: Divergence of an update that the adaptive schedule aims at, per action dimension.
            critic_learning_rate: Learning rate of the critic.
            anchor: Arguments of `Anchor`, of a run that begins with the policy of another one.
            settings: Arguments of rsl-rl's PPO.
        """
        desired_kl = desired_kl_per_action * storage.actions_shape[0]
        super().__init__(actor, critic, ShuffledRollout(storage), desired_kl=desired_kl, **settings)
        groups = [{"params": list(network.parameters())} for network in (self.actor, self.critic)]
        extra = {"fused": True} if isinstance(self.optimizer, torch.optim.Adam) else {}
        self.optimizer = type(self.optimizer)(groups, lr=self.learning_rate, **extra)
        self._critic_learning_rate = critic_learning_rate
        self._unknown_values = torch.zeros(storage.num_envs, 1, device=self.device)
        self.skipped_updates = 0
        self.anchor = Anchor(self.actor, **anchor) if anchor else None
        self.optimizer.register_step_pre_hook(self._set_learning_rates)
        self.optimizer.register_step_pre_hook(self._skip_if_not_finite)

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample actions; their values follow in `compute_returns`."""
        transition = self.transition
        transition.observations = obs
        with single_threaded(torch.device(self.device)):
            transition.actions = self.actor(obs, stochastic_output=True).detach()
            transition.actions_log_prob = self.actor.get_output_log_prob(transition.actions).detach()
        transition.distribution_params = tuple(each.detach() for each in self.actor.output_distribution_params)
        transition.values = self._unknown_values
        return transition.actions

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one environment step."""
        rewards = (1.0 - self.gamma) * rewards
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

    def update(self) -> dict[str, float]:
        """Train on the rollout; the losses hold how many mini-batches of it were left out."""
        before = self.skipped_updates
        losses = self._update_near(self.anchor) if self.anchor else super().update()
        skipped = self.skipped_updates - before
        if skipped == self.num_learning_epochs * self.num_mini_batches and self.gpu_global_rank == 0:
            tell_of_no_update()
        return {**losses, "skipped_updates": skipped}

    def save(self) -> dict:
        """Everything that the next iteration depends on."""
        anchor = {"anchor": self.anchor.state_dict()} if self.anchor else {}
        return {**super().save(), "skipped_updates": self.skipped_updates, **anchor}

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`."""
        if load_cfg is None:
            self.skipped_updates = loaded_dict["skipped_updates"]
            if self.anchor:
                self.anchor.load_state_dict(loaded_dict["anchor"])
        return super().load(loaded_dict, load_cfg, strict)

    def _update_near(self, anchor: Anchor) -> dict[str, float]:
        """Train with an anchor.

        Where it holds the policy, the learning rate that follows the policy stays as it is, and counts as zero: Adam
        comes to know the size of the gradients, without which each weight would go the whole rate in the first step.
        """
        rate = self.learning_rate
        self.symmetry = anchor if anchor.mirror_loss_coeff > 0.0 else None  # rsl-rl's name of its additional loss
        losses = super().update()
        self.learning_rate = rate if anchor.holds else self.learning_rate
        self.optimizer.param_groups[0]["lr"] = self.learning_rate  # which a checkpoint holds
        anchor.after_iteration()
        return {"anchor" if name == "symmetry" else name: loss for name, loss in losses.items()}

    def _set_learning_rates(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        rate = 0.0 if self.anchor and self.anchor.holds else self.learning_rate
        for group, own in zip(optimizer.param_groups, (rate, self._critic_learning_rate), strict=True):
            group["lr"] = own

    def _skip_if_not_finite(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        parameters = chain(self.actor.parameters(), self.critic.parameters())
        gradients = [each.grad for each in parameters if each.grad is not None]
        if not torch.nn.utils.get_total_norm(gradients).isfinite():
            self.skipped_updates += 1
            optimizer.zero_grad(set_to_none=True)  # an optimizer passes over a parameter without a gradient
