"""A discriminator as a component of its own: network, objective, optimizer, statistics, memory, training."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from rsl_rl.modules import MLP
from rsl_rl.utils import reduce_gradients_in_buckets, resolve_optimizer

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.rl.adversarial.diagnostics import Diagnostics
from msemu.rl.adversarial.normalizer import MeanAbsoluteNormalizer, MeanStdNormalizer
from msemu.rl.adversarial.objective import OBJECTIVES, Objective, gradient_penalty
from msemu.rl.adversarial.replay import ReplayBuffer

_DIAGNOSED_SAMPLES = 512
_BUCKET_MB = 25.0


class Discriminator(ABC):
    """Tells samples of the policy (negative) from good ones (positive), and rewards those taken for good.

    A subclass says what a sample is, which ones are good, and on which the gradient is penalized.

    Attributes:
        parts: Columns of each named part of a sample.
        num_features: Columns D of a sample.
        network: The network, from normalized samples to logits.
        normalizer: Statistics of the samples.
        replay: Negative samples of earlier policies.
    """

    penalizes_negatives: bool
    """Whether the gradient penalty counts the policy's samples beside the good ones."""

    def __init__(
        self,
        parts: dict[str, list[int]],
        normalizer: MeanAbsoluteNormalizer | MeanStdNormalizer,
        device: str | torch.device,
        hidden_dims: Sequence[int],
        activation: str,
        init_logit_weight: float,
        objective: str,
        gradient_penalty: float,
        logit_regularization: float,
        optimizer: str,
        learning_rate: float,
        weight_decay: float,
        num_learning_epochs: int,
        num_mini_batches: int,
        replay_size: int,
        replay_samples_per_rollout: int,
    ):
        """Build the network and its memory.

        Args:
            parts: Columns of each named part of a sample.
            normalizer: Statistics of the samples.
            device: Where it learns.
            hidden_dims: Widths of the hidden layers.
            activation: Activation function of the hidden layers.
            init_logit_weight: Weights of the last layer start uniform in plus or minus this.
            objective: ``logistic`` or ``least_squares``.
            gradient_penalty: Weight of the mean squared gradient norm of each penalized side, halved.
            logit_regularization: Weight of the squared weights of the last layer.
            optimizer: ``adam``, ``adamw`` or ``sgd``.
            learning_rate: Its step.
            weight_decay: Its decay.
            num_learning_epochs: How often a rollout is gone through.
            num_mini_batches: Steps of each time.
            replay_size: Samples that are remembered.
            replay_samples_per_rollout: Samples of a rollout that enter the memory once it is full.
        """
        self.parts = parts
        self.num_features = sum(map(len, parts.values()))
        self.normalizer = normalizer
        self.network = MLP(self.num_features, 1, list(hidden_dims), activation).to(device)
        torch.nn.init.uniform_(self.network[-1].weight, -init_logit_weight, init_logit_weight)
        torch.nn.init.zeros_(self.network[-1].bias)
        self.replay = ReplayBuffer(replay_size, replay_samples_per_rollout, self.num_features, device)
        self._objective: Objective = OBJECTIVES[objective]
        self._gradient_penalty = gradient_penalty
        self._logit_regularization = logit_regularization
        self._optimizer = resolve_optimizer(optimizer)(
            self.network.parameters(), lr=learning_rate, weight_decay=weight_decay
        )
        self._steps = num_learning_epochs * num_mini_batches
        self._num_mini_batches = num_mini_batches

    @abstractmethod
    def observe(self, env: MotionTrackingEnv, dones: torch.Tensor) -> torch.Tensor:
        """Make one sample for each environment from `MotionTrackingEnv.transition`, shape [E, D].

        Args:
            env: After a step: its transition is from before any reset, its frames are from after it.
            dones: Which episodes ended in that step, shape [E], bool.
        """

    @abstractmethod
    def positives(self, count: int) -> torch.Tensor:
        """Good samples, shape [count, D], or the only one, shape [1, D]."""

    def logits(self, samples: torch.Tensor) -> torch.Tensor:
        """Judge samples, shape [N, 1]."""
        return self.network(self.normalizer(samples))

    def reward(self, samples: torch.Tensor) -> torch.Tensor:
        """Reward of samples [N, D], shape [N]."""
        return self._objective.reward(self.logits(samples)).squeeze(1)

    def update(self, samples: torch.Tensor) -> Diagnostics | None:
        """Learn from the samples [N, D] of one rollout; the number may differ between ranks.

        Returns:
            What is to be seen of it; None when a rank has no sample, and nothing was learned.
        """
        size = _min_over_ranks(len(samples), samples.device)
        if size == 0:
            return None
        positives = self.positives(len(samples))
        self._record(samples, positives)
        self.replay.add(samples)
        batch_size = max(1, size // self._num_mini_batches)
        # Each step takes the same number on every rank; which ones are left out at the end of a pass is random.
        loss = torch.zeros((), device=samples.device)
        for step in range(self._steps):
            if step % self._num_mini_batches == 0:
                order = torch.randperm(len(samples), device=samples.device)
            first = step % self._num_mini_batches * batch_size % size
            rows = order[first : first + batch_size]
            good = positives[rows] if len(positives) > 1 else positives
            loss += self._train(torch.cat((samples[rows], self.replay.draw(len(rows)))), good)
        return self._diagnose(samples, positives, loss / self._steps)

    def synchronize(self) -> None:
        """Give every rank the network and the statistics of the first."""
        for tensor in (*self.network.state_dict().values(), *self.normalizer.buffers()):
            torch.distributed.broadcast(tensor, src=0)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "normalizer": self.normalizer.state_dict(),
            "replay": self.replay.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict` of the first rank, whose memory no other rank takes over."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.normalizer.load_state_dict(state["normalizer"])
        if is_rank_zero():
            self.replay.load_state_dict(state["replay"])

    def loss(self, negatives: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
        """Return the loss of negatives [N, D] and positives [P, D] (MimicKit, github.com/xbpeng/MimicKit).

        ``(positive loss + negative loss) / 2 + w_logit |weights of the last layer|^2 + w_gp / 2 * penalty``, where the
        penalty is the sum of the mean squared gradient norms on the penalized sides, by the normalized samples.
        """
        good = self.normalizer(positives).requires_grad_()
        bad = self.normalizer(negatives).requires_grad_(self.penalizes_negatives)
        good_logits, bad_logits = self.network(good), self.network(bad)
        penalty = gradient_penalty(good_logits, good)
        if self.penalizes_negatives:
            penalty = penalty + gradient_penalty(bad_logits, bad)
        classification = self._objective.positive_loss(good_logits).mean()
        classification = classification + self._objective.negative_loss(bad_logits).mean()
        regularization = self._logit_regularization * self.network[-1].weight.square().sum()
        return 0.5 * classification + regularization + 0.5 * self._gradient_penalty * penalty

    def _record(self, samples: torch.Tensor, positives: torch.Tensor) -> None:
        """Take samples into the statistics."""
        self.normalizer.record(samples)

    def _train(self, negatives: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
        loss = self.loss(negatives, positives)
        self._optimizer.zero_grad()
        loss.backward()
        if torch.distributed.is_initialized():
            ranks = torch.distributed.get_world_size()
            reduce_gradients_in_buckets(self.network.parameters(), ranks, _BUCKET_MB)
        self._optimizer.step()
        return loss.detach()

    def _diagnose(self, samples: torch.Tensor, positives: torch.Tensor, loss: torch.Tensor) -> Diagnostics:
        chosen = torch.randperm(len(samples), device=samples.device)[:_DIAGNOSED_SAMPLES]
        inputs = self.normalizer(samples[chosen]).requires_grad_()
        logits = self.network(inputs)
        (gradient,) = torch.autograd.grad(logits.sum(), inputs)
        slope = logits.detach().requires_grad_()
        (steepness,) = torch.autograd.grad(self._objective.reward(slope).sum(), slope)
        punished = (steepness * gradient).abs().mean(0)
        with torch.no_grad():
            positive_logits = self.logits(positives[:_DIAGNOSED_SAMPLES])
        return Diagnostics(
            loss=loss,
            negative_logits=slope.detach().squeeze(1),
            positive_logits=positive_logits.squeeze(1),
            gradient_norm=gradient.norm(dim=1).mean(),
            punished={name: punished[columns].sum() for name, columns in self.parts.items()},
        )


def is_rank_zero() -> bool:
    """Whether this process is the one that writes the checkpoints."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def _min_over_ranks(number: int, device: torch.device) -> int:
    """Least of the numbers of all ranks; each must ask."""
    if not torch.distributed.is_initialized():
        return number
    least = torch.tensor(number, device=device)
    torch.distributed.all_reduce(least, op=torch.distributed.ReduceOp.MIN)
    return int(least)
