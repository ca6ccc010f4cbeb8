"""What there is to draw, whatever draws it: bones and contact shapes."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.viewer.simplification import simplify

HIDDEN_GROUPS = 3
"""MuJoCo's viewers show geom groups 0 to 2 unless asked; models keep helper geometry in the others."""


@dataclass(frozen=True)
class BodyMesh:
    """The surface that one body carries, with the bodies welded to it.

    Attributes:
        body_id: The body that moves it.
        name: Name of that body.
        vertices: Vertex positions in the frame of the body [m], shape [V, 3].
        normals: Outward unit normals at the vertices, shape [V, 3].
        faces: Vertex indices of each triangle, shape [F, 3].
    """

    body_id: int
    name: str
    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray


def bone_meshes(model: mujoco.MjModel, cell_m: float) -> list[BodyMesh]:
    """Return the visible meshes of every moving body, simplified.

    The smallest detail to keep on a thick bone is ``cell_m`` [m]; thin bones keep down to a third.
    """
    visible = (
        (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)
        & (model.geom_group < HIDDEN_GROUPS)
        & (model.geom_rgba[:, 3] > 0)
    )
    return _by_body(model, np.flatnonzero(visible), lambda geom: _bone(model, geom, cell_m))


def contact_meshes(model: mujoco.MjModel, geoms: np.ndarray) -> list[BodyMesh]:
    """Return the shapes of contact geoms, by moving body; meshes among them are bones and left out."""
    kinds = {geom: mujoco.mjtGeom(model.geom_type[geom]) for geom in geoms}
    solid = [geom for geom, kind in kinds.items() if kind in _PRIMITIVES]
    return _by_body(model, solid, lambda geom: _PRIMITIVES[kinds[geom]](model.geom_size[geom]))


def _by_body(model: mujoco.MjModel, geoms, shape_of) -> list[BodyMesh]:
    """Join the shapes of all geoms that move as one in the frame of the body that moves them."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    rotations, geom_rotations = data.xmat.reshape(-1, 3, 3), data.geom_xmat.reshape(-1, 3, 3)
    geoms = np.asarray(geoms, dtype=int)
    moved_by = model.body_weldid[model.geom_bodyid[geoms]]
    meshes = []
    for body_id in np.unique(moved_by):
        all_vertices, all_faces, count = [], [], 0
        for geom in geoms[moved_by == body_id]:
            points, triangles = shape_of(geom)
            in_world = points @ geom_rotations[geom].T + data.geom_xpos[geom]
            all_vertices.append((in_world - data.xpos[body_id]) @ rotations[body_id])
            all_faces.append(triangles + count)
            count += len(points)
        vertices, faces = np.concatenate(all_vertices), np.concatenate(all_faces)
        name = model.body(body_id).name or f"body {body_id}"
        meshes.append(BodyMesh(int(body_id), name, vertices, _vertex_normals(vertices, faces), faces))
    return meshes


def _bone(model: mujoco.MjModel, geom: int, cell_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and triangles of a mesh geom in the frame of the geom."""
    mesh = model.mesh(model.geom_dataid[geom])
    vertices = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]].astype(float)
    faces = model.mesh_face[mesh.faceadr[0] : mesh.faceadr[0] + mesh.facenum[0]]
    return simplify(vertices, faces, np.clip(_thickness(vertices, faces) / 1.5, cell_m / 3, cell_m))


def _thickness(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Return four times volume over area [m], which is the diameter of a long cylinder."""
    corners = vertices[faces] - vertices.mean(axis=0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = abs(np.sum(normals * corners[:, 0])) / 6
    return 4 * volume / (np.linalg.norm(normals, axis=1).sum() / 2)


def _capsule(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = _sphere(np.full(3, size[0]))
    vertices[:, 2] += np.where(vertices[:, 2] >= 0, size[1], -size[1])
    return vertices, faces


def _sphere(radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    unit = trimesh.creation.uv_sphere(radius=1.0, count=[9, 12])
    return unit.vertices * radii, np.asarray(unit.faces)


def _box(half_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    box = trimesh.creation.box(extents=2 * half_sizes)
    return np.asarray(box.vertices), np.asarray(box.faces)


_PRIMITIVES = {
    mujoco.mjtGeom.mjGEOM_CAPSULE: _capsule,
    mujoco.mjtGeom.mjGEOM_SPHERE: lambda size: _sphere(np.full(3, size[0])),
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: _sphere,
    mujoco.mjtGeom.mjGEOM_BOX: _box,
}


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return the area-weighted mean of the normals of each vertex's triangles, shape [V, 3]."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normals)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
