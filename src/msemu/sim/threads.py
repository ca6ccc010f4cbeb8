"""Keeping torch's threads out of the way of the physics threads."""

import contextlib
from collections.abc import Iterator

import torch


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
