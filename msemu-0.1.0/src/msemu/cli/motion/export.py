"""``msemu-motion export``: write a clip for other programs."""

from rich.console import Console

from msemu.cli.motion.options import ExportCfg
from msemu.console import require_suffix
from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.write import WRITERS


def export(args: ExportCfg) -> None:
    """Write a clip in another format."""
    clip = MotionClip.load(args.clip)
    default = args.clip.with_suffix(f".{args.format}") if args.format != "npz" else args.clip.with_suffix(".qpos.npz")
    if args.out is None and default.exists():
        raise MsemuError(f"there is a file {default} already; name the one to write with --out")
    out = args.out or default
    require_suffix("--out", out, f".{args.format}")
    body = load_body(args.body or clip.body, args.body_path)
    clip.check_matches(body.name, body.joint_names)
    WRITERS[args.format](out, clip, body)
    Console().print(f"{args.format}: {out}", soft_wrap=True)
