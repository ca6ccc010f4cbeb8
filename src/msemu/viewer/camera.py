"""Where a picture is taken from."""

from dataclasses import dataclass, replace
from itertools import pairwise

import mujoco
import numpy as np
from scipy.ndimage import gaussian_filter1d

from msemu.models.body import Body
from msemu.models.poses import at_pose

FIELD_OF_VIEW_DEG = 30.0
ELEVATION_DEG = -10.0
_FROM_FRONT_DEG = -50.0
"""From the front right, steps and trunk posture show from the side, and left and right stay apart."""

_HEAD_M = 0.2
_MARGIN = 1.2
"""Height of the picture against that of what it frames."""
_FARTHEST_M = 4.0
"""What is higher or deeper than this has blown up, and is not framed."""

_SMOOTHING_S = 0.4


@dataclass(frozen=True)
class Camera:
    """A camera that looks at a point, in MuJoCo's convention.

    Attributes:
        lookat: Point in the middle of the picture [m], shape [3].
        azimuth_deg: Direction of the view about the vertical; 0 looks along +x, 90 along +y.
        distance_m: Distance from `lookat`.
    """

    lookat: np.ndarray
    azimuth_deg: float
    distance_m: float

    def axes(self) -> np.ndarray:
        """Return the unit vectors to the right, up and forward as rows, shape [3, 3]."""
        azimuth, pitch = np.radians(self.azimuth_deg), np.radians(ELEVATION_DEG)
        forward = np.array([np.cos(pitch) * np.cos(azimuth), np.cos(pitch) * np.sin(azimuth), np.sin(pitch)])
        right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
        return np.stack([right, np.cross(right, forward), forward])

    @property
    def position(self) -> np.ndarray:
        """Where the camera stands [m], shape [3]."""
        return self.lookat - self.distance_m * self.axes()[2]

    def project(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """Return column and row [pixel] (row 0 is the top) and depth [m] of points [..., 3] [m], shape [..., 3]."""
        local = (points - self.lookat) @ self.axes().T
        depth = local[..., 2] + self.distance_m
        scale = self.pixels_per_m(np.maximum(depth, 0.05), height)
        return np.stack([0.5 * width + scale * local[..., 0], 0.5 * height - scale * local[..., 1], depth], axis=-1)

    def pixels_per_m(self, depth: np.ndarray, height: int) -> np.ndarray:
        """Return the size of a meter at some depth [m] in a picture of some height [pixel]."""
        return height / (2 * np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2) * depth)


def following_cameras(
    qpos: np.ndarray, fps: float, episode_start: np.ndarray, body: Body, heading_deg: float
) -> list[Camera]:
    """Return a camera for every pose [T, nq] that follows the root over the floor and frames the whole movement.

    It moves smoothly, at one height, never turns, and jumps between episodes. The body faces ``heading_deg`` at first;
    ``episode_start``, shape [T] or [0], is true where a new episode begins.
    """
    root = qpos[:, :3].astype(float)
    cuts = [0, *(np.flatnonzero(episode_start[1:]) + 1), len(root)]
    for first, last in pairwise(cuts):
        root[first:last] = gaussian_filter1d(root[first:last], _SMOOTHING_S * fps, axis=0, mode="nearest")
    first = framing(qpos, body, heading_deg)
    root[:, 2] = first.lookat[2]
    return [replace(first, lookat=lookat) for lookat in root]


def framing(qpos: np.ndarray, body: Body, heading_deg: float) -> Camera:
    """Return a camera that has the body in its picture in every one of some poses, shape [T, nq].

    It looks at the place of the first pose, in the middle between the lowest and the highest point of them all.
    """
    low, high = vertical_extent(qpos, body)
    middle = np.array([qpos[0, 0], qpos[0, 1], 0.5 * (low + high)])
    return camera_at(middle, max(high - low, standing_height(body)), heading_deg)


def vertical_extent(qpos: np.ndarray, body: Body) -> tuple[float, float]:
    """Return the height of the lowest and of the highest body origin in poses [T, nq], plus a head [m]."""
    data, heights = mujoco.MjData(body.model), []
    for pose in qpos:
        data.qpos[:] = pose
        mujoco.mj_kinematics(body.model, data)
        heights.append((data.xpos[1:, 2].min(), data.xpos[1:, 2].max() + _HEAD_M))
    low, high = np.clip(np.array(heights), -_FARTHEST_M, _FARTHEST_M).T
    return float(low.min()), float(high.max())


def camera_at(lookat: np.ndarray, height_m: float, heading_deg: float) -> Camera:
    """Return a camera to the front right of what is so high, with its middle at ``lookat`` [m], shape [3]."""
    distance = _MARGIN * height_m / (2 * np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2))
    return Camera(lookat, heading_deg + _FROM_FRONT_DEG + 180.0, distance)


def heading_deg(qpos: np.ndarray, body: Body) -> float:
    """Return the direction in which the body faces in one pose, shape [nq]; 0 is +x."""
    inverse, turn, forward = np.empty(4), np.empty(4), np.empty(3)
    mujoco.mju_negQuat(inverse, body.neutral_qpos[3:7])
    mujoco.mju_mulQuat(turn, qpos[3:7], inverse)
    mujoco.mju_rotVecQuat(forward, np.array([1.0, 0.0, 0.0]), turn)
    return float(np.degrees(np.arctan2(forward[1], forward[0])))


def standing_height(body: Body) -> float:
    """Return the height of the highest body origin above the lowest in the neutral pose, plus a head [m]."""
    return float(np.ptp(at_pose(body.model, body.neutral_qpos).xpos[1:, 2])) + _HEAD_M
