"""Name maps: which marker, joint or coordinate of a file is which point of the person (``cfg/motion``)."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from msemu.config import cfg_file, cfg_names, read_yaml
from msemu.errors import MsemuError
from msemu.files import printable
from msemu.motion.formats.text import without_place

Need = tuple[tuple[str, ...], ...]
"""Points of which one group suffices; the first group is the usual one."""

_LISTED = 12
_PREFIX_SHARE = 0.8
"""Share of the names that carry a prefix which then says nothing."""

_PREFIX_LENGTH = 80
_PREFIX_END = re.compile(r"[:_.\s|-]+|(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class NameMap:
    """A name map as it applies to one file.

    Attributes:
        name: Name of the map, such as ``plug_in_gait``.
        found: For each point, the names in the file that give it (their mean).
        needed: Points without which the file cannot be read; all are found.
        values: The other values of the YAML file.
    """

    name: str
    found: dict[str, tuple[str, ...]]
    needed: tuple[str, ...]
    values: dict[str, Any]


def list_maps(kind: str) -> dict[str, dict[str, Any]]:
    """Return the maps of a kind, ``bvh``, ``markers`` or ``opensim``, by name."""
    folder = f"motion/{kind}"
    return {name: _checked(read_yaml(cfg_file(folder, name)), name) for name in cfg_names(folder)}


def choose_map(
    kind: str, path: Path, present: Sequence[str], required: Iterable[str | Need], chosen: str | None = None
) -> NameMap:
    """Return the map that gives all required points from the names that are ``present`` in a file.

    That is the ``chosen`` one, by name or as the path of a YAML file of the user, otherwise the one that knows most
    names. A prefix that nearly all names share, and what stands before a colon, does not matter.

    Raises:
        MsemuError: No map fits; the message lists the unknown names and suggests a map. Or a name that is used stands
            more than once in the file.
    """
    maps = list_maps(kind)
    if chosen is not None:
        maps = {Path(chosen).stem: maps[chosen] if chosen in maps else _users_map(chosen, maps)}
    names = _Names(present)
    found = {name: names.points(values["points"]) for name, values in maps.items()}
    needs = [((need,),) if isinstance(need, str) else need for need in required]

    def lacking(name: str) -> list[str]:
        return [point for need in needs for point in _nearest(need, found[name])[1]]

    best = min(maps, key=lambda name: (len(lacking(name)), -len(found[name])))
    if missing := lacking(best):
        known = f"maps: {', '.join(list_maps(kind))}; or give your own YAML as --names"
        raise MsemuError(f"{path}: {_unknown(names, best, maps[best], missing)}; {known}")
    for same in (same for members in found[best].values() for same in members if len(same) > 1):
        raise MsemuError(
            f"{path}: the name '{printable(_bare(same[0]))}' stands {len(same)} times: {listed(same)}; remove all but"
            " one, or say which one counts in a map of your own (--names)"
        )
    needed = tuple(point for need in needs for point in _nearest(need, found[best])[0])
    values = {key: value for key, value in maps[best].items() if key != "points"}
    plain = {point: tuple(same[0] for same in members) for point, members in found[best].items()}
    return NameMap(best, plain, needed, values)


def listed(names: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    if not names:
        return "none"
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(printable(name) for name in names[:_LISTED]) + rest


class _Names:
    """The names in a file, to be found as they stand, or else without what is no part of the name."""

    def __init__(self, present: Sequence[str]) -> None:
        self.present = present
        self.prefix = _common_prefix(present)
        self._exact: dict[str, list[str]] = {}
        self._bare: dict[str, list[str]] = {}
        for name in present:
            self._exact.setdefault(name.strip().lower(), []).append(name)
            self._bare.setdefault(_bare(name, self.prefix), []).append(name)

    def points(self, points: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
        """Return, for each point that the names give, who stands for each member of its first alternative."""
        found = {}
        for point, alternatives in points.items():
            for members in alternatives:
                group = [self._find(member) for member in members]
                if all(group):
                    found[point] = group
                    break
        return found

    def _find(self, name: str) -> list[str]:
        return self._exact.get(name.strip().lower()) or self._bare.get(_bare(name), [])


def _nearest(need: Need, found: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the group of a need of which the fewest points lack, and those."""
    groups = [(group, [point for point in group if point not in found]) for group in need]
    return min(groups, key=lambda group: len(group[1]))


def _unknown(names: _Names, best: str, values: dict[str, Any], missing: list[str]) -> str:
    """Return what to say about points that lack: the names that the nearest map does not know, and those like them."""
    known = {_bare(item) for point in values["points"].values() for members in point for item in members}
    unknown = [name for name in names.present if _bare(name, names.prefix) not in known]
    close = [
        f"'{printable(item)}' may be '{match[0]}'"
        for item in unknown
        if (match := difflib.get_close_matches(_bare(item, names.prefix), list(known), 1, 0.75))
    ][:4]
    hint = f" ({'; '.join(close)})" if close else ""
    nearest = f"nearest map '{best}'{hint}; unknown names: {listed(unknown)}"
    return f"the names in it do not give {', '.join(missing)}; {nearest}"


def _bare(name: str, prefix: str = "") -> str:
    """Return a name in lower case without a prefix, the subject before a colon and the place after it."""
    return without_place(name.strip().lower()).removeprefix(prefix).rsplit(":", 1)[-1].strip()


def _common_prefix(names: Sequence[str]) -> str:
    """Return the longest beginning, up to a separator or a capital, that nearly all names share, in lower case."""
    starts = Counter(
        name[: match.end()].lower()
        for name in map(str.strip, names)
        for match in _PREFIX_END.finditer(name[:_PREFIX_LENGTH])
        if match.end() < len(name)
    )
    shared = [start for start, count in starts.items() if count >= max(3, _PREFIX_SHARE * len(names))]
    return max(shared, key=len, default="")


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
