"""The catalogue of clips that msemu can obtain: values in ``cfg/motion``, files in the user's cache."""

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from msemu.errors import MsemuError

CACHE_VARIABLE = "MSEMU_CACHE"
"""Environment variable that names another cache folder than ``~/.cache/msemu``."""


@dataclass(frozen=True)
class Package:
    """A wheel on the Python package index that carries clips.

    Attributes:
        package: Name on the index.
        version: Release.
        python_version: Python that the wheel was built for; it need not be the running one.
        platform: Platform tag of the wheel.
        megabytes: Size of the wheel [MB].
        licence: Terms of the clips.
        licence_file: File in the wheel that states them.
        origin: Who recorded the clips.
        folder: Folder of the clips in the wheel.
    """

    package: str
    version: str
    python_version: str
    platform: str
    megabytes: int
    licence: str
    licence_file: str
    origin: str
    folder: str


@dataclass(frozen=True)
class Entry:
    """A clip of the catalogue.

    Attributes:
        name: Short name, such as ``walk``.
        file: File name.
        sha256: Hash of the file.
        cyclic: Whether the movement repeats.
        about: What is seen.
        package: Where it comes from.
    """

    name: str
    file: str
    sha256: str
    cyclic: bool
    about: str
    package: Package


def catalogue() -> dict[str, Entry]:
    """Return all clips by name.

    Raises:
        MsemuError: A catalogue file has an unknown or a missing key.
    """
    entries = {}
    for resource in sorted((files("msemu.cfg") / "motion").iterdir(), key=lambda item: item.name):
        if not resource.name.endswith(".yaml"):
            continue
        values = yaml.safe_load(resource.read_text(encoding="utf-8"))
        try:
            clips = values.pop("clips")
            package = Package(**values)
            entries |= {name: Entry(name=name, package=package, **clip) for name, clip in clips.items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise MsemuError(f"cfg/motion/{resource.name} is not a motion catalogue: {error}") from error
    return entries


def find_entry(name: str) -> Entry:
    """Return the clip called ``name``.

    Raises:
        MsemuError: There is none.
    """
    entries = catalogue()
    if name not in entries:
        raise MsemuError(f"no clip '{name}' in the catalogue; there are: {', '.join(entries)}")
    return entries[name]


def cache_folder() -> Path:
    """Return the folder that keeps obtained and retargeted clips."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return (Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "msemu") / "motions"
