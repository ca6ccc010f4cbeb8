"""OpenSim storage files (``.mot``, ``.sto``): named columns over time.

A header of ``key=value`` lines up to ``endheader`` (version, nRows, nColumns, inDegrees), a line of column
labels whose first is ``time``, then one row of numbers a frame (OpenSim documentation, "Storage (.sto) Files"
and "Motion (.mot) Files"). The counts in the header are compared with what is there, never trusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_COLUMNS, write_text
from msemu.motion.formats.text import TextFile, distinct, fields, keyword


@dataclass(frozen=True)
class Storage:
    """The content of a storage file.

    Attributes:
        name: First line of the file.
        time: Instants [s], shape [T], increasing.
        columns: Values by label, as they stand in the file, shape [T] each; labels that are repeated carry their place.
        in_degrees: Whether rotations are in degrees; translations are in meters either way.
        remarks: What was mended in the text.
    """

    name: str
    time: np.ndarray
    columns: dict[str, np.ndarray]
    in_degrees: bool
    remarks: str = ""


def write_storage(
    path: Path, name: str, time: np.ndarray, columns: Mapping[str, np.ndarray], in_degrees: bool = False
) -> None:
    """Write columns over time [s], shape [T] each, as OpenSim reads them; the header states the unit of the angles.

    Raises:
        MsemuError: Columns of other lengths, values that are not finite, labels with blanks, or a path that
            cannot be written.
    """
    time = np.asarray(time, dtype=float)
    for label, values in {"time": time, **columns}.items():
        if np.shape(values) != time.shape or time.ndim != 1:
            raise MsemuError(f"cannot write {path}: column '{label}' has {np.shape(values)} values, not {time.shape}")
        if not np.isfinite(values).all():
            raise MsemuError(f"cannot write {path}: column '{label}' holds values that are not finite")
        if not label or any(character.isspace() for character in label):
            raise MsemuError(f"cannot write {path}: the column label '{label}' is empty or holds blanks")
    table = np.column_stack([time, *columns.values()])
    header = [
        " ".join(name.split()) or "storage",
        "version=1",
        f"nRows={len(time)}",
        f"nColumns={table.shape[1]}",
        f"inDegrees={'yes' if in_degrees else 'no'}",
        "endheader",
        "\t".join(["time", *columns]),
    ]
    rows = ["\t".join(f"{value:.10g}" for value in row) for row in table]
    write_text(path, "\n".join([*header, *rows]) + "\n")


def read_storage(path: Path) -> Storage:
    """Read a ``.mot`` or ``.sto`` file.

    Raises:
        MsemuError: The file is missing, has no header or no column ``time``, is shorter than its header says,
            or holds values that are not finite.
    """
    text = TextFile(path)
    end = text.find("endheader")
    if end < 0:
        raise MsemuError(f"{path} is not an OpenSim storage file: no line 'endheader'")
    if end + 1 == len(text.lines):
        raise MsemuError(f"{path} ends after its header; is the file complete?")
    labels = [label for label in fields(text.lines[end + 1].text) if label]
    if labels[0].lower() != "time" or len(labels) > MAX_COLUMNS:
        raise text.error(text.lines[end + 1], f"must name the columns, 'time' first, at most {MAX_COLUMNS}")
    header, rows = [keyword(line.text) for line in text.lines[:end]], text.lines[end + 2 :]
    stated = _header_values(header)
    table = text.numbers(rows, len(labels))
    if "nrows" in stated:
        text.check_count(stated["nrows"], len(table), "rows")
    table = text.in_order(rows, table)
    labels = distinct(labels, [f"column {index + 1}" for index in range(len(labels))])
    return Storage(
        name=text.lines[0].text.strip(),
        time=table[:, 0],
        columns=dict(zip(labels[1:], table.T[1:], strict=True)),
        in_degrees=_in_degrees(stated.get("indegrees"), header),
        remarks=text.remarks,
    )


def _in_degrees(stated: str | None, header: list[str]) -> bool:
    """Whether angles are in degrees; a SIMM header, which does not say, means so unless a remark says otherwise."""
    if stated is not None:
        return stated in ("yes", "y", "true", "1")
    remarks = " ".join(header)
    return "angles are in degrees" in remarks or ("simm motion file" in remarks and "in radians" not in remarks)


def _header_values(lines: list[str]) -> dict[str, str]:
    """Return what lines such as ``nrows=30``, or ``datarows 30`` of SIMM, state."""
    pairs = (line.replace("=", " ").split(maxsplit=1) for line in lines)
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
