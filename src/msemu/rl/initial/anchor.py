"""What keeps a policy near the one that it began with, until its critic knows better."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from rsl_rl.models import MLPModel


def _mean(actor: MLPModel, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return actor(observations)


class Anchor:
    """Holds a policy while its critic learns, then draws it to where it began, ever less.

    Nothing is held or drawn before `begin`. From then on the statistics by which the policy normalizes what it observes
    stay as they are: they are part of what it has learned.

    It has what rsl-rl's PPO asks of a mirror loss, the one term that its update adds to the loss: ``augment_batch``,
    ``compute_loss`` and ``mirror_loss_coeff``.

    Attributes:
        use_mirror_loss: Whether PPO counts it: always.
    """

    use_mirror_loss = True

    def __init__(self, actor: MLPModel, hold_iterations: int, weight: float, fade_iterations: int):
        """Build the anchor.

        Args:
            actor: The policy that it holds.
            hold_iterations: Iterations in which only the critic learns.
            weight: Weight of the squared change of the actions then, in 1 over the square of an action.
            fade_iterations: Iterations after those within which the weight falls to zero.
        """
        self._actor, self._first = actor, deepcopy(actor)
        self._hold, self._weight, self._fade = hold_iterations, weight, fade_iterations
        self._done = hold_iterations + fade_iterations

    def begin(self) -> None:
        """Take the policy as it is now for the one to stay near."""
        self._first.load_state_dict(self._actor.state_dict())
        self._actor.obs_normalization = False  # whether rsl-rl goes on with the statistics
        self._done = 0

    def after_iteration(self) -> None:
        """Count an iteration."""
        self._done += 1

    @property
    def holds(self) -> bool:
        """Whether the policy is held."""
        return self._done < self._hold

    @property
    def mirror_loss_coeff(self) -> float:
        """Weight of the loss in this iteration."""
        return 0.0 if self.holds else self._weight * max(0.0, 1.0 - (self._done - self._hold) / self._fade)

    def augment_batch(self, batch: Any, num_samples: int) -> None:
        """Leave a mini-batch as it is."""

    def compute_loss(self, actor: MLPModel, batch: Any, num_samples: int) -> torch.Tensor:
        """Return the change of the policy in the states of a mini-batch."""
        return self.change(batch.observations)

    def change(
        self, observations: Mapping[str, torch.Tensor], what: Callable[..., torch.Tensor] = _mean
    ) -> torch.Tensor:
        """Mean squared change of ``what`` [..., N, A] since the first policy, by default actions without noise."""
        with torch.no_grad():
            first = what(self._first, observations)
        return (what(self._actor, observations) - first).square().mean(dim=(-2, -1))

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next iteration depends on."""
        return {"first_state_dict": self._first.state_dict(), "done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self._first.load_state_dict(state["first_state_dict"])
        self._actor.obs_normalization = False
        self._done = state["done"]
