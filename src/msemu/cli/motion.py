"""``msemu-motion``: fetch, import, inspect and show motion clips."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from msemu.cli.output import progress, write_json
from msemu.errors import MsemuError, command
from msemu.motion.clip import MotionClip

if TYPE_CHECKING:
    from msemu.models.body import Body


@dataclass
class Fetch:
    """Obtain motion clips from Python packages and keep them in the cache; nothing is installed.

    Without a name, the clips that there are are listed.
    """

    names: Annotated[list[str], tyro.conf.Positional] = field(default_factory=list)
    """Clips of the catalogue, or "all"."""
    wheel: Path | None = None
    """Wheel that was downloaded before, for a machine without network."""


@dataclass
class Import:
    """Retarget a recorded movement onto a body and write a clip.

    Reads DeepMimic JSON, Isaac AMP npz and the msgym gait.
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
    cyclic: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Close the loop; by default what the file or the catalogue says."""
    no_cyclic: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave the loop open."""
    json: Path | None = None
    """File to write the quality figures to."""


@dataclass
class Info:
    """Show what a clip holds and how good it is."""

    clip: Annotated[Path, tyro.conf.Positional]
    """Clip (.npz)."""
    json: Path | None = None
    """File to write the same to."""


@dataclass
class Play:
    """Show a clip in the browser, or write a video of it."""

    clip: Annotated[Path, tyro.conf.Positional]
    """Clip (.npz)."""
    video: Path | None = None
    """Write this .mp4 instead of opening a page."""
    body_path: Path | None = None
    """Where the body's model lies, for a body that no package brings."""
    host: str = "127.0.0.1"
    """Address that the page is served at; 0.0.0.0 lets other machines in."""
    port: int = 8080
    """Port that the page is served at."""
    cycles: int = 3
    """How often a cyclic clip is repeated."""


@command
def main() -> None:
    """Entry point."""
    commands = {
        "fetch": (Fetch, fetch),
        "import": (Import, import_motion),
        "info": (Info, info),
        "play": (Play, play),
    }
    chosen = tyro.extras.subcommand_cli_from_dict(
        {name: kind for name, (kind, _) in commands.items()}, prog="msemu-motion"
    )
    next(run for kind, run in commands.values() if isinstance(chosen, kind))(chosen)


def fetch(args: Fetch) -> None:
    """Obtain clips, or list them."""
    from msemu.motion import fetch as fetching
    from msemu.motion.catalogue import catalogue, find_entry

    console = Console()
    if not args.names:
        console.print(_catalogue_table())
        return
    names = list(catalogue()) if args.names == ["all"] else args.names
    entries = [find_entry(name) for name in names]
    for package in dict.fromkeys(entry.package for entry in entries):
        wanted = [entry for entry in entries if entry.package == package]
        with console.status(
            f"{package.package} {package.version} ({package.megabytes} MB, only when not in the cache)"
        ):
            paths = [fetching.fetch(entry, args.wheel) for entry in wanted]
        for entry, path in zip(wanted, paths, strict=True):
            console.print(f"{entry.name}: {path}", soft_wrap=True)
        console.print(f"licence of {package.package}'s clips: {package.licence}", soft_wrap=True)


def import_motion(args: Import) -> None:
    """Retarget a movement onto a body."""
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
    console.print(_clip_table(clip, str(args.out)))
    console.print(f"next: msemu-motion play {args.out}", soft_wrap=True)
    if args.json:
        write_json(args.json, _facts(clip))


def info(args: Info) -> None:
    """Show a clip's facts."""
    clip = MotionClip.load(args.clip)
    Console().print(_clip_table(clip, str(args.clip)))
    if args.json:
        write_json(args.json, _facts(clip))


def play(args: Play) -> None:
    """Show a clip."""
    from msemu.models import load_body
    from msemu.motion.recording import Recording

    if args.cycles < 1:
        raise MsemuError("--cycles must be at least 1")
    clip = MotionClip.load(args.clip)
    body = load_body(clip.body, args.body_path)
    clip.check_matches(body.name, body.joint_names)
    recording = Recording.from_clip(clip, cycles=args.cycles)
    if args.video:
        from msemu.viewer.video import write_video

        with progress("drawing") as on_frame:
            write_video(recording, body, args.video, progress=on_frame)
        Console().print(f"video: {args.video}", soft_wrap=True)
    else:
        from msemu.viewer.browser import serve

        serve(recording, body, args.host, args.port)


def _make_clip(args: Import, body: "Body") -> MotionClip:
    from msemu.motion.catalogue import catalogue
    from msemu.motion.library import describe, load_source
    from msemu.motion.msgym import KEYS, read_msgym_gait
    from msemu.motion.readers import read_source
    from msemu.motion.retarget import RetargetSettings, retarget
    from msemu.motion.untrusted import array_names

    path = Path(args.file)
    cyclic = None if args.cyclic == args.no_cyclic else args.cyclic
    if not path.exists() and args.file in catalogue():
        source = load_source(args.file)
        cyclic = catalogue()[args.file].cyclic if cyclic is None else cyclic
    elif not path.exists():
        raise MsemuError(f"no file {path}, and no clip of that name in the catalogue: {', '.join(catalogue())}")
    elif set(KEYS) <= array_names(path):
        return read_msgym_gait(path, body, args.fps)
    else:
        source = describe(read_source(path))
    with progress(f"retargeting {source.name} onto {body.name}") as on_frame:
        return retarget(body, source, RetargetSettings(fps=args.fps, cyclic=cyclic), on_frame)


def _catalogue_table() -> Table:
    from msemu.motion.catalogue import catalogue

    table = Table("clip", "what", "repeats", "from")
    for entry in catalogue().values():
        origin = f"{entry.package.package} {entry.package.version} ({entry.package.megabytes} MB)"
        table.add_row(entry.name, entry.about, "yes" if entry.cyclic else "", origin)
    return table


def _facts(clip: MotionClip) -> dict:
    """What `info` and `import` write as JSON: the header of the clip, its length and its quality."""
    facts = asdict(clip)
    for array in ("qpos", "qvel"):
        facts.pop(array)
    facts["cycle_displacement"] = clip.cycle_displacement.tolist()
    return facts | {"num_frames": clip.num_frames, "duration_s": clip.duration_s}


def _clip_table(clip: MotionClip, title: str) -> Table:
    """Show a clip as people judge it; all figures are in the JSON."""
    table = Table("", "value", title=title, show_header=False)
    table.add_row("motion", clip.name)
    table.add_row("body", f"{clip.body}, {len(clip.joint_names)} joints")
    table.add_row("length", f"{clip.num_frames} frames at {clip.fps:g} Hz, {clip.duration_s:.2f} s")
    table.add_row("repeats", f"yes, {clip.cycle_displacement[0]:.3f} m per cycle" if clip.cyclic else "no")
    table.add_row("source", clip.source)
    table.add_row("licence", clip.licence or "not stated in the file")
    table.add_section()
    quality = clip.quality
    for label, pattern in _QUALITY_ROWS:
        try:
            table.add_row(label, pattern.format(**quality))
        except KeyError:
            continue
    return table


_QUALITY_ROWS = (
    ("joint centres, mean / p95 / max", "{error_mean_cm:.2f} / {error_p95_cm:.2f} / {error_max_cm:.2f} cm"),
    (
        "the same against the recording as it is",
        "{recorded_error_mean_cm:.2f} / {recorded_error_p95_cm:.2f} / {recorded_error_max_cm:.2f} cm",
    ),
    ("standing soles, lowest / highest", "{stance_height_min_cm:.2f} / {stance_height_max_cm:.2f} cm"),
    ("deepest point below the floor", "{penetration_max_cm:.2f} cm"),
    ("beyond a joint limit", "{limit_violation_max_deg:.2f} deg"),
    ("fastest joint", "{joint_speed_max_rad_s:.1f} rad/s"),
    ("largest muscle length step", "{tendon_step_max:.3f} fibre lengths"),
    ("jump at the seam / largest inside", "{seam_pose_deg:.2f} / {inside_pose_deg:.2f} deg"),
    ("the same, velocity", "{seam_velocity_rad_s:.2f} / {inside_velocity_rad_s:.2f} rad/s"),
)


if __name__ == "__main__":
    main()
