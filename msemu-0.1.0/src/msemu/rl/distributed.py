"""Several processes that learn one policy: one for each GPU, on one machine or several.

``torchrun`` starts the processes and tells each its place. Every process simulates environments of its own; rsl-rl's
PPO averages the gradients and its observation normalizers pool their statistics, so all hold the same networks.
"""

import os
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from msemu.errors import MsemuError
from msemu.sim.threads import available_cores

SETUP_TIMEOUT = timedelta(hours=1)
"""How long a process waits for the first one to prepare motion and run folder."""

COLLECTIVE_TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others within an iteration before it gives up."""

_MESSAGE = "message"

_ROLL_CALL = timedelta(seconds=3)
"""How long the survivors of a failure wait for one another, to find out who is missing."""


@dataclass(frozen=True)
class Team:
    """The processes of a run, as seen from one of them.

    Attributes:
        rank: Number of this process; the first, 0, writes the run folder and the display.
        size: Number of processes.
        local_rank: Number of this process on its machine, which is also the number of its GPU.
        local_size: Number of processes on its machine.
        store: Key-value store of the processes; none for a single one.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    store: dist.Store | None = None

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process is the first."""
        return self.rank == 0

    def claim_gpu(self, *devices: str) -> None:
        """Make the GPU of this process's number the present one, which ``auto`` and ``cuda`` then mean.

        Args:
            devices: What the configuration asks for.

        Raises:
            MsemuError: One GPU is named for all processes, or there are fewer GPUs than processes.
        """
        if self.size == 1:
            return
        for name in devices:
            if name not in ("auto", "cuda", "cpu"):
                raise MsemuError(f"each process takes a GPU of its own; say auto, cuda or cpu in place of '{name}'")
        if not torch.cuda.is_available() or set(devices) == {"cpu"}:
            return
        if torch.cuda.device_count() < self.local_size:
            raise MsemuError(
                f"{self.local_size} processes on {socket.gethostname()} and {torch.cuda.device_count()} CUDA devices; "
                "start fewer (torchrun --nproc-per-node), or use --device cpu --sim.device cpu"
            )
        torch.cuda.set_device(self.local_rank)

    def threads(self, asked: int) -> int:
        """Physics threads of this process: all cores (0) are shared out among the processes of a machine."""
        return asked if asked or self.size == 1 else max(1, available_cores() // self.local_size)

    def seed(self, seed: int, iteration: int) -> int:
        """Seed of this process: its own, and another one after each resumption."""
        return seed + self.rank * (1 + iteration)

    def broadcast(self, message: str) -> None:
        """Give the other processes a message, from the first one."""
        if self.store is not None:
            self.store.set(_MESSAGE, message)

    def receive(self) -> str:
        """Wait for what the first process tells.

        Raises:
            MsemuError: It did not get there.
        """
        assert self.store is not None
        try:
            return self.store.get(_MESSAGE).decode()
        except dist.DistError as error:
            raise MsemuError(f"process {self.rank} waited in vain for process 0 to prepare the run") from error

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; each must ask."""
        if self.store is None:
            return flag
        count = torch.tensor(float(flag), device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(count)
        return bool(count > 0)

    @contextmanager
    def connected(self, device: str) -> Iterator[None]:
        """Connect the processes, by NCCL between GPUs and gloo between CPUs, for the time of training.

        Raises:
            MsemuError: Another process has ended meanwhile; the message names it.
        """
        if self.store is None:
            yield
            return
        backend = "nccl" if device.startswith("cuda") else "gloo"
        dist.init_process_group(
            backend, store=self.store, rank=self.rank, world_size=self.size, timeout=COLLECTIVE_TIMEOUT
        )
        try:
            yield
        except RuntimeError as error:
            if not _raised_by_torch_distributed(error):
                raise
            raise MsemuError(self._failure(self.store)) from error
        else:
            dist.destroy_process_group()

    def _failure(self, store: dist.Store) -> str:
        """Say which processes are missing after the connection broke: those that fail to answer a roll call."""
        present = [rank for rank in range(self.size) if self._answers(store, rank)]
        missing = [str(rank) for rank in range(self.size) if rank not in present]
        if not missing:
            return (
                f"process {self.rank} of {self.size} lost its connection to the others; resume from the last checkpoint"
            )
        names = f"process {missing[0]}" if len(missing) == 1 else f"processes {', '.join(missing)}"
        return f"{names} of {self.size} ended, so process {self.rank} stops too; resume from the last checkpoint"

    def _answers(self, store: dist.Store, rank: int) -> bool:
        key = "roll call {}".format
        try:
            store.set(key(self.rank), "here")
            store.wait([key(rank)], _ROLL_CALL)
        except dist.DistError:
            return False
        return True


def join_team() -> Team:
    """Find the other processes that ``torchrun`` started; without it this process is alone.

    Raises:
        MsemuError: They cannot be reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team()
    try:
        store, rank, _ = next(dist.rendezvous("env://", timeout=SETUP_TIMEOUT))
    except (dist.DistError, ValueError) as error:
        raise MsemuError(
            f"cannot reach the other processes ({str(error).splitlines()[0]}); start them with torchrun"
        ) from error
    local_rank, local_size = (int(os.environ.get(name, "0")) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    return Team(rank, size, local_rank, max(local_size, 1), dist.PrefixStore("msemu", store))


def _raised_by_torch_distributed(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(Path(frame.filename).parent.parts[-2:] == ("torch", "distributed") for frame in frames)
