"""How a clip is cut: windows after which bodies are selected, in pieces over which guidance goes on linearly."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import find_flights, lowest_height

Windows = tuple[tuple[int, ...], ...]
"""Control steps of each piece of each window."""

_LONGEST_S = 0.5
"""Phases that last longer are cut like a clip without flights."""


def regular_windows(total: int, steps: int) -> Windows:
    """Cut so many control steps into windows of one piece each."""
    return tuple((min(steps, total - first),) for first in range(0, total, steps))


def phase_windows(body: Body, clip: MotionClip, total: int, steps: int) -> Windows:
    """Cut a clip at its touch-downs: a window is a stance and the flight after it, in pieces of about ``steps``."""
    edges = [0, *(frame for frame in touch_downs(body, clip, total) if 0 < frame < total), total]
    windows: list[tuple[int, ...]] = []
    for first, end in pairwise(edges):
        pieces = _pieces(end - first, steps)
        is_long = end - first > _LONGEST_S * clip.fps
        windows += [(piece,) for piece in pieces] if is_long else [pieces]
    return tuple(windows)


def touch_downs(body: Body, clip: MotionClip, total: int) -> list[int]:
    """Return the frames up to ``total`` in which a flight ends, in all cycles."""
    flights = [flight for flight in find_flights(lowest_height(body, clip.qpos), clip.cyclic) if not flight.is_hovering]
    cycles = -(-total // clip.num_frames) + 1 if clip.cyclic else 1
    ends = [flight.last + 1 + cycle * clip.num_frames for cycle in range(-1, cycles) for flight in flights]
    return sorted(end for end in ends if 0 < end <= total and (clip.cyclic or end < clip.num_frames))


def is_run(body: Body, clip: MotionClip, total: int) -> bool:
    """Whether a clip has flights again and again, so that it is searched from touch-down to touch-down."""
    return len(touch_downs(body, clip, total)) > 1


def _pieces(total: int, steps: int) -> tuple[int, ...]:
    edges: Sequence[int] = np.linspace(0, total, max(1, round(total / steps)) + 1).round().astype(int).tolist()
    return tuple(end - first for first, end in pairwise(edges))
