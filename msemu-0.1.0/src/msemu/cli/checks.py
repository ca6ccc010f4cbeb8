"""What the declarations of a command's options ask for, checked before any work: see `msemu.console`.

No option is given twice, none is given beside others that leave it without effect, no file is written that is read, and
every file that is written has a name, and a place, that will do.
"""

import errno
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import tyro

from msemu.cli.parsing import fields_of
from msemu.console import Input, Output, With, Without, require_suffix
from msemu.errors import MsemuError

Mark = TypeVar("Mark")


class Place(NamedTuple, Generic[Mark]):
    """A file or folder that an option names.

    Attributes:
        option: The option, as a message calls it.
        path: The file or folder.
        mark: What the option's declaration says of it.
    """

    option: str
    path: Path
    mark: Mark


def check_once(
    arguments: Sequence[str], aliases: dict[str, str] | None = None, literal: Sequence[str] = ()
) -> list[str]:
    """Return the options that are given; each may be only once, with ``--no-`` before it or not.

    ``aliases`` are other names of options, ``literal`` are options that begin with ``--no-`` by themselves.

    Raises:
        MsemuError: One is given twice.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [word.partition("=")[0].replace("_", "-") for word in arguments[:end]]
    named = [(aliases or {}).get(word, word) for word in words]
    switched = [word if word in literal else re.sub(r"^--(.*\.)?no-", r"--\1", word) for word in named]
    options = [word for word in switched if word.startswith("--")]
    for option, times in Counter(options).items():
        if times > 1:
            raise MsemuError(f"{option} is given {times} times; give it once")
    return options


def check_given(options: Any, arguments: Sequence[str]) -> None:
    """Refuse options that are given twice, and those that have no effect beside the others.

    Raises:
        MsemuError: There is one.
    """
    fields = fields_of(type(options))
    aliases = {alias: _option(name) for name, hint in fields for alias in _aliases(hint)}
    given = check_once(arguments, aliases, [_option(name) for name, _ in fields if name.startswith("no_")])
    labels = {name: _label(name, hint) for name, hint in fields}
    chosen = [name for name, label in labels.items() if (label in given or label.isupper()) and getattr(options, name)]
    for name, hint in (field for field in fields if labels[field[0]] in given):
        for other in (other for mark in _marks(hint, Without) for other in mark.others if other in chosen):
            raise MsemuError(f"{labels[name]} has no effect beside {labels[other]}; leave it out")
        for other in (mark.other for mark in _marks(hint, With) if mark.other not in chosen):
            raise MsemuError(f"{labels[name]} has no effect without {labels[other]}; leave it out")


def check_files(options: Any) -> list[Path]:
    """Check what is read and what is written, and return the files and folders that are read.

    Raises:
        MsemuError: A file would be written over one that is read, or over another one that is written; one that is
            read is missing; or one cannot be written where its option says.
    """
    read, written = list(_places(options, Input)), list(_places(options, Output))
    for source in read:
        if source.mark.required and not source.path.exists():
            raise MsemuError(f"there is no file {source.path} for {source.option}")
    # A folder that is read may get more files: the writer spares those that are read.
    taken: list[Place[Any]] = [source for source in read if not source.path.is_dir()]
    for place in written:
        for other in taken:
            if is_same(place.path, other.path):
                use = "read" if isinstance(other.mark, Input) else "written"
                raise MsemuError(f"{place.option} {place.path} is {use} as {other.option} already; name another file")
        taken.append(place)
    for place in written:
        _check_place(place)
    return [source.path for source in read]


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths are one file, through links and on disks that do not tell capitals apart."""
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return str(one.resolve()).casefold() == str(other.resolve()).casefold()


def try_writing(folder: Path) -> None:
    """Write something into a folder that need not exist yet, and leave nothing behind.

    Raises:
        OSError: It cannot be made, or written into.
    """
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if there == folder.absolute() and not there.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    with tempfile.TemporaryFile(dir=there):
        pass


def _check_place(place: Place[Output]) -> None:
    """Refuse a file or folder that could not be written; nothing is made yet."""
    option, path, suffixes = place.option, place.path.absolute(), place.mark.suffixes
    if path.exists() and not path.is_dir() and not path.is_file():
        return  # a device or a pipe is written as it is
    folder = path.parent if suffixes else path
    try:
        try_writing(folder)
    except OSError as error:
        doing = "write into" if folder.is_dir() else "make"
        reason = f"cannot {doing} the folder {folder}: {error.strerror}"
        raise MsemuError(f"cannot write {place.path}: {reason}; give {option} another") from error
    if suffixes and path.is_dir():
        raise MsemuError(f"{option} {place.path} is a folder; name a file")
    require_suffix(option, place.path, *suffixes)


def _places(options: Any, kind: type[Mark]) -> Iterator[Place[Mark]]:
    """Find the places that the options of a kind name, with the files that are written beside them."""
    for name, hint in fields_of(type(options)):
        named = getattr(options, name)
        for mark in _marks(hint, kind):
            for path in map(Path, named if isinstance(named, (list, tuple)) else filter(None, [named])):
                yield Place(_label(name, hint), path, mark)
                for ending in getattr(mark, "beside", ()):
                    yield Place(_label(name, hint), path.with_suffix(ending), mark)


def _label(name: str, hint: Any) -> str:
    return name.upper() if tyro.conf.Positional in getattr(hint, "__metadata__", ()) else _option(name)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _marks(hint: Any, kind: type[Mark]) -> list[Mark]:
    return [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, kind)]


def _aliases(hint: Any) -> list[str]:
    return [alias for mark in getattr(hint, "__metadata__", ()) for alias in getattr(mark, "aliases", None) or ()]
