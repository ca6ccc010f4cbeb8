"""The one reader of text formats (BVH, TRC, OpenSim storage, CSV): text as many programs write it.

Marks of the byte order, ends of lines, blank lines, quotation marks, what separates fields and what separates decimals
are taken as they come; what was mended is remarked. What cannot be read is refused with its line in the file.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_FRAMES, check_frames, check_table, printable, read_text

MAX_REPEATS = 0.1
"""Largest share of the rows whose times may repeat those before them."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_BETWEEN_FIELDS = " \t;,"
_BLANKS = str.maketrans(';"', "  ")
_PLACE = re.compile(r" \([a-z]+ \d+\)$")


class Line(NamedTuple):
    """A line and its number in the file, from 1."""

    number: int
    text: str


class TextFile:
    """A text file: its lines that are not blank, and what is to be said about it in the clip's source.

    Raises:
        MsemuError: The file is missing, too large, binary or of too many lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        text = read_text(path)
        if max(text.count("\n"), text.count("\r")) > 4 * MAX_FRAMES:
            raise MsemuError(f"{path} has more than {4 * MAX_FRAMES} lines, which is refused")
        lines = (Line(index + 1, line) for index, line in enumerate(_LINE_END.split(text)))
        self.lines = [line for line in lines if line.text.strip(_BETWEEN_FIELDS)]
        self._remarks: list[str] = []

    @property
    def remarks(self) -> str:
        """What was mended, to stand at the end of a source."""
        return "".join(f"; {remark}" for remark in self._remarks)

    def error(self, line: Line, reason: str) -> MsemuError:
        """Return the user's error about a line."""
        return MsemuError(f"{self.path}: line {line.number} {reason}")

    def find(self, start: str) -> int:
        """Return the index of the first line that starts so, in any case; -1 when there is none."""
        return next((i for i, line in enumerate(self.lines) if keyword(line.text).startswith(start)), -1)

    def columns(self) -> tuple[list[str], list[Line]]:
        """Return the names of the columns of a CSV, which its first line holds, and its rows."""
        said = keyword(self.lines[0].text).startswith("sep=") if self.lines else False  # by spreadsheets: the separator
        head, *rows = self.lines[said:] or [Line(1, "")]
        return fields(head.text.strip(_BETWEEN_FIELDS + "#")) or [""], rows

    def check_count(self, declared: str, found: int, what: str) -> None:
        """Compare a count in the header with what is there: one more or less is remarked, another one refused."""
        try:
            difference = abs(float(declared) - found)
        except ValueError:
            difference = math.nan
        if not difference <= 1:
            raise MsemuError(
                f"{self.path}: the header declares {printable(declared, 20)} {what}, there are {found};"
                " is the file complete?"
            )
        if difference:
            self.remark(f"the header declares {declared} {what}, there are {found}")

    def remark(self, text: str) -> None:
        """Note what was mended."""
        self._remarks.append(text)

    def numbers(self, lines: Sequence[Line], columns: int, separator: str | None = None) -> np.ndarray:
        """Return the table that lines of numbers hold, shape [len(lines), columns].

        Memory is taken for what is there, not for what a header declares. With a ``separator``, which is empty for
        blanks, values may be NaN, as those of empty fields are.

        Raises:
            MsemuError: A row with another number of columns, text, or, without a separator, a value that is not finite.
        """
        check_table(self.path, len(lines), columns)
        table = np.empty((len(lines), columns))
        for row, line in zip(table, lines, strict=True):
            row[:] = self._row(line, columns, separator)
        return table

    def in_order(self, lines: Sequence[Line], table: np.ndarray) -> np.ndarray:
        """Return a table whose first column is time without the rows that repeat a time, which is remarked.

        Raises:
            MsemuError: Time goes back, more than `MAX_REPEATS` of the times are repeated, or too few rows are left.
        """
        time = table[:, 0]
        steps = np.diff(time)
        if len(back := np.flatnonzero(~(steps >= 0))):
            row = int(back[0]) + 1
            raise self.error(lines[row], f"has the time {time[row]:g} after {time[row - 1]:g}: time does not increase")
        repeated = np.flatnonzero(steps == 0) + 1
        if len(repeated) > max(1, MAX_REPEATS * len(table)):
            reason = f"repeats the time {time[repeated[0]]:g}, as {len(repeated)} of {len(table)} rows do"
            raise self.error(lines[repeated[0]], f"{reason}: time does not increase; is it rounded?")
        if len(repeated):
            self.remark(f"left out: {len(repeated)} rows that repeat a time, first line {lines[repeated[0]].number}")
        check_frames(self.path, len(table) - len(repeated))
        return np.delete(table, repeated, axis=0)

    def _row(self, line: Line, columns: int, separator: str | None) -> list[float]:
        items = _items(line.text, columns, separator)
        if len(items) != columns:
            raise self.error(line, _miscounted(line.text, len(items), columns))
        try:
            values = [float(item) if item else math.nan for item in items]
        except ValueError:
            wrong = next(item for item in items if item and not _is_number(item))
            raise self.error(line, f"holds '{printable(wrong)}', which is not a number") from None
        if any(math.isinf(value) or (separator is None and math.isnan(value)) for value in values):
            raise self.error(line, "holds a value that is not finite")
        return values


def keyword(text: str) -> str:
    """Return a line in lower case without blanks and separators around it."""
    return text.strip(_BETWEEN_FIELDS).lower()


def separator_of(text: str) -> str | None:
    """Return what separates the fields of a line: tabs, semicolons or commas; None for blanks."""
    return next((mark for mark in "\t;," if mark in text.rstrip(_BETWEEN_FIELDS)), None)


def fields(text: str) -> list[str]:
    """Return the fields of a line of names, of which those between two separators may be empty."""
    return [item.strip(" \t\"'") for item in text.split(separator_of(text))]


def distinct(labels: Sequence[str], places: Sequence[str]) -> list[str]:
    """Return labels of which those that occur more than once carry their place: ``knee (column 2)``."""
    count = Counter(labels)
    return [label if count[label] == 1 else f"{label} ({place})" for label, place in zip(labels, places, strict=True)]


def without_place(label: str) -> str:
    """Return a label without what `distinct` has added."""
    return _PLACE.sub("", label)


def _items(text: str, columns: int, separator: str | None) -> list[str]:
    """Return the numbers of a row; commas are decimal where the number of columns says so."""
    if separator and separator in text:
        items = [item.strip() for item in text.split(separator)]
        while len(items) > columns and not items[-1]:
            items.pop()
        items += [""] * (columns - len(items))
        return items if separator == "," else [item.replace(",", ".") for item in items]
    text = text.translate(_BLANKS)
    apart, decimal = text.replace(",", " ").split(), text.replace(",", ".").split()
    return min(apart, decimal, key=lambda items: abs(len(items) - columns))


def _miscounted(text: str, found: int, expected: int) -> str:
    """Return what is wrong with a row of another number of columns."""
    items = fields(text.strip())
    if "" in items[:-1]:
        return f"leaves column {items.index('') + 1} empty"
    return f"has {found} columns, expected {expected}; is the file complete?"


def _is_number(item: str) -> bool:
    try:
        float(item)
    except ValueError:
        return False
    return True
