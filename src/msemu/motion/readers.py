"""One entry point for every file format of a source motion."""

from pathlib import Path

from msemu.errors import MsemuError
from msemu.motion.deepmimic import read_deepmimic
from msemu.motion.isaac_amp import KEYS as AMP_KEYS
from msemu.motion.isaac_amp import read_isaac_amp
from msemu.motion.source import SourceMotion
from msemu.motion.untrusted import array_names, read_bytes

_FORMATS = "DeepMimic JSON (humanoid3d_*.txt) and Isaac AMP npz"


def read_source(path: Path) -> SourceMotion:
    """Read a source motion; the format is found from the content, not from the file's name.

    Raises:
        MsemuError: The file is missing, of an unknown format, or damaged.
    """
    path = Path(path)
    start = read_bytes(path)[:64].lstrip()
    if start.startswith(b"{"):
        return read_deepmimic(path)
    names = array_names(path)
    if {"body_positions", "body_rotations"} & names:
        return read_isaac_amp(path)
    if {"header", "qpos", "qvel"} <= names:
        raise MsemuError(f"{path} is already an msemu clip; look at it with: msemu-motion info {path}")
    if "qpos_traj" in names:
        raise MsemuError(f"{path} is an msgym gait in coordinates of MS-Human-700; import it with --body ms_human_700")
    if start.startswith(b"PK"):
        raise MsemuError(f"{path} is an npz without the keys of an AMP motion ({', '.join(AMP_KEYS)})")
    raise MsemuError(f"{path} is of an unknown format; msemu reads {_FORMATS}")
