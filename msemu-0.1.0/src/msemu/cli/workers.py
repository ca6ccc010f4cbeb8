"""Processes that work for a command, and end with it however it ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from msemu.errors import MsemuError


@contextmanager
def workers(count: int) -> Iterator[Callable[..., Future[Any]]]:
    """Start so many processes; the value is a function that gives them work, as `ProcessPoolExecutor.submit` does.

    Raises:
        MsemuError: One of them was ended from outside.
    """
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _end_with_command)

    def submit(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        # Ctrl-C is for the command, which ends the processes: it is held from them from their first moment on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(work, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield submit
    except BaseException as error:
        for process in multiprocessing.active_children():
            process.kill()
        if isinstance(error, BrokenProcessPool):
            raise MsemuError("a process was ended while it worked, perhaps for want of memory; use fewer") from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_command() -> None:
    """Let this process end when the command does, even where that is killed."""
    command = multiprocessing.parent_process()
    assert command is not None

    def watch() -> None:
        command.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
