"""Closing the loop of a cyclic movement.

A recorded cycle never ends exactly as it began. The best cycle inside the recording is cut out, the remaining
gap is spread evenly over it, and the result is the periodic source that everything downstream keeps periodic.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.motion.source import SourceMotion

MIN_PERIOD_S = 0.5
"""Shortest cycle that is looked for [s]; running strides last 0.6 to 0.8 s."""

MAX_GAP_M = 0.30
"""A recording whose best cycle leaves a larger root-mean-square gap of joint centers does not repeat [m]."""

MIN_TRAVEL_M = 0.1
"""A cycle that moves the pelvis less than this is taken to be on the spot [m]."""

MAX_SIDEWAYS_RAD = np.pi / 6
"""Up to this angle between course and facing a movement counts as forward [rad]."""

MAX_SEARCH_FRAMES = 4000
"""Longest recording that is searched for a cycle [frames]; all pairs of frames are compared."""

_VELOCITY_WEIGHT_S = 0.05
"""How much a difference of velocity counts beside a difference of position [s]."""


@dataclass(frozen=True)
class Cycle:
    """The part of a recording that is repeated.

    Attributes:
        first: Index of the first frame.
        last: Index of the frame that coincides with the first one a period later.
        gap_m: Root-mean-square distance of the joint centers between the two, root motion removed [m].
    """

    first: int
    last: int
    gap_m: float


def find_cycle(source: SourceMotion) -> Cycle:
    """Return the part of a recording that is repeated.

    That is the whole recording when the file says so, otherwise the part with the smallest gap in pose and velocity.

    Raises:
        MsemuError: The recording is too short, too long to search, or does not repeat.
    """
    local = source.positions - source.pelvis[:, None]
    local = (_heading(source).inv().as_matrix()[:, None] @ local[..., None])[..., 0]
    local = local.reshape(source.num_frames, -1) / np.sqrt(source.positions.shape[1])
    first, last = (0, source.num_frames - 1) if source.cyclic else _closest_frames(source, local)
    if source.time_s[last] - source.time_s[first] < MIN_PERIOD_S:
        raise MsemuError(f"motion '{source.name}' lasts less than {MIN_PERIOD_S} s; import it with --no-cyclic")
    gap = float(np.linalg.norm(local[first] - local[last]))
    if gap > MAX_GAP_M:
        raise MsemuError(
            f"motion '{source.name}' does not repeat: its best cycle leaves a gap of {100 * gap:.0f} cm; "
            "import it with --no-cyclic"
        )
    return Cycle(first, last, gap)


def _closest_frames(source: SourceMotion, local: np.ndarray) -> tuple[int, int]:
    """Return the two frames, at least the shortest period apart, that are most alike in pose and velocity."""
    if source.num_frames > MAX_SEARCH_FRAMES:
        raise MsemuError(
            f"motion '{source.name}' has {source.num_frames} frames, too many to look for a cycle in; cut it"
            f" to {MAX_SEARCH_FRAMES} frames or import it with --no-cyclic"
        )
    velocity = np.gradient(local, source.time_s, axis=0)
    features = np.concatenate([local, _VELOCITY_WEIGHT_S * velocity], axis=1)
    distance = cdist(features, features)
    distance[source.time_s[None] - source.time_s[:, None] < MIN_PERIOD_S] = np.inf
    first, last = np.unravel_index(np.argmin(distance), distance.shape)
    return int(first), max(int(last), int(first))


def cut_cycle(source: SourceMotion, cycle: Cycle) -> SourceMotion:
    """Return the frames of a cycle, begun above the origin, with the gap as it was recorded.

    Who walks forward walks along +x; who moves sideways, backward or on the spot faces +x on average.
    """
    part = slice(cycle.first, cycle.last + 1)
    course = source.pelvis[cycle.last] - source.pelvis[cycle.first]
    facing = float(_heading(source).mean().as_rotvec()[2])
    yaw = np.arctan2(course[1], course[0])
    if np.hypot(course[0], course[1]) < MIN_TRAVEL_M or np.cos(yaw - facing) < np.cos(MAX_SIDEWAYS_RAD):
        yaw = facing
    return _turned(source.cut(part), yaw)


def spread_gap(cut: SourceMotion) -> tuple[SourceMotion, np.ndarray]:
    """Spread the gap between the end and the beginning evenly over a cycle, half of it at either end.

    Args:
        cut: A cycle made by `cut_cycle`.

    Returns:
        The closed cycle, whose last frame is the first one moved by the displacement, and that displacement
        [m], shape [3].
    """
    share = cut.time_s / cut.time_s[-1] - 0.5
    displacement = (cut.pelvis[-1] - cut.pelvis[0]) * [1.0, 1.0, 0.0]
    if np.linalg.norm(displacement) < MIN_TRAVEL_M:
        displacement[:] = 0.0

    def close_points(points: np.ndarray) -> np.ndarray:
        gap = points[-1] - points[0] - displacement
        return points - share.reshape(-1, *[1] * gap.ndim) * gap

    segments = []
    for segment in range(cut.orientations.shape[1]):
        rotations = Rotation.from_quat(cut.orientations[:, segment], scalar_first=True)
        gap = (rotations[0].inv() * rotations[-1]).as_rotvec()
        segments.append(rotations * Rotation.from_rotvec(-share[:, None] * gap))
    closed = replace(
        cut,
        positions=close_points(cut.positions),
        orientations=np.stack([rotations.as_quat(scalar_first=True) for rotations in segments], axis=1),
        sole_points=close_points(cut.sole_points),
        cyclic=True,
    )
    return closed, displacement


def face_forward(source: SourceMotion) -> SourceMotion:
    """Turn and move a recording so that it starts above the origin facing +x."""
    return _turned(source, float(_heading(source).as_rotvec()[0, 2]))


def _turned(source: SourceMotion, yaw: float) -> SourceMotion:
    """Turn a recording by ``-yaw`` about the vertical and start it above the origin."""
    turn = Rotation.from_rotvec([0.0, 0.0, -yaw])
    origin = source.pelvis[0] * [1.0, 1.0, 0.0]

    def moved(points: np.ndarray) -> np.ndarray:
        return turn.apply((points - origin).reshape(-1, 3)).reshape(points.shape)

    rotations = turn * Rotation.from_quat(source.orientations.reshape(-1, 4), scalar_first=True)
    return replace(
        source,
        positions=moved(source.positions),
        orientations=rotations.as_quat(scalar_first=True).reshape(source.orientations.shape),
        sole_points=moved(source.sole_points),
    )


def _heading(source: SourceMotion) -> Rotation:
    """Rotation about the vertical that carries +x to where the pelvis faces."""
    forward = Rotation.from_quat(source.orientations[:, 0], scalar_first=True).apply([1.0, 0.0, 0.0])
    yaw = np.arctan2(forward[:, 1], forward[:, 0])
    return Rotation.from_rotvec(yaw[:, None] * [0.0, 0.0, 1.0])
