"""Starting Warp without its banner."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import warp as wp


@contextmanager
def _no_native_output() -> Iterator[None]:
    """Discard what native code writes to standard error, which Python's redirection does not reach."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def start_quietly() -> None:
    """Initialize Warp and show warnings only; a level that the user has chosen stays.

    A machine without CUDA is no reason for a warning: the physics and the networks report the device they want.
    """
    if wp.config.log_level == wp.LOG_INFO:
        wp.config.log_level = wp.LOG_WARNING
    with _no_native_output():
        wp.init()
