"""Sharing work among threads, and keeping torch's out of the way of the physics'."""

import contextlib
import os
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch


def available_cores() -> int:
    """Cores that this process may use: a scheduler or ``taskset`` can allow fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def split(count: int, parts: int) -> list[range]:
    """Cut ``count`` things into ranges of about the same length, at most one for each thing."""
    bounds = np.linspace(0, count, min(parts, count) + 1).astype(int).tolist()
    return [range(start, end) for start, end in pairwise(bounds)]


@contextlib.contextmanager
def single_threaded(device: torch.device) -> Iterator[None]:
    """Run torch on one thread, on a CPU device.

    The tensors of an environment step are small: threads cost more than they give, and OpenMP workers that wait for the
    next operation by spinning take the cores from the physics.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
