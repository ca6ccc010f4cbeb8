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
from msemu.files import MAX_COLUMNS, check_frames, parse_numbers, printable, read_text, write_text

_MAX_HEADER_LINES = 200


@dataclass(frozen=True)
class Storage:
    """The content of a storage file.

    Attributes:
        name: First line of the file.
        time: Instants [s], shape [T], increasing.
        columns: Values by label, as they stand in the file, shape [T] each; of a repeated label the first.
        in_degrees: Whether rotations are in degrees; translations are in meters either way.
    """

    name: str
    time: np.ndarray
    columns: dict[str, np.ndarray]
    in_degrees: bool


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
    lines = read_text(path).splitlines()
    end = next((i for i, line in enumerate(lines[:_MAX_HEADER_LINES]) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise MsemuError(f"{path} is not an OpenSim storage file: no line 'endheader'")
    header = _header_values(lines[:end])
    body = [line for line in lines[end + 1 :] if line.strip()]
    if not body:
        raise MsemuError(f"{path} ends after its header; is the file complete?")
    labels = body[0].split("\t") if "\t" in body[0] else body[0].split()
    labels = [label.strip() for label in labels if label.strip()]
    if not labels or labels[0].lower() != "time" or len(labels) > MAX_COLUMNS:
        raise MsemuError(f"{path}: the line after 'endheader' must name at most {MAX_COLUMNS} columns, 'time' first")
    table = parse_numbers(path, body[1:], len(labels), first_row=end + 2)
    declared = header.get("nrows", str(len(table)))
    if declared != str(len(table)):
        raise MsemuError(
            f"{path}: the header declares {printable(declared, 20)} rows, there are {len(table)}; is it complete?"
        )
    check_frames(path, len(table))
    if (np.diff(table[:, 0]) <= 0).any():
        raise MsemuError(f"{path}: the column 'time' does not increase")
    return Storage(
        name=lines[0].strip(),
        time=table[:, 0],
        columns={label: table[:, labels.index(label)] for label in labels[1:]},
        in_degrees=_in_degrees(header.get("indegrees"), lines[:end]),
    )


def _in_degrees(stated: str | None, header: list[str]) -> bool:
    """Whether angles are in degrees; a SIMM header, which does not say, means so unless a remark says otherwise."""
    if stated is not None:
        return stated.lower() in ("yes", "y", "true", "1")
    remarks = " ".join(header).lower()
    return "angles are in degrees" in remarks or ("simm motion file" in remarks and "in radians" not in remarks)


def _header_values(lines: list[str]) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {key.strip().lower(): value.strip() for key, value in pairs}
