"""Obtaining clips from Python packages: pip downloads the wheel, only the clips in it are kept."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from msemu.errors import MsemuError
from msemu.motion.catalogue import Entry, Package, cache_folder, catalogue
from msemu.motion.untrusted import MAX_FILE_BYTES, sha256_of

_TIMEOUT_S = 900


def fetch(entry: Entry, wheel: Path | None = None) -> Path:
    """Return the file of a catalogue clip; obtain it when it is not in the cache.

    All clips of a package are kept at once, so that its wheel is downloaded once. Licence and source are
    written beside them.

    Args:
        entry: Clip of the catalogue.
        wheel: A wheel that is already on this machine, for machines without network.

    Raises:
        MsemuError: No network, no pip, a file that is not what the catalogue says, or no permission to write.
    """
    folder = cache_folder() / f"{entry.package.package}-{entry.package.version}"
    path = folder / entry.file
    if path.is_file() and sha256_of(path) == entry.sha256:
        return path
    try:
        if wheel is not None:
            _extract(wheel, entry.package, folder)
        else:
            with tempfile.TemporaryDirectory(prefix="msemu-") as temporary:
                _extract(_download(entry.package, Path(temporary)), entry.package, folder)
    except OSError as error:
        raise MsemuError(
            f"cannot write to {folder} ({error.strerror}); set MSEMU_CACHE to a folder that you may write to"
        ) from error
    return path


def _download(package: Package, folder: Path) -> Path:
    """Let pip download the wheel into ``folder`` and return its path."""
    wanted = f"{package.package}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--only-binary=:all:",
        "--python-version",
        package.python_version,
        "--platform",
        package.platform,
    ]
    command += ["--dest", str(folder), wanted]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MsemuError(
            f"pip did not get {wanted} within {_TIMEOUT_S} s; check the network and run it again"
        ) from None
    if "No module named pip" in result.stderr:
        raise MsemuError(f"{sys.executable} has no pip; get it with: {sys.executable} -m ensurepip")
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        lines = [line for line in result.stderr.strip().splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {result.returncode}"
        raise MsemuError(
            f"pip cannot download {wanted} ({reason}); check the network, or download the wheel elsewhere and"
            " give it with: msemu-motion fetch NAME --wheel FILE.whl"
        )
    return wheels[0]


def _extract(wheel: Path, package: Package, folder: Path) -> None:
    """Take the package's clips and its licence out of the wheel; check every hash before anything is kept."""
    entries = [entry for entry in catalogue().values() if entry.package == package]
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents = {entry.file: _member(archive, f"{package.folder}/{entry.file}") for entry in entries}
            licence = _member(archive, package.licence_file)
    except FileNotFoundError:
        raise MsemuError(f"no wheel at {wheel}") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise MsemuError(f"{wheel} is not the wheel of {package.package} {package.version} ({error})") from error
    for entry in entries:
        found = hashlib.sha256(contents[entry.file]).hexdigest()
        if found != entry.sha256:
            raise MsemuError(
                f"{entry.file} in {Path(wheel).name} has sha256 {found[:12]}..., the catalogue says"
                f" {entry.sha256[:12]}...; nothing was kept"
            )
    about = {
        "package": f"{package.package} {package.version}",
        "origin": package.origin,
        "licence": package.licence,
        "sha256": {entry.file: entry.sha256 for entry in entries},
    }
    contents |= {"LICENCE.txt": licence, "SOURCE.json": json.dumps(about, indent=2).encode()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        partial = folder / f".{name}.{os.getpid()}.tmp"
        partial.write_bytes(content)
        partial.replace(folder / name)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one file of an archive; a size that no clip has is refused before unpacking."""
    if archive.getinfo(name).file_size > MAX_FILE_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)
