"""``msemu-motion info`` and ``play``: what a clip holds, as a table, in the browser or as a video."""

import contextlib
from dataclasses import asdict
from string import Formatter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from msemu.cli.motion.options import InfoCfg, PlayClipCfg
from msemu.console import progress, write_json
from msemu.errors import MsemuError
from msemu.files import printable, save_image
from msemu.findings import COLORS, Finding, worst_first
from msemu.models import load_body
from msemu.motion.checks.verdict import judge, remedies
from msemu.motion.clip import MotionClip
from msemu.motion.quality import pose_figures
from msemu.motion.recording import Recording
from msemu.viewer.drawing.heatmap import draw_heatmap
from msemu.viewer.drawing.video import write_video
from msemu.viewer.serving import serve


def info(args: InfoCfg) -> None:
    """Show a clip's facts; what can be told from its poses at once is measured anew where its body is at hand."""
    clip = MotionClip.load(args.clip)
    with contextlib.suppress(MsemuError):
        body = load_body(clip.body)
        clip.check_matches(body.name, body.joint_names)
        clip.quality |= pose_figures(body, clip)
    show_clip(Console(), clip, str(args.clip))
    if args.json:
        write_json(args.json, facts(clip))


def play(args: PlayClipCfg) -> None:
    """Show a clip."""
    clip = MotionClip.load(args.clip)
    if args.cycles != PlayClipCfg.cycles and not clip.cyclic:
        raise MsemuError(f"--cycles is for clips that repeat, and {args.clip} does not; leave it out")
    if args.cycles != PlayClipCfg.cycles and args.heatmap and not args.video:
        raise MsemuError("--cycles has no effect on a --heatmap; leave it out")
    body = load_body(args.body or clip.body, args.body_path)
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


def show_clip(console: Console, clip: MotionClip, title: str) -> None:
    """Show a clip as people judge it, and what to try where it is not good; all figures are in the JSON."""
    console.print(_clip_table(clip, title))
    for line in remedies(judge(clip.quality), clip.quality):
        console.print(f"try for {line}", soft_wrap=True, highlight=False, markup=False)


def _clip_table(clip: MotionClip, title: str) -> Table:
    table = Table("", "value", "verdict", title=_plain(title), show_header=False)
    table.add_row("motion", _plain(clip.name))
    table.add_row("body", _plain(f"{clip.body}, {len(clip.joint_names)} joints"))
    table.add_row("length", f"{clip.num_frames} frames at {clip.fps:g} Hz, {clip.duration_s:.2f} s")
    table.add_row("repeats", f"yes, {clip.cycle_displacement[0]:.3f} m per cycle" if clip.cyclic else "no")
    table.add_row("source", _plain(clip.source))
    table.add_row("license", _plain(clip.license) or "not stated in the file")
    table.add_section()
    found = {finding.subject: finding for finding in worst_first(judge(clip.quality))}
    for label, pattern in _QUALITY_ROWS:
        names = [name for _, name, _, _ in Formatter().parse(pattern) if name]
        if all(name in clip.quality for name in names):
            verdict = next((_verdict(finding) for name, finding in found.items() if name in names), "good")
            table.add_row(label, pattern.format(**clip.quality), verdict)
    return table


def _plain(text: str) -> str:
    """Return a text from a file without control characters and as it stands, whatever Rich means by brackets."""
    return escape(printable(text, len(text)))


def _verdict(finding: Finding) -> str:
    return f"[{COLORS[finding.severity]}]{finding.severity}[/]: {finding.message}"


_QUALITY_ROWS = (
    ("joint centers, mean / p95 / max", "{error_mean_cm:.2f} / {error_p95_cm:.2f} / {error_max_cm:.2f} cm"),
    (
        "the same against the recording as it is",
        "{recorded_error_mean_cm:.2f} / {recorded_error_p95_cm:.2f} / {recorded_error_max_cm:.2f} cm",
    ),
    ("standing soles, lowest / highest", "{stance_height_min_cm:.2f} / {stance_height_max_cm:.2f} cm"),
    ("above the floor without falling", "{floating_max_cm:.1f} cm"),
    ("deepest point below the floor", "{penetration_max_cm:.2f} cm"),
    ("lowered onto the floor, at most", "{settled_max_cm:.1f} cm"),
    ("beyond a joint limit", "{limit_violation_max_deg:.2f} deg"),
    ("fastest joint", "{joint_speed_max_rad_s:.1f} rad/s"),
    ("fastest pelvis", "{root_speed_max_m_s:.1f} m/s"),
    ("largest muscle length step", "{tendon_step_max:.3f} fiber lengths"),
    ("jump at the seam / largest inside", "{seam_pose_deg:.2f} / {inside_pose_deg:.2f} deg"),
    ("the same, velocity", "{seam_velocity_rad_s:.2f} / {inside_velocity_rad_s:.2f} rad/s"),
)
