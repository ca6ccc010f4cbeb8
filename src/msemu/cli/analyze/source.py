"""From what a user names to a movement with its forces: a run, a rollout or a clip."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.replay import replay
from msemu.analysis.rollout import record, steps_with
from msemu.analysis.rollout_body import body_of
from msemu.cli.analyze.mechanics_options import MovementCfg
from msemu.console import progress, with_progress
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.errors import MsemuError
from msemu.files import array_names, spare
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import find_clip, load_clip
from msemu.motion.reference import CLIP_SPACING
from msemu.motion.rollout import Rollout
from msemu.muscle.overrides import configured_parameters
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import find_run, names_run
from msemu.schema import MuscleCfg, TaskCfg, TrainCfg

_RUNS = Path(TrainCfg.runs_dir)
_SMOOTHING_S = 0.02
"""Standard deviation of the Gaussian over a clip before it is differentiated [s]."""


def find_movement(args: MovementCfg, check: Callable[[Body], object] = lambda body: None) -> MechanicalMovement:
    """Simulate a run, replay a rollout, or optimize along a clip.

    What ``check`` raises about the body is raised before that work begins.
    """
    path = Path(args.source)
    if args.pretrained or names_run(args.source, _RUNS):
        return _simulated(args, check)
    if path.is_file():
        spare([path])
    if "excitation" in array_names(path):
        rollout = Rollout.load(path)
        body = body_of(path, rollout, args.body, args.body_path)
        check(body)
        parameters = configured_parameters(body.model, MuscleCfg(parameter_file=args.parameter_file))
        return _from(replay(rollout, body, parameters), source=f"rollout {path}", **_muscle_file(args))
    return _explained(args, check)


def _simulated(args: MovementCfg, check: Callable[[Body], object]) -> MechanicalMovement:
    """Let the policy of a run drive its body from the first frame of its clip."""
    if args.body or args.parameter_file:
        raise MsemuError("a run has its own body and muscles; leave --body and --parameter-file out")
    run = find_run(args.source, _RUNS, args.pretrained)
    checkpoint = run.checkpoint(args.checkpoint)
    env, runner = open_policy(run, checkpoint, 1, "cpu", args.seed)
    check(env.body)
    index, clip = find_clip(env.reference.clips, args.clip)
    wanted = env.cfg.env.episode_length_s if args.seconds is None else args.seconds
    steps = steps_with(clip, max(1, round(wanted * env.cfg.env.control_frequency_hz)))
    env.max_episode_length = steps
    with progress(f"{run.task}, {clip.name}", transient=True) as on_step:
        rollout = record(env, runner.policy(), steps, f"{run.task}  {clip.name}", index * CLIP_SPACING, on_step=on_step)
    return _from(
        replay(rollout, env.body, configured_parameters(env.body.model, env.cfg.sim.muscle)),
        source=f"policy of {run.task}, {'comes with msemu' if args.pretrained else run.path}",
        checkpoint=checkpoint.name if args.pretrained else checkpoint,
        clip=clip.name,
        seed=args.seed,
        time_step_s=f"{env.cfg.sim.timestep_s:g}",
    )


def _explained(args: MovementCfg, check: Callable[[Body], object]) -> MechanicalMovement:
    """Find the muscle and floor forces of least effort along a clip."""
    path = Path(args.source)
    name = args.body or (MotionClip.load(path).body if path.suffix == ".npz" else None)
    if name is None:
        raise MsemuError(f"say with --body on which body '{args.source}' is looked at, see: msemu-model list")
    body = load_body(name, args.body_path)
    check(body)
    clip = with_progress(load_clip)(TaskCfg(body=name, motion=args.source), body)
    movement = differentiate(body, clip, _SMOOTHING_S)
    parameters = configured_parameters(body.model, MuscleCfg(parameter_file=args.parameter_file))
    with progress(f"{clip.name} on {body.name}", transient=True) as on_frame:
        found = optimize(body, movement, None, parameters, on_frame)
    title = f"static optimization: {clip.name or path.stem}"
    explained = MechanicalMovement.of_static_optimization(
        body, movement, found, parameters, clip.fps, title, clip.cyclic
    )
    source = f"static optimization of the clip {args.source}, smoothed by {_SMOOTHING_S:g} s"
    return _from(explained, source=source, clip_source=clip.source, clip_license=clip.license, **_muscle_file(args))


def _muscle_file(args: MovementCfg) -> dict[str, object]:
    return {"muscle_parameters": args.parameter_file} if args.parameter_file else {}


def _from(movement: MechanicalMovement, **provenance: object) -> MechanicalMovement:
    """Say what a movement is from."""
    return replace(movement, provenance={name: str(value) for name, value in provenance.items() if value != ""})
