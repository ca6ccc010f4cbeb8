"""Whether what touches the floor can carry the body: the force and moment at the root that no contact gives.

The center of mass and the angular momentum about it say which force and which moment act from outside on a moving body.
The floor gives, at every point close to it, a force within the friction cone. What is left holds the body like a
string, as the chair does on which a person sits in the recording and not in the clip.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.optimize import nnls

from msemu.models.body import Body
from msemu.models.geoms import contact_points, friction_pyramid
from msemu.models.poses import posed
from msemu.motion.flight import GRAVITY, momentum_path

NEAR_M = 0.05
"""The floor carries what is closer to it than this [m]: toes and hands of recordings are as far off it as that."""

SUSTAINED_S = 0.5
"""A support counts as missing when it is missing for so long [s]. Landing and push-off, where the clip's accelerations
are least exact, are over sooner."""

_LEVER_M = 0.25
"""Lever at which a moment counts like a force [m]: the length of a foot."""

_SMOOTHING_S = 0.03
"""Standard deviation of the Gaussian over force and moment [s]."""


@dataclass(frozen=True)
class Support:
    """What no contact gives, over the F frames of a path that have two neighbors on either side.

    Attributes:
        force: Missing force at the center of mass, in body weights [-], shape [F, 3].
        moment: Missing moment about it, in body weights times meters [m], shape [F, 3].
        touches: Whether anything is close to the floor, shape [F].
    """

    force: np.ndarray
    moment: np.ndarray
    touches: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """Missing force and moment as one figure, the moment at a lever of 0.25 m, in body weights [-], shape [F]."""
        return np.hypot(np.linalg.norm(self.force, axis=1), np.linalg.norm(self.moment, axis=1) / _LEVER_M)

    def sustained(self, fps: float) -> np.ndarray:
        """Return what is missing at least for `SUSTAINED_S` around each frame while something touches, shape [F]."""
        frames = min(len(self.touches), max(1, round(SUSTAINED_S * fps)))
        return minimum_filter1d(np.where(self.touches, self.residual, 0.0), frames, mode="nearest")


def support(body: Body, path: np.ndarray, fps: float) -> Support:
    """Find what no contact gives along a path, shape [F + 4, nq]."""
    center, momentum = momentum_path(body, path, fps)
    acceleration = fps**2 * np.diff(center, n=2, axis=0)[1:-1] - GRAVITY
    force = acceleration / np.linalg.norm(GRAVITY)
    moment = 0.5 * fps * (momentum[2:] - momentum[:-2]) / body.weight
    wrench = gaussian_filter1d(np.hstack([force, moment / _LEVER_M]), _SMOOTHING_S * fps, axis=0, mode="nearest")
    geoms = np.concatenate(list(body.contact_regions.values()))
    touches = np.zeros(len(wrench), dtype=bool)
    for frame, data in enumerate(posed(body.model, path[2:-2])):
        points, friction = contact_points(body.model, data, geoms, NEAR_M)
        touches[frame] = len(points) > 0
        if touches[frame]:
            pushes = _pushes(points - center[frame + 2], friction)
            share, _ = nnls(pushes.T, wrench[frame])
            wrench[frame] -= share @ pushes
    return Support(wrench[:, :3], wrench[:, 3:] * _LEVER_M, touches)


def _pushes(levers: np.ndarray, friction: np.ndarray) -> np.ndarray:
    """Return forces along the edges of the friction cones and their moments over `_LEVER_M`, shape [4 P, 6]."""
    edges = friction_pyramid(friction)
    moments = np.cross(levers[:, None], edges) / _LEVER_M
    return np.concatenate([edges, moments], axis=-1).reshape(-1, 6)
