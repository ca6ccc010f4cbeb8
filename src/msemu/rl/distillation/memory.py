"""What a student has been shown: observations, the excitations that the teacher gave to them, and what was done."""

import os
import re
from pathlib import Path
from typing import Any

import torch

from msemu.errors import MsemuError

_MEMORY = Path("/proc/meminfo")


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

    def add(self, step: dict[str, torch.Tensor]) -> None:
        """Take in one step of all environments, in place of the oldest states when the ring is full.

        Args:
            step: ``seen``, observations [E, O]; ``label``, the teacher's excitations [E, M]; perhaps ``weight`` of
                their errors [E, M]; and what became of them, for those who learn from the run later: ``action``
                [E, A], ``reward``, ``failed``, ``ended`` and the number of the environment, ``env``, [E, 1] each.
        """
        count = len(step["seen"])
        self.reserve(_widths(step), step["seen"].device)
        places = (self._next + torch.arange(count, device=step["seen"].device)) % self._capacity
        for name, values in step.items():
            self._columns[name][places] = values.to(self._columns[name].dtype)
        self._next = (self._next + count) % self._capacity
        self._size = min(self._size + count, self._capacity)

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Draw states uniformly, with replacement: observations [B, O], labels [B, M], their weights [B, M] if any."""
        rows = torch.randint(self._size, (count,), device=self._columns["seen"].device)
        weight = self._columns["weight"][rows] if "weight" in self._columns else None
        return self._columns["seen"][rows], self._columns["label"][rows], weight

    def state_dict(self) -> dict[str, Any]:
        """Return what it holds."""
        return {"next": self._next} | {name: values[: self._size].clone() for name, values in self._columns.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the content of another ring of the same size."""
        columns = {name: values for name, values in state.items() if name != "next"}
        if not columns:
            return
        self.reserve(_widths(columns), columns["seen"].device)
        self._size, self._next = len(columns["seen"]), state["next"]
        for name, values in self._columns.items():
            values[: self._size] = columns[name]

    def fits(self, state: dict[str, Any], num_envs: int) -> bool:
        """Say whether the states of a `state_dict` are remembered alike here; any number of environments goes on."""
        if "seen" not in state:
            return True
        columns = {name: values for name, values in state.items() if name != "next"}
        is_whole = len(state["seen"]) == self._capacity or len(state["seen"]) == state["next"] < self._capacity
        return is_whole and _widths(columns) == _widths(self._columns)

    def reserve(self, widths: dict[str, int], device: torch.device) -> None:
        """Take memory for states with columns of these widths, once; a host gives it as it is filled.

        Raises:
            MsemuError: There is not enough.
        """
        if self._columns:
            return
        a_state, free = 4 * sum(widths.values()), _free_bytes(device)
        if (size := a_state * self._capacity) > free:
            fitting = free // (2 * a_state)
            raise MsemuError(
                f"a memory of {self._capacity} states takes {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free;"
                f" {fitting} states fit well: msemu-distill --replay-size {fitting}, or replay_size of agent.algorithm"
            )
        self._columns = {name: torch.empty(self._capacity, width, device=device) for name, width in widths.items()}


def _widths(columns: dict[str, torch.Tensor]) -> dict[str, int]:
    return {name: values.shape[1] for name, values in columns.items()}


def _free_bytes(device: torch.device) -> int:
    """Return what may be taken; of a host also what its cache of files would give up, where it tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if _MEMORY.is_file() and (found := re.search(r"^MemAvailable: +(\d+) kB", _MEMORY.read_text(), re.MULTILINE)):
        return 1024 * int(found[1])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
