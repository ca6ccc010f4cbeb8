"""Which formats the options of ``msemu-motion import`` are for."""

from msemu.cli.motion.options import ImportCfg
from msemu.errors import MsemuError

TITLES = {
    "deepmimic": "DeepMimic JSON",
    "isaac_amp": "Isaac AMP npz",
    "amass": "AMASS npz",
    "bvh": "BVH",
    "trc": "TRC",
    "c3d": "C3D",
    "storage": "OpenSim .mot and .sto",
    "catalogue": "a clip of the catalogue",
    "msgym": "msgym npz",
    "loco_mujoco": "LocoMuJoCo npz",
    "qpos_npz": "qpos npz",
    "qpos_csv": "qpos csv",
}
"""What people call the formats of `msemu.motion.formats.read.detect_format`."""

_RECORDINGS = ("deepmimic", "isaac_amp", "amass", "bvh", "trc", "c3d", "storage", "loco_mujoco", "catalogue")
_FORMATS = {
    "retarget": ("storage", "loco_mujoco"),
    "treadmill": _RECORDINGS,
    "cyclic": _RECORDINGS,
    "no_cyclic": _RECORDINGS,
}
"""Formats that each option is for; those of the readers are checked there, others are for all of them."""


def require_fitting(args: ImportCfg, kind: str) -> None:
    """Refuse options that say nothing about a file of this format.

    Raises:
        MsemuError: There is one; the message says which formats it is for.
    """
    for name, formats in _FORMATS.items():
        if getattr(args, name) and kind in TITLES and kind not in formats:
            known = ", ".join(TITLES[each] for each in formats)
            option = f"--{name.replace('_', '-')}"
            raise MsemuError(f"{option} is for {known}; {args.file} is {TITLES[kind]}: leave {option} out")
