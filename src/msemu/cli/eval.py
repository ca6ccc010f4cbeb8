"""``msemu-eval``: measure a trained policy in degrees and centimeters."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from msemu.analysis.evaluation import RECORDED, Evaluation, recorded_figures, tabulate
from msemu.analysis.evaluation_plots import plot_evaluation
from msemu.analysis.rollout import TrackingErrors, measure_episodes, record, steps_with
from msemu.analysis.start import Starts
from msemu.cli.options import EvalCfg
from msemu.console import make_folders, progress, write_json
from msemu.motion.library.task_clips import file_stem, find_clip
from msemu.motion.reference import CLIP_SPACING
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import find_run
from msemu.sim import pick_device

_CLIP_FIGURES = (
    *("joint_angle_error_deg", "root_rotation_error_deg", "body_position_error_cm", "root_translation_error_cm"),
    *("survival", "episode_length_s", "muscle_power_w"),
)
"""Figures of a run with several clips."""
_HALF_TURN_DEG = 180.0


def evaluate(args: EvalCfg) -> None:
    """Evaluate, print the table, write JSON and plots."""
    run = find_run(args.run, Path(args.runs_dir), args.pretrained)
    checkpoint = run.checkpoint(args.checkpoint)
    plots = args.plots or run.plots
    make_folders(plots)
    device = pick_device(args.device)
    env, runner = open_policy(run, checkpoint, args.episodes, device, args.seed, None, args.timestep_s, args.preference)
    frequency = env.cfg.env.control_frequency_hz
    steps = env.max_episode_length if args.seconds is None else max(1, round(args.seconds * frequency))
    env.max_episode_length = steps + 1
    joints = [env.body.joint_names[index] for index in env.body.independent_joints]
    clips = env.reference.clips
    chosen = range(len(clips)) if args.clip is None else [find_clip(clips, args.clip)[0]]
    lengths = {index: steps_with(clips[index], steps) for index in chosen}
    measured: dict[int, tuple[Evaluation, TrackingErrors]] = {}
    with progress("evaluating") as advance:
        for index, length in lengths.items():
            done = sum(lengths[earlier] for earlier in measured)
            errors = measure_episodes(
                env,
                runner.policy(),
                length,
                lambda step, _: advance(done + step, sum(lengths.values())),  # noqa: B023  (called in this round only)
                clip=index,
                starts=Starts(args.from_start, args.start_noise_deg, args.seed),
            )
            measured[index] = Evaluation.of(errors, joints, frequency), errors
    if args.rollout:
        first, length = next(iter(lengths.items()))
        title = f"{run.task}  {env.reference.names[first]}"
        record(env, runner.policy(), length, title, first * CLIP_SPACING).save(args.rollout)
    evaluations = {env.reference.names[index]: evaluation for index, (evaluation, _) in measured.items()}
    console = Console()
    console.print(f"checkpoint: {checkpoint}\nstrength set: {env.body.strength_set}", soft_wrap=True)
    single = next(iter(evaluations.values())) if len(evaluations) == 1 else None
    recorded = recorded_figures(next(iter(measured.values()))[1], joints, frequency) if single else {}
    console.print(
        _table(single, run.task, recorded)
        if single
        else tabulate(evaluations, _CLIP_FIGURES, "clip", run.task, "mean of the clips")
    )
    if args.json:
        figures = (
            asdict(single) | recorded
            if single
            else {"clips": {name: asdict(each) for name, each in evaluations.items()}}
        )
        about = {
            "task": run.task,
            "checkpoint": str(checkpoint),
            "seed": args.seed,
            "strength_set": env.body.strength_set,
        }
        write_json(args.json, about | figures)
    for index, (evaluation, errors) in measured.items():
        folder = plots if single else plots / file_stem(index, env.reference.names[index])
        for path in plot_evaluation(evaluation, errors, frequency, folder):
            console.print(f"plot: {path}", soft_wrap=True)


def _table(evaluation: Evaluation, title: str, recorded: dict[str, float]) -> Table:
    table = Table("measure", "value", "unit", title=title)
    rows = (
        ("joint angle error (mean over joints)", evaluation.joint_angle_error_deg, "deg"),
        ("root rotation error", evaluation.root_rotation_error_deg, "deg"),
        ("body position error (relative to the pelvis)", evaluation.body_position_error_cm, "cm"),
        ("root translation error", evaluation.root_translation_error_cm, "cm"),
        (f"survival of {evaluation.episode_length_s:g} s", 100.0 * evaluation.survival, "%"),
        ("time before a failure (mean)", evaluation.survival_time_s, "s"),
        *_turning(evaluation),
    )
    muscles = (
        ("muscle power (positive, all muscles)", evaluation.muscle_power_w, "W"),
        ("peak of it", evaluation.peak_muscle_power_w, "W"),
        ("activation (mean over muscles)", 100.0 * evaluation.activation, "%"),
        ("tendon strain (mean over elastic tendons)", 100.0 * evaluation.tendon_strain, "%"),
    )
    names = ("joint angle error", "root rotation error", "body position error", "root translation error")
    units = ("deg", "deg", "cm", "cm")
    recording = [
        (f"{name}, to the recording", recorded[f"recorded_{figure}"], unit)
        for name, figure, unit in zip(names, RECORDED, units, strict=True)
        if recorded
    ]
    for section in filter(None, (rows, recording, muscles)):
        for label, value, unit in section:
            table.add_row(label, f"{value:.2f}", unit)
        table.add_section()
    worst = sorted(evaluation.joint_angle_error_deg_by_joint.items(), key=lambda item: -item[1])[:5]
    for name, value in worst:
        table.add_row(f"worst joints: {name}", f"{value:.2f}", "deg")
    return table


def _turning(evaluation: Evaluation) -> tuple[tuple[str, float, str], ...]:
    """Rows of a clip that turns by a half at least."""
    if evaluation.reference_turned_deg < _HALF_TURN_DEG:
        return ()
    return (
        ("turned in the sense of the clip", evaluation.turned_deg, "deg"),
        ("the clip itself", evaluation.reference_turned_deg, "deg"),
    )
