"""Where the MJCF files of the bodies come from. None of them is part of msemu."""

import hashlib
import importlib.util
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import mujoco

from msemu.errors import MsemuError

MS_HUMAN_700_VARIABLE = "MSEMU_MS_HUMAN_700"


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
    """A model that the user installs.

    Attributes:
        file_name: Main MJCF file, looked for when a folder is given.
        license: Terms of the model, as its authors state them.
        remedy: How to get the model.
        locate: Returns the installed model without fetching anything; None when there is none.
    """

    file_name: str
    license: str
    remedy: str
    locate: Callable[[], Installed | None]

    def find(self, path: str | Path | None = None) -> tuple[Path, str]:
        """Return the main MJCF file and a description of its origin.

        Args:
            path: A folder with the main file, or the file itself; None for the installed model.

        Raises:
            MsemuError: The model is not there.
        """
        if path is None:
            found = self.locate()
            if found is None:
                raise MsemuError(f"{self.file_name} is not installed; {self.remedy}")
            return found.file(), found.origin
        path = Path(path).expanduser()
        file = path / self.file_name if path.is_dir() else path
        if not file.is_file():
            raise MsemuError(f"no {self.file_name} at {path}; give a folder that holds it, or {self.remedy}")
        return file, f"path {file}"


def _musclemimic_models() -> Installed | None:
    if importlib.util.find_spec("musclemimic_models") is None:
        return None
    import musclemimic_models

    origin = f"musclemimic-models {metadata.version('musclemimic-models')}"
    return Installed(origin, lambda: Path(musclemimic_models.get_xml_path("myofullbody")))


def _ms_human_700() -> Installed | None:
    folder = os.environ.get(MS_HUMAN_700_VARIABLE)
    if folder:
        file, _ = SOURCES["ms_human_700"].find(folder)
        return Installed(f"{MS_HUMAN_700_VARIABLE}={folder}", lambda: file)
    if importlib.util.find_spec("mujoco_menagerie") is None:
        return None
    return Installed(f"mujoco-menagerie {metadata.version('mujoco-menagerie')}", _fetch_from_menagerie)


def _fetch_from_menagerie() -> Path:
    import mujoco_menagerie

    try:
        return Path(mujoco_menagerie.get("ms_human_700").xml("MS-Human-700"))
    except mujoco_menagerie.MenagerieError as error:
        cause = " ".join(str(error).split())
        raise MsemuError(
            f"mujoco-menagerie cannot fetch ms_human_700 ({cause}); connect to the network, or set"
            f" {MS_HUMAN_700_VARIABLE} to a folder with MS-Human-700.xml"
        ) from error


SOURCES = {
    "musclemimic_models": Source(
        file_name="myofullbody.xml",
        license="Apache-2.0; its NOTICE lists the origins: legs and lumbar spine MIT, bone meshes CC BY 3.0,"
        " MoBL-ARMS arm BSD-3 for non-commercial purposes",
        remedy="install it: pip install musclemimic-models==1.0.6",
        locate=_musclemimic_models,
    ),
    "ms_human_700": Source(
        file_name="MS-Human-700.xml",
        license="Apache-2.0",
        remedy=f"clone github.com/LNSGroup/MS-Human-700 and set {MS_HUMAN_700_VARIABLE} to its folder"
        " (or use --body-path), or pip install mujoco-menagerie",
        locate=_ms_human_700,
    ),
}
"""Known models by the key that recipes use."""


def read_mjcf(file: Path) -> tuple[mujoco.MjSpec, str]:
    """Read an MJCF model without its sensors and keyframes.

    The includes are resolved here, for two reasons: the hash covers every XML file that makes up the model,
    and MuJoCo takes 10 ms to delete each sensor from a specification, over a second for MyoFullBody.

    Args:
        file: Main MJCF file.

    Returns:
        The specification, and the sha256 over the XML files in the order of inclusion.

    Raises:
        MsemuError: A file is missing or is not MJCF.
    """
    digest = hashlib.sha256()
    try:
        root = _read_xml(file, file.parent, digest)
        for tag in ("sensor", "keyframe"):
            for element in root.findall(tag):
                root.remove(element)
        _make_asset_folders_absolute(root, file.parent)
        return mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode")), digest.hexdigest()
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise MsemuError(f"{file} cannot be read as MJCF: {' '.join(str(error).split())}") from error


def _read_xml(file: Path, main_folder: Path, digest: "hashlib._Hash") -> ElementTree.Element:
    content = file.read_bytes()
    digest.update(content)
    root = ElementTree.fromstring(content)
    _expand_includes(root, file.parent, main_folder, digest)
    return root


def _expand_includes(parent: ElementTree.Element, folder: Path, main_folder: Path, digest: "hashlib._Hash") -> None:
    children = []
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
        for key in ("meshdir", "texturedir"):
            if key in compiler.attrib:
                settings[key] = compiler.attrib.pop(key)
    absolute = {key: str((folder / settings.get(key, ".")).resolve()) for key in ("meshdir", "texturedir")}
    root.append(ElementTree.Element("compiler", absolute))
