"""Errors that a user can mend."""

import os
import sys
from collections.abc import Callable
from functools import wraps


class MsemuError(Exception):
    """A mistake in what the user gave or in the machine's state.

    The message is one line that names the cause and the remedy. Commands print it without a traceback and
    exit with code 2.
    """


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a command's ``main`` so that an `MsemuError`, or a file that fails, ends in one line and exit code 2."""

    @wraps(main)
    def wrapped() -> None:
        try:
            main()
        except MsemuError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
        except OSError as error:
            if error.filename is None:
                raise
            place = os.fsdecode(error.filename)
            remedy = "check that it exists, that you may read and write it, and that the disk has room"
            print(f"error: {place}: {error.strerror}; {remedy}", file=sys.stderr)
            raise SystemExit(2) from None

    return wrapped
