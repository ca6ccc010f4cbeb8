"""Reader of DeepMimic motion files (JSON).

A frame is a row of 44 numbers: duration [s], root position (x, y up, z) [m], root quaternion (w, x, y, z), then the
local rotation of each joint in the order of `_JOINTS`: a quaternion for a ball joint, an angle about z [rad] for a knee
or an elbow. The skeleton's dimensions are those of DeepMimic's ``data/characters/humanoid3d.txt`` (Peng et al. 2018,
doi:10.1145/3197517.3201311): x forward, y up, z to the right.
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import check_finite, check_frames, read_bytes
from msemu.motion.checks.angles import check_angles
from msemu.motion.formats import humanoid_foot
from msemu.motion.formats.axes import AS_STATED, ReadOptions, to_z_up
from msemu.motion.formats.reorient import turned
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

NUM_COLUMNS = 44

_LIMB_JOINTS = (
    # name, parent, offset of the right one from the parent [m] in the parent's frame, degrees of freedom
    ("hip", "root", (0.0, 0.0, 0.084887), 3),
    ("knee", "hip", (0.0, -0.421546, 0.0), 1),
    ("ankle", "knee", (0.0, -0.409870, 0.0), 3),
    ("shoulder", "chest", (-0.02405, 0.243500, 0.183110), 3),
    ("elbow", "shoulder", (0.0, -0.274788, 0.0), 1),
    ("wrist", "elbow", (0.0, -0.258947, 0.0), 0),
)
_JOINTS = (
    ("chest", "root", (0.0, 0.236151, 0.0), 3),
    ("neck", "chest", (0.0, 0.223894, 0.0), 3),
    *(
        (f"{name}_{side}", parent if parent in ("root", "chest") else f"{parent}_{side}", (x, y, sign * z), freedoms)
        for side, sign in (("r", 1.0), ("l", -1.0))
        for name, parent, (x, y, z), freedoms in _LIMB_JOINTS
    ),
)

_QUATERNION_COLUMNS = (4, 8, 12, 16, 21, 25, 30, 35, 39)

_ANGLE_COLUMNS = (20, 29, 34, 43)

_SEGMENT_JOINTS = {"pelvis": "root", "thorax": "chest", "head": "neck", "ankle_r": "ankle_r", "ankle_l": "ankle_l"}


def read_deepmimic(path: Path, options: ReadOptions = AS_STATED) -> SourceMotion:
    """Read a DeepMimic motion file.

    Raises:
        MsemuError: The file is missing, too large, no DeepMimic JSON, or holds impossible values.
    """
    frames, cyclic = _parse(read_bytes(path), path)
    angles = {f"the angle in column {column + 1}": frames[:, column] for column in _ANGLE_COLUMNS}
    ranges = dict.fromkeys(angles, (-np.pi, np.pi))
    check_angles(path, np.cumsum(frames[:, 0]) - frames[0, 0], angles, ranges, "angles are in radians in this format")
    time_s = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    positions, rotations = _forward_kinematics(frames)
    orientations = {segment: rotations[joint] for segment, joint in _SEGMENT_JOINTS.items()}
    quaternions = np.stack([orientations[name].as_quat(scalar_first=True) for name in SEGMENTS], axis=1)
    quaternions[..., 1:] = to_z_up(quaternions[..., 1:], "y")
    centers = to_z_up(np.stack([positions[name] for name in JOINT_CENTERS], axis=1), "y")
    name, source = Path(path).stem.removeprefix("humanoid3d_"), f"DeepMimic motion file {Path(path).name}"
    motion = humanoid_foot.source_from_humanoid(path, time_s, centers, quaternions, name, source, cyclic)
    return turned(motion, options.up, "y")


def _parse(content: bytes, path: Path) -> tuple[np.ndarray, bool]:
    """Return the rows [T, 44] and whether the file asks for looping."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MsemuError(f"{path} is not valid JSON ({error}); is the file complete?") from error
    if not isinstance(document, dict) or not isinstance(document.get("Frames"), list):
        raise MsemuError(f'{path} is not a DeepMimic motion: no list "Frames"')
    rows = document["Frames"]
    check_frames(path, len(rows))
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != NUM_COLUMNS:
            columns = len(row) if isinstance(row, list) else 0
            raise MsemuError(
                f"{path}: frame {index} has {columns} columns, a DeepMimic humanoid frame has {NUM_COLUMNS}"
            )
        if not all(type(value) in (int, float) for value in row):
            raise MsemuError(f"{path}: frame {index} holds something that is not a number")
    try:
        frames = np.array(rows, dtype=float)
    except OverflowError:
        raise MsemuError(f"{path} holds a number beyond the range of float64") from None
    check_finite(path, "the list of frames", frames)
    if not ((frames[:-1, 0] > 1e-4) & (frames[:-1, 0] < 10.0)).all():
        raise MsemuError(f"{path}: a frame duration (column 1) is not between 0.1 ms and 10 s")
    for first in _QUATERNION_COLUMNS:
        norms = np.linalg.norm(frames[:, first : first + 4], axis=1)
        if norms.min() < 0.1:
            frame = int(norms.argmin())
            raise MsemuError(f"{path}: frame {frame} has a quaternion of norm {norms[frame]:.2g} (column {first + 1})")
    return frames, document.get("Loop") == "wrap"


def _forward_kinematics(frames: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Rotation]]:
    """Return joint positions [T, 3] (y up) and global rotations, by joint name."""
    positions = {"root": frames[:, 1:4]}
    rotations = {"root": _unit_rotation(frames[:, 4:8])}
    column = 8
    for name, parent, offset, freedoms in _JOINTS:
        positions[name] = positions[parent] + rotations[parent].apply(np.array(offset))
        if freedoms == 3:
            local = _unit_rotation(frames[:, column : column + 4])
            column += 4
        elif freedoms == 1:
            local = Rotation.from_euler("z", frames[:, column, None])
            column += 1
        else:
            local = Rotation.identity(len(frames))
        rotations[name] = rotations[parent] * local
    return positions, rotations


def _unit_rotation(quaternions: np.ndarray) -> Rotation:
    """Normalize: published files interpolate some quaternions linearly, norms go down to 0.6."""
    norms = np.linalg.norm(quaternions, axis=1)
    return Rotation.from_quat(quaternions / norms[:, None], scalar_first=True)
