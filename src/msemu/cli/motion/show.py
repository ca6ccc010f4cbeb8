"""``msemu-motion info`` and ``play``: what a clip holds, as a table, in the browser or as a video."""

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from msemu.cli.motion.options import InfoCfg, PlayClipCfg
from msemu.console import progress, write_json
from msemu.errors import MsemuError
from msemu.files import printable, save_image
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.motion.recording import Recording
from msemu.viewer.drawing.heatmap import draw_heatmap
from msemu.viewer.drawing.video import write_video
from msemu.viewer.page.browser import serve


def info(args: InfoCfg) -> None:
    """Show a clip's facts."""
    clip = MotionClip.load(args.clip)
    Console().print(clip_table(clip, str(args.clip)))
    if args.json:
        write_json(args.json, facts(clip))


def play(args: PlayClipCfg) -> None:
    """Show a clip."""
    clip = MotionClip.load(args.clip)
    if args.cycles != PlayClipCfg.cycles and not clip.cyclic:
        raise MsemuError(f"--cycles is for clips that repeat, and {args.clip} does not; leave it out")
    if args.cycles != PlayClipCfg.cycles and args.heatmap and not args.video:
        raise MsemuError("--cycles has no effect on a --heatmap; leave it out")
    body = load_body(clip.body, args.body_path)
    clip.check_matches(body.name, body.joint_names)
    recording = Recording.from_clip(clip, cycles=args.cycles)
    picture = None
    if args.heatmap or (clip.joint_centers is not None and not args.video):
        picture = draw_heatmap(body, clip)
        if args.heatmap:
            save_image(picture, args.heatmap)
            Console().print(f"picture: {args.heatmap}", soft_wrap=True)
    if args.video:
        with progress("drawing") as on_frame:
            write_video(recording, body, args.video, progress=on_frame)
        Console().print(f"video: {args.video}", soft_wrap=True)
    elif not args.heatmap:
        serve(recording, body, args.host, args.port, picture=picture)


def facts(clip: MotionClip) -> dict:
    """Return what `info` and `import` write as JSON: the header of the clip, its length and its quality."""
    facts = asdict(clip)
    for array in ("qpos", "qvel", "joint_centers"):
        facts.pop(array)
    facts["cycle_displacement"] = clip.cycle_displacement.tolist()
    return facts | {"num_frames": clip.num_frames, "duration_s": clip.duration_s}


def clip_table(clip: MotionClip, title: str) -> Table:
    """Show a clip as people judge it; all figures are in the JSON."""
    table = Table("", "value", title=_plain(title), show_header=False)
    table.add_row("motion", _plain(clip.name))
    table.add_row("body", f"{_plain(clip.body)}, {len(clip.joint_names)} joints")
    table.add_row("length", f"{clip.num_frames} frames at {clip.fps:g} Hz, {clip.duration_s:.2f} s")
    table.add_row("repeats", f"yes, {clip.cycle_displacement[0]:.3f} m per cycle" if clip.cyclic else "no")
    table.add_row("source", _plain(clip.source))
    table.add_row("license", _plain(clip.license) or "not stated in the file")
    table.add_section()
    quality = clip.quality
    for label, pattern in _QUALITY_ROWS:
        try:
            table.add_row(label, pattern.format(**quality))
        except KeyError:
            continue
    return table


def _plain(text: str) -> str:
    """Return a text from a file as it stands, neither control characters nor markup."""
    return escape(printable(text, 2000))


_QUALITY_ROWS = (
    ("joint centers, mean / p95 / max", "{error_mean_cm:.2f} / {error_p95_cm:.2f} / {error_max_cm:.2f} cm"),
    (
        "the same against the recording as it is",
        "{recorded_error_mean_cm:.2f} / {recorded_error_p95_cm:.2f} / {recorded_error_max_cm:.2f} cm",
    ),
    ("standing soles, lowest / highest", "{stance_height_min_cm:.2f} / {stance_height_max_cm:.2f} cm"),
    ("deepest point below the floor", "{penetration_max_cm:.2f} cm"),
    ("lowered onto the floor, at most", "{settled_max_cm:.1f} cm"),
    ("beyond a joint limit", "{limit_violation_max_deg:.2f} deg"),
    ("fastest joint", "{joint_speed_max_rad_s:.1f} rad/s"),
    ("largest muscle length step", "{tendon_step_max:.3f} fiber lengths"),
    ("jump at the seam / largest inside", "{seam_pose_deg:.2f} / {inside_pose_deg:.2f} deg"),
    ("the same, velocity", "{seam_velocity_rad_s:.2f} / {inside_velocity_rad_s:.2f} rad/s"),
)
