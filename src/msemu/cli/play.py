"""``msemu-play``: watch a trained policy, or the reference of a task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from msemu.console import load_motion, progress, require_seconds
from msemu.errors import MsemuError, command, suggestion
from msemu.models import Body, load_body
from msemu.motion.recording import Recording
from msemu.registry import get_task, list_tasks
from msemu.rl.pretrained import find_run
from msemu.rl.run_folder import RunFolder
from msemu.viewer.drawing.video import RendererName, write_video


@dataclass
class PlayArgs:
    """Watch a trained policy beside its reference: in the browser, or as a video.

    For a task id, the latest run of the task is shown. A task that was never trained shows its reference alone, from
    its beginning and in whole cycles.
    """

    run: Annotated[str, tyro.conf.Positional]
    """Run folder or task id."""
    pretrained: bool = False
    """Show the policy of the task that comes with msemu."""
    checkpoint: str = "best"
    """best, last, or the path of a checkpoint."""
    seconds: float | None = None
    """Length [s]; the task's episode by default."""
    start_frame: int = 0
    """Frame of the reference to start in."""
    clip: str | None = None
    """Which clip of a task with several; the first by default."""
    seed: int = 1
    """Seed of the environment."""
    device: str = "cpu"
    """Where the network runs."""
    video: Path | None = None
    """Write this mp4 file instead of opening a page."""
    renderer: RendererName = "auto"
    """Video only: egl (OpenGL), lines (needs no OpenGL), or auto."""
    color_by: Literal["activation", "muscle_force", "fiber_length"] = "activation"
    """Video only: what colors the muscles; the page has a list for it."""
    host: str = "127.0.0.1"
    """Address that the page is served at; 0.0.0.0 lets other machines in."""
    port: int = 8080
    """Port that the page is served at."""
    runs_dir: str = "runs"
    """Where run folders are looked for when a task id is given."""


@command
def main() -> None:
    """Entry point."""
    play(tyro.cli(PlayArgs, prog="msemu-play"))


def play(args: PlayArgs) -> None:
    """Make the recording and show it."""
    require_seconds(args.seconds)
    body, recording = _record(args)
    if args.video:
        with progress("drawing") as on_frame:
            write_video(recording, body, args.video, renderer=args.renderer, color_by=args.color_by, progress=on_frame)
        Console().print(f"video: {args.video}")
    else:
        from msemu.viewer.page.browser import serve

        serve(recording, body, args.host, args.port)


def _record(args: PlayArgs) -> tuple[Body, Recording]:
    from msemu.analysis.rollout import record
    from msemu.motion.library.task_clips import find_clip
    from msemu.rl.assemble import open_policy
    from msemu.sim import pick_device

    run = _find_run(args)
    if run is None:
        Console().print(f"{args.run} has no run below {args.runs_dir}: showing its reference")
        return _reference(args)
    clips = run.load_clips()
    _, clip = find_clip(clips, args.clip)
    checkpoint = run.checkpoint(args.checkpoint)
    env, runner = open_policy(run, checkpoint, 1, pick_device(args.device), args.seed, [clip])
    if not 0 <= args.start_frame < env.reference.num_frames:
        raise MsemuError(f"--start-frame must be from 0 to {env.reference.num_frames - 1}")
    if args.seconds is not None:
        env.max_episode_length = max(1, round(args.seconds * env.cfg.env.control_frequency_hz))
    steps = env.max_episode_length
    with progress("simulating") as advance:
        name = "pretrained" if args.pretrained else run.path.name
        title = f"{run.task}  {name}" + (f"  {clip.name}" if len(clips) > 1 else "")
        return env.body, record(env, runner.policy(), steps, title, args.start_frame, advance)


def _find_run(args: PlayArgs) -> RunFolder | None:
    try:
        return find_run(args.run, Path(args.runs_dir), args.pretrained)
    except MsemuError:
        if not args.pretrained and any(spec.id == args.run for spec in list_tasks()):
            return None
        raise


def _reference(args: PlayArgs) -> tuple[Body, Recording]:
    from msemu.motion.library.task_clips import motions_of

    cfg = get_task(args.run).load_config()
    body = load_body(cfg.body, cfg.body_path)
    motions = motions_of(cfg)
    if args.clip not in (None, *motions):
        raise MsemuError(f"{args.run} has no clip '{args.clip}'{suggestion(args.clip, motions)}")
    clip = load_motion(replace(cfg, motion=args.clip or motions[0]), body)
    seconds = args.seconds or cfg.env.episode_length_s
    return body, Recording.from_clip(clip, cycles=max(1, round(seconds / clip.duration_s)))
