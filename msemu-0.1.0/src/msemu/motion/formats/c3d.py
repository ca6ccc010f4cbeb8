"""Reader of C3D files: marker positions over time, binary.

Blocks of 512 bytes: a header of 16-bit words, a section of named parameters, then for each frame four numbers a
marker (x, y, z and a word that is negative when the marker was not seen) and the analog samples (The C3D
file format user guide, c3d.org). Numbers are 16-bit integers times a scale or 32-bit floats, in the byte order
of Intel, DEC or MIPS processors. Counts are compared with the bytes that are there before memory is taken.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.files import check_frames, printable, read_bytes
from msemu.motion.formats.axes import UNITS
from msemu.motion.formats.text import distinct
from msemu.motion.formats.trc import MarkerFile

_BLOCK = 512
_INTEL, _DEC, _MIPS = 84, 85, 86
_MAX_RECORDS = 5000


@dataclass(frozen=True)
class _Reader:
    """Numbers in the byte order of a processor."""

    processor: int

    @property
    def order(self) -> str:
        return ">" if self.processor == _MIPS else "<"

    def words(self, content: bytes, first: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{count}H", content, first)

    def floats(self, content: bytes) -> np.ndarray:
        if self.processor != _DEC:
            return np.frombuffer(content, f"{self.order}f4").astype(float)
        halves = np.frombuffer(content, "<u2").reshape(-1, 2).astype(np.uint32)
        return ((halves[:, 0] << 16) | halves[:, 1]).view(np.float32).astype(float) / 4.0


def is_c3d(start: bytes) -> bool:
    """Whether a file that starts so is a C3D file."""
    return len(start) >= 2 and start[1] == 0x50 and 1 < start[0] < 128


def read_c3d(path: Path) -> MarkerFile:
    """Read a C3D file.

    Raises:
        MsemuError: The file is no C3D, truncated, or holds impossible values.
    """
    content = read_bytes(path)
    if not is_c3d(content):
        raise MsemuError(f"{path} is not a C3D file")
    try:
        return _read(path, content)
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise MsemuError(f"{path} is a damaged C3D file ({printable(str(error), 120)}); obtain it again") from error


def _read(path: Path, content: bytes) -> MarkerFile:
    start = (content[0] - 1) * _BLOCK
    processor = content[start + 3]
    if processor not in (_INTEL, _DEC, _MIPS):
        raise MsemuError(f"{path}: the parameter section names the unknown processor {processor}")
    reader = _Reader(processor)
    num_points, num_analog, first, last = reader.words(content, 2, 4)
    data_block = reader.words(content, 16, 1)[0]
    scale = float(reader.floats(content[12:16])[0])
    rate = float(reader.floats(content[20:24])[0])
    parameters = _parameters(content, start, reader)
    labels = [*parameters.get("POINT:LABELS", []), *parameters.get("POINT:LABELS2", [])][:num_points]
    if not num_points or len(labels) < num_points:
        raise MsemuError(f"{path} declares {num_points} markers and names {len(labels)}")
    if not 1.0 <= rate <= 100_000.0 or not np.isfinite(scale) or scale == 0.0:
        raise MsemuError(f"{path}: a rate of {rate:.6g} Hz or a scale of {scale:.6g} is impossible")

    data = content[(data_block - 1) * _BLOCK :] if data_block else b""
    size = 4 if scale < 0 else 2
    per_frame = size * (4 * num_points + num_analog)
    declared = last - first + 1
    available = len(data) // per_frame
    frames = available if last == 0xFFFF else declared
    check_frames(path, frames)
    if frames > available:
        raise MsemuError(f"{path} declares {frames} frames, there are {available}; is it complete?")
    data = data[: frames * per_frame]
    values = reader.floats(data) if size == 4 else np.frombuffer(data, f"{reader.order}i2").astype(float)
    points = values.reshape(frames, -1)[:, : 4 * num_points].reshape(frames, num_points, 4)
    unseen = points[..., 3] < 0
    positions = points[..., :3] * (1.0 if size == 4 else scale)
    positions[unseen | ~np.isfinite(positions).all(-1)] = np.nan
    unit = str(parameters.get("POINT:UNITS", [""])[0]).lower()
    time = np.arange(frames) / rate
    return MarkerFile(time, _named(labels, positions), unit if unit in UNITS else None)


def _parameters(content: bytes, start: int, reader: _Reader) -> dict[str, list[Any]]:
    """Return the text parameters as ``GROUP:NAME``."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, list[str]]] = []
    position = start + 4
    for _ in range(_MAX_RECORDS):
        length, group = struct.unpack_from("bb", content, position)
        length = abs(length)
        if length == 0 or group == 0:
            break
        name = content[position + 2 : position + 2 + length].decode("latin-1").upper()
        position += 2 + length
        step = reader.words(content, position, 1)[0]
        if group < 0:
            groups[-group] = name
        else:
            texts = _texts(content, position + 2)
            if texts:
                found.append((group, name, texts))
        if step == 0:
            break
        position += step
    return {f"{groups.get(group, '')}:{name}": texts for group, name, texts in found}


def _texts(content: bytes, position: int) -> list[str]:
    """Return a parameter that is an array of text; empty for numbers."""
    kind, dimensions = struct.unpack_from("bB", content, position)
    if kind != -1 or dimensions > 2:
        return []
    sizes = content[position + 2 : position + 2 + dimensions]
    width, count = (sizes[0] if dimensions else 1), (sizes[1] if dimensions == 2 else 1)
    first = position + 2 + dimensions
    texts = content[first : first + width * count]
    parts = [texts[i * width : (i + 1) * width].decode("latin-1") for i in range(count)]
    return [printable(text.strip(" \0"), 80) for text in parts]


def _named(labels: list[str], positions: np.ndarray) -> dict[str, np.ndarray]:
    """Return the markers by name, those without a name left out; names that are repeated carry their place."""
    names = distinct(labels, [f"marker {index + 1}" for index in range(len(labels))])
    return {name: positions[:, index] for index, name in enumerate(names) if labels[index]}
