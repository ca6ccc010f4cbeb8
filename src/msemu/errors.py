"""Errors that a user can mend."""

import contextlib
import difflib
import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any


class MsemuError(Exception):
    """A mistake in what the user gave or in the machine's state.

    The message is one line that names the cause and the remedy. Commands print it without a traceback and
    exit with code 2.
    """


DISK_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT}
)
"""Numbers of errors of a disk that is full, or may not be written to (any more)."""


def require_name(what: str, name: str) -> None:
    """Refuse a name that cannot be a part of a folder's name everywhere: a path, an empty one, control characters.

    Raises:
        MsemuError: The message calls it ``what``.
    """
    if not re.fullmatch(r"\w[\w .+=@-]{0,99}", name) or name != name.strip(" ."):
        raise MsemuError(
            f"{what} is the end of a folder's name, of letters, digits, '_', '-' and '.', not {name[:100]!r};"
            " --runs-dir says where runs are"
        )


def suggestion(name: Any, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of the message about an unknown name: those known names that are like it, or all of them.

    Args:
        name: The unknown name, which in a file of the user's may be a number.
        known: The names that would do.
        otherwise: What to say where none is like it, such as ``see: msemu-train --list``; by default all are listed.
    """
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; {otherwise or 'known: ' + ', '.join(known)}"


@contextlib.contextmanager
def blaming(what: str) -> Iterator[None]:
    """Run somebody else's code, such as a plug-in's, and name it in one line where it fails.

    Raises:
        MsemuError: It failed; the message says how, and in which line of which file.
    """
    try:
        yield
    except MsemuError:
        raise
    except (Exception, SystemExit) as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise MsemuError(f"{what} fails: {said} ({Path(last.filename).name}, line {last.lineno})") from error


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a command's ``main`` so that an `MsemuError`, or a file that fails, ends in one line and exit code 2."""

    @wraps(main)
    def wrapped() -> None:
        warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"  # one line, without that of the code
        try:
            main()
            sys.stdout.flush()
        except MsemuError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
        except BrokenPipeError:  # whoever read the output has read enough, such as head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except OSError as error:
            if error.filename is None and error.errno not in DISK_ERRORS:
                raise
            place = os.fsdecode(error.filename or "the output")
            remedy = "check that it exists, that you may read and write it, and that the disk has room"
            print(f"error: {place}: {error.strerror}; {remedy}", file=sys.stderr)
            if error.filename is None:  # what is still to be printed would fail again as Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(2) from None

    return wrapped
