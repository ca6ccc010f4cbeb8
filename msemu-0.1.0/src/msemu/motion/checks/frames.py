"""Frames that cannot be: a first one of another pose, jumps, and bones that change their length."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.motion.source import ARM_BONES, JOINT_CENTERS, LEG_BONES, SEGMENTS, SourceMotion

FIRST_STEP = (4.0, 0.03)
"""A first frame is of another pose when the mean step to the second one is this many times the largest later step, and
this large [m, or rad for joint angles]. In recordings without such a frame it is at most 1 times."""

JUMP_M = 0.2
"""Largest part of the way within `JUMP_STEP_S` that the frames around do not explain [m]: 10 m/s. Kicks, sprints and
backflips are fast but smooth; they reach 0.7 of it."""

JUMP_STEP_S = 0.02
"""Time between the frames that are compared, where there are so many [s]."""

_JUMP_GROWTH = 1.3
"""With which power of a longer step the limit grows: the third difference of a kick with its second to third."""

BONE = 0.2
"""Largest change of a bone's length over its median; markers on skin and centers by regression vary by 0.07."""

FIRST_POSE = "the first frame, of another pose, is left out"
"""What the source then says."""

_REACH_M = 0.3
"""Distance of the points on a segment whose jumps are those of its orientation: 0.2 m are 40 degrees [m]."""


def starts_elsewhere(values: np.ndarray) -> bool:
    """Whether the first frame is of another pose than the movement, such as the T-pose of a BVH file.

    ``values`` are positions or angles, frames first.
    """
    if len(values) < 4:
        return False
    steps = np.abs(np.diff(values.reshape(len(values), -1), axis=0)).mean(axis=1)
    return bool(steps[0] > max(FIRST_STEP[0] * steps[1:].max(), FIRST_STEP[1]))


def without_first_pose(source: SourceMotion) -> SourceMotion:
    """Return the recording without a first frame of another pose; its source then says so."""
    if source.cyclic or not starts_elsewhere(source.positions):
        return source
    return source.part(slice(1, None), FIRST_POSE)


def check_frames(path: Path, source: SourceMotion) -> None:
    """Refuse a recording in which a point jumps or a bone changes its length.

    Raises:
        MsemuError: There is such a frame; the message names the point, the frame and the time.
    """
    remedy = "mend the file, or cut it with --start and --end"
    lengths = source.limb_lengths()
    change = np.abs(lengths / np.median(lengths, axis=1, keepdims=True) - 1.0)
    turns = [f"the orientation of {name.replace('ankle', 'foot')}" for name in SEGMENTS for _ in range(2)]
    for points, names in ((source.positions, JOINT_CENTERS), (_beside(source), turns)):
        jumps = _jumps(points, source.fps)
        if jumps.max() > 1.0:
            frame, point = np.unravel_index(jumps.argmax(), jumps.shape)
            place = _place(source, _sharper(points[:, point], int(frame), _step(source.fps)))
            raise MsemuError(f"{path}: {names[point]} jumps in {place}: {remedy}")
    if change.max() > BONE:
        bone, frame = np.unravel_index(change.argmax(), change.shape)
        near, far = (*LEG_BONES, *ARM_BONES)[bone // 2]
        raise MsemuError(
            f"{path}: from {near} to {far} ({'right' if bone % 2 == 0 else 'left'}) it is {lengths[bone, frame]:.2f} m"
            f" in {_place(source, int(frame))}, {np.median(lengths[bone]):.2f} m in most: {remedy}"
        )


def _jumps(points: np.ndarray, fps: float) -> np.ndarray:
    """Return how far each point jumps in each frame over how far it may, shape [T, P]; of points [T, P, 3] at a rate.

    Half of the third difference is the height of a single step, and less than that of a smooth path.
    """
    step = _step(fps)
    found = np.zeros(points.shape[:2])
    if len(points) <= 4 * step:
        return found
    limit = JUMP_M * max(1.0, step / fps / JUMP_STEP_S) ** _JUMP_GROWTH
    ends, middle = points[3 * step :] - points[: -3 * step], points[2 * step : -step] - points[step : -2 * step]
    found[2 * step : -step] = 0.5 * np.linalg.norm(ends - 3 * middle, axis=-1) / limit
    return found


def _step(fps: float) -> int:
    """Frames between those that are compared."""
    return max(1, round(JUMP_STEP_S * fps))


def _sharper(path: np.ndarray, frame: int, step: int) -> int:
    """Return which end of a jump lies beside its neighbors: the frame or, where that is a spike, the one before it.

    A spike of one frame jumps there and back, and both look alike to `_jumps`; ``path`` has shape [T, 3].
    """
    bends = [np.linalg.norm(path[at - step] - 2 * path[at] + path[at + step]) for at in (frame - step, frame)]
    return frame - step if bends[0] > bends[1] else frame


def _beside(source: SourceMotion) -> np.ndarray:
    """Return points ahead and at the left of each segment that turn with it about the origin [m], shape [T, 10, 3]."""
    matrices = Rotation.from_quat(source.orientations.reshape(-1, 4), scalar_first=True).as_matrix()
    return _REACH_M * matrices.transpose(0, 2, 1)[:, :2].reshape(source.num_frames, -1, 3)


def _place(source: SourceMotion, frame: int) -> str:
    first, begin_s = source.begin
    return f"frame {first + frame + 1} of {first + source.num_frames} ({begin_s + source.time_s[frame]:.3f} s)"
