"""The recorded movement that a clip follows, as a stick figure between its joint centres."""

import numpy as np

from msemu.motion.clip import MotionClip

_LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
_GIRDLES = ("hip", "shoulder")


def stick_figure(clip: MotionClip) -> np.ndarray | None:
    """Return the bones of the recorded movement, in the proportions of the clip's body [m], shape [T, S, 2, 3].

    None for a clip that does not hold the recorded joint centres: joint angles that were read as they are.
    """
    if clip.joint_centres is None:
        return None
    centres = dict(zip(clip.joint_centre_names, np.moveaxis(clip.joint_centres, 1, 0), strict=True))
    bones = [(f"{near}_{side}", f"{far}_{side}") for near, far in _LIMBS for side in "rl"]
    bones += [(f"{girdle}_r", f"{girdle}_l") for girdle in _GIRDLES]
    segments = [(centres[near], centres[far]) for near, far in bones if near in centres and far in centres]
    middles = [
        0.5 * (centres[f"{girdle}_r"] + centres[f"{girdle}_l"])
        for girdle in _GIRDLES
        if f"{girdle}_r" in centres and f"{girdle}_l" in centres
    ]
    if len(middles) == len(_GIRDLES):
        segments.append(tuple(middles))
    if not segments:
        return None
    return np.stack([np.stack(ends, axis=1) for ends in segments], axis=1)
