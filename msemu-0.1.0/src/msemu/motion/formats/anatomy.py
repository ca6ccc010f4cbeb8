"""From joint centers to a source motion: segment orientations, soles, and arms that were not recorded.

Readers of skeletons and of markers know where joints are. What the retargeting needs beyond that follows from
the points by the same rules for all of them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import sha256_of
from msemu.motion.source import JOINT_CENTERS, LEG_BONES, SEGMENTS, SourceMotion

ANKLE_HEIGHT = 0.079
"""Height of the ankle above the sole over the length of thigh plus shank: 0.039 of 0.491 body heights
(Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed., figure 4.1)."""

HEEL_AND_BALL = np.array([[-0.052, 0.0], [0.161, 0.0]])
"""Heel and ball ahead of the ankle over the length of thigh plus shank, from the foot of the DeepMimic humanoid
(see `msemu.motion.formats.humanoid_foot`) over its leg of 0.831 m."""

CHEST_HEIGHT = 0.49
"""Where pelvis and thorax turn against each other, as in `msemu.motion.retargeting.targets.TRUNK_PIVOT`."""

_ARM = {"elbow": 0.186, "wrist": 0.146}
"""Lengths of upper arm and forearm in body heights (Winter 2009)."""

_SHOULDER_HALF_WIDTH, _TRUNK = 0.129, 0.288
"""Half the distance of the shoulders, and their height above the hips, in body heights (Winter 2009)."""

_LEG = 0.491
"""Thigh plus shank in body heights (Winter 2009)."""

_STILL_M_S = 0.4
"""A foot slower than this stands [m/s]."""


def frame(first: str, along: np.ndarray, second: str, near: np.ndarray) -> Rotation:
    """Return the rotations whose x axis points forward, y left and z up, from two directions, shape [T, 3] each.

    The axis ``first`` (``forward``, ``left`` or ``up``) lies ``along`` one direction, ``second`` as ``near`` to the
    other as it can.

    Raises:
        MsemuError: The two directions are parallel in some frame.
    """
    axes = {first: _unit(along)}
    axes[second] = _unit(near - (near * axes[first]).sum(-1, keepdims=True) * axes[first])
    if "forward" not in axes:
        axes["forward"] = np.cross(axes["left"], axes["up"])
    elif "left" not in axes:
        axes["left"] = np.cross(axes["up"], axes["forward"])
    else:
        axes["up"] = np.cross(axes["forward"], axes["left"])
    return Rotation.from_matrix(np.stack([axes["forward"], axes["left"], axes["up"]], axis=-1))


def source_from_points(
    path: Path,
    time_s: np.ndarray,
    points: Mapping[str, np.ndarray],
    rotations: Mapping[str, Rotation],
    source: str,
    head: Rotation | None = None,
    trunk_lean_rad: float = 0.0,
) -> SourceMotion:
    """Return a source motion from joint centers.

    Args:
        path: File, for messages and the name.
        time_s: Instants [s], shape [T].
        points: Joint centers by name, z up [m], shape [T, 3] each: hips, knees and ankles; ``toe_*`` and
            ``heel_*`` or the rotation of the feet; shoulders, elbows and wrists where they were recorded.
        rotations: Orientation of the pelvis, and of other segments where it is known; the identity stands for
            upright and facing +x.
        source: Where the recording comes from.
        head: Axes fixed in the head in an unknown way: on average the head is taken to be in line with the thorax.
        trunk_lean_rad: How far the line from hips to shoulders leans back in an upright person [rad].

    Raises:
        MsemuError: Points are missing or coincide, or values are not finite.
    """
    needed = [f"{joint}_{side}" for joint in ("hip", "knee", "ankle") for side in "rl"]
    missing = [name for name in needed if name not in points]
    if missing:
        raise MsemuError(f"{path} does not give these joint centers: {', '.join(missing)}")
    for name, values in points.items():
        if not np.isfinite(values).all():
            raise MsemuError(f"{path}: the path of {name} holds values that are not finite")
    points, rotations = dict(points), dict(rotations)
    leg = leg_length(points)
    if leg < 1e-3:
        raise MsemuError(f"{path}: the legs have no length; are the joint centers in the file?")
    trunk = rotations.get("thorax", _upright(rotations["pelvis"]))
    recorded = tuple(name for name in JOINT_CENTERS if name in points)
    source += _add_arms(points, trunk, leg / _LEG)
    if "thorax" not in rotations:
        rotations["thorax"] = _thorax(points, rotations["pelvis"], trunk_lean_rad)
    thorax = rotations["thorax"]
    rotations.setdefault("head", thorax if head is None else head * (head.inv() * thorax).mean())
    for side in "rl":
        if f"ankle_{side}" not in rotations:
            rotations[f"ankle_{side}"] = _foot(points, side, rotations["pelvis"], time_s, leg)
    offsets = leg * np.column_stack([HEEL_AND_BALL, [-ANKLE_HEIGHT, -ANKLE_HEIGHT]])
    soles = [
        np.stack([points[f"ankle_{side}"] + rotations[f"ankle_{side}"].apply(offset) for offset in offsets], axis=1)
        for side in "rl"
    ]
    return SourceMotion(
        name=Path(path).stem,
        time_s=time_s,
        positions=np.stack([points[name] for name in JOINT_CENTERS], axis=1),
        orientations=np.stack([rotations[name].as_quat(scalar_first=True) for name in SEGMENTS], axis=1),
        sole_points=np.stack(soles, axis=1),
        ankle_height_m=ANKLE_HEIGHT * leg,
        source=source,
        sha256=sha256_of(path),
        recorded=recorded,
    )


def leg_length(points: Mapping[str, np.ndarray]) -> float:
    """Return the mean length of thigh plus shank, in the unit of the points."""
    bones = [(f"{a}_{side}", f"{b}_{side}") for a, b in LEG_BONES for side in "rl"]
    return float(sum(np.linalg.norm(points[a] - points[b], axis=1).mean() for a, b in bones) / 2)


def _upright(pelvis: Rotation) -> Rotation:
    """Return an upright trunk that faces where the pelvis does."""
    left = pelvis.apply([0.0, 1.0, 0.0])
    left[np.abs(left[:, 2]) > 0.999] = [0.0, 1.0, 0.0]  # who lies on the side faces anywhere
    return frame("up", np.tile([0.0, 0.0, 1.0], (len(left), 1)), "left", left)


def _add_arms(points: dict[str, np.ndarray], trunk: Rotation, height: float) -> str:
    """Let arms hang that were not recorded; return what to say about it."""
    hips = 0.5 * (points["hip_r"] + points["hip_l"])
    added = []
    for side, sign in (("r", -1.0), ("l", 1.0)):
        if f"shoulder_{side}" not in points:
            offset = height * np.array([0.0, sign * _SHOULDER_HALF_WIDTH, _TRUNK])
            points[f"shoulder_{side}"] = hips + trunk.apply(offset)
            added.append("shoulders")
        above = points[f"shoulder_{side}"]
        for joint, share in _ARM.items():
            if f"{joint}_{side}" not in points:
                points[f"{joint}_{side}"] = above + trunk.apply([0.0, 0.0, -share * height])
                added.append(f"{joint}s")
            above = points[f"{joint}_{side}"]
    return f"; not recorded, hanging: {', '.join(dict.fromkeys(added))}" if added else ""


def _thorax(points: Mapping[str, np.ndarray], pelvis: Rotation, lean: float) -> Rotation:
    hips = 0.5 * (points["hip_r"] + points["hip_l"])
    shoulders = 0.5 * (points["shoulder_r"] + points["shoulder_l"])
    trunk = float(np.linalg.norm(shoulders - hips, axis=1).mean())
    chest = hips + CHEST_HEIGHT * trunk * pelvis.apply([-np.sin(lean), 0.0, np.cos(lean)])
    along = frame("up", shoulders - chest, "left", points["shoulder_l"] - points["shoulder_r"])
    return along * Rotation.from_euler("y", lean)


def _foot(points: Mapping[str, np.ndarray], side: str, pelvis: Rotation, time_s: np.ndarray, leg: float) -> Rotation:
    """Return the orientation of a foot: along it, the shank above it, level on average while it stands."""
    ankle = points[f"ankle_{side}"]
    if f"toe_{side}" not in points:
        return pelvis
    toe = points[f"toe_{side}"]
    along = frame("forward", toe - points.get(f"heel_{side}", ankle), "up", points[f"knee_{side}"] - ankle)
    middle = 0.5 * (ankle + toe)
    speed = np.linalg.norm(np.gradient(middle, time_s, axis=0), axis=1)
    low = middle[:, 2] < np.percentile(middle[:, 2], 5) + 0.04 * leg
    standing = low & (speed < _STILL_M_S)
    if not standing.any():
        standing = low
    forward = along.apply([1.0, 0.0, 0.0])[standing]
    pitch = float(np.median(np.arctan2(-forward[:, 2], np.hypot(forward[:, 0], forward[:, 1]))))
    return along * Rotation.from_euler("y", -pitch)


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not norms.min() > 1e-9:
        raise MsemuError("the recording has points that coincide or lie in one line: a segment has no direction")
    return vectors / norms
