"""The catalogue of clips that msemu can obtain: values in ``cfg/motion``, files in the user's cache."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from msemu.config import build, cfg_file, cfg_names, read_yaml
from msemu.errors import MsemuError, suggestion
from msemu.schema import RepairKind

CACHE_VARIABLE = "MSEMU_CACHE"
"""Environment variable that names another cache folder than ``msemu`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""

WRITABLE_CACHE = f"set {CACHE_VARIABLE} to a folder that you may write to"
"""What to do when the cache cannot be written."""


@dataclass(frozen=True)
class Package:
    """A package on the Python package index that carries clips.

    Attributes:
        package: Name on the index.
        version: Release.
        python_version: Python that the wheel was built for; it need not be the running one.
        platform: Platform tag of the wheel.
        megabytes: Size of the archive [MB].
        license: Terms of the clips.
        license_file: File in the archive that states them.
        origin: Who recorded the clips.
        folder: Folder of the clips in the archive.
        sdist_sha256: Hash of the source archive, for clips that no wheel carries; None for a wheel.
    """

    package: str
    version: str
    python_version: str
    platform: str
    megabytes: int
    license: str
    license_file: str
    origin: str
    folder: str
    sdist_sha256: str | None = None


@dataclass(frozen=True)
class Entry:
    """A clip of the catalogue.

    Attributes:
        name: Short name, such as ``walk``.
        file: Path of the file below the package's folder.
        sha256: Hash of the file.
        cyclic: Whether the movement repeats.
        about: What is seen.
        package: Where it comes from.
        treadmill: Whether the person moves on a belt, whose motion is added.
        allowed_contacts: Parts that touch the floor where the movement goes without the others, such as foot or hand_r;
            empty for all parts.
        repair: What tasks follow: the clip whose flights are free flights, or one that the floor can carry as well
            (``contact``), where policies were seen to survive more of that.
    """

    name: str
    file: str
    sha256: str
    cyclic: bool
    about: str
    package: Package
    treadmill: bool = False
    allowed_contacts: tuple[str, ...] = ()
    repair: RepairKind = "flight"

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        return self.file.rsplit("/", 1)[-1]


def catalogue() -> dict[str, Entry]:
    """Return all clips by name.

    Raises:
        MsemuError: A catalogue file has an unknown or a missing key.
    """
    entries = {}
    for file in cfg_names("motion"):
        package = read_yaml(cfg_file("motion", file))
        for name, clip in package.pop("clips", {}).items():
            values = {"name": name, "package": package, **clip}
            entries[name] = build(Entry, values, f"cfg/motion/{file}.yaml: {name}")
    return entries


def find_entry(name: str) -> Entry:
    """Return the clip called ``name``."""
    entries = catalogue()
    if name not in entries:
        raise MsemuError(f"no clip '{name}' in the catalogue{suggestion(name, entries, 'see: msemu-motion fetch')}")
    return entries[name]


def clip_sets() -> dict[str, tuple[str, ...]]:
    """Return the sets of clips by name; ``all`` holds the whole catalogue."""
    entries, sets = catalogue(), {}
    for file in cfg_names("motion/clip_sets"):
        sets[file] = tuple(read_yaml(cfg_file("motion/clip_sets", file))["clips"])
        unknown = [name for name in sets[file] if name not in entries]
        if unknown:
            hint = suggestion(unknown[0], entries)
            raise MsemuError(f"cfg/motion/clip_sets/{file}.yaml: no clip '{unknown[0]}' in the catalogue{hint}")
    return sets | {"all": tuple(entries)}


def find_entries(names: Iterable[str]) -> list[Entry]:
    """Return the clips of the given names and sets, each once."""
    sets, entries = clip_sets(), catalogue()
    found: dict[str, Entry] = {}
    for name in names:
        if name not in sets and name not in entries:
            hint = suggestion(name, [*sets, *entries], "see: msemu-motion fetch")
            raise MsemuError(f"no clip '{name}' and no set of clips{hint}")
        found |= {member: entries[member] for member in sets.get(name, (name,))}
    return list(found.values())


def cache_folder() -> Path:
    """Return the folder that keeps obtained and retargeted clips."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser() / "motions"
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))  # of the XDG Base Directory Specification: absolute, or ignored
    return (caches if caches.is_absolute() else Path.home() / ".cache") / "msemu" / "motions"
