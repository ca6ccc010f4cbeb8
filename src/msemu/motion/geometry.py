"""Where the landmarks and the geoms of a body are in a given pose."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import LANDMARKS, Body

_GEOM = mujoco.mjtGeom
_DOWN = np.array([0.0, 0.0, -1.0])


def landmark_path(body: Body, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the world positions [m] and rotation matrices of all landmarks along a path.

    Args:
        body: The body.
        qpos: Poses, shape [T, nq].

    Returns:
        Positions in the order of `LANDMARKS`, shape [T, L, 3], and matrices, shape [T, L, 3, 3].
    """
    data = mujoco.MjData(body.model)
    sites = [body.model.site(f"landmark/{name}").id for name in LANDMARKS]
    positions = np.empty((len(qpos), len(sites), 3))
    matrices = np.empty((len(qpos), len(sites), 3, 3))
    for frame, pose in enumerate(qpos):
        data.qpos[:] = pose
        mujoco.mj_kinematics(body.model, data)
        positions[frame] = data.site_xpos[sites]
        matrices[frame] = data.site_xmat[sites].reshape(-1, 3, 3)
    return positions, matrices


def lowest_points(model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray) -> np.ndarray:
    """Return the lowest point of each geom in the current pose [m], shape [G, 3]."""
    rotation = data.geom_xmat[geoms].reshape(-1, 3, 3)
    down = -rotation[:, 2]  # in the frame of each geom
    size, kind = model.geom_size[geoms], model.geom_type[geoms]
    local = np.zeros((len(geoms), 3))
    round_ends = (kind == _GEOM.mjGEOM_SPHERE) | (kind == _GEOM.mjGEOM_CAPSULE)
    local[round_ends] = size[round_ends, :1] * down[round_ends]
    capsules = kind == _GEOM.mjGEOM_CAPSULE
    local[capsules, 2] += np.sign(down[capsules, 2]) * size[capsules, 1]
    ellipsoids = kind == _GEOM.mjGEOM_ELLIPSOID
    stretched = size[ellipsoids] * down[ellipsoids]
    local[ellipsoids] = size[ellipsoids] * stretched / np.linalg.norm(stretched, axis=1, keepdims=True)
    points = data.geom_xpos[geoms] + np.einsum("gij,gj->gi", rotation, local)
    for index in np.flatnonzero(~(round_ends | ellipsoids)):
        points[index] = support_point(model, data, geoms[index], _DOWN)
    return points


def region_heights(body: Body, qpos: np.ndarray) -> dict[str, np.ndarray]:
    """Return the height of the lowest point of each contact region along a path [m], shape [T] each."""
    data = mujoco.MjData(body.model)
    regions = body.contact_regions
    geoms = np.concatenate(list(regions.values()))
    starts = np.cumsum([0, *(len(members) for members in regions.values())])[:-1]
    heights = np.empty((len(regions), len(qpos)))
    for frame, pose in enumerate(qpos):
        data.qpos[:] = pose
        mujoco.mj_kinematics(body.model, data)
        heights[:, frame] = np.minimum.reduceat(lowest_points(body.model, data, geoms)[:, 2], starts)
    return dict(zip(regions, heights, strict=True))


def sole_heights(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of the right and the left foot [m], shape [T, 2]."""
    heights = region_heights(body, qpos)
    return np.stack([heights["foot_r"], heights["foot_l"]], axis=1)


def support_point(model: mujoco.MjModel, data: mujoco.MjData, geom: int, direction: np.ndarray) -> np.ndarray:
    """Return the point of a convex geom that lies furthest in a direction [m], shape [3].

    Args:
        model: The model.
        data: The pose.
        geom: Id of the geom.
        direction: Unit vector in the world, shape [3].
    """
    center, rotation = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    local_direction = direction @ rotation
    size = model.geom_size[geom]
    kind = model.geom_type[geom]
    if kind == _GEOM.mjGEOM_SPHERE:
        local = size[0] * local_direction
    elif kind == _GEOM.mjGEOM_CAPSULE:
        local = size[0] * local_direction + np.array([0.0, 0.0, np.sign(local_direction[2]) * size[1]])
    elif kind == _GEOM.mjGEOM_ELLIPSOID:
        local = size**2 * local_direction / np.linalg.norm(size * local_direction)
    elif kind == _GEOM.mjGEOM_CYLINDER:
        radial = np.array([local_direction[0], local_direction[1], 0.0])
        radial *= size[0] / max(np.linalg.norm(radial), 1e-12)
        local = radial + np.array([0.0, 0.0, np.sign(local_direction[2]) * size[1]])
    elif kind == _GEOM.mjGEOM_BOX:
        local = np.sign(local_direction) * size
    elif kind == _GEOM.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        start = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[start : start + model.mesh_vertnum[mesh]]
        local = vertices[np.argmax(vertices @ local_direction)]
    else:
        raise ValueError(f"geom {geom} of type {kind} has no support point")
    return center + rotation @ local


_REARWARD_DOWN = np.array([-1.0, 0.0, -1.0]) / np.sqrt(2.0)


@dataclass(frozen=True)
class Foot:
    """One foot.

    Attributes:
        segment: Body id of the segment between ankle and toes (the calcaneus with the metatarsals).
        neutral_rotation: Its orientation in the neutral pose, world frame, shape [3, 3].
        points: Heel and ball in the segment's frame [m], shape [2, 3]. The point of a round heel is the center of its
            curvature, whose height does not change while the foot rolls over it.
        heights: Height of heel and ball when the foot stands flat [m], shape [2].
    """

    segment: int
    neutral_rotation: np.ndarray
    points: np.ndarray
    heights: np.ndarray


def find_feet(body: Body) -> tuple[Foot, Foot]:
    """Return the right and the left foot of a body.

    The ball is the toe landmark, about which the foot rolls off the floor; the heel is where the rear lower
    edge of the contact geoms is.
    """
    model, data = body.model, mujoco.MjData(body.model)
    data.qpos[:] = body.neutral_qpos
    mujoco.mj_kinematics(model, data)
    feet = []
    for side in "rl":
        toe = body.landmark_bodies[LANDMARKS.index(f"toe_{side}")]
        segment = int(model.body_parentid[toe])
        rotation, origin = data.xmat[segment].reshape(3, 3).copy(), data.xpos[segment]
        geoms = body.contact_regions[f"foot_{side}"]
        rear = np.stack([support_point(model, data, geom, _REARWARD_DOWN) for geom in geoms])
        last = int((rear @ _REARWARD_DOWN).argmax())
        heel = rear[last] - _radius(model, geoms[last]) * _REARWARD_DOWN
        world = np.stack([heel, data.site(f"landmark/toe_{side}").xpos])
        feet.append(Foot(segment, rotation, (world - origin) @ rotation, world[:, 2].copy()))
    return feet[0], feet[1]


def _radius(model: mujoco.MjModel, geom: int) -> float:
    """Return the radius of the end of a geom [m]; zero for one without a single radius."""
    is_round = int(model.geom_type[geom]) in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE)
    return float(model.geom_size[geom, 0]) if is_round else 0.0
