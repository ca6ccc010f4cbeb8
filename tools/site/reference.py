"""The reference pages of the site, made from the code when the site is built."""

import ast
import dataclasses
import inspect
import io
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from typing import Any, get_args, get_type_hints
from unittest import mock

import msemu
from msemu.cli import commands as entry_points
from msemu.cli.commands import COMMANDS
from msemu.envs import observations, rewards, terminations
from msemu.envs.muscles import Muscles
from msemu.envs.readings import Readings, Transition
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import Kinematics
from msemu.motion.rollout import Rollout
from msemu.schema import TrainCfg
from msemu.schema.action import KINDS
from msemu.schema.ranges import Rule

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w+): (.*(?:\n    .*)*)", re.MULTILINE)
_TASK = "Msemu-Walk-MyoLegs-v0"


def commands() -> str:
    """Return the help of every command."""
    calls = [("train", ""), *(words.partition(" ")[::2] for words in COMMANDS)]
    intro = "Every command with all of its options; `--help` shows those that people use first."
    further = "What `msemu-train TASK` takes is the [configuration](configuration.md)."
    return "\n\n".join([f"# Commands\n\n{intro} {further}", *(_help(*call) for call in calls)])


def _help(name: str, words: str) -> str:
    said = io.StringIO()
    arguments = [f"msemu-{name}", *words.split(), "--help-all"]
    program = getattr(entry_points, {"eval": "evaluate"}.get(name, name))
    asked = mock.patch.object(sys, "argv", arguments), mock.patch.dict(os.environ, COLUMNS="100")
    with asked[0], asked[1], redirect_stdout(said), suppress(SystemExit):
        program()
    return f"## {' '.join(filter(None, (arguments[0], words)))}\n\n```text\n{said.getvalue().strip()}\n```"


def configuration() -> str:
    """Return every dataclass of the configuration: its fields, their ranges and their defaults."""
    found: dict[type, None] = {}
    for schema in (TrainCfg, *(kind for kinds in KINDS.values() for kind in kinds.values())):
        found |= dict.fromkeys(_nested(schema))
    intro = "A task and a training as YAML and as options: `env: {episode_length_s: 5}` is `--env.episode-length-s 5`."
    return "\n\n".join([f"# Configuration\n\n{intro}", *map(_fields, found)])


def _nested(schema: type) -> Iterator[type]:
    """Yield a dataclass and those below it."""
    yield schema
    for hint in get_type_hints(schema).values():
        for kind in (hint, *get_args(hint)):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                yield from _nested(kind)


def _fields(schema: type) -> str:
    hints = get_type_hints(schema, include_extras=True)
    notes = {name: text for parent in reversed(schema.__mro__) for name, text in _notes(parent).items()}
    rows = []
    for entry in dataclasses.fields(schema):  # type: ignore[arg-type]
        rules = [str(rule) for rule in getattr(hints[entry.name], "__metadata__", ()) if isinstance(rule, Rule)]
        allowed = "; ".join(rule for rule in rules if not rule.startswith("<") and "(" not in rule)
        rows.append((f"`{entry.name}`", _default(entry), allowed, notes.get(entry.name, "")))
    return f"## {schema.__name__}\n\n{_summary(schema)}\n\n{_table(('field', 'default', 'range', ''), rows)}"


def _notes(schema: type) -> dict[str, str]:
    """Return the text below each field of a dataclass."""
    if not dataclasses.is_dataclass(schema):
        return {}
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(schema))).body
    assert isinstance(definition, ast.ClassDef)
    notes = {}
    for node, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            notes[getattr(node.target, "id", "")] = str(below.value.value)
    return notes


def _default(entry: dataclasses.Field) -> str:
    if entry.default is not dataclasses.MISSING:
        return f"`{entry.default!r}`"
    if entry.default_factory is dataclasses.MISSING:
        return "*wanted*"
    made = entry.default_factory()
    return (
        f"[{type(made).__name__}](#{type(made).__name__.lower()})" if dataclasses.is_dataclass(made) else f"`{made!r}`"
    )


def terms() -> str:
    """Return the reward, observation and termination terms."""
    intro = "Named in a task's YAML (`env.rewards`, `env.observations`, `env.terminations`) or as options."
    tables = [f"## {title}\n\n{_table(('term', ''), _rows(module.TERMS))}" for title, module in _TERMS.items()]
    return "\n\n".join([f"# Terms\n\n{intro}", *tables])


_TERMS: dict[str, Any] = {"Rewards": rewards, "Observations": observations, "Terminations": terminations}


def _rows(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"`{name}`", _summary(term)) for name, term in known.items()]


def transition() -> str:
    """Return what terms may look at."""
    intro = "What a term of yours is given ([plug-ins](../plugins.md)); N environments, E all of them."
    kinds = (Transition, Readings, Kinematics, Muscles)
    return "\n\n".join([f"# Transition\n\n{intro}", *map(_documented, kinds)])


def formats() -> str:
    """Return the files that msemu writes."""
    intro = "Files of NumPy (`.npz`): one array for each field, text in a header; others:"
    page = f"# File formats\n\n{intro} [your own motion](../own_motion.md)."
    return "\n\n".join([page, _documented(MotionClip), _documented(Rollout)])


def api() -> str:
    """Return what `import msemu` offers."""
    names = [getattr(msemu, name) for name in msemu.__all__]
    return "\n\n".join(["# Python API\n\nExamples: [API by example](../api.md).", *map(_documented, names)])


def _documented(thing: Any) -> str:
    """Return name, call, text and methods of a class or function."""
    parts = [f"## {thing.__name__}"]
    if not inspect.isclass(thing):
        return "\n\n".join([*parts, f"```python\n{_call(thing)}\n```", _prose(thing)])
    parts.append(_prose(thing))
    for name, method in vars(thing).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            title = f"{thing.__name__}.{name}"
            parts += [f"### {title}", f"```python\n{_call(method)}\n```", _prose(method)]
    return "\n\n".join(parts)


def _call(thing: Any) -> str:
    """Return how something is called."""
    signature = str(inspect.signature(thing))
    signature = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", signature).replace("'", "")
    return "\n".join(textwrap.wrap(f"{thing.__name__}{signature}", 100, subsequent_indent="    "))


def _prose(thing: Any) -> str:
    """Return a docstring with its sections as tables."""

    def section(match: re.Match[str]) -> str:
        entries = _ENTRY.findall(textwrap.dedent(match[2]))
        if not entries:
            return f"*{match[1]}*: {' '.join(match[2].split())}\n\n"
        return f"*{match[1]}*\n\n{_table(('', ''), [(f'`{name}`', text) for name, text in entries])}\n\n"

    return _code(_SECTION.sub(section, (inspect.getdoc(thing) or "") + "\n"))


def _summary(thing: Any) -> str:
    return _code(" ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split()))


def _code(text: str) -> str:
    return text.replace("``", "`")


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = ([_code(" ".join(str(cell).split())).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "terms": terms,
    "transition": transition,
    "formats": formats,
    "api": api,
}
"""Pages below ``reference/``."""
