"""A clip of the poses of a file."""

from pathlib import Path
from typing import Any

import numpy as np

from msemu.files import sha256_of
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import velocities


def pose_clip(path: Path, body: Body, fps: float, qpos: np.ndarray, source: str, **more: Any) -> MotionClip:
    """Make a clip of poses, with their velocities and the hash of the file that they come from.

    Args:
        path: The file; by default the clip is called after it.
        body: The body.
        fps: Frame rate [Hz].
        qpos: Poses that fulfill the couplings, shape [T, nq].
        source: Where the poses come from, for people.
        more: Other fields of the clip.
    """
    named = {"name": Path(path).stem} | more
    return MotionClip(
        body=body.name,
        joint_names=tuple(body.joint_names),
        fps=fps,
        qpos=qpos,
        qvel=velocities(body, qpos, fps, more.get("cycle_displacement")),
        source=source,
        source_sha256=sha256_of(path),
        **named,
    )
