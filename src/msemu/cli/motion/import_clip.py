"""``msemu-motion import``: bring a recorded movement onto a body."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from msemu.cli.motion.show import clip_table, facts
from msemu.console import progress, write_json
from msemu.errors import MsemuError, suggestion
from msemu.motion.clip import MotionClip

if TYPE_CHECKING:
    from msemu.models.body import Body
    from msemu.motion.source import SourceMotion

Flag = tyro.conf.FlagCreatePairsOff


@dataclass
class Import:
    """Bring a recorded movement onto a body and write a clip.

    Reads DeepMimic JSON, Isaac AMP npz, AMASS npz, BVH, TRC and C3D, which are retargeted; OpenSim .mot and .sto,
    msgym npz and plain qpos (npz, csv), whose joint angles are kept.
    """

    file: Annotated[str, tyro.conf.Positional]
    """Motion file, or the name of a clip of the catalogue such as "walk"."""
    body: str
    """Name of the body, see: msemu-model list."""
    out: Path
    """Clip to write (.npz)."""
    body_path: Path | None = None
    """Where the body's model lies, for a body that no package brings."""
    fps: float = 50.0
    """Frames per second of the clip [Hz]; the control frequency of the tasks is 50."""
    name: str | None = None
    """Name of the clip; that of the file by default."""
    cyclic: Annotated[bool, Flag] = False
    """Close the loop; by default what the file or the catalogue says."""
    no_cyclic: Annotated[bool, Flag] = False
    """Leave the loop open."""
    treadmill: Annotated[bool, Flag] = False
    """The person moves on a treadmill: add the belt's motion, which standing feet show."""
    retarget: Annotated[bool, Flag] = False
    """Retarget joint angles of a .mot or .sto file (feet on the floor, limits kept) instead of keeping them."""
    names: str | None = None
    """Name map of BVH joints, markers or OpenSim coordinates (see the docs), or your own YAML file."""
    up: str | None = None
    """Vertical axis of a BVH, TRC or C3D file: x, y or z; y for BVH and TRC, z for C3D by default."""
    unit: str | None = None
    """Unit of length of a BVH, TRC or C3D file: m, cm, mm, inch or cmu; by default what the file or the legs say."""
    smpl_model: Path | None = None
    """Model of the person of an AMASS file (SMPL, SMPL+H or SMPL-X as .npz); mean proportions by default."""
    json: Path | None = None
    """File to write the quality figures to."""


def import_motion(args: Import) -> None:
    """Bring a movement onto a body."""
    from msemu.models import load_body

    if not 5 <= args.fps <= 1000:
        raise MsemuError(f"--fps {args.fps:g} is not between 5 and 1000")
    if args.cyclic and args.no_cyclic:
        raise MsemuError("--cyclic and --no-cyclic exclude each other")
    if args.out.suffix != ".npz":
        raise MsemuError(f"--out {args.out} must end in .npz")
    body = load_body(args.body, args.body_path)
    clip = _make_clip(args, body)
    if args.name:
        clip.name = args.name
    clip.save(args.out)
    console = Console()
    console.print(clip_table(clip, str(args.out)))
    console.print(f"next: msemu-motion play {args.out}", soft_wrap=True)
    if args.json:
        write_json(args.json, facts(clip))


def _make_clip(args: Import, body: "Body") -> MotionClip:
    from msemu.motion.retargeting.retarget import RetargetCfg, retarget
    from msemu.motion.retargeting.treadmill import overground

    with Console().status(f"reading {args.file}"):
        found = _read(args, body)
    if isinstance(found, MotionClip):
        return found
    source, cyclic = found
    if args.treadmill:
        source = overground(source)
    with progress(f"retargeting {source.name} onto {body.name}") as on_frame:
        return retarget(body, source, RetargetCfg(fps=args.fps, cyclic=cyclic), on_frame)


def _read(args: Import, body: "Body") -> "MotionClip | tuple[SourceMotion, bool | None]":
    """Return a clip from joint angles, or a recording and whether its loop shall be closed."""
    from msemu.motion.formats.read import CLIP_FORMATS, ReadOptions, detect_format, read_clip, read_source
    from msemu.motion.library.catalogue import catalogue
    from msemu.motion.library.obtain import describe, describe_clip, load_source

    path = Path(args.file)
    cyclic = None if args.cyclic == args.no_cyclic else args.cyclic
    if not path.exists():
        if args.file not in catalogue():
            hint = suggestion(args.file, catalogue(), "see: msemu-motion fetch")
            raise MsemuError(f"no file {path}, and no clip of that name in the catalogue{hint}")
        return load_source(args.file), catalogue()[args.file].cyclic if cyclic is None else cyclic
    kind = detect_format(path)
    wants_retarget = args.retarget or args.cyclic or args.treadmill
    if kind in CLIP_FORMATS and not (kind == "storage" and wants_retarget):
        if wants_retarget:
            raise MsemuError(f"{path} holds poses of one body; --retarget, --cyclic and --treadmill are for recordings")
        return describe_clip(read_clip(path, body, args.fps, args.names))
    return describe(read_source(path, ReadOptions(args.names, args.up, args.unit, args.smpl_model))), cyclic
