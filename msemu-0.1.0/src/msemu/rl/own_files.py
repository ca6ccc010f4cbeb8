"""Files of the user's that a configuration names: a run holds a copy of each, and its SHA-256.

A file is any value that is the path of one, wherever it stands: an option of a term, a parameter file, a field of a
plug-in. So is the model of a body that its recipe names by a path; the clips and the recipe are kept in
other ways (`msemu.rl.run_folder`).
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import yaml

from msemu.config import read_yaml
from msemu.errors import MsemuError
from msemu.files import write_bytes
from msemu.models.sources import pack_mjcf

FOLDER = "files"
"""Where a run keeps them."""
_EARLIER = "muscle_parameters.yaml"
"""What earlier releases kept, in the run folder itself."""
_ELSEWHERE = ("body", "body_path", "motion", "runs_dir", "run_name", "resume", "checkpoint")
"""Values of a training that are no such files."""

Records = dict[str, dict[str, str]]
"""By the name of the copy within the run: ``source`` and ``sha256``."""


def keep_files(values: dict[str, Any], run: Path, records: Records) -> dict[str, Any]:
    """Copy the files that the values of a training name into ``run``, and return the values with the copies' names.

    ``records`` gets an entry for each new copy. A YAML file with a ``base`` is kept merged with it.

    Raises:
        MsemuError: A file cannot be read, or the folder cannot be written.
    """
    kept = {key: _kept(value, run, records) for key, value in values.items() if key not in _ELSEWHERE}
    return {key: kept.get(key, value) for key, value in values.items()}


def keep_model(recipe: dict[str, Any], run: Path, records: Records) -> dict[str, Any]:
    """Copy the model that a recipe names by its path into ``run``, and return the recipe with the copy's name.

    The copy is a single MJCF file, with its meshes and textures beside it.

    Raises:
        MsemuError: A file cannot be read, or the folder cannot be written.
    """
    path = recipe["source"]["path"]
    if not path:
        return recipe
    content, assets = pack_mjcf(Path(path))
    name = f"{FOLDER}/model/{Path(path).name}"
    kept = {f"{FOLDER}/model/{own}": (asset, _content(asset)) for own, asset in assets.items()}
    for own, (source, copied) in {name: (Path(path), content), **kept}.items():
        write_bytes(run / own, copied)
        records[own] = {"source": str(source.resolve()), "sha256": hashlib.sha256(copied).hexdigest()}
    return recipe | {"source": recipe["source"] | {"path": name}}


def find_model(recipe: dict[str, Any], run: Path, records: Records) -> dict[str, Any]:
    """Return a recipe with the path of the copy that `keep_model` made in ``run``, wherever that is now.

    Raises:
        MsemuError: A file of the copy is missing, or is not what was copied.
    """
    name = recipe["source"].get("path", "")
    if name not in records:
        return recipe
    for own in records:
        if own.startswith(f"{FOLDER}/model/"):
            _check(run / own, records[own])
    return recipe | {"source": recipe["source"] | {"path": str((run / name).resolve())}}


def find_files(values: Any, run: Path, records: Records) -> Any:
    """Return the values with the paths of the copies that `keep_files` made in ``run``, wherever that is now.

    Raises:
        MsemuError: A copy is missing, or is not what was copied.
    """
    if isinstance(values, dict):
        return {key: find_files(value, run, records) for key, value in values.items()}
    if isinstance(values, list):
        return [find_files(value, run, records) for value in values]
    if not isinstance(values, str) or not (values in records or values == _EARLIER):
        return values
    if values in records:
        _check(run / values, records[values])
    return str(run / values)


def own_files(run: Path) -> list[str]:
    """Names of the copies that a run holds."""
    paths = (path.relative_to(run) for path in sorted((run / FOLDER).rglob("*")) if path.is_file())
    kept = [path.as_posix() for path in paths]
    return kept + ([_EARLIER] if (run / _EARLIER).is_file() else [])


def _kept(value: Any, run: Path, records: Records) -> Any:
    if isinstance(value, dict):
        return {key: _kept(item, run, records) for key, item in value.items()}
    if isinstance(value, list):
        return [_kept(item, run, records) for item in value]
    return _keep(Path(value), run, records) if _is_file(value) else value


def _is_file(value: Any) -> bool:
    """Whether a value is the path of a file; a bare word such as ``relu`` is not, whatever lies in the folder."""
    if not isinstance(value, str) or not (Path(value).suffix or "/" in value) or "\0" in value:
        return False
    try:
        return Path(value).is_file()
    except OSError:  # a text that is too long for a path
        return False


def _keep(path: Path, run: Path, records: Records) -> str:
    """Copy a file, unless the run holds it already, and return the copy's name."""
    held = os.path.relpath(path.resolve(), run.resolve())
    if held in records or held == _EARLIER:
        return held
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    number, name = 1, f"{FOLDER}/{path.name}"
    while name in records and records[name]["sha256"] != digest:
        number += 1
        name = f"{FOLDER}/{path.stem}_{number}{path.suffix}"
    write_bytes(run / name, content)
    records[name] = {"source": str(path.resolve()), "sha256": digest}
    return name


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MsemuError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix in (".yaml", ".yml") and b"\nbase:" in b"\n" + content:
        return yaml.safe_dump(read_yaml(path), sort_keys=False).encode()
    return content


def _check(copy: Path, record: Any) -> None:
    try:
        found = hashlib.sha256(copy.read_bytes()).hexdigest()
    except OSError as error:
        raise MsemuError(f"cannot read {copy}, which the run depends on: {error.strerror}; restore it") from error
    if not isinstance(record, dict) or found != record.get("sha256"):
        raise MsemuError(
            f"{copy} is not what the run was made with (SHA-256); restore it, or to take it as it is, write {found} in"
            " the run's provenance.yaml"
        )
