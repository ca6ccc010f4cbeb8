"""Reader of BVH files (Biovision hierarchy): a skeleton, then one row of channels a frame.

Positions of the joints follow from the offsets and the rotation channels in the order in which the file names
them. Which joint is which landmark is said by a name map in ``cfg/motion/bvh``.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import check_table, parse_numbers, printable, read_text
from msemu.motion.formats.anatomy import frame, leg_length, source_from_points
from msemu.motion.formats.axes import ReadOptions, check_upright, to_z_up, unit_length
from msemu.motion.formats.maps import choose_map
from msemu.motion.source import SourceMotion

MAX_JOINTS = 500
"""Most joints a skeleton may have."""

_NUMBERS_PER_JOINT = 7
"""Position and quaternion, which are kept for each frame."""

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_REQUIRED = ("pelvis", *(f"{joint}_{side}" for joint in ("hip", "knee", "ankle", "shoulder") for side in "rl"))


@dataclass
class Joint:
    """A joint of the skeleton.

    Attributes:
        name: Its name; that of its parent and ``_end`` for an end site.
        parent: Index of its parent; -1 for the root.
        offset: Position in the parent's frame [file's unit], shape [3].
        channels: Names of its channels, in order.
    """

    name: str
    parent: int
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()


def read_bvh(path: Path, options: ReadOptions) -> SourceMotion:
    """Read a BVH file.

    Raises:
        MsemuError: The file is missing, damaged, of another format, or of a skeleton that no map knows.
    """
    joints, frame_time, rows = parse_bvh(path)
    mapping = choose_map("bvh", path, [joint.name for joint in joints], _REQUIRED, options.names)
    positions, rotations = _forward_kinematics(joints, rows)
    index = {joint.name: position for position, joint in enumerate(joints)}
    found = {landmark: index[members[0]] for landmark, members in mapping.found.items()}
    points = {landmark: positions[joint] for landmark, joint in found.items()}
    length = unit_length(path, options.unit, leg_length(points))
    if options.up is None:
        check_upright(path, points, "y")
    up = options.up or "y"
    centers = {name: to_z_up(length * values, up) for name, values in points.items()}

    vertical = Rotation.from_matrix(to_z_up(np.eye(3), up).T)
    return source_from_points(
        path,
        np.arange(len(rows)) * frame_time,
        {name: values for name, values in centers.items() if name not in ("pelvis", "head")},
        {"pelvis": vertical * rotations[found["pelvis"]] * _pelvis_axes(joints, found)},
        f"BVH file {Path(path).name}, names of '{mapping.name}'",
        vertical * rotations[found["head"]] if "head" in found else None,
    )


def parse_bvh(path: Path) -> tuple[list[Joint], float, np.ndarray]:
    """Return the joints, the duration of a frame [s] and the channels, shape [T, C].

    Raises:
        MsemuError: The file is no BVH, truncated, or holds impossible values.
    """
    lines = read_text(path).splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip() == "MOTION"), None)
    if not lines or lines[0].strip() != "HIERARCHY" or start is None:
        raise MsemuError(f"{path} is not a BVH file: 'HIERARCHY' or 'MOTION' is missing")
    joints = _parse_hierarchy(path, lines[1:start])
    rows = [line for line in lines[start + 1 :] if line.strip()]
    check_table(path, len(rows), _NUMBERS_PER_JOINT * len(joints))
    try:
        declared = int(rows[0].split("Frames:")[1])
        frame_time = float(rows[1].split("Frame Time:")[1])
    except (IndexError, ValueError):
        raise MsemuError(f"{path}: 'Frames:' and 'Frame Time:' must follow 'MOTION'") from None
    if not 1e-4 < frame_time < 1.0:
        raise MsemuError(f"{path}: a frame time of {frame_time} s is not between 0.1 ms and 1 s")
    if declared != len(rows) - 2:
        raise MsemuError(
            f"{path}: {printable(str(declared))} frames are declared, there are {len(rows) - 2}; is it complete?"
        )
    table = parse_numbers(path, rows[2:], sum(len(joint.channels) for joint in joints), first_row=start + 3)
    return joints, frame_time, table


def _parse_hierarchy(path: Path, lines: list[str]) -> list[Joint]:
    joints: list[Joint] = []
    open_joints: list[int] = []
    for line in lines:
        words = line.split()
        if not words or words == ["{"]:
            continue
        keyword = words[0].upper()
        try:
            if keyword in ("ROOT", "JOINT", "END"):
                if len(joints) >= MAX_JOINTS:
                    raise MsemuError(f"{path} has more than {MAX_JOINTS} joints, which is refused")
                name = " ".join(words[1:]) if keyword != "END" else f"{joints[open_joints[-1]].name}_end"
                joints.append(Joint(name, open_joints[-1] if open_joints else -1))
                open_joints.append(len(joints) - 1)
            elif keyword == "OFFSET":
                joints[open_joints[-1]].offset = parse_numbers(path, [" ".join(words[1:])], 3)[0]
            elif keyword == "CHANNELS":
                channels = tuple(words[2:])
                if int(words[1]) != len(channels) or not set(channels) <= set(_CHANNELS):
                    raise ValueError
                joints[open_joints[-1]].channels = channels
            elif keyword == "}":
                open_joints.pop()
            else:
                raise ValueError
        except (IndexError, ValueError):
            raise MsemuError(f"{path}: the skeleton has a damaged line '{printable(line.strip())}'") from None
    if open_joints or [joint.parent for joint in joints].count(-1) != 1:
        raise MsemuError(f"{path}: the skeleton is not one tree; is a bracket missing?")
    return joints


def _forward_kinematics(joints: list[Joint], rows: np.ndarray) -> tuple[list[np.ndarray], list[Rotation]]:
    """Return the position [T, 3] and the rotation of each joint in the file's axes and unit."""
    positions: list[np.ndarray] = []
    rotations: list[Rotation] = []
    column = 0
    for joint in joints:
        values = dict(zip(joint.channels, rows.T[column : column + len(joint.channels)], strict=True))
        column += len(joint.channels)
        offset = np.tile(joint.offset, (len(rows), 1))
        for axis, letter in enumerate("XYZ"):
            if f"{letter}position" in values:
                offset[:, axis] = values[f"{letter}position"]
        order = "".join(channel[0] for channel in values if channel.endswith("rotation"))
        local = Rotation.identity(len(rows))
        if order:
            angles = np.column_stack([values[f"{letter}rotation"] for letter in order])
            local = Rotation.from_euler(order, angles, degrees=True)
        if joint.parent < 0:
            positions.append(offset)
            rotations.append(local)
        else:
            positions.append(positions[joint.parent] + rotations[joint.parent].apply(offset))
            rotations.append(rotations[joint.parent] * local)
    return positions, rotations


def _pelvis_axes(joints: list[Joint], found: dict[str, int]) -> Rotation:
    """Return the axes of the pelvis in its joint's frame.

    Left from hip to hip, up from the hips to the shoulders in the skeleton's zero pose, in which the trunk is
    straight whatever direction it has.
    """
    names = [f"{joint}_{side}" for joint in ("hip", "shoulder") for side in "rl"]
    hip_r, hip_l, shoulder_r, shoulder_l = (_offset_within(joints, found[name], found["pelvis"]) for name in names)
    up = 0.5 * (shoulder_r + shoulder_l - hip_r - hip_l)
    return frame("left", (hip_l - hip_r)[None], "up", up[None])[0]


def _offset_within(joints: list[Joint], index: int, ancestor: int) -> np.ndarray:
    """Return where a joint is from an ancestor in the skeleton's zero pose [file's unit], shape [3]."""
    offset = np.zeros(3)
    while index not in (ancestor, -1):
        offset += joints[index].offset
        index = joints[index].parent
    return offset
