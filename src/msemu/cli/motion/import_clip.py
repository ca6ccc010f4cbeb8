"""``msemu-motion import``: bring a recorded movement onto a body."""

from pathlib import Path

from rich.console import Console

from msemu.cli.motion.options import ImportCfg
from msemu.cli.motion.show import facts, show_clip
from msemu.console import progress, require_suffix, write_json
from msemu.errors import MsemuError, suggestion
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.read import CLIP_FORMATS, RETARGETABLE, ReadOptions, detect_format, read_clip, read_source
from msemu.motion.library.catalogue import catalogue
from msemu.motion.library.obtain import describe, load_source
from msemu.motion.retargeting.retarget import RetargetCfg, retarget
from msemu.motion.retargeting.treadmill import overground
from msemu.motion.source import SourceMotion
from msemu.motion.verdict import refuse_impossible


def import_motion(args: ImportCfg) -> None:
    """Bring a movement onto a body."""
    if args.cyclic and args.no_cyclic:
        raise MsemuError("--cyclic and --no-cyclic exclude each other")
    require_suffix("--out", args.out, ".npz")
    body = load_body(args.body, args.body_path)
    clip = _make_clip(args, body)
    if args.name:
        clip.name = args.name
    refuse_impossible(clip.quality, args.file)
    clip.save(args.out)
    console = Console()
    show_clip(console, clip, str(args.out))
    console.print(f"next: msemu-motion play {args.out}", soft_wrap=True)
    if args.json:
        write_json(args.json, facts(clip))


def _make_clip(args: ImportCfg, body: Body) -> MotionClip:
    with Console().status(f"reading {args.file}"):
        found = _read(args, body)
    if isinstance(found, MotionClip):
        return found
    source, cyclic = found
    if args.treadmill:
        source = overground(source)
    with progress(f"retargeting {source.name} onto {body.name}") as on_frame:
        return retarget(body, source, RetargetCfg(fps=args.fps, cyclic=cyclic), on_frame)


def _read(args: ImportCfg, body: Body) -> MotionClip | tuple[SourceMotion, bool | None]:
    """Return a clip from joint angles, or a recording and whether its loop shall be closed."""
    path = Path(args.file)
    cyclic = None if args.cyclic == args.no_cyclic else args.cyclic
    if not path.exists():
        if args.file not in catalogue():
            hint = suggestion(args.file, catalogue(), "see: msemu-motion fetch")
            raise MsemuError(f"no file {path}, and no clip of that name in the catalogue{hint}")
        entry = catalogue()[args.file]
        return load_source(entry), entry.cyclic if cyclic is None else cyclic
    kind = detect_format(path)
    wants_retarget = args.retarget or args.cyclic or args.treadmill
    if kind in CLIP_FORMATS and not (kind in RETARGETABLE and wants_retarget):
        if wants_retarget:
            raise MsemuError(f"{path} holds poses of one body; --retarget, --cyclic and --treadmill are for recordings")
        return describe(read_clip(path, body, args.fps, args.names))
    return describe(read_source(path, ReadOptions(args.names, args.up, args.unit, args.smpl_model))), cyclic
