"""Walking and running on a treadmill, brought over ground."""

from dataclasses import replace

import numpy as np

from msemu.errors import MsemuError
from msemu.motion.source import SourceMotion

STANDING_HEIGHT_M = 0.03
"""A point of the sole lower than this above its lowest height is taken to stand on the belt [m]."""

MIN_SPEED_M_S = 0.2
"""A slower belt stands still [m/s]."""


def belt_velocity(source: SourceMotion) -> np.ndarray:
    """Return the velocity of the belt [m/s], shape [3]: the median of the standing points of the soles."""
    velocity = np.gradient(source.sole_points, source.time_s, axis=0)
    height = source.sole_height
    standing = height < np.percentile(height, 1, axis=0) + STANDING_HEIGHT_M
    return np.median(velocity[standing], axis=0) * [1.0, 1.0, 0.0]


def overground(source: SourceMotion) -> SourceMotion:
    """Return the recording as seen from the belt, so that standing feet stand.

    Raises:
        MsemuError: The feet do not move backward while they stand.
    """
    velocity = belt_velocity(source)
    speed = float(np.linalg.norm(velocity))
    if speed < MIN_SPEED_M_S:
        raise MsemuError(f"motion '{source.name}': standing feet move at {speed:.2f} m/s; it was not on a treadmill")
    course = -source.time_s[:, None] * velocity
    return replace(
        source,
        positions=source.positions + course[:, None],
        sole_points=source.sole_points + course[:, None, None],
        source=f"{source.source}; belt at {speed:.2f} m/s added",
    )
