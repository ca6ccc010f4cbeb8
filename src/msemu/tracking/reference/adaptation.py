"""A clip that gives way, within a tolerance, to what a body was found to do."""

from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.smoothing import velocities
from msemu.tracking.reference.retiming import retimed

_WIDTH_S = 0.08
"""Width of the filter over what a clip gives way by [s]: it stays as smooth as it was."""
_SHARE = 0.5
"""Share of the deviation that a clip gives way by at a time [-]."""
_MOST_ROUNDS = 20
"""A joint that is coupled to others may turn further than they do, which are then held closer."""
_ARM_M = 0.3
"""Distance from a joint at which its angle counts as a displacement [m]."""


@dataclass(frozen=True)
class Tolerance:
    """By how much a clip may be changed, or was: place of the root [cm], joints and root [deg], time [ms]."""

    cm: float = 0.0
    deg: float = 0.0
    ms: float = 0.0

    def __str__(self) -> str:
        return f"{self.cm:.1f} cm, {self.deg:.1f} deg, {self.ms:.0f} ms"


def adapted(body: Body, original: MotionClip, found: np.ndarray, allowed: Tolerance, fading: int = 0) -> MotionClip:
    """Return a clip, not cyclic, that gives way to the poses that were found in its first frames, shape [T', nq].

    It is first played at the times at which it is closest, then moved; frames after those that were found follow the
    last of them. Where bodies failed after those, it gives way less and less over so many frames before that, and not
    later: there they were falling. What has changed stands in its ``quality``.
    """
    shift = _timing(original, found, allowed.ms * 1e-3 * original.fps, fading)
    timed = retimed(body, original, np.arange(original.num_frames) + shift)
    bound = allowed
    for _ in range(_MOST_ROUNDS):
        qpos = body.couplings.project(_moved(body, timed.qpos, found, bound, original.fps, fading))
        cm, deg = _change(body, qpos, timed.qpos)
        if deg <= allowed.deg:
            break
        bound = replace(bound, deg=bound.deg * allowed.deg / deg)
    change = Tolerance(cm, deg, float(np.abs(shift).max()) / original.fps * 1e3)
    quality = original.quality | {f"adapted_{name}": value for name, value in asdict(change).items()}
    return replace(timed, qpos=qpos, qvel=velocities(body, qpos, original.fps, None), quality=quality)


def change_of(clip: MotionClip) -> Tolerance:
    """Return by how much a clip was changed at most."""
    return Tolerance(*(clip.quality.get(f"adapted_{name}", 0.0) for name in ("cm", "deg", "ms")))


def _timing(original: MotionClip, found: np.ndarray, most: float, fading: int) -> np.ndarray:
    """Return by how many frames later the clip is closest to what was found, smooth and bounded, shape [T]."""
    shifts = np.arange(-np.ceil(most), np.ceil(most) + 1).astype(int)
    frames = np.arange(len(found))
    places = np.clip(frames[:, None] + shifts, 0, original.num_frames - 1)
    clip = original.qpos[places]
    away = np.square(clip[..., :3] - found[:, None, :3]).sum(-1)
    away += _ARM_M**2 * np.square(clip[..., 7:] - found[:, None, 7:]).mean(-1)
    weight = np.exp(-away / away.min(axis=1, keepdims=True).clip(min=1e-4))
    best = (weight * shifts).sum(1) / weight.sum(1)
    own = _over_all(best[:, None], original.num_frames, fading)[:, 0]
    smooth = gaussian_filter1d(own, 2.0 * _WIDTH_S * original.fps, mode="nearest")
    return np.clip(_SHARE * smooth, -most, most)


def _moved(body: Body, qpos: np.ndarray, found: np.ndarray, allowed: Tolerance, fps: float, fading: int) -> np.ndarray:
    """Return poses that give way to those that were found in the first frames."""
    count, most = len(found), np.radians(allowed.deg)
    bounds = np.where(body.is_hinge, most, allowed.cm * 1e-2)
    own, other = (Rotation.from_quat(values[:, 3:7], scalar_first=True) for values in (qpos[:count], found))
    parts = found[:, :3] - qpos[:count, :3], (own.inv() * other).as_rotvec(), found[:, 7:] - qpos[:count, 7:]
    whole = (_over_all(part, len(qpos), fading) for part in parts)
    shift, turn, bend = (_SHARE * gaussian_filter1d(way, _WIDTH_S * fps, axis=0, mode="nearest") for way in whole)
    moved = qpos.copy()
    moved[:, :3] += _bounded(shift, allowed.cm * 1e-2)
    rotation = Rotation.from_quat(qpos[:, 3:7], scalar_first=True) * Rotation.from_rotvec(_bounded(turn, most))
    moved[:, 3:7] = rotation.as_quat(scalar_first=True)
    moved[:, 7:] += np.clip(bend, -bounds, bounds)
    return moved


def _over_all(ways: np.ndarray, total: int, fading: int) -> np.ndarray:
    """Return what a clip is to give way by in all its frames, shape [total, N], from that in the first ones."""
    held = np.concatenate([ways, np.repeat(ways[-1:], total - len(ways), axis=0)])
    return held * np.clip((len(ways) - np.arange(total)) / fading, 0.0, 1.0)[:, None] if fading else held


def _bounded(ways: np.ndarray, most: float) -> np.ndarray:
    """Shorten the vectors that are longer, shape [T, 3]."""
    length = np.linalg.norm(ways, axis=1, keepdims=True)
    return ways * np.minimum(1.0, most / np.maximum(length, 1e-12))


def _change(body: Body, qpos: np.ndarray, before: np.ndarray) -> tuple[float, float]:
    """Return the greatest change of the root's place [cm] and of a joint or the root's rotation [deg]."""
    turns = [Rotation.from_quat(values[:, 3:7], scalar_first=True) for values in (qpos, before)]
    joints = np.abs(qpos[:, 7:] - before[:, 7:])[:, body.is_hinge].max(initial=0.0)
    angle = max(float(joints), float((turns[0].inv() * turns[1]).magnitude().max()))
    return 1e2 * float(np.linalg.norm(qpos[:, :3] - before[:, :3], axis=1).max()), float(np.degrees(angle))
