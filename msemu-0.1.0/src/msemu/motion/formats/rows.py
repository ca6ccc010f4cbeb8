"""Which rows of a table of joint angles are read."""

from pathlib import Path

import numpy as np

from msemu.motion.checks.frames import FIRST_POSE, starts_elsewhere
from msemu.motion.formats.axes import ReadOptions


def rows_read(path: Path, time_s: np.ndarray, angles: np.ndarray, options: ReadOptions) -> tuple[np.ndarray, str]:
    """Return the indices of the rows that are read and what the clip's source says about it.

    A first row of another pose is left out. The instants have shape [T], the angles [rad] shape [T, N].
    """
    rows = np.arange(len(time_s))[options.part(path, time_s)]
    remarks = [options.part_read]
    if starts_elsewhere(angles[rows]):
        rows = rows[1:]
        remarks.append(FIRST_POSE)
    return rows, "".join(f"; {remark}" for remark in remarks if remark)
