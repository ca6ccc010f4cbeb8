"""Obtaining clips from Python packages: the package is downloaded, only the clips in it are kept."""

import hashlib
import json
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from msemu.errors import MsemuError
from msemu.files import MAX_FILE_BYTES, sha256_of, whole_file
from msemu.motion.library.catalogue import WRITABLE_CACHE, Entry, Package, cache_folder, catalogue
from msemu.motion.library.download import download


def fetch(entry: Entry, wheel: Path | None = None) -> Path:
    """Return the file of a catalogue clip; obtain it when it is not in the cache.

    All clips of a package are kept at once, so that it is downloaded once, or taken from its ``wheel`` or source
    archive on this machine. License and source are written beside them.

    Raises:
        MsemuError: No network, no pip, a file that is not what the catalogue says, or no permission to write.
    """
    folder = cache_folder() / f"{entry.package.package}-{entry.package.version}"
    path = folder / entry.file_name
    if path.is_file() and sha256_of(path) == entry.sha256:
        return path
    if wheel is not None:
        _extract(wheel, entry.package, folder)
    else:
        with tempfile.TemporaryDirectory(prefix="msemu-") as temporary:
            _extract(download(entry.package, Path(temporary)), entry.package, folder)
    return path


def _extract(archive: Path, package: Package, folder: Path) -> None:
    """Take the package's clips and its license out of an archive; check every hash before anything is kept."""
    entries = [entry for entry in catalogue().values() if entry.package == package]
    wanted = [*(f"{package.folder}/{entry.file}" for entry in entries), package.license_file]
    try:
        members = _tar_members(archive, wanted) if tarfile.is_tarfile(archive) else _zip_members(archive, wanted)
    except FileNotFoundError:
        raise MsemuError(f"no wheel at {archive}") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, KeyError, ValueError) as error:
        raise MsemuError(f"{archive} is not the wheel of {package.package} {package.version} ({error})") from error
    contents = {}
    for entry in entries:
        contents[entry.file_name] = members[f"{package.folder}/{entry.file}"]
        found = hashlib.sha256(contents[entry.file_name]).hexdigest()
        if found != entry.sha256:
            raise MsemuError(
                f"{entry.file} in {Path(archive).name} has sha256 {found[:12]}..., the catalogue says"
                f" {entry.sha256[:12]}...; nothing was kept"
            )
    about = {
        "package": f"{package.package} {package.version}",
        "origin": package.origin,
        "license": package.license,
        "sha256": {entry.file_name: entry.sha256 for entry in entries},
    }
    contents |= {"LICENSE.txt": members[package.license_file], "SOURCE.json": json.dumps(about, indent=2).encode()}
    for name, content in contents.items():
        with whole_file(folder / name, WRITABLE_CACHE) as unfinished:
            unfinished.write_bytes(content)


def _zip_members(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return files of a wheel; a size that no clip has is refused before unpacking."""
    with zipfile.ZipFile(path) as archive:
        for name in names:
            _check_size(name, archive.getinfo(name).file_size)
        return {name: archive.read(name) for name in names}


def _tar_members(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return files of a source archive, which is read from its beginning until all are found."""
    missing, found = set(names), {}
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            if member.name in missing and member.isfile() and (file := archive.extractfile(member)):
                _check_size(member.name, member.size)
                found[member.name] = file.read()
                missing.remove(member.name)
            if not missing:
                return found
    raise KeyError(f"no file {min(missing)}")


def _check_size(name: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{name} is too large")
