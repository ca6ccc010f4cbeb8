"""Options of a command: tyro parses them, an error is one line, and the first help page is short."""

import contextlib
import copy
import dataclasses
import inspect
import io
import itertools
import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import tyro

from msemu import __version__
from msemu.config import check
from msemu.errors import MsemuError, suggestion

Options = TypeVar("Options")

HELP = ("-h", "--help")
HELP_ALL = "--help-all"
VERSION = "--version"
_CONFIG = (tyro.conf.AvoidSubcommands,)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_WIDEST = 100
"""Most characters in a line of prose."""
_LISTED = 20
"""Most options that an error message lists."""


def parse_options(
    kind: type[Options],
    *,
    args: Sequence[str],
    prog: str,
    default: Options | None = None,
    first: Sequence[str] = (),
    description: str | None = None,
) -> Options:
    """Read options into a dataclass, or show a help page and leave.

    Args:
        kind: The dataclass.
        args: What follows the program's name.
        prog: Name of the program, as the user calls it.
        default: Values that the options override.
        first: Fields that the page of ``--help`` shows, such as ``num_envs`` or ``sim.muscle``; all of them by
            default. ``--help-all`` always shows every option.
        description: What a help page says first; the dataclass's docstring by default.

    Raises:
        MsemuError: An option is unknown, is missing, or has a wrong value.
        SystemExit: Help was asked for.
    """
    if not {*HELP, HELP_ALL}.isdisjoint(args):
        _show_page(kind, default, prog, description, () if HELP_ALL in args else first)
    args = _with_signed_axes(args)
    refusal = io.StringIO()
    try:
        with contextlib.redirect_stderr(refusal):
            options = tyro.cli(kind, args=args, prog=prog, config=_CONFIG, **_given(default))
    except SystemExit:
        known = [*option_names(kind, default), HELP[1], HELP_ALL, VERSION]
        raise MsemuError(_one_line(refusal.getvalue(), args, prog, known)) from None
    check(options, "--")
    return options


def version() -> str:
    """Return what ``--version`` says."""
    return f"msemu {__version__}"


def _with_signed_axes(args: Sequence[str]) -> list[str]:
    """Join an axis such as -y to the option before it, as it looks like an option itself."""
    joined: list[str] = []
    for arg in args:
        if arg in ("-x", "-y", "-z") and joined and joined[-1].startswith("--"):
            joined[-1] += f"={arg}"
        else:
            joined.append(arg)
    return joined


def option_names(kind: type, default: Any = None, prefix: str = "--") -> Iterator[str]:
    """Every option of a dataclass, as it is typed; ``default`` says what is nested."""
    for name, hint in fields_of(kind):
        if tyro.conf.Positional not in getattr(hint, "__metadata__", ()):
            yield from _names_of(prefix + name.replace("_", "-"), hint, getattr(default, name, None))


def fields_of(kind: type) -> list[tuple[str, Any]]:
    """Name and annotation of every field of a dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]


def _names_of(option: str, hint: Any, value: Any) -> Iterator[str]:
    if dataclasses.is_dataclass(value):
        yield from option_names(type(value), value, f"{option}.")
    elif isinstance(value, dict) and (value or dict[str, Any] in (hint, *get_args(hint))):  # else it has no option
        for key, item in value.items():
            yield from _names_of(f"{option}.{key.replace('_', '-')}", type(item), item)
    elif not any(isinstance(kind, type) and dataclasses.is_dataclass(kind) for kind in get_args(hint)):
        yield option
        if hint is bool:
            start = max(option.rfind("."), 1) + 1
            yield f"{option[:start]}no-{option[start:]}"


def _show_page(kind: type, default: Any, prog: str, description: str | None, first: Sequence[str]) -> None:
    shown, values = _shortened(kind, default, first) if first else (kind, default)
    about = _filled(description or inspect.getdoc(kind) or "")
    try:
        tyro.cli(shown, args=["--help"], prog=prog, description=about, config=_CONFIG, **_given(values))
    finally:
        if first:
            print(f"Every option: {prog} {HELP_ALL}")


def _filled(text: str) -> str:
    """Paragraphs as wide as the terminal; tyro keeps the break before a line that is indented."""
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    return "\n\n".join(textwrap.fill(paragraph, width, subsequent_indent="  ") for paragraph in text.split("\n\n"))


def _given(default: Any) -> dict[str, Any]:
    return {} if default is None else {"default": default}


def _shortened(kind: type, default: Any, first: Sequence[str]) -> tuple[type, Any]:
    """Return a dataclass, and an instance of it, whose help page shows the fields of ``first`` only."""
    hints, values = dict[str, Any](), dict[str, Any]()
    for name, hint in fields_of(kind):
        below = [field.partition(".")[2] for field in first if field.startswith(f"{name}.")]
        if below:
            value = getattr(default, name)
            hints[name], values[name] = _shortened(type(value), value, below)
        else:
            hints[name] = hint if name in first else Annotated[hint, tyro.conf.Suppress]
    page = type(kind.__name__, (kind,), {"__annotations__": hints, "__doc__": kind.__doc__})
    if default is None:
        return page, None
    shown = copy.copy(default)
    object.__setattr__(shown, "__class__", page)  # as it may be frozen
    vars(shown).update(values)
    return page, shown


def _one_line(refusal: str, args: Sequence[str], prog: str, known: list[str]) -> str:
    """Why tyro refuses the options, without its box."""
    page = f"see: {prog} {HELP_ALL}"
    for arg in args:
        option = arg.partition("=")[0].replace("_", "-")
        if option.startswith("--") and option not in known:
            listed = None if len(known) <= _LISTED else page
            return f"{prog} has no option {option}{suggestion(option, sorted(known), listed)}"
    _, *lines = (line.strip(" │╰╯") for line in _COLORS.sub("", refusal).strip().splitlines())
    sections = (list(section) for is_rule, section in itertools.groupby(lines, _is_rule) if not is_rule)
    return f"{' '.join(next(sections, lines))}; {page}"


def _is_rule(line: str) -> bool:
    return not line.strip("─-")
