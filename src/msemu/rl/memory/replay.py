"""The memory that an off-policy algorithm learns from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from msemu.errors import MsemuError

Observations = dict[str, torch.Tensor]


class Batch(NamedTuple):
    """Random pieces of episodes: a state, what followed in the next n steps, and the state after them.

    Attributes:
        observations: Groups of observations, each [B, O].
        actions: What was done, shape [B, A].
        returns: ``sum gamma^i r_i`` over the steps of the piece, shape [B, 1].
        discounts: Factor of the value of the next state: ``gamma^n``, zero where the episode failed; shape [B, 1].
        next_observations: After the last step of the piece and before any reset, each [B, O].
    """

    observations: Observations
    actions: torch.Tensor
    returns: torch.Tensor
    discounts: torch.Tensor
    next_observations: Observations


class Replay:
    """A ring of the latest steps of all environments, on the device of what is added.

    Pieces have n steps, or less where the episode ends. One that fails has no value afterwards; one that is cut off by
    time has that of the state it was cut off in.
    """

    def __init__(self, capacity: int, num_envs: int, num_steps: int, gamma: float):
        """Make an empty ring; memory is taken with the first step.

        Args:
            capacity: Transitions it holds, of all environments together.
            num_envs: Environments E.
            num_steps: Steps n of a piece.
            gamma: Discount factor.

        Raises:
            MsemuError: It does not hold a piece.
        """
        if capacity < num_envs * num_steps:
            raise MsemuError(
                f"a replay of {capacity} transitions does not hold {num_steps} steps of {num_envs} environments; "
                "raise agent.algorithm.replay-size"
            )
        self._num_envs = num_envs
        self._num_rows = capacity // num_envs
        self._num_steps = num_steps
        self._gamma = gamma
        self._columns: dict[str, torch.Tensor] = {}
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        """Transitions that it holds."""
        return self._size * self._num_envs

    @property
    def ready(self) -> bool:
        """Whether it holds a piece."""
        return self._size >= self._num_steps

    def add(
        self,
        observations: Mapping[str, torch.Tensor],
        actions: torch.Tensor,
        rewards: torch.Tensor,
        failed: torch.Tensor,
        ended: torch.Tensor,
        next_observations: Mapping[str, torch.Tensor],
    ) -> None:
        """Take in one step of every environment, in place of the oldest one when the ring is full.

        Args:
            observations: Before the step, each [E, O].
            actions: Shape [E, A].
            rewards: Shape [E].
            failed: Whether the episode has ended by itself, shape [E].
            ended: Whether it has ended at all, shape [E].
            next_observations: After the step and before any reset, each [E, O].
        """
        step = {f"observations.{name}": values for name, values in observations.items()}
        step |= {f"next_observations.{name}": values for name, values in next_observations.items()}
        step |= {"actions": actions, "rewards": rewards, "failed": failed.bool(), "ended": ended.bool()}
        if not self._columns:
            self._allocate({name: values[None] for name, values in step.items()})
        for name, values in step.items():
            self._columns[name][self._next] = values
        self._next = (self._next + 1) % self._num_rows
        self._size = min(self._size + 1, self._num_rows)

    def draw(self, count: int) -> Batch:
        """Draw pieces uniformly, with replacement."""
        device = self._columns["rewards"].device
        oldest = self._next - self._size
        rows = oldest + torch.randint(self._size - self._num_steps + 1, (count, 1), device=device)
        rows = (rows + torch.arange(self._num_steps, device=device)) % self._num_rows
        places = rows * self._num_envs + torch.randint(self._num_envs, (count, 1), device=device)
        rewards, ended = self._take("rewards", places), self._take("ended", places)
        lasts = torch.cat((torch.ones_like(rewards[:, :1]), (~ended[:, :-1]).cumprod(dim=1)), dim=1)
        length = lasts.sum(dim=1, keepdim=True)
        powers = self._gamma ** torch.arange(self._num_steps, device=device)
        last = places.gather(1, length.long() - 1)
        return Batch(
            self._group("observations", places[:, 0]),
            self._take("actions", places[:, 0]),
            (powers * lasts * rewards).sum(dim=1, keepdim=True),
            self._gamma**length * ~self._take("failed", last),
            self._group("next_observations", last[:, 0]),
        )

    @staticmethod
    def fits(state: Mapping[str, Any], num_envs: int) -> bool:
        """Say whether a `state_dict` is of a ring with as many environments."""
        return "rewards" not in state or state["rewards"].shape[1] == num_envs

    def fill(self, transitions: Mapping[str, torch.Tensor]) -> None:
        """Take in single transitions in place of all that it holds: columns as in a `state_dict`, but each [N, ...].

        Each is a piece of its own, however many steps the pieces have.
        """
        rows = min(len(transitions["rewards"]) // self._num_envs, self._num_rows)
        held = {name: values[-rows * self._num_envs :] for name, values in transitions.items()} if rows else {}
        columns = {name: values.unflatten(0, (rows, self._num_envs)) for name, values in held.items()}
        if columns:
            self.load_state_dict({"next": rows % self._num_rows, **columns})

    def state_dict(self) -> dict[str, torch.Tensor | int]:
        """Return what it holds."""
        full = self._size == self._num_rows
        held = {name: values if full else values[: self._size].clone() for name, values in self._columns.items()}
        return {"next": self._next, **held}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of another ring of the same size."""
        columns = {name: values for name, values in state.items() if name != "next"}
        self._allocate(columns)
        self._size = len(columns["rewards"])
        self._next = state["next"]
        for name, values in columns.items():
            self._columns[name][: self._size] = values

    def _allocate(self, like: Mapping[str, torch.Tensor]) -> None:
        """Take memory for columns of this kind, each [steps, E, ...]; a host gives it as it is filled."""
        shape = self._num_rows, self._num_envs
        self._columns = {name: values.new_empty(*shape, *values.shape[2:]) for name, values in like.items()}

    def _take(self, name: str, places: torch.Tensor) -> torch.Tensor:
        return self._columns[name].flatten(0, 1)[places]

    def _group(self, prefix: str, places: torch.Tensor) -> Observations:
        names = [name for name in self._columns if name.startswith(f"{prefix}.")]
        return {name.removeprefix(f"{prefix}."): self._take(name, places) for name in names}
