"""Sharing the rows of a batch among threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import warp as wp

from msemu.sim.threads import available_cores, split

Result = TypeVar("Result")


class RowThreads:
    """Threads that each work on a range of rows: kernels and tensor operations run without the interpreter's lock.

    Attributes:
        ranges: The range of each thread.
    """

    def __init__(self, num_rows: int, num_threads: int = 0):
        """Cut the rows into ranges, one for each thread; ``num_threads`` of 0 takes one for every core."""
        ranges = split(num_rows, num_threads or available_cores())
        self.ranges = [slice(rows.start, rows.stop) for rows in ranges]
        self._pool = ThreadPoolExecutor(len(self.ranges) - 1, "rows") if len(self.ranges) > 1 else None

    def map(self, work: Callable[[int], Result]) -> list[Result]:
        """Return what ``work`` gives for the number of each range; the first one is done by the caller's thread."""
        running = [self._pool.submit(work, index) for index in range(1, len(self.ranges))] if self._pool else []
        return [work(0), *(future.result() for future in running)]


def compile_now(kernel: wp.Kernel) -> None:
    """Compile a kernel before several threads ask for it."""
    # On the CPU, Warp launches blocks of one thread, and compiles anew for blocks of another size.
    kernel.module.load(wp.get_device("cpu"), 1)
