"""Name maps: which marker, joint or coordinate of a file is which point of the person (``cfg/motion``)."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from msemu.config import cfg_file, cfg_names, read_yaml
from msemu.errors import MsemuError
from msemu.files import printable

_LISTED = 12


@dataclass(frozen=True)
class NameMap:
    """A name map as it applies to one file.

    Attributes:
        name: Name of the map, such as ``plug_in_gait``.
        found: For each point, the names in the file that give it (their mean).
        values: The other values of the YAML file.
    """

    name: str
    found: dict[str, tuple[str, ...]]
    values: dict[str, Any]


def list_maps(kind: str) -> dict[str, dict[str, Any]]:
    """Return the maps of a kind, ``bvh``, ``markers`` or ``opensim``, by name."""
    folder = f"motion/{kind}"
    return {name: _checked(read_yaml(cfg_file(folder, name)), name) for name in cfg_names(folder)}


def choose_map(
    kind: str, path: Path, present: Sequence[str], required: Iterable[str], chosen: str | None = None
) -> NameMap:
    """Return the map that gives all required points from the names that are ``present`` in a file.

    That is the ``chosen`` one, by name or as the path of a YAML file of the user, otherwise the one that knows most
    names.

    Raises:
        MsemuError: No map fits; the message lists the unknown names and suggests a map.
    """
    maps = list_maps(kind)
    if chosen is not None:
        maps = {Path(chosen).stem: maps[chosen] if chosen in maps else _users_map(chosen, maps)}
    fits = {name: _apply(name, values, present) for name, values in maps.items()}
    required = tuple(required)

    def lacking(name: str) -> list[str]:
        return [point for point in required if point not in fits[name].found]

    best = min(fits, key=lambda name: (len(lacking(name)), -len(fits[name].found)))
    missing = lacking(best)
    if not missing:
        return fits[best]
    known = {item for point in maps[best]["points"].values() for members in point for item in members}
    unknown = [name for name in present if _bare(name) not in {_bare(item) for item in known}]
    close = [
        f"'{printable(item)}' may be '{match[0]}'"
        for item in unknown
        if (match := difflib.get_close_matches(_bare(item), [_bare(name) for name in known], 1, 0.75))
    ][:4]
    raise MsemuError(
        f"{path}: the names in it do not give {', '.join(missing)}; nearest map '{best}'"
        + (f" ({'; '.join(close)})" if close else "")
        + f"; unknown names: {listed(unknown)}; maps: {', '.join(list_maps(kind))}; or give your own YAML as --names"
    )


def listed(names: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    if not names:
        return "none"
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(printable(name) for name in names[:_LISTED]) + rest


def _apply(name: str, values: dict[str, Any], present: Sequence[str]) -> NameMap:
    by_bare = {_bare(item): item for item in reversed(present)}
    found = {}
    for point, alternatives in values["points"].items():
        for members in alternatives:
            if all(_bare(member) in by_bare for member in members):
                found[point] = tuple(by_bare[_bare(member)] for member in members)
                break
    return NameMap(name, found, {key: value for key, value in values.items() if key != "points"})


def _bare(name: str) -> str:
    """Return a name without the subject before a colon, in lower case."""
    return name.rsplit(":", 1)[-1].strip().lower()


def _users_map(chosen: str, maps: dict[str, dict[str, Any]]) -> dict[str, Any]:
    path = Path(chosen)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise MsemuError(f"--names {chosen} is neither a map ({', '.join(maps)}) nor a YAML file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise MsemuError(f"{path} is not valid YAML ({' '.join(str(error).split())[:120]})") from error
    return _checked(values, path)


def _checked(values: Any, path: Any) -> dict[str, Any]:
    """Return a map whose points are lists of alternatives, each a list of names whose mean is the point."""
    points = values.get("points") if isinstance(values, dict) else None
    if not isinstance(points, dict):
        raise MsemuError(f"{path} is not a name map: it needs 'points:' with a name or a list of names for each point")
    tidy = {}
    for point, alternatives in points.items():
        alternatives = alternatives if isinstance(alternatives, list) else [alternatives]
        tidy[str(point)] = [
            [str(name) for name in members] if isinstance(members, list) else [str(members)] for members in alternatives
        ]
    return {**values, "points": tidy}
