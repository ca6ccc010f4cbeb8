"""What is to be seen of a discriminator's training, in TensorBoard and on the console."""

from dataclasses import dataclass

import torch
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

COLLAPSED_AFTER = 50
"""Iterations of perfect accuracy after which the discriminator counts as collapsed."""

_DIVERGED = (
    "the discriminator's logits are not finite, and it gives no reward any more: lower learning_rate in the agent's"
    " discriminator and start again"
)
_PARTS_SHOWN = 10
_PARTS_INTERVAL = 50


@dataclass
class Diagnostics:
    """One update of a discriminator, seen on a random part of the rollout.

    Attributes:
        loss: Mean loss of the update.
        negative_logits: Logits of the policy's samples, shape [N].
        positive_logits: Logits of good samples, shape [P].
        gradient_norm: Mean norm of the logit's gradient by the normalized sample.
        punished: Mean size of the reward's gradient by the normalized sample, summed over the columns of each part.
    """

    loss: torch.Tensor
    negative_logits: torch.Tensor
    positive_logits: torch.Tensor
    gradient_norm: torch.Tensor
    punished: dict[str, torch.Tensor]

    def is_finite(self) -> bool:
        """Whether the discriminator still gives numbers."""
        return bool(torch.cat((self.loss.view(1), self.negative_logits, self.positive_logits)).isfinite().all())

    def accuracy(self) -> tuple[float, float]:
        """Share of positive and of negative samples that are told right [-]."""
        right = torch.stack(((self.positive_logits > 0).float().mean(), (self.negative_logits < 0).float().mean()))
        positive, negative = right.tolist()
        return positive, negative

    def shares(self) -> dict[str, float]:
        """Share of each part in the reward's gradient [-]: what the discriminator punishes at present."""
        sizes = torch.stack(list(self.punished.values()))
        return dict(zip(self.punished, (sizes / sizes.sum().clamp(min=1e-12)).tolist(), strict=True))


class DiagnosticsLog:
    """Writes the diagnostics of each iteration, and warns when the discriminator has nothing to teach any more."""

    def __init__(self):
        self._perfect = 0
        self._diverged = False

    def write(
        self, writer: SummaryWriter, iteration: int, seen: Diagnostics | None, reward: torch.Tensor, weight: float
    ) -> None:
        """Write the curves of one iteration.

        Args:
            writer: TensorBoard.
            iteration: Number of the iteration.
            seen: What the update showed; None when there was no sample to learn from.
            reward: Discriminator rewards of the rollout, before their weight, shape [N].
            weight: Their weight in the reward.
        """
        writer.add_scalar("Reward/discriminator", weight * reward.mean().item(), iteration)
        writer.add_histogram("Discriminator/reward", reward, iteration)
        if seen is None:
            self._warn(writer, iteration, "every simulation of the rollout blew up: the discriminator did not learn")
            return
        if not seen.is_finite():
            if not self._diverged:
                self._warn(writer, iteration, _DIVERGED)
            self._diverged = True
            return
        positive, negative = seen.accuracy()
        writer.add_scalar("Discriminator/accuracy_positive", positive, iteration)
        writer.add_scalar("Discriminator/accuracy_negative", negative, iteration)
        writer.add_scalar("Discriminator/gradient_norm", seen.gradient_norm.item(), iteration)
        writer.add_scalar("Discriminator/logit_positive", seen.positive_logits.mean().item(), iteration)
        writer.add_histogram("Discriminator/logit_negative", seen.negative_logits, iteration)
        shares = seen.shares()
        for entry, share in _by_entry(shares).items():
            writer.add_scalar(f"Discriminator punishes/{entry}", share, iteration)
        if iteration % _PARTS_INTERVAL == 0:
            writer.add_text("Discriminator punishes/most", _table(shares), iteration)
        self._watch_collapse(writer, iteration, positive, negative, weight * reward)

    def _watch_collapse(
        self, writer: SummaryWriter, iteration: int, positive: float, negative: float, reward: torch.Tensor
    ) -> None:
        self._perfect = self._perfect + 1 if positive == negative == 1.0 else 0
        if self._perfect == COLLAPSED_AFTER:
            text = (
                f"the discriminator has told every sample right for {self._perfect} iterations and the policy gets a "
                f"reward of {reward.mean().item():.2g} +- {reward.std().item():.2g}: where that hardly varies, raise "
                "gradient_penalty or lower learning_rate in the agent's discriminator"
            )
            self._warn(writer, iteration, text)

    def _warn(self, writer: SummaryWriter, iteration: int, text: str) -> None:
        writer.add_text("Discriminator/warning", text, iteration)
        Console(stderr=True).print(f"iteration {iteration}: {text}", soft_wrap=True)


def _by_entry(shares: dict[str, float]) -> dict[str, float]:
    entries: dict[str, float] = {}
    for part, share in shares.items():
        entry = part.partition("/")[0]
        entries[entry] = entries.get(entry, 0.0) + share
    return entries


def _table(shares: dict[str, float]) -> str:
    largest = sorted(shares.items(), key=lambda item: -item[1])[:_PARTS_SHOWN]
    return "\n".join(("| part | share |", "|---|---|", *(f"| {name} | {share:.1%} |" for name, share in largest)))
