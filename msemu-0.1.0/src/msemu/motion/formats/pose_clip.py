"""A clip of the poses of a file."""

from pathlib import Path
from typing import Any

import numpy as np

from msemu.files import check_frames, sha256_of
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import sole_heights
from msemu.motion.quality import assess
from msemu.motion.smoothing import velocities

_STANDING_HEIGHT_M = 0.01
"""A foot whose lowest point is below this stands [m]."""


def pose_clip(path: Path, body: Body, fps: float, qpos: np.ndarray, source: str, **more: Any) -> MotionClip:
    """Make a clip of poses, shape [T, nq], that fulfill the couplings, with velocities, quality and the file's hash.

    ``source`` says where they come from, for people. ``more`` are other fields; the name is by default the file's.
    """
    clip = MotionClip(
        body=body.name,
        joint_names=tuple(body.joint_names),
        fps=fps,
        qpos=qpos,
        qvel=velocities(body, qpos, fps, more.get("cycle_displacement")),
        source=source,
        source_sha256=sha256_of(path),
        **({"name": Path(path).stem} | more),
    )
    clip.quality = assess(body, clip, sole_heights(body, qpos) < _STANDING_HEIGHT_M)
    return clip


def num_frames(path: Path, duration_s: float, fps: float) -> int:
    """Return how many frames a recording has at another frame rate [Hz]."""
    frames = int(np.floor(duration_s * fps + 1e-6)) + 1
    check_frames(path, frames, f" at {fps:g} Hz")
    return frames
