"""``msemu-eval``: measure a trained policy in degrees and centimeters."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from msemu.console import make_folders, progress, require_seconds, write_json
from msemu.errors import MsemuError, command

if TYPE_CHECKING:
    from msemu.analysis.evaluation import Evaluation
    from msemu.analysis.rollout import TrackingErrors


@dataclass
class EvalArgs:
    """Measure how well a trained policy tracks its reference, in degrees and centimeters.

    One episode starts at each of evenly spaced frames of the reference, without exploration noise. Errors are means
    over the time before a failure; survival is the share of episodes without one. A run with several clips is measured
    clip by clip.
    """

    run: Annotated[str, tyro.conf.Positional]
    """Run folder, or a task id for its latest run."""
    pretrained: bool = False
    """Measure the policy of the task that comes with msemu."""
    checkpoint: str = "best"
    """best, last, or the path of a checkpoint of the run."""
    episodes: int = 32
    """Number of episodes, with each clip."""
    seconds: float | None = None
    """Length of an episode [s]; the task's own by default, at most the clip's when it does not repeat."""
    clip: str | None = None
    """The only clip to measure of a run with several; all of them by default."""
    seed: int = 1
    """Seed of the environment."""
    device: str = "cpu"
    """Where the network runs."""
    runs_dir: str = "runs"
    """Where run folders are looked for when a task id is given."""
    json: Path | None = None
    """File to write the figures to."""
    plots: Path | None = None
    """Folder for the plots; <run>/eval by default, eval/<task> for a pretrained policy."""


@command
def main() -> None:
    """Entry point."""
    evaluate(tyro.cli(EvalArgs, prog="msemu-eval"))


def evaluate(args: EvalArgs) -> None:
    """Evaluate, print the table, write JSON and plots."""
    from msemu.analysis.evaluation import Evaluation
    from msemu.analysis.evaluation_plots import plot_evaluation
    from msemu.analysis.rollout import measure_episodes, steps_with
    from msemu.motion.library.task_clips import file_stem, find_clip
    from msemu.rl.assemble import open_policy
    from msemu.rl.pretrained import find_run
    from msemu.sim import pick_device

    if args.episodes < 1:
        raise MsemuError("--episodes must be positive")
    require_seconds(args.seconds)
    run = find_run(args.run, Path(args.runs_dir), args.pretrained)
    checkpoint = run.checkpoint(args.checkpoint)
    plots = args.plots or run.plots
    make_folders(plots, *([args.json.parent] if args.json else []))
    env, runner = open_policy(run, checkpoint, args.episodes, pick_device(args.device), args.seed)
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
                lambda step, _, done=done: advance(done + step, sum(lengths.values())),
                clip=index,
            )
            measured[index] = Evaluation.of(errors, joints, frequency), errors
    evaluations = {env.reference.names[index]: evaluation for index, (evaluation, _) in measured.items()}
    console = Console()
    console.print(f"checkpoint: {checkpoint}", soft_wrap=True)
    single = next(iter(evaluations.values())) if len(evaluations) == 1 else None
    console.print(_table(single, run.task) if single else _table_of_clips(evaluations, run.task))
    if args.json:
        figures = asdict(single) if single else {"clips": {name: asdict(each) for name, each in evaluations.items()}}
        write_json(args.json, {"task": run.task, "checkpoint": str(checkpoint), "seed": args.seed, **figures})
    for index, (evaluation, errors) in measured.items():
        folder = plots if single else plots / file_stem(index, env.reference.names[index])
        for path in plot_evaluation(evaluation, errors, frequency, folder):
            console.print(f"plot: {path}", soft_wrap=True)


def _table_of_clips(evaluations: "dict[str, Evaluation]", title: str) -> Table:
    """One row for each clip, and their mean."""
    columns = {
        "joint angles [deg]": "joint_angle_error_deg",
        "root [deg]": "root_rotation_error_deg",
        "body [cm]": "body_position_error_cm",
        "root [cm]": "root_translation_error_cm",
        "survival [%]": "survival",
        "of [s]": "episode_length_s",
        "power [W]": "muscle_power_w",
    }
    table = Table("clip", title=title)
    for label in columns:
        table.add_column(label, justify="right")
    rows = {
        name: [getattr(evaluation, figure) * (100.0 if figure == "survival" else 1.0) for figure in columns.values()]
        for name, evaluation in evaluations.items()
    }
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.2f}" for value in values))
    table.add_section()
    means = [sum(values) / len(rows) for values in zip(*rows.values(), strict=True)]
    table.add_row("mean of the clips", *(f"{value:.2f}" for value in means))
    return table


def _table(evaluation: "Evaluation", title: str) -> Table:
    table = Table("measure", "value", "unit", title=title)
    rows = (
        ("joint angle error (mean over joints)", evaluation.joint_angle_error_deg, "deg"),
        ("root rotation error", evaluation.root_rotation_error_deg, "deg"),
        ("body position error (relative to the pelvis)", evaluation.body_position_error_cm, "cm"),
        ("root translation error", evaluation.root_translation_error_cm, "cm"),
        (f"survival of {evaluation.episode_length_s:g} s", 100.0 * evaluation.survival, "%"),
        ("time before a failure (mean)", evaluation.survival_time_s, "s"),
    )
    muscles = (
        ("muscle power (positive, all muscles)", evaluation.muscle_power_w, "W"),
        ("peak of it", evaluation.peak_muscle_power_w, "W"),
        ("activation (mean over muscles)", 100.0 * evaluation.activation, "%"),
        ("tendon strain (mean over elastic tendons)", 100.0 * evaluation.tendon_strain, "%"),
    )
    for section in (rows, muscles):
        for label, value, unit in section:
            table.add_row(label, f"{value:.2f}", unit)
        table.add_section()
    worst = sorted(evaluation.joint_angle_error_deg_by_joint.items(), key=lambda item: -item[1])[:5]
    for name, value in worst:
        table.add_row(f"worst joints: {name}", f"{value:.2f}", "deg")
    return table
