"""Reader of BVH files (Biovision hierarchy): a skeleton, then one row of channels a frame.

Positions of the joints follow from the offsets, or the position channels in their place, and the rotation channels in
the order in which the file names them. Position channels that stay near zero where the offsets are bones are
displacements: they are added to the offsets. Which joint is which landmark is said by a name map in ``cfg/motion/bvh``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import check_frames, check_table, printable
from msemu.motion.formats.anatomy import frame, leg_length, source_from_points
from msemu.motion.formats.axes import ReadOptions, to_z_up, unit_length
from msemu.motion.formats.maps import choose_map
from msemu.motion.formats.text import Line, TextFile, distinct, keyword
from msemu.motion.source import SourceMotion

MAX_JOINTS = 500
"""Most joints a skeleton may have."""

_NUMBERS_PER_JOINT = 7
"""Position and quaternion, which are kept for each frame."""

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_NAMED = ("ROOT", "JOINT", "END")
_WORDS = (*_NAMED, "OFFSET", "CHANNELS", "{", "}")
_FRAMES = re.compile(r"frames\s*:\s*(\S+)$")
_FRAME_TIME = re.compile(r"frame\s*time\s*:\s*(\S+)$")
_REQUIRED = ("pelvis", *(f"{joint}_{side}" for joint in ("hip", "knee", "ankle", "shoulder") for side in "rl"))


@dataclass
class Joint:
    """A joint of the skeleton.

    Attributes:
        name: Its name, with the line where it is repeated; that of its parent and ``_end`` for an end site.
        line: Its line in the file.
        parent: Index of its parent; -1 for the root.
        offset: Position in the parent's frame [file's unit], shape [3].
        channels: Names of its channels, in order.
    """

    name: str
    line: int
    parent: int
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()


class BvhFile(NamedTuple):
    """What a BVH file holds.

    Attributes:
        joints: Joints, each after its parent.
        frame_time: Duration of a frame [s].
        rows: Channels of all joints, shape [T, C].
        remarks: What was mended in the text.
    """

    joints: list[Joint]
    frame_time: float
    rows: np.ndarray
    remarks: str


def read_bvh(path: Path, options: ReadOptions) -> SourceMotion:
    """Read a BVH file.

    Raises:
        MsemuError: The file is missing, damaged, of another format, or of a skeleton that no map knows.
    """
    joints, frame_time, rows, remarks = parse_bvh(path)
    mapping = choose_map("bvh", path, [joint.name for joint in joints], _REQUIRED, options.names)
    _check_radians(path, joints, rows, options)
    _adapt(joints, rows, options)
    moves = _translations(joints, rows)
    positions, rotations = _forward_kinematics(joints, rows, moves)
    index = {joint.name: position for position, joint in enumerate(joints)}
    found = {landmark: index[members[0]] for landmark, members in mapping.found.items()}
    points = {landmark: positions[joint] for landmark, joint in found.items()}
    length = unit_length(path, options.unit, leg_length(points))
    up = options.up or "y"
    centers = {name: to_z_up(length * values, up) for name, values in points.items()}

    vertical = Rotation.from_matrix(to_z_up(np.eye(3), up).T)
    return source_from_points(
        path,
        np.arange(len(rows)) * frame_time,
        {name: values for name, values in centers.items() if name not in ("pelvis", "head")},
        {"pelvis": vertical * rotations[found["pelvis"]] * _pelvis_axes(joints, moves, found)},
        f"BVH file {Path(path).name}, names of '{mapping.name}'{remarks}",
        vertical * rotations[found["head"]] if "head" in found else None,
    )


def parse_bvh(path: Path) -> BvhFile:
    """Read skeleton and channels.

    Raises:
        MsemuError: The file is no BVH, truncated, or holds impossible values.
    """
    text = TextFile(path)
    start = text.find("motion")
    if text.find("hierarchy") != 0 or start < 0:
        raise MsemuError(f"{path} is not a BVH file: 'HIERARCHY' or 'MOTION' is missing")
    joints = _parse_hierarchy(text, text.lines[:start])
    head, rows = text.lines[start + 1 : start + 3], text.lines[start + 3 :]
    check_table(path, len(rows), _NUMBERS_PER_JOINT * len(joints))
    stated = [pattern.match(keyword(line.text)) for pattern, line in zip((_FRAMES, _FRAME_TIME), head, strict=False)]
    if len(stated) < 2 or not stated[0] or not stated[1]:
        raise text.error(text.lines[start], "says 'MOTION': 'Frames:' and 'Frame Time:' must follow it")
    frame_time = float(text.numbers([Line(head[1].number, stated[1][1])], 1)[0, 0])
    if not 1e-4 < frame_time < 1.0:
        raise text.error(head[1], f"states a frame time of {frame_time:g} s, which is not between 0.1 ms and 1 s")
    text.check_count(stated[0][1], len(rows), "frames")
    check_frames(path, len(rows))
    table = text.numbers(rows, sum(len(joint.channels) for joint in joints))
    return BvhFile(joints, frame_time, table, text.remarks)


def _parse_hierarchy(text: TextFile, lines: Sequence[Line]) -> list[Joint]:
    joints: list[Joint] = []
    open_joints: list[int] = []
    for line, word, values in _statements(lines):
        if word in _NAMED:
            if len(joints) >= MAX_JOINTS:
                raise MsemuError(f"{text.path} has more than {MAX_JOINTS} joints, which is refused")
            parent = open_joints[-1] if open_joints else -1
            open_joints.append(len(joints))
            joints.append(Joint(" ".join(values), line.number, parent))
            if word == "END" and parent >= 0:
                _name_end(joints)
        elif word == "OFFSET" and open_joints:
            joints[open_joints[-1]].offset = text.numbers([Line(line.number, " ".join(values))], 3)[0]
        elif word == "CHANNELS" and open_joints:
            joints[open_joints[-1]].channels = _channels(text, line, values)
        elif word == "}" and open_joints:
            open_joints.pop()
        elif word not in ("{", "HIERARCHY"):
            raise text.error(line, f"is no part of a skeleton: '{printable(line.text.strip())}'")
    if open_joints:
        raise text.error(
            lines[-1], f"ends the skeleton, in which no bracket closes '{printable(joints[open_joints[-1]].name)}'"
        )
    roots = [joint for joint in joints if joint.parent < 0]
    if len(roots) != 1:
        raise MsemuError(
            f"{text.path} has {len(roots)} skeletons (lines {[joint.line for joint in roots][:4]}), not one"
        )
    names = distinct([joint.name for joint in joints], [f"line {joint.line}" for joint in joints])
    for joint, name in zip(joints, names, strict=True):
        joint.name = name
    return joints


def _check_radians(path: Path, joints: list[Joint], rows: np.ndarray, options: ReadOptions) -> None:
    """Refuse angles that the user calls radians and that turn a joint more than twice around."""
    kinds = [channel[1:] for joint in joints for channel in joint.channels]
    turns = np.abs(rows[:, [kind == "rotation" for kind in kinds]])
    if options.angle_unit == "rad" and turns.max(initial=0.0) > 4 * np.pi:
        raise MsemuError(
            f"{path} holds a rotation by {turns.max():.0f}, which no joint makes in radians: leave out --angle-unit rad"
        )


def _adapt(joints: list[Joint], rows: np.ndarray, options: ReadOptions) -> None:
    """Bring rotations to degrees and a left-handed skeleton to right-handed axes, in place, as the user says."""
    degrees = np.degrees(1.0) if options.angle_unit == "rad" else 1.0
    mirrored = ("Z" if options.up in ("x", "-x") else "X") if options.mirror else ""  # a horizontal axis of the file
    channels = [channel for joint in joints for channel in joint.channels]
    for column, (axis, kind) in enumerate((channel[0], channel[1:]) for channel in channels):
        rows[:, column] *= degrees if kind == "rotation" else 1.0
        if mirrored and (axis == mirrored) == (kind == "position"):
            rows[:, column] *= -1.0
    for joint in joints if mirrored else ():
        joint.offset["XYZ".index(mirrored)] *= -1.0


def _statements(lines: Sequence[Line]) -> Iterator[tuple[Line, str, list[str]]]:
    """Return each statement of the skeleton, of which a line may hold several, with its line and its values.

    A name ends with the line or a bracket, other values also before the next statement.
    """
    for line in lines:
        words = re.sub(r"([{}])", r" \1 ", line.text).split()
        start = 0
        while start < len(words):
            word, end = words[start].upper(), start + 1
            stops = ("{", "}") if word in _NAMED else _WORDS
            while end < len(words) and words[end].upper() not in stops:
                end += 1
            yield line, word, words[start + 1 : end]
            start = end


def _name_end(joints: list[Joint]) -> None:
    """Name the last joint, an end site, after its parent; further ones of the same parent also after their line."""
    site, parent = joints[-1], joints[joints[-1].parent]
    first = f"{parent.name}_end"
    site.name = f"{first}_{site.line}" if any(joint.name == first for joint in joints) else first


def _channels(text: TextFile, line: Line, values: list[str]) -> tuple[str, ...]:
    channels = tuple(value.strip(",;").capitalize() for value in values[1:])
    unknown = [channel for channel in channels if channel not in _CHANNELS]
    if unknown:
        raise text.error(line, f"names the channel '{printable(unknown[0])}'; known: {', '.join(_CHANNELS)}")
    if values[:1] != [str(len(channels))] or len(set(channels)) < len(channels):
        raise text.error(line, f"must name as many different channels as it says: '{printable(line.text.strip(), 80)}'")
    return channels


def _channel_values(joints: list[Joint], rows: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Return the values of each joint's channels by name, in the file's order, shape [T] each."""
    columns = iter(rows.T)
    return [{channel: next(columns) for channel in joint.channels} for joint in joints]


def _translations(joints: list[Joint], rows: np.ndarray) -> list[np.ndarray]:
    """Return where each joint is in its parent's frame [file's unit], shape [T, 3] where it has position channels.

    Other joints have their offset, shape [3].
    """
    moves = []
    for joint, values in zip(joints, _channel_values(joints, rows), strict=True):
        columns = [values.get(channel) for channel in _CHANNELS[:3]]
        shifted = [
            np.full(len(rows), at) if moved is None else moved for at, moved in zip(joint.offset, columns, strict=True)
        ]
        moves.append(joint.offset if all(column is None for column in columns) else np.column_stack(shifted))
    inner = [
        (joint.offset, move) for joint, move in zip(joints, moves, strict=True) if joint.parent >= 0 and move.ndim == 2
    ]
    from_zero = sum(float(np.linalg.norm(move.mean(axis=0))) for _, move in inner)
    from_offset = sum(float(np.linalg.norm(move.mean(axis=0) - offset)) for offset, move in inner)
    if from_zero < from_offset:
        for offset, move in inner:
            move += offset
    return moves


def _forward_kinematics(
    joints: list[Joint], rows: np.ndarray, moves: list[np.ndarray]
) -> tuple[list[np.ndarray], list[Rotation]]:
    """Return the position [T, 3] and the rotation of each joint in the file's axes and unit."""
    positions: list[np.ndarray] = []
    rotations: list[Rotation] = []
    for joint, move, values in zip(joints, moves, _channel_values(joints, rows), strict=True):
        order = "".join(channel[0] for channel in values if channel.endswith("rotation"))
        local = Rotation.identity(len(rows))
        if order:
            angles = np.column_stack([values[f"{letter}rotation"] for letter in order])
            local = Rotation.from_euler(order, angles, degrees=True)
        if joint.parent < 0:
            positions.append(np.tile(move, (len(rows), 1)) if move.ndim == 1 else move)
            rotations.append(local)
        else:
            positions.append(positions[joint.parent] + rotations[joint.parent].apply(move))
            rotations.append(rotations[joint.parent] * local)
    return positions, rotations


def _pelvis_axes(joints: list[Joint], moves: list[np.ndarray], found: dict[str, int]) -> Rotation:
    """Return the axes of the pelvis in its joint's frame.

    Left from hip to hip, up from the hips to the shoulders in the skeleton's zero pose, in which the trunk is
    straight whatever direction it has.
    """
    names = [f"{joint}_{side}" for joint in ("hip", "shoulder") for side in "rl"]
    bones = [
        joint.offset if joint.parent < 0 or move.ndim == 1 else move.mean(axis=0)
        for joint, move in zip(joints, moves, strict=True)
    ]
    hip_r, hip_l, shoulder_r, shoulder_l = (
        _offset_within(joints, bones, found[name], found["pelvis"]) for name in names
    )
    up = 0.5 * (shoulder_r + shoulder_l - hip_r - hip_l)
    return frame("left", (hip_l - hip_r)[None], "up", up[None])[0]


def _offset_within(joints: list[Joint], bones: list[np.ndarray], index: int, ancestor: int) -> np.ndarray:
    """Return where a joint is from an ancestor in the skeleton's zero pose [file's unit], shape [3]."""
    offset = np.zeros(3)
    while index not in (ancestor, -1):
        offset += bones[index]
        index = joints[index].parent
    return offset
