"""What a student has been shown: observations and the excitations that the teacher gave to them."""

import os
from typing import Any

import torch

from msemu.errors import MsemuError


class Memory:
    """A ring of the latest states with their labels, on the device of what is added."""

    def __init__(self, capacity: int):
        """Make an empty ring; memory is taken with the first states."""
        self._capacity = capacity
        self._columns: dict[str, torch.Tensor] = {}
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        """States that it holds."""
        return self._size

    def add(self, seen: torch.Tensor, label: torch.Tensor) -> None:
        """Take in observations [E, O] with their labels [E, M], in place of the oldest ones when the ring is full."""
        self._allocate(seen, label)
        places = (self._next + torch.arange(len(seen), device=seen.device)) % self._capacity
        self._columns["seen"][places] = seen
        self._columns["label"][places] = label
        self._next = (self._next + len(seen)) % self._capacity
        self._size = min(self._size + len(seen), self._capacity)

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw states uniformly, with replacement: observations [B, O] and labels [B, M]."""
        rows = torch.randint(self._size, (count,), device=self._columns["seen"].device)
        return self._columns["seen"][rows], self._columns["label"][rows]

    def state_dict(self) -> dict[str, Any]:
        """Return what it holds."""
        return {"next": self._next} | {name: values[: self._size].clone() for name, values in self._columns.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of another ring of the same size."""
        if "seen" not in state:
            return
        self._allocate(state["seen"], state["label"])
        self._size, self._next = len(state["seen"]), state["next"]
        for name, values in self._columns.items():
            values[: self._size] = state[name]

    def _allocate(self, seen: torch.Tensor, label: torch.Tensor) -> None:
        """Take memory for states of this kind; a host gives it as it is filled.

        Raises:
            MsemuError: There is not enough.
        """
        if self._columns:
            return
        a_state, free = 4 * (seen.shape[1] + label.shape[1]), _free_bytes(seen.device)
        if (size := a_state * self._capacity) > free:
            raise MsemuError(
                f"a memory of {self._capacity} states takes {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free;"
                f" {free // (2 * a_state)} states fit well: set replay_size of agent.algorithm"
            )
        self._columns = {"seen": seen.new_empty(self._capacity, seen.shape[1])}
        self._columns["label"] = label.new_empty(self._capacity, label.shape[1])


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
