"""From marker positions to a source motion.

Marker names become anatomical points by a map in ``cfg/motion/markers``; joint centers follow from them: given
directly, as the middle of a lateral and a medial marker, or by regression. Where hips and shoulders are given and no
ASIS, as by systems without markers, the pelvis leans as the trunk does. Gaps are filled when they are short.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import MIN_FRAMES, printable
from msemu.motion.formats.anatomy import frame, source_from_points
from msemu.motion.formats.axes import ReadOptions, unit_length
from msemu.motion.formats.maps import NameMap, Need, choose_map, listed
from msemu.motion.source import SourceMotion

MAX_GAP_S = 0.25
"""Longest gap of a marker that is filled [s]."""

PELVIS_PLANE_TILT_RAD = 0.058
"""How far the plane through both ASIS and the sacrum points below the pelvis' forward axis: 2.7 and 3.9 degrees
between the markers of OpenSim's Rajagopal and Hamner models (doi:10.1109/TBME.2016.2586891,
doi:10.1016/j.jbiomech.2010.06.025), their mean."""

TRUNK_LEAN_RAD = 0.077
"""How far the shoulders lie behind the hips in an upright person: 41 mm over 0.53 m between the joint centers of
Rajagopal's model in its zero pose (doi:10.1109/TBME.2016.2586891)."""

SHOULDER_BELOW_ACROMION = 0.17
"""Depth of the shoulder's center below the acromion marker over the distance between both acromia
(Rab et al. 2002, doi:10.1016/S0966-6362(01)00158-4)."""

HALF_WIDTH_M = {"knee": 0.057, "ankle": 0.042}
"""From a lateral marker to the middle of the joint where no medial marker is: half of a usual width of 10 and
7 cm and the radius of a marker [m]; what a person differs from it moves the center by as much."""

_ASIS = ("asis_r", "asis_l", "sacrum")
_REQUIRED: tuple[Need, ...] = (
    (_ASIS, ("hip_r", "hip_l", "shoulder_r", "shoulder_l")),
    *(((f"{joint}_{side}",), (f"{joint}_lateral_{side}",)) for joint in ("knee", "ankle") for side in "rl"),
)
_HEAD = ("head_front", "head_back", "head_left", "head_right")


def source_from_markers(
    path: Path,
    time_s: np.ndarray,
    markers: Mapping[str, np.ndarray],
    file_unit: str | None,
    remarks: str,
    usual_up: str,
    options: ReadOptions,
) -> SourceMotion:
    """Return the source motion of markers in the file's axes and unit, shape [T, 3] each, NaN where not seen.

    ``usual_up`` is the vertical axis that the format has by custom, ``remarks`` what was mended in the file.

    Raises:
        MsemuError: Unknown markers, gaps that are too long, or a person who stands along another axis.
    """
    read = options.part(path, time_s)
    num_frames, time_s = len(time_s), time_s - time_s[0]
    time_s, markers = time_s[read], {name: _without_zeros(values[read]) for name, values in markers.items()}
    seen = [name for name, values in markers.items() if np.isfinite(values).all(-1).sum() >= MIN_FRAMES]
    mapping = _choose_map(path, markers, seen, options)
    needed = mapping.needed
    part = _seen_together(path, markers, [name for point in needed for name in mapping.found[point]])
    remarks += _left_out(part, len(time_s))
    begin = (range(num_frames)[read].start + part.start, float(time_s[part.start]))
    time = time_s[part] - time_s[part.start]

    points = {}
    for point, members in mapping.found.items():
        filled = [_fill(path, time, markers[name][part], name, point in needed) for name in members]
        seen_all = [values for values in filled if values is not None]
        if len(seen_all) == len(filled):
            points[point] = options.to_z_up(np.mean(seen_all, axis=0), usual_up)
    length = unit_length(path, options.unit or file_unit, _leg_length(points))
    points = {point: length * values for point, values in points.items()}
    if set(_ASIS) <= set(points):
        plane = _pelvis_plane(points)
        _add_hips(points, plane)
        pelvis = plane * Rotation.from_euler("y", -PELVIS_PLANE_TILT_RAD)
    else:
        plane = pelvis = _pelvis_of_centers(points)
        remarks += "; pelvis along the trunk, from hips and shoulders"
    _add_centers(points, plane)
    rotations, head = {"pelvis": pelvis}, None
    if "shoulder_r" not in points and {"trunk_top", "trunk_bottom"} <= set(points):
        trunk = points["trunk_top"] - points["trunk_bottom"]
        rotations["thorax"] = frame("up", trunk, "left", plane.apply([0.0, 1.0, 0.0]))
    if all(name in points for name in _HEAD):
        front, back, left, right = (points[name] for name in _HEAD)
        head = frame("left", left - right, "forward", front - back)
    kept = ("hip", "knee", "ankle", "toe", "heel", "shoulder", "elbow", "wrist")
    centers = {name: values for name, values in points.items() if name[:-2] in kept}
    source = f"markers of {Path(path).name}, names of '{mapping.name}'{remarks}"
    source += f"; {options.part_read}" if options.part_read else ""
    return replace(source_from_points(path, time, centers, rotations, source, head, TRUNK_LEAN_RAD), begin=begin)


def _choose_map(path: Path, markers: Mapping[str, np.ndarray], seen: list[str], options: ReadOptions) -> NameMap:
    """Return the map of the markers that are seen; an error says which ones are in the file and never seen."""
    try:
        return choose_map("markers", path, seen, _REQUIRED, options.names)
    except MsemuError as error:
        unseen = [name for name in markers if name not in seen]
        if not unseen:
            raise
        raise MsemuError(
            f"{error}; in fewer than {MIN_FRAMES} frames (empty, or at 0, 0, 0) are seen: {listed(unseen)}"
        ) from None


def _leg_length(points: Mapping[str, np.ndarray]) -> float:
    """Return a leg's length in the file's unit, over knee to ankle; the ASIS stand for the hips where there are any."""
    top = "asis" if set(_ASIS) <= set(points) else "hip"
    lengths = []
    for side in "rl":
        knee, ankle = (
            points[key if (key := f"{name}_{side}") in points else f"{name}_lateral_{side}"]
            for name in ("knee", "ankle")
        )
        lengths.append(np.linalg.norm(points[f"{top}_{side}"] - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1))
    return float(np.mean(lengths))


def _pelvis_plane(points: Mapping[str, np.ndarray]) -> Rotation:
    """Return the axes of the plane through both ASIS and the sacrum."""
    middle = 0.5 * (points["asis_r"] + points["asis_l"])
    return frame("left", points["asis_l"] - points["asis_r"], "forward", middle - points["sacrum"])


def _pelvis_of_centers(points: Mapping[str, np.ndarray]) -> Rotation:
    """Return the axes of a pelvis that leans as the trunk does, from hips and shoulders."""
    trunk = 0.5 * (points["shoulder_r"] + points["shoulder_l"] - points["hip_r"] - points["hip_l"])
    along = frame("left", points["hip_l"] - points["hip_r"], "up", trunk)
    return along * Rotation.from_euler("y", TRUNK_LEAN_RAD)


def _add_hips(points: dict[str, np.ndarray], plane: Rotation) -> None:
    """Add the centers of the hips by the regression of Harrington et al. 2007.

    In mm from the middle of both ASIS: 0.24 depths + 9.9 backward, 0.30 widths + 10.9 down, 0.33 widths + 7.3
    outward (doi:10.1016/j.jbiomech.2006.02.003).
    """
    middle = 0.5 * (points["asis_r"] + points["asis_l"])
    width = float(np.linalg.norm(points["asis_r"] - points["asis_l"], axis=1).mean())
    depth = float(np.linalg.norm(middle - points["sacrum"], axis=1).mean())
    for side, sign in (("r", -1.0), ("l", 1.0)):
        outward = sign * (0.33 * width + 0.0073)
        offset = [-0.24 * depth - 0.0099, outward, -0.30 * width - 0.0109]
        points.setdefault(f"hip_{side}", middle + plane.apply(offset))


def _add_centers(points: dict[str, np.ndarray], plane: Rotation) -> None:
    """Add knees and ankles that have a lateral marker only, and shoulders below their acromia."""
    left = plane.apply([0.0, 1.0, 0.0])
    for side, sign in (("r", 1.0), ("l", -1.0)):
        for joint, above in (("knee", "hip"), ("ankle", "knee")):
            if f"{joint}_{side}" in points:
                continue
            marker = points[f"{joint}_lateral_{side}"]
            bone = marker - points[f"{above}_{side}"]
            bone /= np.linalg.norm(bone, axis=1, keepdims=True)
            inward = sign * (left - (left * bone).sum(1, keepdims=True) * bone)
            inward /= np.linalg.norm(inward, axis=1, keepdims=True)
            points[f"{joint}_{side}"] = marker + HALF_WIDTH_M[joint] * inward
    if "acromion_r" in points and "acromion_l" in points:
        across = points["acromion_l"] - points["acromion_r"]
        width = float(np.linalg.norm(across, axis=1).mean())
        trunk = 0.5 * (points["acromion_r"] + points["acromion_l"] - points["hip_r"] - points["hip_l"])
        down = frame("up", trunk, "left", across).apply([0.0, 0.0, -SHOULDER_BELOW_ACROMION * width])
        for side in "rl":
            points.setdefault(f"shoulder_{side}", points[f"acromion_{side}"] + down)


def _without_zeros(values: np.ndarray) -> np.ndarray:
    """Return a marker, shape [T, 3], with NaN where it is exactly at the origin: so files write what was not seen."""
    return np.where((values == 0.0).all(axis=1, keepdims=True), np.nan, values)


def _seen_together(path: Path, markers: Mapping[str, np.ndarray], names: list[str]) -> slice:
    """Return the frames from the first to the last in which all needed markers are seen."""
    seen = np.all([np.isfinite(markers[name]).all(axis=1) for name in names], axis=0)
    frames = np.flatnonzero(seen)
    if len(frames) < MIN_FRAMES:
        raise MsemuError(f"{path}: there are fewer than {MIN_FRAMES} frames in which all of {listed(names)} are seen")
    return slice(int(frames[0]), int(frames[-1]) + 1)


def _left_out(part: slice, num_frames: int) -> str:
    """Return what the source says about frames at both ends in which not all needed markers are seen."""
    ends = ((part.start, "first"), (num_frames - part.stop, "last"))
    told = " and ".join(f"the {which} {count}" for count, which in ends if count)
    return f"; {told} frames, in which markers are not seen, are left out" if told else ""


def _fill(path: Path, time: np.ndarray, values: np.ndarray, name: str, needed: bool) -> np.ndarray | None:
    """Return a marker with its gaps filled by a cubic spline; None when it is not needed and has long gaps."""
    seen = np.isfinite(values).all(axis=1)
    if seen.all():
        return values
    known = np.flatnonzero(seen)
    longest = float(np.diff(time[known]).max()) if len(known) > 3 else np.inf
    if longest <= MAX_GAP_S and seen[0] and seen[-1]:
        return CubicSpline(time[seen], values[seen], axis=0)(time)
    if needed:
        raise MsemuError(
            f"{path}: marker {printable(name)} is not seen for {longest:.2f} s, more than {MAX_GAP_S} s;"
            " fill the gap or cut the recording with --start and --end"
        )
    return None
