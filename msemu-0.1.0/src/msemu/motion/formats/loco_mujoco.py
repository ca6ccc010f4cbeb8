"""Reader of trajectories of LocoMuJoCo (npz, release 1): poses of a MuJoCo model with the names of its joints.

``qpos`` [N, nq] holds the joints in the order of ``joint_names`` with the types ``jnt_type`` (0 free, 2 slide,
3 hinge; without it the first is free and the others are not), ``frequency`` is the rate [Hz], ``split_points`` [K + 1]
says where each of K trajectories begins and the last one ends, ``site_xpos`` [N, S, 3] has the places of the sites
``site_names`` [m], z up (github.com/robfiras/loco-mujoco, `loco_mujoco/trajectory`). What was not stored there is a
pickled None, and is not read.
"""

from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import RATE_HZ, array_names, check_frames, printable, read_arrays, read_numbers, scalar
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.anatomy import frame, source_from_points
from msemu.motion.formats.axes import AS_STATED, ReadOptions
from msemu.motion.formats.maps import listed
from msemu.motion.formats.qpos_table import ROOT, clip_of_columns
from msemu.motion.geometry import joint_centers
from msemu.motion.source import JOINT_CENTERS, SourceMotion

KEYS = ("qpos", "joint_names", "frequency")

_WIDTH = {0: len(ROOT), 2: 1, 3: 1}
"""Numbers of ``qpos`` that a joint has, by its type."""

_SITES = {
    f"{long}_{site}_mimic": f"{joint}_{long[0]}"
    for joint, site in zip(
        ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"),
        ("hip", "knee", "foot", "shoulder", "elbow", "hand"),
        strict=True,
    )
    for long in ("right", "left")
}
"""The joint centers that sites stand for which the bodies of LocoMuJoCo share."""

_SAME_BODY_M = 0.10
"""The sites of a trajectory of the same body lie closer to its joint centers than this on average [m]."""


def read_loco_mujoco(path: Path, body: Body, fps: float = 50.0, options: ReadOptions = AS_STATED) -> MotionClip:
    """Read the first trajectory of a body with these joint names as a clip, as it is, interpolated to ``fps`` [Hz].

    Raises:
        MsemuError: The file is damaged, or is of a body with other joints or with its joints elsewhere.
    """
    path, present = Path(path), array_names(path)
    columns, (first, last), time, source = _layout(path)
    unknown = [name for name in columns if name not in (*ROOT, *body.joint_names)]
    remedy = "; --retarget takes the places of its sites" if "site_xpos" in present else ""
    if unknown or not set(ROOT) <= set(columns):
        known = [name for name in columns if name in body.joint_names]
        what = f"unknown {listed(unknown)}" if unknown else "it has no free joint"
        raise MsemuError(
            f"{path} is of another body than {body.name}: {what}; {len(known)} joints fit: {listed(known)}{remedy}"
        )
    table = read_numbers(path, ("qpos",))["qpos"][first:last]
    clip = clip_of_columns(path, body, fps, columns, time, table, source, options)
    begin = first + int(np.searchsorted(time, options.start or 0.0))
    away = _distance_from_sites(path, body, clip, begin, last)
    if away > _SAME_BODY_M:
        raise MsemuError(
            f"{path} is of another body than {body.name}: its joint angles put the joint centers"
            f" {100 * away:.0f} cm from its sites{remedy}"
        )
    return clip


def _distance_from_sites(path: Path, body: Body, clip: MotionClip, first: int, last: int) -> float:
    """Return how far the joint centers of the first pose are from the sites on average [m]; 0 without such sites."""
    places = _places(path, first, last) if {"site_xpos", "site_names"} <= array_names(path) else {}
    names = [name for name in JOINT_CENTERS if name in places]
    if not names:
        return 0.0
    away = joint_centers(body, clip.qpos[:1], names)[0] - np.stack([places[name][0] for name in names])
    return float(np.linalg.norm(away, axis=1).mean())


def source_from_sites(path: Path) -> SourceMotion:
    """Return the recording that the sites of the first trajectory stand for.

    Raises:
        MsemuError: The file is damaged, or lacks the sites of hips, knees, feet and shoulders.
    """
    _, (first, last), time, source = _layout(path)
    if not {"site_xpos", "site_names"} <= array_names(path):
        raise MsemuError(f"{path} holds no places of sites to retarget; give the --body that its joint names are of")
    points = _places(path, first, last)
    needed = [f"{joint}_{side}" for joint in ("hip", "knee", "ankle", "shoulder") for side in "rl"]
    missing = [site for site, name in _SITES.items() if name in needed and name not in points]
    if missing:
        raise MsemuError(f"{path} lacks the sites {listed(missing)}, which the retargeting needs")
    trunk = points["shoulder_r"] + points["shoulder_l"] - points["hip_r"] - points["hip_l"]
    pelvis = frame("left", points["hip_l"] - points["hip_r"], "up", trunk)
    return source_from_points(path, time, points, {"pelvis": pelvis}, f"sites of {source}")


def _layout(path: Path) -> tuple[list[str], tuple[int, int], np.ndarray, str]:
    """Return names of the columns of ``qpos``, the frames of the first trajectory, their instants [s], what it is."""
    present = array_names(path)
    numbers = read_numbers(path, ("qpos", "frequency", *({"split_points", "jnt_type"} & present)))
    columns = _columns(path, numbers.get("jnt_type"))
    qpos = numbers["qpos"]
    if qpos.ndim != 2 or qpos.shape[1] != len(columns):
        raise MsemuError(f"{path}: qpos has shape {qpos.shape}; its joints need [N, {len(columns)}]")
    splits = numbers.get("split_points", np.zeros(0)).ravel().astype(int)
    splits = splits if len(splits) else np.array([0, len(qpos)])
    if len(splits) < 2 or splits[0] < 0 or splits[-1] > len(qpos) or (np.diff(splits) < 1).any():
        raise MsemuError(f"{path}: split_points do not increase from 0 to the {len(qpos)} frames of qpos")
    first, last = int(splits[0]), int(splits[1])
    check_frames(path, last - first, " in its first trajectory")
    time = np.arange(last - first) / scalar(path, "frequency", numbers["frequency"], *RATE_HZ)
    several = f", the first of {len(splits) - 1} trajectories" if len(splits) > 2 else ""
    return columns, (first, last), time, f"LocoMuJoCo trajectory {path.name}{several}"


def _columns(path: Path, types: np.ndarray | None) -> list[str]:
    """Return the names of the columns of ``qpos``."""
    joints = _names(path, "joint_names")
    kinds = [0, *(3 for _ in joints[1:])] if types is None else [int(kind) for kind in types.ravel()]
    if len(joints) != len(kinds) or not set(kinds) <= set(_WIDTH) or kinds.count(0) > 1:
        raise MsemuError(
            f"{path}: {len(joints)} joint_names and {len(kinds)} jnt_type; expected as many, of them at most one free"
            " joint (0), else slides (2) and hinges (3)"
        )
    if twice := {name for name in joints if joints.count(name) > 1}:
        raise MsemuError(f"{path}: joint_names holds {listed(sorted(twice))} more than once; remove all but one")
    return [name for joint, kind in zip(joints, kinds, strict=True) for name in (ROOT if kind == 0 else (joint,))]


def _names(path: Path, key: str) -> list[str]:
    names = read_arrays(path, (key,))[key].ravel()
    if names.dtype.kind != "U":
        raise MsemuError(f"{path}: {key} is no text; save it as np.array(names, dtype=str)")
    return [printable(name) for name in names]


def _places(path: Path, first: int, last: int) -> dict[str, np.ndarray]:
    """Return the joint centers that the sites of a trajectory stand for [m], shape [T, 3] each."""
    names, places = _names(path, "site_names"), read_numbers(path, ("site_xpos",))["site_xpos"]
    if places.ndim != 3 or places.shape[1:] != (len(names), 3) or len(places) < last:
        raise MsemuError(f"{path}: site_xpos has shape {places.shape}; expected [N, {len(names)}, 3]")
    return {_SITES[name]: places[first:last, index] for index, name in enumerate(names) if name in _SITES}
