"""A clip that is played at other times."""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import velocities


def at_speed(body: Body, clip: MotionClip, speed: float) -> MotionClip:
    """Return a clip at so many times its speed; a cyclic one has a whole number of frames again."""
    if speed == 1.0:
        return clip
    frames = round(clip.duration_s * clip.fps / speed)
    times = np.arange(frames) if clip.cyclic else np.arange(frames + 1)
    return retimed(body, clip, times * clip.duration_s * clip.fps / frames)


def retimed(body: Body, clip: MotionClip, instants: np.ndarray) -> MotionClip:
    """Return a clip whose frames are those at some instants of it [frames], shape [T']."""
    displacement = clip.cycle_displacement if clip.cyclic else None
    path = clip.qpos
    if displacement is not None:
        after = clip.qpos[:1].copy()
        after[:, :3] += displacement
        path = np.concatenate([path, after])
    at = np.clip(instants, 0, len(path) - 1)
    qpos = CubicSpline(np.arange(len(path)), path)(at)
    turn = Rotation.from_quat(path[:, 3:7], scalar_first=True)
    qpos[:, 3:7] = Slerp(np.arange(len(path)), turn)(at).as_quat(scalar_first=True)
    qpos = body.couplings.project(qpos)
    qvel = velocities(body, qpos, clip.fps, displacement)
    return replace(clip, qpos=qpos, qvel=qvel, joint_center_names=(), joint_centers=None, simulated=None)
