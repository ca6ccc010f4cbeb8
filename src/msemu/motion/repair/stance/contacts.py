"""Where a path touches the floor: the points that may carry the body, frame by frame."""

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.models.geoms import DOWN, ellipsoids, floor_friction, friction_pyramid, support_points
from msemu.models.poses import posed
from msemu.motion.flight import CONTACT_HEIGHT_M
from msemu.motion.geometry import FEET
from msemu.motion.support import NEAR_M

_LEAVES_M = 2.0 * CONTACT_HEIGHT_M
"""Height at which a point that touches leaves the floor [m]; it touches from `CONTACT_HEIGHT_M` on."""

_ROUND = [
    int(kind) for kind in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_ELLIPSOID)
]


class Contacts:
    """The P points that ever touch along a path of T frames: ends of capsules, lowest points of other geoms.

    Attributes:
        touching: Which points carry the body in each frame, shape [T, P].
        edges: Edges of their friction cones, normal part 1, shape [P, 4, 3].
        bodies: Body of each point, shape [P].
    """

    def __init__(self, body: Body, path: np.ndarray, cyclic: bool, flying: np.ndarray, swinging: np.ndarray) -> None:
        """Look at a path, shape [T, nq]; the frames after the last one of a cyclic path are its first.

        ``flying`` says which frames are those of free flights, shape [T]. In others something carries the body: where
        nothing touches, what is close to the floor. What touches of the right and the left foot, while it swings, does
        not count, shape [T, 2].
        """
        model = self._model = body.model
        geoms = np.unique(np.concatenate(list(body.contact_regions.values())))
        is_round = np.isin(model.geom_type[geoms], _ROUND)
        self._take(geoms[is_round], geoms[~is_round])
        height = self.points(path)[0][..., 2]
        touching = _touching(height, cyclic)
        hangs = ~(touching.any(axis=1) | flying)
        touching[hangs] = height[hangs] < NEAR_M
        for foot, swings in zip(FEET, swinging.T, strict=True):
            touching &= ~(swings[:, None] & np.isin(self._owner, body.contact_regions[foot]))
        ever = np.unique(self._owner[touching.any(axis=0)])
        kept = np.isin(self._owner, ever)
        self._take(geoms[is_round & np.isin(geoms, ever)], geoms[~is_round & np.isin(geoms, ever)])
        self.touching = touching[:, kept]
        self.edges = friction_pyramid(floor_friction(model, self._owner))
        self.bodies = model.geom_bodyid[self._owner]

    def points(self, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points are along a path, and the centers about which they roll [m], shapes [T, P, 3]."""
        geoms = np.concatenate([self._round, self._others])
        position, rotation = np.empty((len(path), len(geoms), 3)), np.empty((len(path), len(geoms), 3, 3))
        for frame, data in enumerate(posed(self._model, path)):
            position[frame], rotation[frame] = data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)
        first, rest = slice(0, len(self._round)), slice(len(self._round), None)
        center = position[:, first] + np.einsum("...ij,...j->...i", rotation[:, first], self._offsets)
        scaled = self._axes * rotation[:, first, 2]  # the lowest point is where the normal points down
        scaled *= self._axes / np.linalg.norm(scaled, axis=-1, keepdims=True)
        lowest = center - np.einsum("...ij,...j->...i", rotation[:, first], scaled)
        other = support_points(self._model, self._others, position[:, rest], rotation[:, rest], DOWN)
        return np.concatenate([lowest, other], axis=1), np.concatenate([center, other], axis=1)

    def _take(self, around: np.ndarray, others: np.ndarray) -> None:
        """Look at the points of these geoms, round ones and others."""
        found = [ellipsoids(self._model, geom) for geom in around]
        self._round = np.repeat(around, [len(centers) for centers, _ in found])
        self._offsets = np.concatenate([np.empty((0, 3)), *(centers for centers, _ in found)])
        self._axes = np.concatenate([np.empty((0, 3)), *(np.tile(axes, (len(centers), 1)) for centers, axes in found)])
        self._others, self._owner = others, np.concatenate([self._round, others])


def _touching(height: np.ndarray, cyclic: bool) -> np.ndarray:
    """Return in which frames points touch, by their height [m], shape [T, P]."""
    touching, state = np.zeros(height.shape, dtype=bool), np.zeros(height.shape[1], dtype=bool)
    for frame in [*range(len(height) * int(cyclic)), *range(len(height))]:
        state = height[frame] < np.where(state, _LEAVES_M, CONTACT_HEIGHT_M)
        touching[frame] = state
    return touching
