"""Units of joint angles, from how far joints turn."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError


def check_angles(
    path: Path,
    time_s: np.ndarray,
    angles: Mapping[str, np.ndarray],
    ranges: Mapping[str, tuple[float, float]],
    remedy: str,
) -> None:
    """Refuse angles [rad], shape [T] each, that leave the range in which their joint can be at all.

    Raises:
        MsemuError: One does; the message names the worst with its time, and ends with the ``remedy``.
    """
    names = [name for name in angles if name in ranges]
    if not names:
        return
    low, high = np.array([ranges[name] for name in names]).T
    table = np.stack([angles[name] for name in names], axis=1)
    beyond = np.maximum(table - high, low - table)
    row, column = np.unravel_index(int(beyond.argmax()), beyond.shape)
    if beyond[row, column] > 0.0:
        raise MsemuError(
            f"{path}: {names[column]} is {np.degrees(table[row, column]):.0f} degrees at {time_s[row]:.3f} s, which no"
            f" joint can be: {remedy}"
        )
