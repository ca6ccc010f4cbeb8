"""Bodies of a model that move as one, and what moves them."""

from collections.abc import Iterable
from dataclasses import dataclass

import mujoco
import numpy as np


@dataclass(frozen=True)
class RigidParts:
    """Which bodies of a model move as one.

    Attributes:
        root: First body of the part of each body, shape [B].
        position: Origin of each body in the frame of that one [m], shape [B, 3].
        rotation: Axes of each body in that frame, shape [B, 3, 3].
    """

    root: np.ndarray
    position: np.ndarray
    rotation: np.ndarray

    @classmethod
    def of(cls, model: mujoco.MjModel, apart: Iterable[int] = ()) -> "RigidParts":
        """Find the parts of a model: a body without joints belongs to its parent, but for those that stay ``apart``."""
        root, position = np.arange(model.nbody), np.zeros((model.nbody, 3))
        rotation = np.tile(np.eye(3), (model.nbody, 1, 1))
        joined = model.body_jntnum == 0
        joined[[0, *apart]] = False
        for body in np.flatnonzero(joined):
            parent = model.body_parentid[body]
            root[body] = root[parent]
            position[body] = position[parent] + rotation[parent] @ model.body_pos[body]
            rotation[body] = rotation[parent] @ matrix_of(model.body_quat[body])
        return cls(root, position, rotation)

    def point(self, body: int, place: np.ndarray) -> np.ndarray:
        """Return a point of a body [m], shape [3], in the frame of its part."""
        return self.position[body] + self.rotation[body] @ place

    def orientation(self, body: int, quaternion: np.ndarray) -> np.ndarray:
        """Return an orientation on a body (w, x, y, z), shape [4], in the frame of its part."""
        turned = np.empty(4)
        mujoco.mju_mulQuat(turned, quaternion_of(self.rotation[body]), quaternion)
        return turned


def quaternion_of(matrix: np.ndarray) -> np.ndarray:
    """Return the unit quaternion (w, x, y, z) of a rotation matrix, shape [4]."""
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, matrix.ravel())
    return quaternion


def principal(inertia: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal moments [kg m^2], shape [3], and axes (w, x, y, z) of an inertia, shape [3, 3]."""
    moments, axes = np.linalg.eigh(inertia)
    axes[:, 0] *= np.sign(np.linalg.det(axes))
    return moments, quaternion_of(axes)


def matrix_of(quaternion: np.ndarray) -> np.ndarray:
    """Return the rotation matrix of a unit quaternion (w, x, y, z), shape [3, 3]."""
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)


def ancestor_dofs(model: mujoco.MjModel, body_id: int) -> np.ndarray:
    """Return which degrees of freedom move a body, bool, shape [nv]."""
    moves = np.zeros(model.nv, dtype=bool)
    while body_id:
        start = model.body_dofadr[body_id]
        moves[start : start + model.body_dofnum[body_id]] = True
        body_id = int(model.body_parentid[body_id])
    return moves
