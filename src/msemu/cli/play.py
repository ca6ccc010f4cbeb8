"""``msemu-play``: watch a trained policy, a simulation that was found, or the reference of a task."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from msemu.analysis.rollout import record
from msemu.analysis.rollout_body import body_of
from msemu.analysis.solutions.freedom import show_freedom
from msemu.cli.options import PlayCfg
from msemu.config import cfg_names, load_named
from msemu.console import progress, with_progress
from msemu.errors import MsemuError, suggestion
from msemu.models import Body, load_body
from msemu.motion.library.task_clips import find_clip, load_clip, motions_of
from msemu.motion.recording import Push, Recording
from msemu.motion.rollout import Rollout
from msemu.registry import get_task, list_tasks
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import PretrainedRun, find_run
from msemu.rl.run_folder import RunFolder
from msemu.schema import PreferenceCfg
from msemu.sim import pick_device
from msemu.viewer.drawing.video import write_video
from msemu.viewer.live import Live
from msemu.viewer.serving import serve

_OWN = "as the run"
"""What muscles prefer that prefer what those of the run do."""


def play(args: PlayCfg) -> None:
    """Make the recording and show it."""
    body, recording, live = _record(args)
    if args.freedom:  # it is that of this movement
        recording, live = show_freedom(recording, body, args.freedom), None
    if args.video:
        with progress("drawing") as on_frame:
            write_video(
                recording,
                body,
                args.video,
                renderer=args.renderer,
                color_by=args.color_by,
                forces=not args.no_forces,
                progress=on_frame,
            )
        Console().print(f"video: {args.video}")
    else:
        serve(recording, body, args.host, args.port, live=live)


def _record(args: PlayCfg) -> tuple[Body, Recording, Live | None]:
    """Return the body, what it did, and what lets it do it again under a push, where a policy drives it."""
    if args.run.endswith(".npz"):
        return *_rollout(args), None
    if args.body or args.body_path:
        raise MsemuError("--body and --body-path are for a rollout (.npz); a run has its own body: leave them out")
    run = _find_run(args)
    if run is None:
        _require_defaults(args, "checkpoint", "seed", "device", "start_frame", "color_by", "preference", "no_forces")
        Console().print(f"{args.run} has no run below {args.runs_dir}: showing its reference")
        return *_reference(args), None
    clips = run.load_clips()
    _, clip = find_clip(clips, args.clip)
    checkpoint = run.checkpoint(args.checkpoint)
    device = pick_device(args.device)
    env, runner = open_policy(run, checkpoint, 1, device, args.seed, [clip], preference=args.preference)
    if not 0 <= args.start_frame < env.reference.num_frames:
        raise MsemuError(f"--start-frame must be from 0 to {env.reference.num_frames - 1}")
    if args.seconds is not None:
        env.max_episode_length = max(1, round(args.seconds * env.cfg.env.control_frequency_hz))
    steps = env.max_episode_length
    with progress("simulating") as advance:
        name = "pretrained" if isinstance(run, PretrainedRun) else run.path.name
        title = f"{run.task}  {name}" + (f"  {clip.name}" if len(clips) > 1 else "")
        title += f"  strength set {env.body.strength_set}" * (env.body.strength_set != "own")
        rollout = record(env, runner.policy(), steps, title, args.start_frame, advance)

    preferring = getattr(env.action_space, "preferring", None)

    def simulate(push: Push | None, preference: str) -> Recording:
        if preferring is not None:
            chosen = load_named(PreferenceCfg, preference) if preference != _OWN else own
            preferring.assign([chosen])
        return record(env, runner.policy(), steps, title, args.start_frame, push=push).recording(env.body)

    own = preferring.cfgs[0] if preferring else None
    preferences = (_OWN, *cfg_names("preference")) if preferring else ()
    return env.body, rollout.recording(env.body), Live(simulate, preferences)


def _rollout(args: PlayCfg) -> tuple[Body, Recording]:
    rollout = Rollout.load(Path(args.run))
    body = body_of(Path(args.run), rollout, args.body, args.body_path)
    return body, rollout.recording(body)


def _require_defaults(args: PlayCfg, *names: str) -> None:
    """Refuse options that are about a policy, where there is none."""
    for name in names:
        if getattr(args, name) != getattr(PlayCfg, name):
            option = f"--{name.replace('_', '-')}"
            raise MsemuError(f"{args.run} has no run below {args.runs_dir}; {option} is for a policy: leave it out")


def _find_run(args: PlayCfg) -> RunFolder | None:
    try:
        return find_run(args.run, Path(args.runs_dir), args.pretrained)
    except MsemuError:
        if not args.pretrained and any(spec.id == args.run for spec in list_tasks()):
            return None
        raise


def _reference(args: PlayCfg) -> tuple[Body, Recording]:
    cfg = get_task(args.run).load_config()
    body = load_body(cfg.body, cfg.body_path)
    motions = motions_of(cfg)
    if args.clip not in (None, *motions):
        raise MsemuError(f"{args.run} has no clip '{args.clip}'{suggestion(args.clip, motions)}")
    clip = with_progress(load_clip)(replace(cfg, motion=args.clip or motions[0]), body)
    seconds = args.seconds or cfg.env.episode_length_s
    return body, Recording.from_clip(clip, cycles=max(1, round(seconds / clip.duration_s)))
