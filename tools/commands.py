"""The commands of msemu, called by the programs of this folder."""

import subprocess
import sys
from pathlib import Path
from typing import Any


def run(command: str, *arguments: str) -> None:
    """Run ``msemu-<command>`` of this Python.

    Raises:
        CalledProcessError: It failed.
    """
    subprocess.run([Path(sys.executable).with_name(f"msemu-{command}"), *arguments], check=True)


def words(options: dict[str, Any]) -> list[str]:
    """Return options as words of a command line; what a list holds follows its name."""
    found: list[str] = []
    for key, value in options.items():
        found += [f"--{key}", *map(str, value)] if isinstance(value, list) else [f"--{key}={value}"]
    return found
