"""The recordings that simulated clips follow: errors are reported against them, too."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.motion.smoothing import velocities


def recorded_clip(body: Body, clip: MotionClip) -> MotionClip:
    """Return what a simulated clip follows; one that was not simulated is that itself."""
    if clip.simulated is None:
        return clip
    qpos = clip.simulated.recorded_qpos
    return replace(
        clip, name=clip.simulated.followed, qpos=qpos, qvel=velocities(body, qpos, clip.fps, None), simulated=None
    )


def recorded_reference(body: Body, clips: Sequence[MotionClip], device: torch.device) -> ReferenceMotion | None:
    """Return the recordings in place of simulated clips, frame by frame; None where no clip is simulated."""
    if not any(clip.simulated for clip in clips):
        return None
    return ReferenceMotion([recorded_clip(body, clip) for clip in clips], body, clips[0].fps, device)
