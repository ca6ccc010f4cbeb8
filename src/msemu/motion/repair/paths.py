"""Paths of poses: what the repairs of flights and of stances share."""

from dataclasses import replace

import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import landmark_path
from msemu.motion.smoothing import velocities

MOST_CHANGE_CM = 6.2
"""A repair that moves landmarks further on average is not kept: it would be another movement [cm].
DeepMimic's backflip needs 4.3."""


def along(body: Body, clip: MotionClip, path: np.ndarray) -> MotionClip:
    """Return a clip with other poses, shape [T, nq], and the velocities that belong to them."""
    displacement = clip.cycle_displacement if clip.cyclic else None
    return replace(clip, qpos=path, qvel=velocities(body, path, clip.fps, displacement), simulated=None)


def landmark_distance(body: Body, qpos: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the distance between the landmarks of two paths [m], shape [T, L]."""
    return np.linalg.norm(landmark_path(body, qpos)[0] - landmark_path(body, other)[0], axis=-1)
