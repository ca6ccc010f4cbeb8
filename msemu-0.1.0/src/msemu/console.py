"""What the commands have in common: options and what they declare, limits, progress bars, findings, JSON files."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from msemu.errors import MsemuError
from msemu.findings import COLORS, Finding, Severity, worst_first

if TYPE_CHECKING:
    from msemu.models import Body
    from msemu.schema import TaskCfg

Motion = TypeVar("Motion")
Advance = Callable[[int, int], None]
"""Takes the number of steps that are done, and of all of them."""


@dataclass(frozen=True)
class Input:
    """Marks an option that names, or may name, what is read: no option may write there (`msemu.cli.checks`).

    Attributes:
        required: Whether the file must be there, also where it turns out that nothing is read from it.
    """

    required: bool = False


@dataclass(frozen=True)
class Output:
    """Marks an option that names what is written.

    Attributes:
        suffixes: What the name of the file ends with; none for a folder.
        beside: What the names of further files end with, which are written beside it.
    """

    suffixes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class With:
    """Marks an option that has an effect only where the ``other`` is given."""

    other: str


class Without:
    """Marks an option that has no effect where one of the ``others`` is given."""

    def __init__(self, *others: str):
        self.others = others


BodyName = Annotated[
    str, Input(), tyro.conf.arg(metavar="BODY", help="Name of a body (see: msemu-model list), or YAML file.")
]
BodyPath = Annotated[
    Path | None,
    Input(),
    tyro.conf.arg(metavar="PATH", help="Folder or main file of the model, if no package brings it."),
]
ClipFile = Annotated[Path, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="CLIP", help="Clip (.npz).")]
JsonFile = Annotated[
    Path | None, Output((".json",)), tyro.conf.arg(metavar="FILE", help="Also write everything to this .json file.")
]


@contextlib.contextmanager
def progress(label: str, transient: bool = False) -> Iterator[Advance]:
    """Show a progress bar; the value is a function to call with the number of steps done and in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=transient) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def with_progress(load: "Callable[[TaskCfg, Body, Advance], Motion]") -> "Callable[[TaskCfg, Body], Motion]":
    """Let ``load_clip`` or ``load_clips`` show a progress bar while motions are fetched and retargeted."""

    def loader(cfg: "TaskCfg", body: "Body") -> Motion:
        motion = cfg.motion if isinstance(cfg.motion, str) else " ".join(cfg.motion)
        with progress(f"motion {motion or '?'} on {body.name}", transient=True) as on_frame:
            return load(cfg, body, on_frame)

    return loader


def require_suffix(option: str, path: Path | None, *suffixes: str) -> None:
    """Refuse a file whose name does not end as its content asks for; without suffixes every name will do."""
    if path and suffixes and path.suffix.lower() not in suffixes:
        raise MsemuError(f"{option} {path} must end in {suffixes[0]}")


def make_folders(*folders: Path) -> None:
    """Make the folders that results go to, before long work is done for them."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MsemuError(f"cannot make the folder {folder}: {error.strerror}") from error


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """Show findings, the worst first, and of each check and severity no more than fit on a page."""
    when = ("frame", "time") if any(finding.frame is not None for finding in findings) else ()
    table = Table("", "check", "subject", *when, "finding", title=title)
    alike: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in worst_first(findings):
        alike.setdefault((finding.severity, finding.check), []).append(finding)
    for (severity, check), found in alike.items():
        most = _MOST_ROWS[severity]
        for finding in found[:most]:
            table.add_row(f"[{COLORS[severity]}]{severity}[/]", *map(escape, finding.cells()))
        if len(found) > most:
            rest = f"and {len(found) - most} more: --json FILE lists all of them"
            table.add_row("", check, "...", *("" for _ in when), rest)
    return table


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Write figures; a value that is not a number becomes null."""
    from msemu.files import write_text  # brings NumPy, which takes longer to import than all of this module

    write_text(path, json.dumps(_finite(figures), indent=2) + "\n")


_MOST_ROWS = {"error": 40, "warning": 10, "note": 10}
"""Rows of a check in a table of findings."""


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
