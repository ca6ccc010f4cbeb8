"""Learning by imitation on the student's own states: DAgger."""

from collections.abc import Sequence
from typing import Any

import torch
from rsl_rl.env import VecEnv
from rsl_rl.models import MLPModel
from rsl_rl.utils import resolve_class
from tensordict import TensorDict

from msemu.rl.distillation.memory import Memory
from msemu.rl.distillation.teacher import TaughtSpace
from msemu.rl.off_policy.networks import make_networks, step_if_finite


class Dagger:
    """DAgger (Ross et al. 2011, arXiv:1011.0686): the student drives more and more, the teacher labels what it meets.

    What is made less is the mean squared error of the excitations [-], over all that was shown so far. The spread of
    the student's head is the noise that it drives with; it does not learn. The critic learns the value of what is done,
    by temporal differences in `PPO`'s unit of reward, so that on-policy learning goes on from the same checkpoint.

    A loss whose gradient is not finite leaves its network as it is. It is counted on the device.

    Attributes:
        actor: The student.
        critic: The value of the states under those who drive.
        replay: What was shown.
        learning_rate: Of the next update.
        anchor: Nothing keeps a student near where it began.
    """

    anchor = None

    def __init__(
        self,
        actor: MLPModel,
        critic: MLPModel,
        replay_size: int,
        learning_starts: int,
        updates_per_step: int,
        batch_size: int,
        learning_rate: float,
        final_learning_rate: float,
        decay_samples: int,
        hand_over_samples: int,
        device: str,
        gamma: float = 0.99,
        critic_learning_rate: float = 0.001,
        teacher: str | Sequence[str] | None = None,
        checkpoint: str | Sequence[str] = "best",
        loss: str = "excitation",
        torque_weighted: bool = False,
    ):
        """Build the algorithm.

        Args:
            actor: Policy network.
            critic: Value network.
            replay_size: States that are remembered.
            learning_starts: States before the first update.
            updates_per_step: Updates after each step of all environments.
            batch_size: States in an update.
            learning_rate: At the start.
            final_learning_rate: At the end, to which it falls geometrically.
            decay_samples: States until then.
            hand_over_samples: States within which the teacher's share of the steps falls from all to none.
            device: Where the networks learn.
            gamma: Discount factor of the critic.
            critic_learning_rate: Of the critic.
            teacher: Run folder of the teacher, or of several; by default the muscle controller alone.
            checkpoint: Which policy of each.
            loss: Whose errors count: ``excitation`` or ``activation``; see `ErrorWeights`.
            torque_weighted: Whether those of muscles count more that do more at the joints.
        """
        self.actor, self.critic = actor, critic
        self.replay = Memory(replay_size)
        self.teachers = _listed(teacher)
        self.checkpoints = _listed(checkpoint)[: len(self.teachers)]
        self.loss, self.torque_weighted = loss, torque_weighted
        self._learning_starts, self._updates_per_step, self._batch_size = learning_starts, updates_per_step, batch_size
        self._rates, self._decay_samples = (learning_rate, final_learning_rate), decay_samples
        self._hand_over_samples = hand_over_samples
        self._gamma = gamma
        rates = {"actor": (actor.mlp, learning_rate), "critic": (critic.mlp, critic_learning_rate)}
        self._optimizers = {
            name: torch.optim.Adam([*network.parameters()], lr=rate, fused=True)
            for name, (network, rate) in rates.items()
        }
        self._samples = 0
        self._skipped = torch.zeros((), device=device)
        self._shown: dict[str, list[torch.Tensor]] = {}
        self._space: TaughtSpace
        self._observations: TensorDict
        self._target: torch.Tensor

    @classmethod
    def construct_algorithm(cls, obs: TensorDict, env: VecEnv, cfg: dict, device: str) -> "Dagger":
        """Build networks and algorithm, as rsl-rl's runner asks for."""
        _, settings = resolve_class(cfg["algorithm"])
        actor, critic = make_networks(obs, env, cfg, device, critic_outputs=1)
        return cls(actor, critic, device=device, **settings)

    @property
    def learning_rate(self) -> float:
        """Learning rate at the number of states seen so far."""
        first, last = self._rates
        return first * (last / first) ** min(1.0, self._samples / self._decay_samples)

    @property
    def share(self) -> float:
        """Probability that the teacher drives a step at the number of states seen so far."""
        return max(0.0, 1.0 - self._samples / self._hand_over_samples)

    def learn_from(self, space: TaughtSpace, observations: TensorDict) -> None:
        """Set the action space in which a teacher labels the student's states, and take the memory for them.

        Raises:
            MsemuError: The memory does not fit.
        """
        self._space = space
        seen, muscles = self._seen(observations), ("label", "action", *(["weight"] if space.is_weighted else []))
        widths = {"seen": seen.shape[1], **dict.fromkeys(muscles, space.num_actions)}
        self.replay.reserve(widths | dict.fromkeys(("reward", "failed", "ended", "env"), 1), seen.device)

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample the student's actions, shape [E, A], and let the teacher look at the same states."""
        self._observations = obs
        self._space.share = self.share
        self._space.listen(obs)
        return self.actor(obs, stochastic_output=True)

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, Any]
    ) -> None:
        """Remember what the teacher would have done in the states that `act` was asked about."""
        seen = self._seen(self._observations)
        failed = dones.bool() & ~extras["time_outs"].to(dones.device).bool()
        numbers = {"reward": rewards, "failed": failed, "ended": dones, "env": torch.arange(len(seen))}
        columns = {"seen": seen, "label": self._space.label, "action": self._space.action}
        columns |= {} if self._space.weight is None else {"weight": self._space.weight}
        step = columns | {name: values.unsqueeze(1) for name, values in numbers.items()}
        self.replay.add({name: values.to(seen.device) for name, values in step.items()})
        self.actor.update_normalization(self._observations)
        self.critic.update_normalization(self._observations)
        self._samples += len(seen)
        self._target = self._value_target(rewards, dones, extras)

    def update(self) -> None:
        """Learn from the last step, and from the memory once there is enough in it."""
        loss = (self.critic(self._observations).squeeze(1) - self._target).square().mean()
        self._step("critic", loss, loss)
        if len(self.replay) < self._learning_starts:
            return
        self._optimizers["actor"].param_groups[0]["lr"] = self.learning_rate
        for _ in range(self._updates_per_step):
            seen, label, weight = self.replay.draw(self._batch_size)
            errors = (self._excitation(seen) - label).square()
            self._step("actor", (errors if weight is None else weight * errors).mean(), errors.mean())

    def _value_target(self, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, Any]) -> torch.Tensor:
        """Return what the value before a step should be [E]; one that ends by time goes on from its last state."""
        final = extras["terminal_observations"].to(rewards.device)
        goes_on = ~(dones.bool() & ~extras["time_outs"].to(rewards.device).bool())
        return (1.0 - self._gamma) * rewards + self._gamma * self.critic(final).squeeze(1) * goes_on

    def _seen(self, observations: TensorDict) -> torch.Tensor:
        """Return what the student sees, as the memory has it, shape [E, O]."""
        return torch.cat([observations[group] for group in self.actor.obs_groups], dim=-1)

    def _step(self, name: str, loss: torch.Tensor, shown: torch.Tensor) -> None:
        self._skipped += step_if_finite(self._optimizers[name], loss)
        self._shown.setdefault(name, []).append(shown.detach())

    def _excitation(self, seen: torch.Tensor) -> torch.Tensor:
        """Excitations of the student at observations [B, O] as the memory has them, shape [B, M]."""
        actions = self.actor.mlp(self.actor.obs_normalizer(seen))
        nowhere = torch.zeros(len(seen), dtype=torch.long, device=seen.device)
        return self._space.student.excitation(actions, nowhere, 0)

    def losses(self) -> dict[str, float]:
        """Root mean squared errors since the last call, the teacher's share, states remembered, updates left out."""
        errors = {name: torch.stack(losses).mean().sqrt().item() for name, losses in self._shown.items()}
        self._shown.clear()
        named = {"excitation_error": errors.get("actor"), "value_error": errors.get("critic")}
        told = {name: error for name, error in named.items() if error is not None}
        return told | {"teacher_share": self.share, "replay": len(self.replay), "skipped_updates": self._skipped.item()}

    def get_policy(self) -> MLPModel:
        """Return the student."""
        return self.actor

    def train_mode(self) -> None:
        """Let the normalizers of the observations learn."""
        self.actor.train()
        self.critic.train()

    def eval_mode(self) -> None:
        """Keep the normalizers as they are."""
        self.actor.eval()
        self.critic.eval()

    def save(self) -> dict[str, Any]:
        """Everything that the next iteration depends on, except for the memory."""
        return {
            "actor_state_dict": self.actor.state_dict(),
            "critic_state_dict": self.critic.state_dict(),
            "optimizer_state_dict": {name: each.state_dict() for name, each in self._optimizers.items()},
            "samples": self._samples,
            "skipped_updates": int(self._skipped.item()),
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None, strict: bool) -> bool:
        """Continue from `save`; of the networks in ``load_cfg``, if there is one, nothing else is taken."""
        self.actor.load_state_dict(loaded_dict["actor_state_dict"], strict=strict)
        if load_cfg is None or load_cfg.get("critic"):
            self.critic.load_state_dict(loaded_dict["critic_state_dict"], strict=strict)
        if load_cfg is not None:
            return False
        for name, optimizer in self._optimizers.items():
            optimizer.load_state_dict(loaded_dict["optimizer_state_dict"][name])
        self._skipped.fill_(loaded_dict["skipped_updates"])
        self._samples = loaded_dict["samples"]
        return True


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [*value]
