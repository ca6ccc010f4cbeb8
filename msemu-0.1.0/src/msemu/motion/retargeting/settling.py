"""Settling: a body that nothing carries, yet does not fall, is lowered until it touches the floor.

The floor of a recording is not known to the centimeter, and a body that lies or rolls is lifted so that no limb sinks
in. Between contacts it may then hover, which no muscle can hold.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import lsq_linear

from msemu.models.body import Body
from msemu.motion import flight

_TOUCHING_M = (0.004, 0.008)
"""Height to which the lowest point comes: contact, but no foot that stands [m]."""

_STANDING_M = 0.002
"""Largest change of the height where something touches already [m]."""

_HIGHEST_RISE_M = 0.05
"""Largest rise between, where the body falls [m]."""

_FALL_BLEND_S = 0.03
"""Standard deviation of the Gaussian that smooths the acceleration at which the body falls [s]."""

_SHIFT_SHARE = 1e-3
"""Weight of the change itself beside that of its second difference between frames."""


def settling(body: Body, qpos: np.ndarray, fps: float) -> np.ndarray:
    """Return by how much a body rises in each frame (mostly below zero), with the least acceleration [m], shape [T].

    The movement, shape [T, nq] at ``fps`` [Hz], is not cyclic. Phases without contact in which the center of mass
    falls, on average, as in a flight stay as they are. In the others the lowest point comes to the floor wherever the
    center of mass does not fall.
    """
    height = flight.lowest_height(body, qpos)
    phases = flight.find_flights(height, cyclic=False)
    if not phases:
        return np.zeros(len(qpos))
    center, _ = flight.momentum_path(body, qpos, fps)
    acceleration = np.gradient(np.gradient(center[:, 2], 1 / fps), 1 / fps)
    fall = gaussian_filter1d(acceleration, _FALL_BLEND_S * fps, mode="nearest") / flight.GRAVITY[2]
    airborne = height > flight.CONTACT_HEIGHT_M
    lower = np.where(airborne, _TOUCHING_M[0] - height, -_STANDING_M)
    upper = np.where(airborne, _HIGHEST_RISE_M, _STANDING_M)
    hovers = np.zeros(len(qpos), dtype=bool)
    for phase in phases:
        frames = slice(phase.first, phase.last + 1)
        if flight.mean_fall(center[frames], fps) < flight.LEAST_FALL:
            hovers[frames] = fall[frames] < flight.LEAST_FALL
        else:
            lower[frames], upper[frames] = -_STANDING_M, _STANDING_M
    if not hovers.any():
        return np.zeros(len(qpos))
    upper[hovers] = _TOUCHING_M[1] - height[hovers]
    unit = np.eye(len(qpos))
    rows = np.vstack([np.diff(unit, n=2, axis=0), _SHIFT_SHARE * unit])
    return lsq_linear(rows, np.zeros(len(rows)), bounds=(lower, np.maximum(upper, lower + 1e-6)), method="bvls").x
