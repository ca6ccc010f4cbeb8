"""From a person's movement to targets in the proportions of a body.

The directions of the source's bones are kept, their lengths are the body's own (measured between the
landmarks of the neutral pose); the path of the pelvis is scaled by the ratio of the leg lengths.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter
from scipy.spatial.transform import Rotation

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion.geometry import find_feet, landmark_path
from msemu.motion.source import ARM_BONES, JOINT_CENTERS, LEG_BONES, SEGMENTS, SourceMotion

TRUNK_PIVOT = 0.49
"""Where thorax and pelvis turn against each other, as a share of the way from the hips to the shoulders; this is the
height of the chest joint of the DeepMimic humanoid, 0.236 m of 0.480 m (doi:10.1145/3197517.3201311)."""

CONTACT_HEIGHT_M = (0.015, 0.035)
CONTACT_SPEED_M_S = (0.4, 1.2)
"""Heel or ball is in full contact below the first and in none above the second height and speed."""

CONTACT_TILT_M = (0.005, 0.02)
"""The same for its height above the lower one of heel and ball: a tilted foot stands on one of them [m]."""

SHORTEST_CONTACT_S = 0.08
"""Contacts and gaps between contacts that last less than half of this are ignored [s]."""

CONTACT_BLEND_S = 0.015
"""Standard deviation of the Gaussian that lets contacts begin and end softly [s]."""

CLEARANCE_M = {"hip": 0.08, "knee": 0.05, "ankle": 0.03, "shoulder": 0.06, "elbow": 0.04, "wrist": 0.05}
"""Least height of a joint center above the floor: half the thickness of the limb there [m]. A wrist that carries
weight is higher, because the hand lies below it."""

LIFT_BLEND_S = 0.06
"""Standard deviation of the Gaussian that lets the body rise and sink where it is lifted off the floor [s]."""


WRIST_HEIGHT_M = (0.09, 0.14)
WRIST_SPEED_M_S = (0.3, 1.0)
"""A wrist whose hand stands on the floor is below the first height and speed; above the second it does not stand."""

HOLD = 2.5e3
"""Weight of a displacement from frame to frame of what stands, beside that of the distance from the recording: over
up to its square root, 50 frames, a standing foot does not move."""


@dataclass(frozen=True)
class Targets:
    """What the body shall reach in each frame.

    Attributes:
        positions: Joint centers in the order of `JOINT_CENTERS` [m], shape [T, 12, 3].
        aims: The same, but the wrist of a hand that stands on the floor does not move [m], shape [T, 12, 3].
        orientations: Segments in the order of `SEGMENTS` (w, x, y, z), shape [T, 5, 4].
        contact: How certainly heel and ball of the right and the left foot stand, 0 to 1, shape [T, 2, 2].
        places: Where heel and ball stand, x and y [m], shape [T, 2, 2, 2].
        scale: Leg length of the body over that of the person [-].
    """

    positions: np.ndarray
    aims: np.ndarray
    orientations: np.ndarray
    contact: np.ndarray
    places: np.ndarray
    scale: float

    def frame(self, index: int) -> "Targets":
        """Return the targets of one frame, without the leading dimension."""
        rows = {name: values[index] for name, values in vars(self).items() if name != "scale"}
        return replace(self, **rows)


def make_targets(body: Body, source: SourceMotion, displacement: np.ndarray | None = None) -> Targets:
    """Return the targets of each frame of ``source``, at the control rate, for ``body``.

    The height is set so that a foot that stands flat in the source stands flat on the floor z = 0. ``displacement`` is
    the source's over one cycle [m], shape [3]; None when it is not cyclic.
    """
    neutral = dict(zip(LANDMARKS, landmark_path(body, body.neutral_qpos[None])[0][0], strict=True))
    legs = [np.linalg.norm(neutral[f"{a}_{s}"] - neutral[f"{b}_{s}"]) for a, b in LEG_BONES for s in "rl"]
    scale = float(sum(legs) / 2 / source.leg_length())
    standing = 0.5 * (neutral["ankle_r"] + neutral["ankle_l"])[2] - scale * source.ankle_height_m
    contact, floor = _foot_contact(source, displacement)
    pelvis = scale * (source.pelvis - [0.0, 0.0, floor]) + [0.0, 0.0, standing]

    rotations = {
        name: Rotation.from_quat(source.orientations[:, index], scalar_first=True)
        for index, name in enumerate(SEGMENTS)
    }
    hips = 0.5 * (neutral["hip_r"] + neutral["hip_l"])
    shoulders = 0.5 * (neutral["shoulder_r"] + neutral["shoulder_l"])
    pivot = hips + TRUNK_PIVOT * (shoulders - hips)
    chest = pelvis + rotations["pelvis"].apply(pivot - hips)
    reached = {}
    for side in "rl":
        reached[f"hip_{side}"] = pelvis + rotations["pelvis"].apply(neutral[f"hip_{side}"] - hips)
        reached[f"shoulder_{side}"] = chest + rotations["thorax"].apply(neutral[f"shoulder_{side}"] - pivot)
        for near, far in (*LEG_BONES, *ARM_BONES):
            near, far = f"{near}_{side}", f"{far}_{side}"
            bone = source.joint(far) - source.joint(near)
            length = np.linalg.norm(neutral[far] - neutral[near])
            reached[far] = reached[near] + length * bone / np.linalg.norm(bone, axis=1, keepdims=True)
    positions = np.stack([reached[name] for name in JOINT_CENTERS], axis=1)
    positions = _above_floor(positions, contact, source.fps, displacement is not None)
    course = None if displacement is None else scale * displacement
    aims = positions.copy()
    for index in (JOINT_CENTERS.index("wrist_r"), JOINT_CENTERS.index("wrist_l")):
        before, after = _neighbors(positions[:, index], course)
        speed = np.linalg.norm((after - before)[:, :2], axis=-1) * source.fps / 2.0
        stands = _falling(positions[:, index, 2], *WRIST_HEIGHT_M) * _falling(speed, *WRIST_SPEED_M_S)
        aims[:, index, :2] = _held(positions[:, index, :2], stands, course)
    places = np.empty((len(positions), 2, 2, 2))
    for column, (side, foot) in enumerate(zip("rl", find_feet(body), strict=True)):
        ball = neutral[f"toe_{side}"] - neutral[f"ankle_{side}"]
        heel = ball + foot.neutral_rotation @ (foot.points[0] - foot.points[1])
        ankle = positions[:, JOINT_CENTERS.index(f"ankle_{side}")]
        heights = np.empty((len(positions), 2))
        for part, offset in enumerate((heel, ball)):
            point = ankle + rotations[f"ankle_{side}"].apply(offset)
            places[:, column, part] = _held(point[:, :2], contact[:, column, part], course)
            heights[:, part] = point[:, 2] - foot.heights[part]
        stands = contact[:, column]
        lift = (stands * heights).sum(axis=1) / np.maximum(stands.sum(axis=1), 1.0)
        aims[:, JOINT_CENTERS.index(f"ankle_{side}"), 2] -= lift
    return Targets(positions, aims, source.orientations, contact, places, scale)


def _held(path: np.ndarray, stands: np.ndarray, course: np.ndarray | None) -> np.ndarray:
    """Return a horizontal path that does not move where its point stands and is kept elsewhere [m], shape [T, 2].

    It minimizes the squared distance from the path plus, times `HOLD`, that between its neighboring frames. ``stands``
    says how certainly the point stands, 0 to 1, shape [T]; ``course`` is the displacement over one cycle [m], shape
    [3], or None.
    """
    frames = len(path)
    if course is not None:
        path = np.concatenate([path - course[:2], path, path + course[:2]])
        stands = np.tile(stands, 3)
    closeness = stands + 1e-3
    stiffness = HOLD * np.minimum(stands[1:], stands[:-1]) ** 4
    bands = np.zeros((2, len(path)))
    bands[1] = closeness
    bands[1, 1:] += stiffness
    bands[1, :-1] += stiffness
    bands[0, 1:] = -stiffness
    held = solveh_banded(bands, closeness[:, None] * path)
    return held if course is None else held[frames : 2 * frames]


def _above_floor(positions: np.ndarray, contact: np.ndarray, fps: float, cyclic: bool) -> np.ndarray:
    """Lift joint centers that are closer to the floor than flesh and bone allow, shape [T, 12, 3].

    While no foot stands the whole body is lifted; otherwise, and for what is left, single joint centers are.
    """
    mode = "wrap" if cyclic else "nearest"
    lowest = np.array([CLEARANCE_M[name[:-2]] for name in JOINT_CENTERS])
    lacking = np.maximum(lowest - positions[..., 2], 0.0)
    width = LIFT_BLEND_S * fps
    lift = maximum_filter1d(lacking.max(axis=1), 2 * round(2.0 * width) + 1, mode=mode)
    lift = gaussian_filter1d(lift, width, mode=mode) * (1.0 - np.clip(contact.max(axis=(1, 2)), 0.0, 1.0))
    lift = gaussian_filter1d(lift, width, mode=mode)
    lifted = positions.copy()
    lifted[..., 2] = np.maximum(positions[..., 2] + lift[:, None], lowest)
    return lifted


def _foot_contact(source: SourceMotion, displacement: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Find when heel and ball of each foot stand, from their height and horizontal speed.

    Returns:
        Contact, 0 to 1, shape [T, 2, 2], and the height of the floor in the recording [m]: the median of the
        standing points, because recorded feet sink into the floor in single frames.
    """
    before, after = _neighbors(source.sole_points, displacement)
    speed = np.linalg.norm((after - before)[..., :2], axis=-1) * source.fps / 2.0
    slow = _falling(speed, *CONTACT_SPEED_M_S)
    height = source.sole_height
    lower = _falling(height - height.min(axis=2, keepdims=True), *CONTACT_TILT_M)
    floor = float(np.percentile(height, 5))
    for _ in range(2):
        contact = slow * lower * _falling(height - floor, *CONTACT_HEIGHT_M)
        if (contact > 0.5).any():
            floor = float(np.median(height[contact > 0.5]))
    mode = "nearest" if displacement is None else "wrap"
    frames = max(3, 2 * round(0.5 * SHORTEST_CONTACT_S * source.fps) + 1)
    contact = median_filter(contact, size=(frames, 1, 1), mode=mode)
    return gaussian_filter1d(contact, CONTACT_BLEND_S * source.fps, axis=0, mode=mode), floor


def _neighbors(points: np.ndarray, displacement: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the points one frame earlier and one frame later."""
    first, last = points[:1], points[-1:]
    if displacement is not None:
        first, last = last - displacement, first + displacement
    return np.concatenate([first, points[:-1]]), np.concatenate([points[1:], last])


def _falling(values: np.ndarray, full: float, none: float) -> np.ndarray:
    """Smooth step from 1 below ``full`` to 0 above ``none``."""
    share = np.clip((none - values) / (none - full), 0.0, 1.0)
    return share**2 * (3.0 - 2.0 * share)
