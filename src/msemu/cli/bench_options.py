"""What the subcommands of ``msemu-bench`` have in common."""

from dataclasses import dataclass
from pathlib import Path

from msemu.config import cfg_names
from msemu.errors import MsemuError, suggestion
from msemu.registry import TaskSpec, list_tasks


@dataclass
class Timing:
    """How a figure is timed, and where it goes."""

    threads: int = 0
    """Threads of the physics on a CPU; 0 uses every core."""
    rounds: int = 9
    """Timings of each figure; the medians count."""
    steps: int = 10
    """Steps of each timing."""
    json: Path | None = None
    """File to write the figures to."""


def require_positive(**values: int | tuple[int, ...]) -> None:
    """Refuse options that count something and are not positive.

    Raises:
        MsemuError: One is zero, negative, or an empty list.
    """
    for name, value in values.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers or min(numbers) < 1:
            raise MsemuError(f"--{name.replace('_', '-')} must be positive")


def tracking_task(body: str) -> TaskSpec:
    """The task in which a body follows any motion.

    Raises:
        MsemuError: There is none for this body.
    """
    for spec in list_tasks():
        if spec.config == f"track_{body}":
            return spec
    raise MsemuError(f"unknown body '{body}'{suggestion(body, cfg_names('body'))}")
