"""Off-policy learning with batch-renormalized critics: CrossQ."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from rsl_rl.env import VecEnv
from rsl_rl.models import MLPModel
from rsl_rl.utils import resolve_class
from tensordict import TensorDict
from torch import nn

from msemu.rl.heads import head_name
from msemu.rl.initial.anchor import Anchor
from msemu.rl.memory.replay import Batch, Replay
from msemu.rl.off_policy.critic import TwinCritic
from msemu.rl.off_policy.networks import make_networks, step_if_finite
from msemu.rl.off_policy.policy import SquashedGaussian
from msemu.rl.progress import tell_of_no_update

Value = Callable[[torch.Tensor], torch.Tensor]
"""From actions [N, A] to values [N, 1], at fixed observations."""


class Temperature(nn.Module):
    """A factor of the entropy that is learned such that the policy keeps a wanted one (SAC, arXiv:1812.05905)."""

    def __init__(self, num_actions: int, init_temperature: float, target_per_action: float):
        """Start at a factor; ``target_per_action`` is the entropy wanted, per action [nat]."""
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


class CrossQ:
    """Soft actor-critic (arXiv:1812.05905) without target networks (CrossQ, arXiv:1902.05605).

    A loss that is not finite, whatever the reason, leaves its networks and their optimizer as they are. It is counted
    on the device, so that the host never waits to see whether there is one.

    Attributes:
        actor: The policy; its head is a `SquashedGaussian`.
        critic: The Qs.
        replay: What is learned from.
        learning_rate: Of all networks.
        anchor: What keeps the policy near the one that the run began with, if anything does.
    """

    head: ClassVar[type[SquashedGaussian]] = SquashedGaussian
    """Head that the policy must have."""

    def __init__(
        self,
        actor: MLPModel,
        critic: TwinCritic,
        num_envs: int,
        gamma: float,
        num_steps: int,
        replay_size: int,
        learning_starts: int,
        updates_per_step: int,
        batch_size: int,
        policy_delay: int,
        learning_rate: float,
        adam_betas: tuple[float, float],
        entropy: Mapping[str, float] | None,
        device: str,
        anchor: dict[str, Any] | None = None,
    ):
        """Build the algorithm.

        Args:
            actor: Policy network.
            critic: Critics.
            num_envs: Environments E.
            gamma: Discount factor.
            num_steps: Steps of reward before the value of the next state.
            replay_size: Transitions that are remembered, of all environments together.
            learning_starts: Transitions before the first update.
            updates_per_step: Updates after each step of all environments.
            batch_size: Pieces of episodes in an update.
            policy_delay: Updates of the critics for one of the policy.
            learning_rate: Of all networks.
            adam_betas: Adam's decay rates.
            entropy: Arguments of `Temperature`; without it entropy does not count.
            device: Where the networks learn.
            anchor: Arguments of `Anchor`, of a run that begins with the policy of another one.

        Raises:
            TypeError: The policy has another head.
        """
        if not isinstance(actor.distribution, self.head):
            raise TypeError(f"{type(self).__name__} wants a {self.head.__name__}, not a {head_name(actor)}")
        self.actor, self.critic = actor, critic
        self.replay = Replay(replay_size, num_envs, num_steps, gamma)
        self.learning_rate = learning_rate
        self.anchor = Anchor(actor, **anchor) if anchor else None
        self._learning_starts = learning_starts
        self._updates_per_step, self._batch_size, self._policy_delay = updates_per_step, batch_size, policy_delay
        self._temperature = Temperature(actor.distribution.output_dim, **entropy).to(device) if entropy else None
        trained = {"critic": self.critic, "actor": self.actor}
        if self._temperature:
            trained["temperature"] = self._temperature
        self._optimizers = {
            name: torch.optim.Adam(net.parameters(), lr=learning_rate, betas=(adam_betas[0], adam_betas[1]), fused=True)
            for name, net in trained.items()
        }
        self._num_updates = 0
        self._skipped = torch.zeros((), device=device)
        self._tried, self._skipped_before = 0, 0.0
        self._shown: dict[str, list[torch.Tensor]] = {}
        self._observations: TensorDict
        self._actions: torch.Tensor

    @classmethod
    def construct_algorithm(cls, obs: TensorDict, env: VecEnv, cfg: dict, device: str) -> "CrossQ":
        """Build networks and algorithm, as rsl-rl's runner asks for."""
        _, settings = resolve_class(cfg["algorithm"])
        actor, critic = make_networks(obs, env, cfg, device, env.num_actions)
        return cls(actor, critic, env.num_envs, device=device, **settings)

    @property
    def skipped_updates(self) -> int:
        """Updates left out so far."""
        return int(self._skipped.item())

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample actions, shape [E, A]."""
        self._observations = obs
        self._actions = self.actor(obs, stochastic_output=True)
        return self._actions

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, Any]
    ) -> None:
        """Remember the step that `act` led to."""
        device = rewards.device
        ended, time_outs = dones.bool(), extras["time_outs"].to(device).bool()
        seen = dict.fromkeys([*self.actor.obs_groups, *self.critic.obs_groups])
        final = extras["terminal_observations"].to(device)
        before, after = ({name: rows[name] for name in seen} for rows in (self._observations, final))
        self.replay.add(before, self._actions, rewards, ended & ~time_outs, ended, after)
        self.actor.update_normalization(self._observations)

    def update(self) -> None:
        """Learn from the memory, once there is enough in it."""
        if len(self.replay) < self._learning_starts or not self.replay.ready:
            return
        for _ in range(self._updates_per_step):
            self._learn(self.replay.draw(self._batch_size))

    def losses(self) -> dict[str, float]:
        """Means of what the updates since the last call have shown, by one read of the device."""
        names = list(self._shown)
        means = [torch.stack(values).mean() for values in self._shown.values()]
        self._shown.clear()
        *values, skipped = torch.stack([*means, self._skipped]).tolist()
        if 0 < self._tried == skipped - self._skipped_before:
            tell_of_no_update()
        self._tried, self._skipped_before = 0, skipped
        return {**dict(zip(names, values, strict=True)), "skipped_updates": skipped, "replay": len(self.replay)}

    def get_policy(self) -> MLPModel:
        """Return the policy."""
        return self.actor

    def train_mode(self) -> None:
        """Let the normalizer of the observations learn."""
        self.actor.train()

    def eval_mode(self) -> None:
        """Keep the normalizer as it is."""
        self.actor.eval()

    def save(self) -> dict[str, Any]:
        """Everything that the next iteration depends on, except for the memory."""
        return {
            "actor_state_dict": self.actor.state_dict(),
            "critic_state_dict": self.critic.state_dict(),
            "temperature_state_dict": self._temperature.state_dict() if self._temperature else {},
            "optimizer_state_dict": {name: each.state_dict() for name, each in self._optimizers.items()},
            "num_updates": self._num_updates,
            "skipped_updates": self.skipped_updates,
            **({"anchor": self.anchor.state_dict()} if self.anchor else {}),
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`; of the networks in ``load_cfg``, if there is one, nothing else is taken."""
        self.actor.load_state_dict(loaded_dict["actor_state_dict"], strict=strict)
        if load_cfg is None or load_cfg.get("critic"):
            self.critic.load_state_dict(loaded_dict["critic_state_dict"], strict=strict)
        if load_cfg is not None:
            return False
        if self._temperature:
            self._temperature.load_state_dict(loaded_dict["temperature_state_dict"])
        if self.anchor:
            self.anchor.load_state_dict(loaded_dict["anchor"])
        for name, optimizer in self._optimizers.items():
            optimizer.load_state_dict(loaded_dict["optimizer_state_dict"][name])
        self._num_updates = loaded_dict["num_updates"]
        self._skipped.fill_(loaded_dict["skipped_updates"])
        self._skipped_before = float(loaded_dict["skipped_updates"])
        return True

    def policy_loss(self, head: SquashedGaussian, value: Value) -> torch.Tensor:
        """Return what the policy's update makes less, at observations whose Q is ``value``; it begins with a draw."""
        actions, log_prob = head.draw()
        values = value(actions)
        self.show(policy_value=values.mean(), saturation=(actions.abs() > 0.95 * head.action_limit).float().mean())
        if self._temperature:
            self._step("temperature", self._temperature.loss(log_prob.detach()))
            self.show(temperature=self._temperature.value, entropy=-log_prob.mean())
        return -self._soft(values, log_prob).mean()

    def show(self, **values: torch.Tensor) -> None:
        """Note values for the curves."""
        for name, value in values.items():
            self._shown.setdefault(name, []).append(value.detach())

    def critic_loss(self, batch: Batch) -> torch.Tensor:
        """Squared error of both Qs, whose aims are their own values at the policy's next actions."""
        with torch.no_grad():
            next_actions, next_log_prob = _head(self.actor, batch.next_observations).draw()
        observations = [self.critic.columns(each) for each in (batch.observations, batch.next_observations)]
        both = self.critic(torch.cat(observations), torch.cat((batch.actions, next_actions)))
        values, next_values = both.chunk(2)
        next_value = self._soft(next_values.detach().min(dim=1, keepdim=True).values, next_log_prob)
        target = batch.returns + batch.discounts * next_value
        self.show(q=values.mean(), q_target_std=target.std())
        return (values - target).square().mean(dim=0).sum()

    def _learn(self, batch: Batch) -> None:
        loss = self.critic_loss(batch)
        self.show(q_error=loss)
        self._step("critic", loss)
        if self._num_updates % self._policy_delay == 0 and not (self.anchor and self.anchor.holds):
            value = self.critic.at(self.critic.columns(batch.observations))
            loss = self.policy_loss(_head(self.actor, batch.observations), value)
            self._step("actor", loss + self._pull(batch.observations))
        self._num_updates += 1

    def _pull(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor | float:
        """Loss of the anchor. It holds the noise, too, which depends on the state and which nothing else bounds."""
        if not (self.anchor and (weight := self.anchor.mirror_loss_coeff)):
            return 0.0
        change, noise = self.anchor.change(observations, _mean_and_noise)
        self.show(anchor=change, anchor_noise=noise)
        return weight * (change + noise)

    def _soft(self, values: torch.Tensor, log_prob: torch.Tensor) -> torch.Tensor:
        return values - self._temperature.value * log_prob if self._temperature else values

    def _step(self, name: str, loss: torch.Tensor) -> None:
        """One step of an optimizer, which it leaves out where the gradient is not finite."""
        self._skipped += step_if_finite(self._optimizers[name], loss)
        self._tried += 1


def _head(actor: MLPModel, observations: Mapping[str, torch.Tensor]) -> SquashedGaussian:
    """Return the head of a policy in these states."""
    actor.distribution.update(actor.mlp(actor.get_latent(observations)))
    return actor.distribution


def _mean_and_noise(actor: MLPModel, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return actions without noise, and the deviation of the source near their middle, shape [2, N, A]."""
    output = actor.mlp(actor.get_latent(observations))
    head = actor.distribution
    head.update(output)
    return torch.stack((head.deterministic_output(output), head.action_limit * head.std))
