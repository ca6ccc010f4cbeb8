"""How far feet are to be off the floor while they swing.

Toes of recordings pass the floor within millimeters once they are on another body, and whoever follows them with
muscles that give a little trips.
"""

import numpy as np

from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.flight import CONTACT_HEIGHT_M, find_flights
from msemu.motion.geometry import find_feet, sole_heights

CLEARANCE_M = 0.025
"""Height of a sole in the middle half of a swing, at least [m]. Walkers keep 1.3 cm under the toes (Winter 1992, Phys
Ther 72:45); to that comes what a pelvis sinks that muscles carry."""

_SHORTEST_S = 0.2
"""Shorter swings are left alone [s]."""

_PASSING_M_S = 1.0
"""Speed above which a foot close to the floor passes it [m/s]; one that rolls off is slower."""


def swing_heights(body: Body, clip: MotionClip) -> np.ndarray:
    """Return the least height of the right and the left sole in each frame [m], shape [T, 2]; 0 while they stand.

    It rises from lift-off on and falls to touch-down. Swings are those past a foot that stands, as in walking: one that
    touches while it is fast, where a body takes off, lands or turns, carries. A foot that never is higher than that
    hovers, and is left alone.
    """
    heights = sole_heights(body, clip.qpos)
    stands = (heights < CONTACT_HEIGHT_M) & (_speeds(body, clip) < _PASSING_M_S)
    least = np.zeros_like(heights)
    for foot, height in enumerate(np.where(stands, 0.0, np.maximum(heights, 2.0 * CONTACT_HEIGHT_M)).T):
        for swing in find_flights(height, clip.cyclic):
            if swing.clearance_m < CLEARANCE_M or swing.num_frames < _SHORTEST_S * clip.fps:
                continue
            frames = np.arange(swing.first, swing.last + 1) % len(heights)
            if not stands[frames, 1 - foot].all():
                continue
            phase = np.arange(1, len(frames) + 1) / (len(frames) + 1)
            least[frames, foot] = CLEARANCE_M * np.minimum(1.0, 2.0 * np.sin(np.pi * phase) ** 2)
    return least


def _speeds(body: Body, clip: MotionClip) -> np.ndarray:
    """Return the speed of the right and the left foot along the floor [m/s], shape [T, 2]."""
    segments = [foot.segment for foot in find_feet(body)]
    place = np.stack([data.xpos[segments, :2].copy() for data in posed(body.model, clip.qpos)])
    if not clip.cyclic:
        return np.linalg.norm(np.gradient(place, axis=0), axis=-1) * clip.fps
    step = np.diff(place, axis=0, append=place[:1] + clip.cycle_displacement[:2])
    return np.linalg.norm(step + np.roll(step, 1, axis=0), axis=-1) * 0.5 * clip.fps
