"""The list of ``msemu-train --list``: tasks by body and kind; made without torch and MuJoCo."""

from collections.abc import Iterable, Iterator

from msemu.config import build, read_yaml
from msemu.errors import MsemuError
from msemu.models import PRETRAINED
from msemu.models.sources import Source, stated_in
from msemu.registry import TASK_KINDS, BodySpec, TaskSpec, find_body, list_bodies, list_tasks

_MARK = "*"


def task_list() -> str:
    """All known tasks: a line each with its id, what it is, and the plug-in that it is from."""
    specs = list_tasks()
    width = max(len(spec.id) for spec in specs)
    bodies = list_bodies()
    lines = []
    for body, own in _grouped(specs, "body", bodies):
        lines += ["", f"{body}{_remedy(find_body(body))}" if body in bodies else body or "other tasks"]
        for kind, tasks in _grouped(own, "kind", TASK_KINDS):
            lines += [f"  {kind or 'others'}", *(_line(spec, width) for spec in tasks)]
    return "\n".join([*lines[1:], "", f"{_MARK} a trained policy comes with msemu: msemu-play TASK --pretrained"])


def _grouped(specs: list[TaskSpec], field: str, first: Iterable[str]) -> Iterator[tuple[str, list[TaskSpec]]]:
    """Group tasks by a field of theirs, some values of it first."""
    for value in dict.fromkeys((*first, *(getattr(spec, field) for spec in specs))):
        if own := [spec for spec in specs if getattr(spec, field) == value]:
            yield value, own


def _line(spec: TaskSpec, width: int) -> str:
    mark = _MARK if (PRETRAINED / spec.id / "config.yaml").is_file() else " "
    origin = "" if spec.origin == "msemu" else f"  (from {spec.origin})"
    return f"  {mark} {spec.id:{width}}  {spec.summary}{origin}"


def _remedy(body: BodySpec) -> str:
    """Say how to get the model of a body that is not installed; nothing of one that is."""
    try:
        source = build(Source, read_yaml(body.recipe).get("source", {}), str(body.recipe)).beside(
            stated_in(body.recipe)
        )
        return "" if source.locate() else f", not installed: {source.remedy}"
    except MsemuError as error:
        return f", not installed: {error}"
