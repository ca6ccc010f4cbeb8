"""One entry point for every file format of a source motion."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import array_names, decode, printable, read_bytes
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.amass import RATES, read_amass
from msemu.motion.formats.axes import ReadOptions
from msemu.motion.formats.bvh import read_bvh
from msemu.motion.formats.c3d import is_c3d, read_c3d
from msemu.motion.formats.clip_source import source_from_angles
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

RETARGETABLE = ("storage", "loco_mujoco")
"""Those of them that are recordings for any body as well."""

_START_BYTES = 2**14
"""Beginning of a text file from which its format is told [bytes]."""


def detect_format(path: Path) -> str:
    """Return the format of a motion file from its content, not from its name.

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
    if "endheader" in start:
        return "storage"
    if path.suffix.lower() == ".csv" and "time" in start:
        return "qpos_csv"
    raise MsemuError(f"{path} is of an unknown format; msemu reads {_FORMATS}")


def read_source(path: Path, options: ReadOptions | None = None) -> SourceMotion:
    """Read a recorded movement for retargeting; the format is found from the content.

    Joint angles (.mot, .sto) are brought onto the default whole body first, whose landmarks are then the recording.

    Raises:
        MsemuError: The file is missing, of an unknown format, damaged, or in coordinates of one body.
    """
    path, options = Path(path), options or ReadOptions()
    kind = detect_format(path)
    with _impossible_values(path):
        if kind in _SOURCE_READERS:
            return _SOURCE_READERS[kind](path, options)
    if kind == "clip":
        raise MsemuError(f"{path} is already an msemu clip; look at it with: msemu-motion info {path}")
    if kind == "msgym":
        raise MsemuError(f"{path} is an msgym gait in coordinates of MS-Human-700; import it with --body ms_human_700")
    raise MsemuError(f"{path} holds poses of one body, not a recording that can be brought onto another one")


_SOURCE_READERS: dict[str, Callable[[Path, ReadOptions], SourceMotion]] = {
    "deepmimic": lambda path, options: read_deepmimic(path),
    "isaac_amp": lambda path, options: read_isaac_amp(path),
    "amass": lambda path, options: read_amass(path, options.smpl_model),
    "bvh": read_bvh,
    "trc": lambda path, options: source_from_markers(path, *read_trc(path), "y", options),
    "c3d": lambda path, options: source_from_markers(path, *read_c3d(path), "z", options),
    "storage": lambda path, options: source_from_angles(path, options.names),
    "loco_mujoco": lambda path, options: source_from_sites(path),
}


def read_clip(path: Path, body: Body, fps: float = 50.0, names: str | None = None) -> MotionClip:
    """Read joint angles, in a file of one of `CLIP_FORMATS`, as a clip of a body at ``fps`` [Hz], without retargeting.

    ``names`` is a map of OpenSim's coordinate names; by default the one that fits.

    Raises:
        MsemuError: The file is damaged, of another format, or for another body.
    """
    path = Path(path)
    kind = detect_format(path)
    with _impossible_values(path):
        if kind == "storage":
            return read_opensim(path, body, fps, names)
        if kind == "msgym":
            return read_msgym_gait(path, body, fps)
        if kind == "loco_mujoco":
            return read_loco_mujoco(path, body, fps)
        if kind in ("qpos_npz", "qpos_csv"):
            return read_qpos(path, body, fps)
    raise MsemuError(f"{path} is a recording, not joint angles of a body; retarget it")


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
