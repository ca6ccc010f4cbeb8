"""Errors that a user can mend, and how a command ends: by them, by a signal, or when nobody reads on."""

import contextlib
import difflib
import errno
import os
import re
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C or SIGTERM has ended."""


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


def require_once(what: str, names: Iterable[str]) -> None:
    """Refuse names of which one comes again.

    Raises:
        MsemuError: One does; the message calls it ``what``.
    """
    for name, times in Counter(names).items():
        if times > 1:
            raise MsemuError(f"{what} {name} is named {'twice' if times == 2 else f'{times} times'}; name it once")


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
    """Wrap a command's ``main`` so that whatever ends it early is one line on stderr.

    The exit code is 2 after an `MsemuError` or a file that fails, and `INTERRUPTED` after Ctrl-C or SIGTERM.
    """

    @wraps(main)
    def wrapped() -> None:
        warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"  # one line, without that of the code
        try:
            with _interruptible():
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


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt here, also in a shell's background, and end the command.

    Compiled modules turn an interrupt into errors of their own, and callbacks of the interpreter cannot raise it: both
    end the command as the interrupt itself does.
    """
    heard = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard = True
        raise KeyboardInterrupt

    def leave_at_once(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            return before(lost)
        os.write(2, b"interrupted\n")
        os._exit(INTERRUPTED)

    handlers: dict[int, Any] = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    before, sys.unraisablehook = sys.unraisablehook, leave_at_once
    try:
        yield
    except BaseException as error:
        if not heard and not isinstance(error, KeyboardInterrupt):
            raise
        handlers = dict.fromkeys(handlers, signal.SIG_DFL)
        _handle(handlers)  # a second signal while the process ends is silent
        print("interrupted", file=sys.stderr, flush=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        sys.unraisablehook = before
        _handle(handlers)


def _handle(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
