"""Where the MJCF files of the bodies come from. None of them is part of msemu."""

import contextlib
import hashlib
import importlib.util
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from msemu.config import layers
from msemu.errors import MsemuError

if TYPE_CHECKING:
    import mujoco


_FOLDERS = ("meshdir", "texturedir")
"""Where assets are, in an MJCF file."""


@dataclass(frozen=True)
class Installed:
    """A model found on this machine.

    Attributes:
        origin: Package with its version, or path.
        file: Returns the main MJCF file; may fetch it.
    """

    origin: str
    file: Callable[[], Path]


@dataclass(frozen=True)
class Source:
    """A model that the user has: the file at `path`, or else `file` where the first of the others has it."""

    path: str = ""
    """MJCF file, relative to the recipe."""
    file: str = ""
    """Main MJCF file: below a package's folder, or its name in another folder."""
    variable: str = ""
    """Environment variable that may name a folder with the file."""
    package: str = ""
    """Python package that carries it."""
    menagerie: str = ""
    """Name of the model in the package mujoco_menagerie, which fetches it."""
    license: str = "not stated"
    """Terms of the model, as its authors state them."""
    remedy: str = "correct the source in the recipe"
    """How to get the model."""

    def __post_init__(self) -> None:
        if not (self.path or (self.file and (self.variable or self.package or self.menagerie))):
            raise MsemuError("a body's source is the path of a file, or a file of a package, variable or menagerie")

    @property
    def file_name(self) -> str:
        """Name of the main MJCF file."""
        return Path(self.path or self.file).name

    def beside(self, recipe: Path) -> "Source":
        """Return the same with an absolute path."""
        return replace(self, path=str((recipe.parent / self.path).resolve())) if self.path else self

    def find(self, path: str | Path | None = None) -> tuple[Path, str]:
        """Return the main MJCF file, of a file or folder or else of the installed model, and what its origin is.

        Raises:
            MsemuError: The model is not there.
        """
        found = self.locate() if path is None else self._given(path)
        if found is None:
            raise MsemuError(f"{self.file_name} is not installed; {self.remedy}")
        return found.file(), found.origin

    def locate(self) -> Installed | None:
        """Return the installed model without fetching anything; None when there is none.

        Raises:
            MsemuError: The place that is named for it does not have it.
        """
        if self.path:
            return self._given(self.path)
        if folder := os.environ.get(self.variable):
            return replace(self._given(folder), origin=f"{self.variable}={folder}")
        if self.package and (spec := importlib.util.find_spec(self.package)) and spec.submodule_search_locations:
            package = Path(spec.submodule_search_locations[0])
            return replace(self._given(package / self.file), origin=_distribution(self.package))
        if self.menagerie and importlib.util.find_spec("mujoco_menagerie"):
            return Installed(_distribution("mujoco_menagerie"), self._fetch_from_menagerie)
        return None

    def _given(self, path: str | Path) -> Installed:
        path = Path(path).expanduser()
        file = path / self.file_name if path.is_dir() else path
        if not file.is_file():
            raise MsemuError(f"no {self.file_name} at {path}; give a folder that holds it, or {self.remedy}")
        return Installed(f"path {file}", lambda: file)

    def _fetch_from_menagerie(self) -> Path:
        import mujoco_menagerie

        try:
            return Path(mujoco_menagerie.get(self.menagerie).xml(Path(self.file).stem))
        except mujoco_menagerie.MenagerieError as error:
            cause = " ".join(str(error).split())
            hint = f", or set {self.variable} to a folder with {self.file}" if self.variable else ""
            raise MsemuError(
                f"mujoco-menagerie cannot fetch {self.menagerie} ({cause}); connect to the network{hint}"
            ) from error


def _distribution(package: str) -> str:
    """Name and version of what the user installed, where it has the name of its package."""
    try:
        return f"{metadata.metadata(package)['Name']} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"package {package}"


def stated_in(recipe: Path) -> Path:
    """Return the file that says the path of the model: a recipe, or one that it is based on.

    Raises:
        MsemuError: One of them cannot be read.
    """
    sources = [(file, values.get("source")) for file, values in layers(recipe)]
    return next((file for file, source in sources if isinstance(source, dict) and "path" in source), recipe)


def read_mjcf(file: Path) -> "tuple[mujoco.MjSpec, str]":
    """Read an MJCF model without its sensors and keyframes; return the specification and the sha256 of its XML files.

    The includes are resolved here, for two reasons: the hash covers every XML file that makes up the model, in the
    order of inclusion, and MuJoCo takes 10 ms to delete each sensor from a specification, over a second for
    MyoFullBody.

    Raises:
        MsemuError: A file is missing or is not MJCF.
    """
    import mujoco  # which finding out whether a model is installed does not need

    with _naming(file):
        root, sha256 = _read_whole(file)
        return mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode")), sha256


def pack_mjcf(file: Path) -> tuple[bytes, dict[str, Path]]:
    """Return an MJCF model as a single XML file, and the assets that it names, by their names in it.

    Raises:
        MsemuError: A file is missing or is not MJCF.
    """
    with _naming(file):
        root, _ = _read_whole(file)
    folders = [
        Path(folder) for compiler in root.findall("compiler") for folder in map(compiler.get, _FOLDERS) if folder
    ]
    assets: dict[str, Path] = {}
    for element in root.iter():
        for key in [key for key in element.attrib if key.startswith("file")]:
            for path in [folder / element.attrib[key] for folder in folders]:
                if path.is_file():
                    element.attrib.setdefault("name", path.stem)  # as MuJoCo calls it
                    element.attrib[key] = f"{len(assets):03d}_{path.name}"
                    assets[element.attrib[key]] = path
                    break
    for compiler in root.findall("compiler"):
        for key in _FOLDERS:
            compiler.attrib.pop(key, None)
    return ElementTree.tostring(root), assets


@contextlib.contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise MsemuError(f"{file} cannot be read as MJCF: {' '.join(str(error).split())}") from error


def _read_whole(file: Path) -> tuple[ElementTree.Element, str]:
    """Return a model with its includes, without its sensors and keyframes, and the sha256 of its XML files."""
    digest = hashlib.sha256()
    root = _read_xml(file, file.parent, digest)
    for tag in ("sensor", "keyframe"):
        for element in root.findall(tag):
            root.remove(element)
    _make_asset_folders_absolute(root, file.parent)
    return root, digest.hexdigest()


def _read_xml(file: Path, main_folder: Path, digest: "hashlib._Hash") -> ElementTree.Element:
    content = file.read_bytes()
    digest.update(content)
    root = ElementTree.fromstring(content)
    _expand_includes(root, file.parent, main_folder, digest)
    return root


def _expand_includes(parent: ElementTree.Element, folder: Path, main_folder: Path, digest: "hashlib._Hash") -> None:
    children: list[ElementTree.Element] = []
    for child in parent:
        if child.tag == "include":
            # MuJoCo looks beside the including file, then beside the main file.
            candidates = [start / child.get("file", "") for start in (folder, main_folder)]
            children += _read_xml(next(filter(Path.is_file, candidates), candidates[0]), main_folder, digest)
        else:
            # An asset may lie beside the file that names it instead of in the asset folder.
            if "file" in child.attrib and (folder / child.attrib["file"]).is_file():
                child.attrib["file"] = str((folder / child.attrib["file"]).resolve())
            _expand_includes(child, folder, main_folder, digest)
            children.append(child)
    parent[:] = children


def _make_asset_folders_absolute(root: ElementTree.Element, folder: Path) -> None:
    settings: dict[str, str] = {}
    for compiler in root.findall("compiler"):
        if (both := compiler.attrib.pop("assetdir", None)) is not None:
            settings |= dict.fromkeys(_FOLDERS, both)
        settings |= {key: compiler.attrib.pop(key) for key in _FOLDERS if key in compiler.attrib}
    absolute = {key: str((folder / settings.get(key, ".")).resolve()) for key in _FOLDERS}
    root.append(ElementTree.Element("compiler", absolute))
