"""TRC files: marker positions over time, as OpenSim and Motion Analysis write them.

Line 3 holds the rate and the unit, line 4 the marker names, line 5 the axes, then a row a frame: number, time and three
coordinates a marker; blank fields and NaN stand for markers that were not seen (OpenSim documentation, "Marker (.trc)
Files"). The declared numbers of frames and markers are often wrong in published files; what is there counts.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_COLUMNS, check_frames, check_table, read_text, write_text
from msemu.motion.formats.axes import UNITS


def read_trc(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray], str | None]:
    """Return the instants [s], the markers in the file's unit, and that unit; None when the file states none.

    The shapes are [T] and, for each marker, [T, 3]. A marker that was not seen is NaN.

    Raises:
        MsemuError: The file is no TRC, truncated, or holds impossible values.
    """
    lines = read_text(path).splitlines()
    if len(lines) < 6 or not lines[0].startswith("PathFileType") or not lines[3].startswith("Frame#"):
        raise MsemuError(f"{path} is not a TRC file: 'PathFileType' or 'Frame#' is missing")
    labels = lines[3].rstrip("\t \r").split("\t")
    names = [label.strip() for label in labels[2:] if label.strip()]
    if not 0 < len(names) <= MAX_COLUMNS // 3 or len(set(names)) != len(names):
        raise MsemuError(f"{path} must name 1 to {MAX_COLUMNS // 3} different markers; it names {len(names)}")
    unit = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False)).get("Units", "").strip().lower()
    rows = [line for line in lines[5:] if line.strip()]
    check_frames(path, len(rows))
    check_table(path, len(rows), 1 + 3 * len(names))
    table = np.empty((len(rows), 1 + 3 * len(names)))
    for index, row in enumerate(rows):
        table[index] = _numbers(path, row, table.shape[1], index)
    time = table[:, 0]
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise MsemuError(f"{path}: the column 'Time' does not increase")
    if np.isinf(table).any():
        raise MsemuError(f"{path} holds values that are infinite")
    markers = table[:, 1:].reshape(len(rows), len(names), 3)
    return time - time[0], dict(zip(names, markers.swapaxes(0, 1), strict=True)), unit if unit in UNITS else None


def write_trc(path: Path, time: np.ndarray, markers: Mapping[str, np.ndarray]) -> None:
    """Write markers as OpenSim reads them: meters, y up, x forward, z to the right.

    The markers are given with z up [m], shape [T, 3] each, at evenly spaced instants [s], shape [T].
    """
    rate, frames = 1.0 / float(np.median(np.diff(time))), len(time)
    table = np.concatenate([values[:, [0, 2, 1]] * [1.0, 1.0, -1.0] for values in markers.values()], axis=1)
    axes = "\t".join(f"{axis}{number + 1}" for number in range(len(markers)) for axis in "XYZ")
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{Path(path).name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate:.6g}\t{rate:.6g}\t{frames}\t{len(markers)}\tm\t{rate:.6g}\t1\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        f"\t\t{axes}",
        "",
    ]
    lines += [
        f"{index + 1}\t{instant:.6f}\t" + "\t".join(f"{value:.6f}" for value in row)
        for index, (instant, row) in enumerate(zip(time, table, strict=True))
    ]
    write_text(path, "\n".join(lines) + "\n")


def _numbers(path: Path, row: str, columns: int, index: int) -> np.ndarray:
    """Return time and coordinates of a row; blank fields are NaN."""
    fields = row.rstrip("\r\n").split("\t")[1:]
    while len(fields) > columns and not fields[-1].strip():
        fields.pop()
    fields += [""] * (columns - len(fields))
    if len(fields) != columns:
        raise MsemuError(f"{path}: frame {index + 1} has {len(fields)} columns, expected {columns}")
    try:
        return np.array([float(field) if field.strip() else np.nan for field in fields])
    except ValueError:
        raise MsemuError(f"{path}: frame {index + 1} holds something that is not a number") from None
