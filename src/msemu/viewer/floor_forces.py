"""What the floor does to a body, as arrows."""

import numpy as np

from msemu.models.body import Body
from msemu.motion.recording import Recording

M_PER_BODY_WEIGHT = 0.6
"""Length of an arrow [m per body weight]."""
SHAFT_M, HEAD_M = 0.01, (0.032, 0.09)
"""Radius of the shaft, and radius and length of the head [m]."""
NO_ARROWS = np.zeros((0, 2, 3))
_LEAST_N = 20.0
"""Vertical force from which an arrow is drawn [N]; below it its place is noise."""


def force_arrows(recording: Recording, body: Body) -> np.ndarray | None:
    """Return where the arrows of all contact regions begin and end [m], shape [T, R, 2, 3].

    An arrow begins in the center of pressure; one of a region that is not loaded has no length. None when forces and
    their centers are not recorded.
    """
    force, center = recording.contact_force, recording.center_of_pressure
    if force is None or center is None or not np.isfinite(center).all():
        return None
    shown = force[..., 2:] >= _LEAST_N
    tip = center + np.where(shown, M_PER_BODY_WEIGHT / body.weight * force, 0.0)
    return np.stack([center, tip], axis=2)


def drawn(arrows: np.ndarray) -> np.ndarray:
    """Return those that have a length, of shape [R, 2, 3]."""
    return arrows[(arrows[:, 0] != arrows[:, 1]).any(axis=1)]
