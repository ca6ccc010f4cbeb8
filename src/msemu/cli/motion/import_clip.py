"""``msemu-motion import``: bring a recorded movement onto a body."""

from dataclasses import fields
from pathlib import Path

from rich.console import Console

from msemu.cli.motion.format_options import require_fitting
from msemu.cli.motion.options import ImportCfg
from msemu.cli.motion.show import facts, show_clip
from msemu.console import progress, write_json
from msemu.errors import MsemuError, suggestion
from msemu.models import Body, load_body
from msemu.motion.checks.verdict import refuse_impossible
from msemu.motion.clip import MotionClip
from msemu.motion.formats.read import CLIP_FORMATS, ReadOptions, detect_format, read_clip, read_source
from msemu.motion.library.catalogue import catalogue
from msemu.motion.library.obtain import describe, load_source
from msemu.motion.retargeting.retarget import RetargetCfg, retarget
from msemu.motion.retargeting.treadmill import overground
from msemu.motion.source import SourceMotion


def import_motion(args: ImportCfg) -> None:
    """Bring a movement onto a body."""
    if args.cyclic and args.no_cyclic:
        raise MsemuError("--cyclic and --no-cyclic exclude each other")
    body = load_body(args.body, args.body_path)
    clip = _make_clip(args, body)
    if args.name:
        clip.name = args.name
    refuse_impossible(clip.quality, args.file)
    clip.save(args.out)
    console = Console()
    show_clip(console, clip, str(args.out))
    own = "" if args.body == body.name else f" --body {args.body}"
    console.print(f"next: msemu-motion play {args.out}{own}", soft_wrap=True)
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
    options = ReadOptions(**{field.name: getattr(args, field.name) for field in fields(ReadOptions)})
    cyclic = None if args.cyclic == args.no_cyclic else args.cyclic
    if not path.exists():
        if args.file not in catalogue():
            hint = suggestion(args.file, catalogue(), "see: msemu-motion fetch")
            raise MsemuError(f"no file {path}, and no clip of that name in the catalogue{hint}")
        require_fitting(args, "catalogue")
        entry = catalogue()[args.file]
        return load_source(entry, options), entry.cyclic if cyclic is None else cyclic
    kind = detect_format(path)
    require_fitting(args, kind)
    if kind in CLIP_FORMATS and not (args.retarget or args.cyclic or args.treadmill):
        return describe(read_clip(path, body, args.fps, options))
    return describe(read_source(path, options)), cyclic
