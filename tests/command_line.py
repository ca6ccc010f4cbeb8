"""Runs a command as a user does, but in this process: importing torch anew takes most of the time."""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from msemu.cli import commands, train


class Outcome(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(name: str, *arguments: str | Path) -> Outcome:
    """Run ``msemu-<name>`` with ``arguments``."""
    main = train.main if name == "train" else commands.program(name)
    return run_main(main, f"msemu-{name}", *arguments)


def run_main(main: Callable[[], None], program: str, *arguments: str | Path) -> Outcome:
    """Run a command's entry point with ``arguments``."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
    return Outcome(code, out.getvalue(), err.getvalue())


def assert_one_clear_line(result: Outcome, *words: str) -> None:
    assert result.returncode == 2, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("error: ") and "Traceback" not in result.stderr
    for word in words:
        assert word in lines[-1]
