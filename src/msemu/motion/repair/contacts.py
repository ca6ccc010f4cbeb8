"""Where a path touches the floor: the points that may carry the body, frame by frame."""

import numpy as np
from scipy.ndimage import maximum_filter1d

from msemu.models.body import Body
from msemu.models.geoms import ellipsoids, floor_friction, friction_pyramid
from msemu.models.poses import posed
from msemu.motion.flight import CONTACT_HEIGHT_M

_LEAVES_M = 2.0 * CONTACT_HEIGHT_M
"""Height at which a point that touches leaves the floor [m]; it touches from `CONTACT_HEIGHT_M` on."""

_EARLY_FRAMES = 1
"""A point may carry the body so many frames before it touches and after it leaves [frames]: accelerations are
differences over the neighbors of a frame."""


class Contacts:
    """The P points that ever touch along a path of T frames: ends of capsules, lowest points of ellipsoids.

    Attributes:
        touching: Which points carry the body in each frame, shape [T, P].
        edges: Edges of their friction cones, normal part 1, shape [P, 4, 3].
        bodies: Body of each point, shape [P].
    """

    def __init__(self, body: Body, path: np.ndarray, cyclic: bool) -> None:
        """Look at a path, shape [T, nq]; the frames after the last one of a cyclic path are its first.

        Raises:
            MsemuError: A contact geom is no capsule, sphere or ellipsoid.
        """
        model = self._model = body.model
        geoms = np.unique(np.concatenate(list(body.contact_regions.values())))
        centers, axes = zip(*(ellipsoids(model, geom) for geom in geoms), strict=True)
        self._geoms = np.repeat(geoms, [len(part) for part in centers])
        self._offsets, self._axes = np.concatenate(centers), np.repeat(axes, [len(part) for part in centers], axis=0)
        self.touching = _touching(self.points(path)[0][..., 2], cyclic)
        ever = self.touching.any(axis=0)
        self._geoms, self._offsets, self._axes = self._geoms[ever], self._offsets[ever], self._axes[ever]
        self.touching = self.touching[:, ever]
        self.edges = friction_pyramid(floor_friction(model, self._geoms))
        self.bodies = model.geom_bodyid[self._geoms]

    def points(self, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points are along a path, and the centers about which they roll [m], shapes [T, P, 3]."""
        places = [(data.geom_xpos[self._geoms], data.geom_xmat[self._geoms]) for data in posed(self._model, path)]
        position, matrix = map(np.stack, zip(*places, strict=True))
        rotation = matrix.reshape(*matrix.shape[:-1], 3, 3)
        center = position + np.einsum("...ij,...j->...i", rotation, self._offsets)
        scaled = self._axes * rotation[..., 2, :]  # the lowest point is where the normal points down
        scaled *= self._axes / np.linalg.norm(scaled, axis=-1, keepdims=True)
        return center - np.einsum("...ij,...j->...i", rotation, scaled), center


def _touching(height: np.ndarray, cyclic: bool) -> np.ndarray:
    """Return in which frames points touch, by their height [m], shape [T, P]."""
    touching, state = np.zeros(height.shape, dtype=bool), np.zeros(height.shape[1], dtype=bool)
    for frame in [*range(len(height) * int(cyclic)), *range(len(height))]:
        state = height[frame] < np.where(state, _LEAVES_M, CONTACT_HEIGHT_M)
        touching[frame] = state
    mode = "wrap" if cyclic else "nearest"
    return maximum_filter1d(touching, 2 * _EARLY_FRAMES + 1, axis=0, mode=mode)
