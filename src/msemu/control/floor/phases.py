"""When a part of the body stands on the floor: no chatter at the thresholds, no stance or swing of a frame or two."""

from dataclasses import dataclass

import numpy as np

from msemu.schema import ContactCfg
from msemu.schema.ranges import NotNegative


@dataclass(frozen=True)
class ContactPhasesCfg:
    """How long contacts last."""

    hold: NotNegative = 1.5
    """Factor of the height and speed below which a contact begins, up to which it lasts [-]."""
    least_stance_s: NotNegative = 0.06
    """A part that stands for a shorter time does not [s]."""
    least_swing_s: NotNegative = 0.08
    """A part that is in the air for a shorter time is not [s]."""


def standing_points(
    height: np.ndarray,
    speed: np.ndarray,
    regions: tuple[str, ...],
    fps: float,
    cyclic: bool,
    contact: ContactCfg,
    phases: ContactPhasesCfg,
) -> np.ndarray:
    """Return which points may push against the floor, bool, shape [T, C].

    Args:
        height: Heights over the floor [m], shape [T, C].
        speed: Sizes of the velocities [m/s], shape [T, C].
        regions: Part of the body of each point.
        fps: Frames per second [Hz].
        cyclic: Whether the first frame follows the last.
        contact: Where contacts begin.
        phases: How long they last.
    """
    begins = (height < contact.height_m) & (speed < contact.speed_m_s)
    lasts = (height < phases.hold * contact.height_m) & (speed < phases.hold * contact.speed_m_s)
    touching = _held(begins, lasts, cyclic)
    for region in dict.fromkeys(regions):
        points = np.array(regions) == region
        touching[:, points] = _settled(touching[:, points], fps, cyclic, phases)
    return touching


def _held(begins: np.ndarray, lasts: np.ndarray, cyclic: bool) -> np.ndarray:
    """Return what has begun and lasts, shape [T, C]; a cycle is gone through twice."""
    held, now = np.zeros_like(begins), np.zeros_like(begins[0])
    for _ in range(2 if cyclic else 1):
        for frame in range(len(begins)):
            now = begins[frame] | (now & lasts[frame])
            held[frame] = now
    return held


def _settled(touching: np.ndarray, fps: float, cyclic: bool, phases: ContactPhasesCfg) -> np.ndarray:
    """Fill swings and drop stances of one part that are too short, shape [T, P]; those that a clip cuts stay."""
    settled = touching.copy()
    for frames in _runs(np.atleast_1d(~settled.any(1)), cyclic):
        if len(frames) < phases.least_swing_s * fps:
            before, after = settled[frames[0] - 1], settled[(frames[-1] + 1) % len(settled)]
            settled[frames] = before | after
    for frames in _runs(np.atleast_1d(settled.any(1)), cyclic):
        if len(frames) < phases.least_stance_s * fps:
            settled[frames] = False
    return settled


def _runs(is_on: np.ndarray, cyclic: bool) -> list[np.ndarray]:
    """Return the frames of each run of true values that something false precedes and follows."""
    frames = np.arange(len(is_on))
    if cyclic and not is_on.all():
        frames = np.roll(frames, -int(np.argmin(is_on)))
        frames = np.append(frames, frames[0])
    edges = np.flatnonzero(np.diff(is_on[frames].astype(int)))
    begins, ends = edges[is_on[frames[edges + 1]]], edges[is_on[frames[edges]]]
    ends = ends[ends > begins[0]] if len(begins) else ends[:0]
    return [frames[begin + 1 : end + 1] for begin, end in zip(begins, ends, strict=False)]
