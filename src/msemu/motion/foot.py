"""The feet of a body: the segment that carries the toes, with its heel and its ball."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import LANDMARKS, Body
from msemu.motion.kinematics import support_point

_REARWARD_DOWN = np.array([-1.0, 0.0, -1.0]) / np.sqrt(2.0)


@dataclass(frozen=True)
class Foot:
    """One foot.

    Attributes:
        segment: Body id of the segment between ankle and toes (the calcaneus with the metatarsals).
        neutral_rotation: Its orientation in the neutral pose, world frame, shape [3, 3].
        points: Heel and ball in the segment's frame [m], shape [2, 3]. The point of a round heel is the centre of its
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
