"""Where the landmarks, the contact regions and the feet of a body are in a given pose."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.geoms import DOWN, lowest_points, support_points
from msemu.models.poses import at_pose, posed, scalar_joints
from msemu.motion.source import JOINT_CENTERS

FEET = ("foot_r", "foot_l")
"""The contact regions of the feet."""

_REARWARD_DOWN = np.array([-1.0, 0.0, -1.0]) / np.sqrt(2.0)


def landmark_path(body: Body, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [m], shape [T, L, 3], and rotation matrices, [T, L, 3, 3], of all landmarks along a path."""
    sites = [body.model.site(f"landmark/{name}").id for name in LANDMARKS]
    frames = [(data.site_xpos[sites], data.site_xmat[sites].reshape(-1, 3, 3)) for data in posed(body.model, qpos)]
    positions, matrices = zip(*frames, strict=True)
    return np.stack(positions), np.stack(matrices)


def joint_centers(body: Body, qpos: np.ndarray, names: Sequence[str] = JOINT_CENTERS) -> np.ndarray:
    """Return the world positions of some landmarks along a path [m], shape [T, N, 3]."""
    return landmark_path(body, qpos)[0][:, [LANDMARKS.index(name) for name in names]]


def region_heights(body: Body, qpos: np.ndarray) -> dict[str, np.ndarray]:
    """Return the height of the lowest point of each contact region along a path [m], shape [T] each."""
    regions = body.contact_regions
    geoms = np.concatenate(list(regions.values()))
    starts = np.cumsum([0, *(len(members) for members in regions.values())])[:-1]
    places = [(data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)) for data in posed(body.model, qpos)]
    position, rotation = map(np.stack, zip(*places, strict=True))
    lowest = support_points(body.model, geoms, position, rotation, DOWN)[..., 2]
    return dict(zip(regions, np.minimum.reduceat(lowest.T, starts), strict=True))


def sole_heights(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of the right and the left foot [m], shape [T, 2]."""
    heights = region_heights(body, qpos)
    return np.stack([heights[foot] for foot in FEET], axis=1)


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

    def world_points(self, data: mujoco.MjData, points: np.ndarray | None = None) -> np.ndarray:
        """Return heel and ball, or other points of the segment's frame, in the current pose [m], shape [2, 3]."""
        points = self.points if points is None else points
        return data.xpos[self.segment] + points @ data.xmat[self.segment].reshape(3, 3).T


def find_feet(body: Body) -> tuple[Foot, Foot]:
    """Return the right and the left foot of a body.

    The ball is the toe landmark, about which the foot rolls off the floor; the heel is where the rear lower
    edge of the contact geoms is. A foot without toes of their own is one body from the ankle on.
    """
    model, data = body.model, at_pose(body.model, body.neutral_qpos)
    feet = []
    for side in "rl":
        ankle, toe = (int(body.landmark_bodies[LANDMARKS.index(f"{joint}_{side}")]) for joint in ("ankle", "toe"))
        segment = ankle if toe == ankle else int(model.body_parentid[toe])
        rotation, origin = data.xmat[segment].reshape(3, 3).copy(), data.xpos[segment]
        geoms = body.contact_regions[f"foot_{side}"]
        axes = data.geom_xmat[geoms].reshape(-1, 3, 3)
        rear = support_points(model, geoms, data.geom_xpos[geoms], axes, _REARWARD_DOWN)
        last = int((rear @ _REARWARD_DOWN).argmax())
        heel = rear[last] - _radius(model, geoms[last]) * _REARWARD_DOWN
        world = np.stack([heel, data.site(f"landmark/toe_{side}").xpos])
        feet.append(Foot(segment, rotation, (world - origin) @ rotation, world[:, 2].copy()))
    return feet[0], feet[1]


def _radius(model: mujoco.MjModel, geom: int) -> float:
    """Return the radius of the end of a geom [m]; zero for one without a single radius."""
    is_round = int(model.geom_type[geom]) in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE)
    return float(model.geom_size[geom, 0]) if is_round else 0.0


def disturbed(body: Body, qpos: np.ndarray, noise_deg: float, generator: np.random.Generator) -> np.ndarray:
    """Disturb the independent joints of poses [E, nq]; what couples moves along, and the lowest point keeps its height.

    A joint stays within its range, or where the reference has it if that is beyond.
    """
    model, joints = body.model, scalar_joints(body.model)[body.independent_joints]
    addresses, limits = model.jnt_qposadr[joints], model.jnt_range[joints].T
    low, high = np.minimum(limits[0], qpos[:, addresses]), np.maximum(limits[1], qpos[:, addresses])
    noise = np.radians(noise_deg) * generator.uniform(-1.0, 1.0, (len(qpos), len(joints)))
    changed = qpos.copy()
    changed[:, addresses] = np.clip(qpos[:, addresses] + noise, low, high)
    changed = body.couplings.project(changed)
    geoms = np.concatenate([*body.contact_regions.values()])
    changed[:, 2] += _heights(model, qpos, geoms) - _heights(model, changed, geoms)
    return changed


def _heights(model: mujoco.MjModel, poses: np.ndarray, geoms: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of some geoms in each pose [m], shape [E]."""
    return np.array([lowest_points(model, data, geoms)[:, 2].min() for data in posed(model, poses)])
