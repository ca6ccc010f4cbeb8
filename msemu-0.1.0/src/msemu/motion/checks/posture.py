"""Up, left and forward of a recording, from what every human body fulfills.

Knees bend back, toes point forward, a pelvis is below its trunk, and who stands has the feet below. Acrobatics,
crawling and lying fulfill that too; what could be either is accepted. The margins are set against the 28 clips of the
catalogue, which hold walks, runs, dances, acrobatics and floor work; how close they come stands beside each.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.motion.checks.remedies import Remedies
from msemu.motion.source import SourceMotion

LEAST_AGREEMENT = -0.3
"""Mean cosine between a direction and what the body says of it, below which they contradict each other. Of right files
it is above 0.5 (the toes of a foot that is turned out in a dance), of reflected ones below -0.5."""

LEAST_BEND = 0.1
"""Mean sine of the knees' flexion that says which way they bend: 6 degrees."""

LEAST_SHARE = 0.9
"""Share of the frames in which a person stands along one axis, if it is up: an acrobat, or who gets up, does not."""

STANDS = (0.7, 0.5)
"""Cosines to the vertical of the pelvis and of the legs of a person who stands or sits, not of one who lies."""

FLOOR_M = (-0.15, 0.15)
"""Height of the lowest soles over the origin of a file that has it on the floor [m]."""

LYING_M = (-0.05, 0.30)
"""Height of the lowest point of a person who lies on such a floor [m]."""

LEAST_RISE_M = 0.5
"""Nobody who lies stretched out rises so far [m]."""

LEAST_TRAVEL_M = 1.0
"""Nobody who lies stretched out and does not roll travels so far across the body [m]."""

ODD_COURSE = (0.8, 0.9, 0.5)
"""Cosines between the course and back or side of who goes that way all along, and distance [m]. A cartwheel and side
steps of a dance reach 0.74."""


def check_posture(path: Path, source: SourceMotion, remedies: Remedies) -> None:
    """Refuse a recording whose left and right, or whose up and down, contradict the body.

    Raises:
        MsemuError: They do; the message says how to read the file instead.
    """
    _check_left(path, source)
    _check_sides(path, source, remedies.sides)
    if remedies.up is not None:
        _check_up(path, source, remedies.axes, remedies.up)
    _check_trunk(path, source)


def odd_course(source: SourceMotion) -> str:
    """Return a remark about a person who goes backward or sideways all along; empty otherwise."""
    velocity = np.gradient(source.pelvis[:, :2], source.time_s, axis=0)
    speed = np.linalg.norm(velocity, axis=1)
    facing = _unit(_pelvis_axis(source, 0)[:, :2])
    forward, aside = (
        float((velocity * way).sum() / max(speed.sum(), 1e-9)) for way in (facing, facing[:, ::-1] * [-1, 1])
    )
    backward, sideways, distance = ODD_COURSE
    if np.linalg.norm(source.pelvis[-1, :2] - source.pelvis[0, :2]) < distance:
        return ""
    if forward > -backward and abs(aside) < sideways:
        return ""
    way = "backward" if forward < -backward else "sideways"
    hint = "is its orientation right, and do quaternions stand as (w, x, y, z)?"
    return f"; warning: the person moves {way} at {speed.mean():.1f} m/s all along: {hint}"


def _check_sides(path: Path, source: SourceMotion, remedy: str) -> None:
    """Refuse a knee that bends forward and toes that point backward.

    A knee's axis is that of the turn from thigh to shank; it points left whichever way the person is up.
    """
    left = _unit(source.joint("hip_l") - source.joint("hip_r"))
    for index, side in enumerate("rl"):
        thigh = _unit(source.joint(f"knee_{side}") - source.joint(f"hip_{side}"))
        shank = _unit(source.joint(f"ankle_{side}") - source.joint(f"knee_{side}"))
        axis = np.cross(thigh, shank)
        bend = np.linalg.norm(axis, axis=1)
        knee = float((axis * left).sum() / bend.sum()) if bend.mean() > LEAST_BEND else 0.0
        foot = _unit(source.sole_points[:, index, 1] - source.sole_points[:, index, 0])
        toes = float((foot * _unit(np.cross(shank, left))).sum(axis=1).mean())
        if min(knee, toes) < LEAST_AGREEMENT:
            part = "knees bend forward" if knee < LEAST_AGREEMENT else "toes point backward"
            hint = (
                "are toes and heels named rightly, and do quaternions stand as (w, x, y, z)?" if knee > 0.0 else remedy
            )
            raise MsemuError(f"{path}: seen from its own left and right, {part}: {hint}")


def _check_left(path: Path, source: SourceMotion) -> None:
    """Refuse a pelvis whose orientation contradicts where the hips are."""
    hips = _unit(source.joint("hip_l") - source.joint("hip_r"))
    _check_axis(path, "left from hip to hip", _pelvis_axis(source, 1), hips)


def _check_trunk(path: Path, source: SourceMotion) -> None:
    """Refuse a pelvis whose orientation contradicts where both shoulders and ankles are."""
    bones = max((_trunk(source), _legs(source)), key=lambda bone: (bone * _pelvis_axis(source, 2)).sum())
    _check_axis(path, "up from the legs to the shoulders", _pelvis_axis(source, 2), bones)


def _check_axis(path: Path, name: str, axis: np.ndarray, bones: np.ndarray) -> None:
    cosine = float((axis * bones).sum(axis=1).mean())
    if cosine < LEAST_AGREEMENT:
        raise MsemuError(
            f"{path}: the orientation of the pelvis does not point {name} (mean cosine {cosine:.2f}): do quaternions"
            " stand as (w, x, y, z), and are its markers named rightly?"
        )


def _check_up(path: Path, source: SourceMotion, axes: np.ndarray, remedy: str) -> None:
    """Refuse a person who stands along another axis than z in nearly all frames and cannot be lying there."""
    pelvis, legs = _pelvis_axis(source, 2), _legs(source)
    directions = np.concatenate([axes, -axes])
    stands = (pelvis @ directions.T > STANDS[0]) & (legs @ directions.T > STANDS[1])
    best = int(stands.mean(axis=0).argmax())
    share, up = float(stands.mean(axis=0)[best]), directions[best]
    if share < LEAST_SHARE or up[2] > 0.5:
        return
    if up[2] < -0.5:
        impossible, posture = not _on_hands(source, up), "stands on the head"
    else:
        impossible, posture = not _may_lie(source, up), "lies in the air"
    if impossible:
        axis = f"{'-' if best >= 3 else ''}{'xyz'[best % 3]}"
        raise MsemuError(
            f"{path}: the person {posture} in {100 * share:.0f} % of the frames: {remedy.format(axis=axis)}"
        )


def _on_hands(source: SourceMotion, up: np.ndarray) -> bool:
    """Whether a person whose legs are above the trunk may stand on the hands or the head: the hands are below."""
    arms = [source.joint(f"wrist_{side}") - source.joint(f"shoulder_{side}") for side in "rl"]
    overhead = np.mean(np.concatenate(arms) @ up > 0.0)
    return bool(overhead > 1 - LEAST_SHARE and (_trunk(source) @ up).mean() > 0.0)


def _may_lie(source: SourceMotion, up: np.ndarray) -> bool:
    """Whether a person who would stand if ``up`` were up may be lying instead."""
    course = (source.pelvis[-1] - source.pelvis[0]) * [1.0, 1.0, 0.0]
    across = np.linalg.norm(course - (course @ up) * up)
    faces_one_way = np.linalg.norm(_pelvis_axis(source, 0).mean(axis=0)) > LEAST_SHARE
    if np.ptp(source.pelvis[:, 2]) > LEAST_RISE_M or (across > LEAST_TRAVEL_M and faces_one_way):
        return False
    soles = float(np.percentile((source.sole_points @ up).min(axis=(1, 2)), 5))
    heights = np.concatenate([source.positions[..., 2], source.sole_height.reshape(source.num_frames, -1)], axis=1)
    lowest = float(np.percentile(heights.min(axis=1), 5))
    return LYING_M[0] < lowest < LYING_M[1] or not FLOOR_M[0] < soles < FLOOR_M[1]


def _pelvis_axis(source: SourceMotion, axis: int) -> np.ndarray:
    """Return where the pelvis' forward (0), left (1) or upward (2) axis points, shape [T, 3]."""
    return Rotation.from_quat(source.orientations[:, 0], scalar_first=True).apply(np.eye(3)[axis])


def _trunk(source: SourceMotion) -> np.ndarray:
    """Return the direction from the hips to the shoulders, shape [T, 3]."""
    return _unit(0.5 * (source.joint("shoulder_r") + source.joint("shoulder_l")) - source.pelvis)


def _legs(source: SourceMotion) -> np.ndarray:
    """Return the direction from the ankles to the hips, shape [T, 3]."""
    return _unit(source.pelvis - 0.5 * (source.joint("ankle_r") + source.joint("ankle_l")))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
