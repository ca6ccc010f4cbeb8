"""Which point of a geom lies lowest, or furthest in some direction."""

import mujoco
import numpy as np

from msemu.errors import MsemuError

_GEOM = mujoco.mjtGeom
DOWN = np.array([0.0, 0.0, -1.0])


def lowest_points(model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray) -> np.ndarray:
    """Return the lowest point of each geom in the current pose [m], shape [G, 3]."""
    return support_points(model, geoms, data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3), DOWN)


def points_below(
    model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray, height: float
) -> list[tuple[int, np.ndarray]]:
    """Return body and lowest point [m] of the geoms that reach below a height [m] in the current pose."""
    near = geoms[data.geom_xpos[geoms, 2] < model.geom_rbound[geoms] + height]
    points = zip(model.geom_bodyid[near].tolist(), lowest_points(model, data, near), strict=True)
    return [(body_id, point) for body_id, point in points if point[2] < height]


def contact_points(
    model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray, height: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where geoms reach below a height [m] in the current pose, both ends of a capsule.

    Returns:
        The points [m], shape [P, 3], and the coefficient of friction with the floor of each [-], shape [P].
    """
    near = geoms[data.geom_xpos[geoms, 2] < model.geom_rbound[geoms] + height]
    ends = [_ends(model, data, geom) for geom in near]
    points, owner = np.concatenate([np.empty((0, 3)), *ends]), np.repeat(near, [len(part) for part in ends])
    low = points[:, 2] < height
    return points[low], floor_friction(model, owner[low])


def floor_friction(model: mujoco.MjModel, geoms: np.ndarray) -> np.ndarray:
    """Return the coefficient of friction of geoms with the floor, as MuJoCo takes it: the larger one [-], shape [G]."""
    floor = model.geom_friction[model.geom_type == _GEOM.mjGEOM_PLANE, 0].max(initial=0.0)
    return np.maximum(model.geom_friction[geoms, 0], floor)


def friction_pyramid(friction: np.ndarray) -> np.ndarray:
    """Return the four edges of the linearized friction cones on a level floor, normal part 1, shape [P, 4, 3]."""
    sideways = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    edges = np.ones((len(friction), 4, 3))
    edges[..., :2] = friction[:, None, None] * sideways
    return edges


def _ends(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray:
    """Return the lowest points of the two ends of a capsule, or the lowest point of another geom [m], shape [E, 3]."""
    if model.geom_type[geom] != _GEOM.mjGEOM_CAPSULE:
        return lowest_points(model, data, np.array([geom]))
    radius, half_length, _ = model.geom_size[geom]
    axis = half_length * data.geom_xmat[geom].reshape(3, 3)[:, 2]
    return data.geom_xpos[geom] + np.stack([axis, -axis]) + radius * DOWN


def support_points(
    model: mujoco.MjModel, geoms: np.ndarray, position: np.ndarray, rotation: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """Return the point of each convex geom that lies furthest in a direction [m], shape [..., G, 3].

    The centers of the geoms [m], shape [..., G, 3], their axes, shape [..., G, 3, 3], and the direction, a unit vector
    of shape [3], are those in the world.

    Raises:
        MsemuError: A geom is a plane or a height field.
    """
    towards = np.einsum("...gji,j->...gi", rotation, direction)
    local = np.empty_like(towards)
    for kind in map(_GEOM, np.unique(model.geom_type[geoms])):
        chosen = np.flatnonzero(model.geom_type[geoms] == kind)
        if kind == _GEOM.mjGEOM_MESH:
            for index in chosen:
                local[..., index, :] = _of_mesh(model, geoms[index], towards[..., index, :])
        elif kind in _LOCAL:
            local[..., chosen, :] = _LOCAL[kind](model.geom_size[geoms[chosen]], towards[..., chosen, :])
        else:
            raise MsemuError(f"the geom '{model.geom(geoms[chosen[0]]).name}' has no lowest point; use another shape")
    return position + np.einsum("...gij,...gj->...gi", rotation, local)


def is_round(model: mujoco.MjModel, geoms: np.ndarray) -> bool:
    """Return whether all of some geoms have `ellipsoids`."""
    kinds = (_GEOM.mjGEOM_CAPSULE, _GEOM.mjGEOM_SPHERE, _GEOM.mjGEOM_ELLIPSOID)
    return bool(np.isin(model.geom_type[geoms], kinds).all())


def ellipsoids(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centers, shape [K, 3], and semi-axes, shape [3], of ellipsoids in a geom's frame with its lowest points.

    Those of a capsule are the spheres at its two ends.

    Raises:
        MsemuError: The geom is no capsule, sphere or ellipsoid.
    """
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == _GEOM.mjGEOM_CAPSULE:
        return np.outer([1.0, -1.0], [0.0, 0.0, size[1]]), np.full(3, size[0])
    if kind == _GEOM.mjGEOM_SPHERE:
        return np.zeros((1, 3)), np.full(3, size[0])
    if kind == _GEOM.mjGEOM_ELLIPSOID:
        return np.zeros((1, 3)), size.copy()
    raise MsemuError(
        f"the contact geom '{model.geom(geom).name}' is no capsule, sphere or ellipsoid; give its region one in the"
        " recipe's contact_capsules"
    )


def _of_ellipsoid(size: np.ndarray, towards: np.ndarray) -> np.ndarray:
    stretched = size * towards
    return size * stretched / np.linalg.norm(stretched, axis=-1, keepdims=True)


def _of_cylinder(size: np.ndarray, towards: np.ndarray) -> np.ndarray:
    radial = towards * [1.0, 1.0, 0.0]
    length = np.maximum(np.linalg.norm(radial, axis=-1, keepdims=True), 1e-12)
    return size[:, :1] * radial / length + _to_end(size, towards)


def _to_end(size: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Return the end of the axis z that lies further, at half the length ``size[:, 1]``."""
    return np.sign(towards * [0.0, 0.0, 1.0]) * size[:, 1:2]


def _of_mesh(model: mujoco.MjModel, geom: int, towards: np.ndarray) -> np.ndarray:
    mesh = model.geom_dataid[geom]
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
    return vertices[np.argmax(towards @ vertices.T, axis=-1)]


_LOCAL = {
    _GEOM.mjGEOM_SPHERE: lambda size, towards: size[:, :1] * towards,
    _GEOM.mjGEOM_CAPSULE: lambda size, towards: size[:, :1] * towards + _to_end(size, towards),
    _GEOM.mjGEOM_ELLIPSOID: _of_ellipsoid,
    _GEOM.mjGEOM_CYLINDER: _of_cylinder,
    _GEOM.mjGEOM_BOX: lambda size, towards: np.sign(towards) * size,
}
"""Furthest point in the frame of a geom, of sizes [G, 3] and directions [..., G, 3]."""
