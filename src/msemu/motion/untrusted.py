"""Reading files that strangers made: bounded in size, never unpickled."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError

MAX_FILE_BYTES = 256 * 2**20
"""Largest motion file that is read [bytes], compressed or unpacked."""

MAX_FRAMES = 100_000
"""Longest recording that is accepted [frames]."""


def read_bytes(path: Path) -> bytes:
    """Return the content of ``path``.

    Raises:
        MsemuError: The file is missing, unreadable, empty or larger than `MAX_FILE_BYTES`.
    """
    try:
        size = Path(path).stat().st_size
        if size > MAX_FILE_BYTES:
            raise MsemuError(f"{path} has {size >> 20} MB; motion files over {MAX_FILE_BYTES >> 20} MB are refused")
        content = Path(path).read_bytes()
    except OSError as error:
        raise MsemuError(f"cannot read the motion file {path}: {error.strerror}") from error
    if not content:
        raise MsemuError(f"{path} is empty; give a DeepMimic JSON or an Isaac AMP npz file")
    return content


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits.

    Raises:
        MsemuError: As `read_bytes`.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_arrays(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the named arrays of an ``.npz`` file.

    The header of each array is checked against the bytes that are really there before memory is taken.

    Raises:
        MsemuError: The file is no npz, an array is missing, pickled, truncated or too large.
    """
    read_bytes(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return {key: _read_array(archive, key, path) for key in keys}
    except MsemuError:
        raise
    except Exception as error:  # zipfile and NumPy raise many kinds for damaged input
        raise MsemuError(f"{path} is a damaged npz file ({error}); obtain it again") from error


def array_names(path: Path) -> set[str]:
    """Return the names of the arrays in an ``.npz`` file; empty when it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return set()


def _read_array(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    try:
        member = archive.getinfo(f"{key}.npy")
    except KeyError:
        raise MsemuError(f"{path} has no array '{key}'") from None
    if member.file_size > MAX_FILE_BYTES:
        raise MsemuError(f"{path}: array '{key}' unpacks to {member.file_size >> 20} MB, which is refused")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read_header:
            raise MsemuError(f"{path}: array '{key}' uses the unknown npy format {version}")
        shape, _, dtype = read_header[version](file)
    if dtype.hasobject:
        raise MsemuError(f"{path}: array '{key}' is pickled; pickled data can run code and is refused")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        raise MsemuError(f"{path}: array '{key}' is truncated; obtain the file again")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
