"""One entry point for every file format of a source motion."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import array_names, decode, printable, read_bytes
from msemu.models.body import Body
from msemu.motion.checks.frames import without_first_pose
from msemu.motion.checks.recording import checked
from msemu.motion.checks.remedies import Remedies
from msemu.motion.clip import MotionClip
from msemu.motion.formats.amass import RATES, read_amass
from msemu.motion.formats.axes import AS_STATED, UNITS, ReadOptions
from msemu.motion.formats.bvh import read_bvh
from msemu.motion.formats.c3d import is_c3d, read_c3d
from msemu.motion.formats.clip_source import source_from_angles, source_from_clip
from msemu.motion.formats.deepmimic import read_deepmimic
from msemu.motion.formats.isaac_amp import read_isaac_amp
from msemu.motion.formats.loco_mujoco import KEYS as LOCO_KEYS
from msemu.motion.formats.loco_mujoco import read_loco_mujoco, source_from_sites
from msemu.motion.formats.maps import listed
from msemu.motion.formats.markers import source_from_markers
from msemu.motion.formats.msgym import KEYS as MSGYM_KEYS
from msemu.motion.formats.msgym import read_msgym_gait
from msemu.motion.formats.opensim_motion import read_opensim
from msemu.motion.formats.qpos_table import read_qpos
from msemu.motion.formats.trc import read_trc
from msemu.motion.source import SourceMotion

_FORMATS = (
    "DeepMimic JSON, Isaac AMP npz, AMASS npz, BVH, TRC, C3D, OpenSim .mot and .sto, msgym npz, LocoMuJoCo npz, qpos"
    " npz and csv"
)

CLIP_FORMATS = ("storage", "msgym", "loco_mujoco", "qpos_npz", "qpos_csv")
"""Formats that hold joint angles and become a clip as they are."""

_START_BYTES = 2**14
"""Beginning of a text file from which its format is told [bytes]."""


def detect_format(path: Path) -> str:
    """Return the format of a motion file from its content; its name decides only where that has no mark.

    Returns:
        One of ``deepmimic``, ``isaac_amp``, ``amass``, ``msgym``, ``clip``, ``loco_mujoco``, ``qpos_npz``,
        ``bvh``, ``trc``, ``c3d``, ``storage`` (.mot, .sto) and ``qpos_csv``.

    Raises:
        MsemuError: The file is missing or of an unknown format.
    """
    path = Path(path)
    content = read_bytes(path)
    start = decode(content[:_START_BYTES]).lstrip().lower()
    if content.startswith(b"PK"):
        return _npz_format(path)
    if is_c3d(content):
        return "c3d"
    if start.startswith("{"):
        return "deepmimic"
    if start.startswith("hierarchy"):
        return "bvh"
    if start.startswith("pathfiletype"):
        return "trc"
    if "endheader" in start or path.suffix.lower() in (".mot", ".sto"):
        return "storage"
    if path.suffix.lower() == ".csv" and "time" in start:
        return "qpos_csv"
    raise MsemuError(f"{path} is of an unknown format; msemu reads {_FORMATS}")


def read_source(path: Path, options: ReadOptions = AS_STATED) -> SourceMotion:
    """Read a recorded movement for retargeting; the format is found from the content.

    Joint angles (.mot, .sto) are brought onto the default whole body first, whose landmarks are then the recording.

    Raises:
        MsemuError: The file is missing, of an unknown format, damaged, or in coordinates of one body.
    """
    path, kind = Path(path), detect_format(path)
    if kind in _SOURCE_READERS:
        options.check_taken(path, _OPTIONS.get(kind, ()))
        with _impossible_values(path):
            source = _SOURCE_READERS[kind](path, options)
            if options.part_read and kind not in _CUT_BY_READER:
                source = source.part(options.part(path, source.time_s), options.part_read)
            return checked(path, without_first_pose(source), _remedies(kind, options))
    if kind == "clip":
        raise MsemuError(f"{path} is already an msemu clip; look at it with: msemu-motion info {path}")
    if kind == "msgym":
        raise MsemuError(f"{path} is an msgym gait in coordinates of MS-Human-700; import it with --body ms_human_700")
    raise MsemuError(f"{path} holds poses of one body, not a recording that can be brought onto another one")


_SOURCE_READERS: dict[str, Callable[[Path, ReadOptions], SourceMotion]] = {
    "deepmimic": read_deepmimic,
    "isaac_amp": read_isaac_amp,
    "amass": read_amass,
    "bvh": read_bvh,
    "trc": lambda path, options: source_from_markers(path, *read_trc(path), "y", options),
    "c3d": lambda path, options: source_from_markers(path, *read_c3d(path), "z", options),
    "storage": source_from_angles,
    "loco_mujoco": lambda path, options: source_from_sites(path),
}

_CUT_BY_READER = ("trc", "c3d", "storage")
"""Formats of which a part is cut before gaps are filled and splines are drawn."""

_USUAL_UP = {"deepmimic": "y", "bvh": "y", "trc": "y", "storage": "y"}
"""Vertical axis that a format has by custom; z in the others."""

_MARKERS = ("names", "up", "unit", "mirror")
_POSES = ("unit", "angle_unit")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "deepmimic": ("up",),
    "isaac_amp": ("up", "unit", "mirror"),
    "amass": ("up", "unit", "mirror", "angle_unit", "smpl_model"),
    "bvh": (*_MARKERS, "angle_unit"),
    "trc": _MARKERS,
    "c3d": _MARKERS,
    "storage": ("names", *_POSES),
    "msgym": (),
    "loco_mujoco": (),
    "qpos_npz": _POSES,
    "qpos_csv": _POSES,
}
"""What a format does not say about itself, as options."""


def read_clip(path: Path, body: Body, fps: float = 50.0, options: ReadOptions = AS_STATED) -> MotionClip:
    """Read joint angles, in a file of one of `CLIP_FORMATS`, as a clip of a body at ``fps`` [Hz], without retargeting.

    Raises:
        MsemuError: The file is damaged, of another format, or for another body.
    """
    path, kind = Path(path), detect_format(path)
    if kind not in _CLIP_READERS:
        raise MsemuError(f"{path} is a recording, not joint angles of a body; retarget it")
    options.check_taken(path, _OPTIONS.get(kind, ()))
    with _impossible_values(path):
        clip = _CLIP_READERS[kind](path, body, fps, options)
        source = replace(source_from_clip(body, clip), begin=(0, options.start or 0.0))
        clip.source = checked(path, source, _remedies(kind, options)).source
        return clip


_CLIP_READERS = {
    "storage": read_opensim,
    "msgym": read_msgym_gait,
    "loco_mujoco": read_loco_mujoco,
    "qpos_npz": read_qpos,
    "qpos_csv": read_qpos,
}


def _remedies(kind: str, options: ReadOptions) -> Remedies:
    """Return what can be done about a file of this format, beyond what the options say already."""
    taken, usual = _OPTIONS.get(kind, ()), _USUAL_UP.get(kind, "z")
    up: str | None = f"is the file's vertical axis {usual}, and do quaternions stand as (w, x, y, z)?"
    if "up" in taken:
        up = f"say what is up, --up {{axis}}, or --up {usual} if that is right" if options.up is None else None
    sides = "are left and right exchanged?"
    if "mirror" in taken:
        undo = "leave out --mirror" if options.mirror else "--mirror if the file's axes are left-handed"
        sides = f"{undo}; or correct names of left and right that are exchanged"
    length, angle = "is the unit of length meters?", "is there more in it than the path of the root?"
    if "unit" in taken:
        length = f"say the unit of length, --unit {', '.join(UNITS)}"
    if "angle_unit" in taken:
        angle = "say the unit of its angles, --angle-unit rad or --angle-unit deg"
    axes = options.to_z_up(np.eye(3), usual)
    return Remedies(axes, up, sides, length, angle)


@contextlib.contextmanager
def _impossible_values(path: Path) -> Iterator[None]:
    """Turn what numbers far beyond any movement do to splines and rotations into the user's error."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (ValueError, OverflowError, ZeroDivisionError, np.linalg.LinAlgError) as error:
        reason = printable(str(error), 120)
        raise MsemuError(f"{path} holds values that are no movement ({reason}); obtain it again") from error


def _npz_format(path: Path) -> str:
    names = array_names(path)
    if {"body_positions", "body_rotations"} & names:
        return "isaac_amp"
    if {"header", "qpos", "qvel"} <= names:
        return "clip"
    if set(MSGYM_KEYS) <= names or "qpos_traj" in names:
        return "msgym"
    if "poses" in names and ({"trans", *RATES} & names):
        return "amass"
    if set(LOCO_KEYS) <= names:
        return "loco_mujoco"
    if "qpos" in names:
        return "qpos_npz"
    raise MsemuError(
        f"{path} is an npz without the arrays of a motion that msemu knows; it has {listed(sorted(names))}"
    )
