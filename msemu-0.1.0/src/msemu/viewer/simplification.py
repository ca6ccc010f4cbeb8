"""Fewer triangles for the same shape: vertex clustering with quadric error metrics.

P. Lindstrom, "Out-of-core simplification of large polygonal models", SIGGRAPH 2000,
doi:10.1145/344779.344912.
"""

import numpy as np

_SINGULAR = 0.05
"""Eigenvalues below this fraction of the largest count as zero, so flat regions keep their mean point."""


def simplify(vertices: np.ndarray, faces: np.ndarray, cell_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Merge all vertices that share a cell of a cubic grid; return the vertices [V, 3] [m] and triangles [F, 3] left.

    The merged vertex is where the planes of the cell's triangles come closest to meeting, which keeps edges
    and ridges that a mere average would wear off.
    """
    cells = np.floor((vertices - vertices.min(0)) / cell_m).astype(np.int64)
    _, cluster = np.unique(cells, axis=0, return_inverse=True)
    cluster = cluster.reshape(-1)
    count = np.bincount(cluster)
    center = np.stack([np.bincount(cluster, vertices[:, axis]) for axis in range(3)], axis=1) / count[:, None]

    merged = center + _towards_planes(vertices, faces, cluster, center)
    merged = np.clip(merged, center - cell_m / 2, center + cell_m / 2)
    return _without_duplicates(merged, cluster[faces])


def _towards_planes(vertices: np.ndarray, faces: np.ndarray, cluster: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the step from each cluster's center to the point of least quadric error [m], shape [K, 3]."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    quadric = np.zeros((len(center), 3, 3))
    right_side = np.zeros((len(center), 3))
    for corner in range(3):
        target = cluster[faces[:, corner]]
        height = np.einsum("fi,fi->f", normals, corners[:, corner] - center[target])
        np.add.at(quadric, target, normals[:, :, None] * normals[:, None, :])
        np.add.at(right_side, target, normals * height[:, None])
    values, axes = np.linalg.eigh(quadric)
    kept = values > _SINGULAR * values[:, -1:]
    inverse = np.where(kept & (values > 0), 1 / np.where(values > 0, values, 1), 0)
    return np.einsum("kij,kj,klj,kl->ki", axes, inverse, axes, right_side)


def _without_duplicates(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop triangles that collapsed or lie on top of another one, then vertices that none uses."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3)
