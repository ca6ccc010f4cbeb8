"""A memory of earlier policies' samples, so that the discriminator does not forget what it has rejected."""

from typing import Any

import torch


class ReplayBuffer:
    """A ring of samples.

    Every sample enters until the ring is full, then a few random ones of each rollout: the ring then spans many
    policies (MimicKit, github.com/xbpeng/MimicKit).
    """

    def __init__(self, capacity: int, samples_per_rollout: int, num_features: int, device: str | torch.device):
        """Make an empty ring for samples with D features; a rollout may replace a few of them once it is full."""
        self._samples = torch.zeros(capacity, num_features, device=device)
        self._samples_per_rollout = samples_per_rollout
        self._size = 0
        self._next = 0

    def __len__(self) -> int:
        return self._size

    def add(self, samples: torch.Tensor) -> None:
        """Take in the samples of one rollout, shape [N, D]."""
        capacity = len(self._samples)
        wanted = self._samples_per_rollout if self._size == capacity else capacity
        if wanted < len(samples):
            samples = samples[torch.randperm(len(samples), device=samples.device)[:wanted]]
        places = (self._next + torch.arange(len(samples), device=samples.device)) % capacity
        self._samples[places] = samples
        self._next = (self._next + len(samples)) % capacity
        self._size = min(self._size + len(samples), capacity)

    def draw(self, count: int) -> torch.Tensor:
        """Draw samples uniformly, with replacement, shape [count, D]."""
        return self._samples[torch.randint(self._size, (count,), device=self._samples.device)]

    def state_dict(self) -> dict[str, torch.Tensor | int]:
        """Return what it holds."""
        return {"samples": self._samples[: self._size].clone(), "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of another ring of the same size."""
        self._size, self._next = len(state["samples"]), state["next"]
        self._samples[: self._size] = state["samples"]
