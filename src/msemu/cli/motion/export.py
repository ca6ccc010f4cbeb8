"""``msemu-motion export``: write a clip for other programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip


@dataclass
class Export:
    """Write a clip as joint angles (mot, sto), markers (trc), plain poses (npz) or a table (csv).

    mot is in degrees, sto in radians, both under the coordinate names of OpenSim's Rajagopal model; trc holds the
    body's joint centers, y up [m]; npz and csv hold qpos [m, rad].
    """

    clip: Annotated[Path, tyro.conf.Positional]
    """Clip (.npz)."""
    format: Literal["mot", "sto", "trc", "npz", "csv"]
    """What to write."""
    out: Path | None = None
    """File to write; beside the clip by default."""
    body_path: Path | None = None
    """Where the body's model lies, for a body that no package brings."""


def export(args: Export) -> None:
    """Write a clip in another format."""
    from msemu.models import load_body
    from msemu.motion.formats.write import WRITERS

    clip = MotionClip.load(args.clip)
    default = args.clip.with_suffix(f".{args.format}") if args.format != "npz" else args.clip.with_suffix(".qpos.npz")
    out = args.out or default
    if out.suffix != f".{args.format}":
        raise MsemuError(f"--out {out} must end in .{args.format}")
    if out.resolve() == args.clip.resolve():
        raise MsemuError(f"--out {out} is the clip itself; give another name")
    body = load_body(clip.body, args.body_path)
    clip.check_matches(body.name, body.joint_names)
    WRITERS[args.format](out, clip, body)
    Console().print(f"{args.format}: {out}", soft_wrap=True)
