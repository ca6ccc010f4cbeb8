"""Reading files that strangers made, bounded in size and never unpickled, and writing files whole or not at all."""

import codecs
import hashlib
import math
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msemu.errors import MsemuError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_FILE_BYTES = 256 * 2**20
"""Largest motion file that is read [bytes], compressed or unpacked."""

MIN_FRAMES = 4
"""Shortest recording and shortest clip that are accepted [frames]; fewer give no cubic spline."""

MAX_FRAMES = 100_000
"""Longest recording that is accepted [frames]."""

MAX_COLUMNS = 5000
"""Most columns that a table of numbers may have."""

MAX_DURATION_S = 3600.0
"""Longest recording that is accepted [s]."""

RATE_HZ = (1.0, 10_000.0)
"""Frame rates that a file may state [Hz]."""

MAX_STEP_S = 0.5
"""Longest time between two rows of joint angles that is interpolated [s]."""

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

_PARTIAL = ".partial"
_READ: list[list[Path]] = []
"""Files and folders that the command under way reads, those of a command within it last."""


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
        raise MsemuError(f"{path} is empty; give a motion file, see: msemu-motion import --help")
    return content


def printable(text: str, length: int = 40) -> str:
    """Return the beginning of a text from a file as it may stand in a message: one line, no control characters."""
    return "".join(character if character.isprintable() else "?" for character in str(text)[:length])


def decode(content: bytes) -> str:
    """Return the text that bytes, or their beginning, hold: by their byte order mark, else UTF-8, else Latin-1."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if encoding:
        return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_text(path: Path) -> str:
    """Return the content of a text file, see `decode`.

    Raises:
        MsemuError: As `read_bytes`, or the file is binary.
    """
    text = decode(read_bytes(path))
    if "\0" in text[:4096]:
        raise MsemuError(f"{path} is a binary file where text was expected")
    return text


def check_table(path: Path, rows: int, columns: int) -> None:
    """Refuse a table of more than `MAX_FRAMES` rows or `MAX_FILE_BYTES` bytes."""
    if rows > MAX_FRAMES or 8 * rows * columns > MAX_FILE_BYTES:
        raise MsemuError(
            f"{path} holds {rows} frames of {columns} numbers; at most {MAX_FRAMES} frames and"
            f" {MAX_FILE_BYTES >> 20} MB are accepted"
        )


def check_frames(path: Path | str, frames: int, reason: str = "") -> None:
    """Refuse a recording of fewer than `MIN_FRAMES` or more than `MAX_FRAMES`; the message gives the ``reason``."""
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        raise MsemuError(f"{path} has {frames} frames{reason}; {MIN_FRAMES} to {MAX_FRAMES} are accepted")


def check_finite(path: Path, label: str, values: np.ndarray) -> None:
    """Refuse values that are not finite; the message names the first frame."""
    bad = np.argwhere(~np.isfinite(np.atleast_1d(values)))
    if len(bad):
        raise MsemuError(f"{path}: {label} holds {len(bad)} values that are not finite, first in frame {bad[0][0]}")


def scalar(path: Path, label: str, value: np.ndarray, low: float, high: float) -> float:
    """Return an array that is one number between ``low`` and ``high``, and refuse any other."""
    if value.size != 1 or not low <= value.item() <= high:
        found = f"{value.item():g}" if value.size == 1 else f"of shape {value.shape}"
        raise MsemuError(f"{path}: {label} is {found}; expected {low:g} to {high:g}")
    return float(value.item())


def check_times(path: Path, time: np.ndarray) -> None:
    """Refuse instants that do not increase, lie more than `MAX_STEP_S` apart or span over `MAX_DURATION_S`."""
    steps = np.diff(time)
    if not np.isfinite(time).all() or not (steps > 0).all():
        raise MsemuError(f"{path}: the column 'time' does not increase")
    if steps.max() > MAX_STEP_S or time[-1] - time[0] > MAX_DURATION_S:
        raise MsemuError(
            f"{path}: frames lie up to {steps.max():.4g} s apart over {time[-1] - time[0]:.4g} s; at most {MAX_STEP_S}"
            f" s and {MAX_DURATION_S:g} s are accepted"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_arrays(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the named arrays of an ``.npz`` file.

    The header of each array is checked against the bytes that are really there before memory is taken, and all arrays
    together against `MAX_FILE_BYTES` in double precision, in which most are used.

    Raises:
        MsemuError: The file is no npz, an array is missing, pickled, truncated, or they are too large.
    """
    read_bytes(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(_unpacked_bytes(archive, key, path) for key in keys)
            if size > MAX_FILE_BYTES:
                raise MsemuError(f"{path} unpacks to {size >> 20} MB; at most {MAX_FILE_BYTES >> 20} MB are accepted")
            return {key: _read_array(archive, key) for key in keys}
    except MsemuError:
        raise
    except Exception as error:  # zipfile and NumPy raise many kinds for damaged input
        raise MsemuError(f"{path} is a damaged npz file ({printable(str(error), 120)}); obtain it again") from error


def read_numbers(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the named arrays of an ``.npz`` file in double precision.

    Raises:
        MsemuError: As `read_arrays`, or an array holds something else than finite numbers.
    """
    arrays = read_arrays(path, keys)
    for key, values in arrays.items():
        if np.iscomplexobj(values):
            raise MsemuError(f"{path}: {key} holds complex numbers; give real ones")
    try:
        numbers = {key: values.astype(float) for key, values in arrays.items()}
    except (TypeError, ValueError) as error:
        raise MsemuError(f"{path}: {', '.join(keys)} are not numbers ({printable(str(error), 120)})") from error
    for key, values in numbers.items():
        check_finite(path, key, values)
    return numbers


def array_names(path: Path) -> set[str]:
    """Return the names of the arrays in an ``.npz`` file; empty when it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except Exception:  # zipfile raises many kinds for what is no zip file
        return set()


def _unpacked_bytes(archive: zipfile.ZipFile, key: str, path: Path) -> int:
    """Return how much memory an array takes that can be read, numbers in double precision [bytes]."""
    try:
        member = archive.getinfo(f"{key}.npy")
    except KeyError:
        raise MsemuError(f"{path} has no array '{key}'") from None
    if member.file_size > MAX_FILE_BYTES:
        raise MsemuError(f"{path}: array '{key}' unpacks to {member.file_size >> 20} MB, which is refused")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise MsemuError(f"{path}: array '{key}' uses the unknown npy format {version}")
        shape, _, dtype = read_header[version](file)
    if dtype.hasobject:
        raise MsemuError(
            f"{path}: array '{key}' is pickled; pickled data can run code and is refused: save it as numbers or text"
        )
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise MsemuError(f"{path}: array '{key}' is truncated; obtain the file again")
    if len(shape) > 1 and shape[0] > MAX_FRAMES:
        raise MsemuError(f"{path}: array '{key}' has {shape[0]} rows; at most {MAX_FRAMES} are accepted")
    return math.prod(shape) * max(8, dtype.itemsize)


def _read_array(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    with archive.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


@contextmanager
def unwritten(paths: list[Path]) -> Iterator[None]:
    """Let no file be written over one of the ``paths``, which are read."""
    _READ.append(list(paths))
    try:
        yield
    finally:
        _READ.pop()


def spare(paths: Iterable[Path]) -> None:
    """Let no file be written over one of the ``paths``, which turn out to be read, until `unwritten` ends."""
    if _READ:
        _READ[-1].extend(paths)


@contextmanager
def whole_file(path: Path, remedy: str = "give another path") -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` when the block ends without an error.

    So ``path`` holds either the old or the new content whole, whenever the process or the machine stops. The folder is
    made where there is none, the name ends as that of ``path``. A device or a pipe is written as it is.

    Raises:
        MsemuError: The file cannot be written, or is one that the command reads; the message ends with the ``remedy``.
    """
    path = Path(path)
    if path.is_dir():
        raise MsemuError(f"cannot write {path}: it is a folder; {remedy}")
    if path.is_file() and any(other.exists() and path.samefile(other) for other in chain(*_READ)):
        raise MsemuError(f"cannot write {path}: it is read by this command; {remedy}")
    try:
        if path.exists() and not path.is_file():
            yield path
            return
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}{_PARTIAL}{path.suffix}")
        try:
            unfinished.touch()
            yield unfinished
            _flush(unfinished)
            unfinished.replace(path)
            _flush(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise MsemuError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text (UTF-8) as `whole_file` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as `whole_file` does."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)


def write_arrays(path: Path, arrays: Mapping[str, Any], remedy: str = "give another path") -> None:
    """Write arrays as a compressed ``.npz`` as `whole_file` does, whatever the file's name ends with."""
    with whole_file(path, remedy) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **arrays)


def save_figure(figure: "Figure", path: Path, dpi: int = 110) -> Path:
    """Write a figure of Matplotlib in the format that the name ends with, as `whole_file` does; return the path."""
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=dpi, format=path.suffix[1:] or "png")
    return path


def save_image(image: np.ndarray, path: Path) -> None:
    """Write a picture, shape [height, width, 3], uint8, as PNG, as `whole_file` does."""
    from matplotlib.image import imsave

    with whole_file(path) as unfinished:
        imsave(unfinished, image, format="png")


def remove_partial(folder: Path) -> None:
    """Remove what a process that was killed while it wrote left behind in ``folder``."""
    for path in Path(folder).glob(f".*{_PARTIAL}*"):
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Make the content of a file, or the names in a folder, last through a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
