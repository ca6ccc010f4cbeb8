"""TRC files: marker positions over time, as OpenSim and Motion Analysis write them.

Line 3 holds the rate and the unit, line 4 the marker names, line 5 the axes, then a row a frame: number, time and three
coordinates a marker; blank fields and NaN stand for markers that were not seen (OpenSim documentation, "Marker (.trc)
Files"). The declared numbers of frames and markers are often wrong in published files; what is there counts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_COLUMNS, printable, write_text
from msemu.motion.formats.axes import UNITS
from msemu.motion.formats.text import TextFile, distinct, fields, keyword, separator_of

_MAX_HEADER_LINES = 20


class MarkerFile(NamedTuple):
    """What a file of markers holds.

    Attributes:
        time_s: Instants from 0 [s], shape [T].
        markers: Positions by name in the file's unit, shape [T, 3] each, NaN where not seen; names that are repeated
            carry their place.
        unit: The file's unit of length; None when it states none.
        remarks: What was mended in the text.
    """

    time_s: np.ndarray
    markers: dict[str, np.ndarray]
    unit: str | None
    remarks: str = ""


def read_trc(path: Path) -> MarkerFile:
    """Read a TRC file.

    Raises:
        MsemuError: The file is no TRC, truncated, or holds impossible values.
    """
    text = TextFile(path)
    heads = [index for index, line in enumerate(text.lines[:_MAX_HEADER_LINES]) if _names_columns(line.text)]
    if text.find("pathfiletype") != 0 or not heads:
        raise MsemuError(f"{path} is not a TRC file: 'PathFileType' or 'Frame#' is missing")
    start = heads[0]
    names, separator = _names(text, start), separator_of(text.lines[start].text)
    stated = _stated(text, start)
    rows = text.lines[start + 1 :]
    if rows and keyword(rows[0].text).startswith("x"):  # the axes, X1 Y1 Z1 ...
        rows = rows[1:]
    table = text.numbers(rows, 2 + 3 * len(names), separator or "")[:, 1:]
    for key, what, found in (("numframes", "frames", len(rows)), ("nummarkers", "markers", len(names))):
        if (declared := stated.get(key, "")) and declared != str(found):
            text.remark(f"the header declares {printable(declared, 20)} {what}, there are {found}")
    table = text.in_order(rows, table)
    markers = table[:, 1:].reshape(len(table), len(names), 3).swapaxes(0, 1)
    unit = stated.get("units")
    return MarkerFile(
        table[:, 0] - table[0, 0],
        dict(zip(names, markers, strict=True)),
        unit if unit in UNITS else None,
        text.remarks,
    )


def _names_columns(text: str) -> bool:
    """Whether a line is that of the names: ``Frame#``, ``Time``, markers."""
    return [label.lower().rstrip("#") for label in fields(text)[:2]] == ["frame", "time"]


def _names(text: TextFile, start: int) -> list[str]:
    """Return the names of the markers in a line of labels; those that stand twice carry their column."""
    labels = [(label, f"column {index + 1}") for index, label in enumerate(fields(text.lines[start].text)) if label]
    if not 2 < len(labels) <= 2 + MAX_COLUMNS // 3:
        reason = f"must name 1 to {MAX_COLUMNS // 3} markers after 'Frame#' and 'Time'; it names {len(labels) - 2}"
        raise text.error(text.lines[start], reason)
    return distinct([label for label, _ in labels[2:]], [place for _, place in labels[2:]])


def _stated(text: TextFile, start: int) -> dict[str, str]:
    """Return what the header states, such as ``units``: a line of keys, then one of values, which may stand wider."""
    if start < 3:
        return {}
    keys, values = (fields(line.text.lower()) for line in text.lines[1:3])
    written = [[item for item in items if item] for items in (keys, values)]
    return dict(zip(*written, strict=True) if len(written[0]) == len(written[1]) else zip(keys, values, strict=False))


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
