"""What the commands have in common: progress bars, lengths of time, the task's motion, JSON files."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from msemu.errors import MsemuError

if TYPE_CHECKING:
    from msemu.models import Body
    from msemu.motion.clip import MotionClip
    from msemu.schema import TaskCfg


@contextlib.contextmanager
def progress(label: str, transient: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; the value is a function to call with the number of steps done and in all.

    Args:
        label: What is under way.
        transient: Whether the bar disappears at the end.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=transient) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def require_seconds(seconds: float | None) -> None:
    """Refuse a length of time that is not positive, no number or over an hour; None is the task's own.

    Raises:
        MsemuError: It is.
    """
    if seconds is not None and not 0.0 < seconds <= 3600.0:
        raise MsemuError("--seconds must be positive and at most 3600")


def make_folders(*folders: Path) -> None:
    """Make the folders that results go to, before long work is done for them.

    Raises:
        MsemuError: One cannot be made.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MsemuError(f"cannot make the folder {folder}: {error.strerror}") from error


def load_motion(cfg: "TaskCfg", body: "Body") -> "MotionClip":
    """Load the only clip of a task, with a progress bar while it is fetched and retargeted."""
    from msemu.motion.library.task_clips import load_clip

    with progress(_motion_label(cfg, body), transient=True) as on_frame:
        return load_clip(cfg, body, on_frame)


def load_motions(cfg: "TaskCfg", body: "Body") -> "list[MotionClip]":
    """Load the clips of a task, with a progress bar while they are fetched and retargeted."""
    from msemu.motion.library.task_clips import load_clips

    with progress(_motion_label(cfg, body), transient=True) as on_frame:
        return load_clips(cfg, body, on_frame)


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Write figures; a value that is not a number becomes null.

    Raises:
        MsemuError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_finite(figures), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MsemuError(f"cannot write {path}: {error.strerror}") from error


def _motion_label(cfg: "TaskCfg", body: "Body") -> str:
    motion = cfg.motion if isinstance(cfg.motion, str) else " ".join(cfg.motion)
    return f"motion {motion or '?'} on {body.name}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


BodyName = Annotated[
    str, tyro.conf.Positional, tyro.conf.arg(metavar="BODY", help="Name of a body, see: msemu-model list.")
]
BodyPath = Annotated[
    Path | None,
    tyro.conf.arg(metavar="PATH", help="Folder or main file of the model, if no package brings it."),
]
JsonFile = Annotated[
    Path | None, tyro.conf.arg(name="json", metavar="FILE", help="Also write everything to this file.")
]

SEVERITY_COLORS = {"error": "red", "warning": "yellow", "note": "dim"}
"""Color of a finding in a table."""
