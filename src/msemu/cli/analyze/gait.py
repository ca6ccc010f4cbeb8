"""``msemu-analyze gait``: when the muscles of a walking policy are active, beside a textbook."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from msemu.analysis.gait.gait import GaitActivity, measure_gait
from msemu.analysis.gait.muscle_timing import Agreement, OverallAgreement
from msemu.analysis.gait.plot import plot_gait
from msemu.analysis.mechanics.emg_agreement import agreements as agreements_with
from msemu.analysis.mechanics.emg_agreement import lines_of, read_cycle_emg
from msemu.cli.analyze.options import GaitCfg
from msemu.console import progress, write_json
from msemu.control.textbook_timing import TextbookTiming
from msemu.envs.emg import EmgRecording
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.library.task_clips import find_clip
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import find_run
from msemu.sim import pick_device

_RUNNING_STANCE = 0.5
"""A foot that stands for less of its cycle leaves the body without any support, which is a run [-]."""


def analyze_gait(args: GaitCfg) -> None:
    """Let the policy walk, print the table, write JSON and plot."""
    run = find_run(args.run, Path(args.runs_dir), args.pretrained)
    plot = args.plot or run.plots / "muscle_timing.png"
    plot.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = run.checkpoint(args.checkpoint)
    env, runner = open_policy(
        run, checkpoint, args.episodes, pick_device(args.device), args.seed, preference=args.preference
    )
    if args.clip is None and len(env.reference.clips) > 1:
        raise MsemuError(f"choose a clip of the run with --clip: {', '.join(env.reference.names)}")
    index, clip = find_clip(env.reference.clips, args.clip)
    recording = read_cycle_emg(args.emg, env.body) if args.emg else None
    steps = max(1, round(args.seconds * env.cfg.env.control_frequency_hz))
    env.max_episode_length = steps + 1
    timing = TextbookTiming.named()
    with progress("walking", transient=True) as on_step:
        activity = measure_gait(env, runner.policy(), steps, timing, index, on_step)
    mean = activity.mean
    agreements = {
        name: Agreement.of(mean[:, column], channel.is_on)
        for column, (name, channel) in enumerate(timing.channels.items())
    }
    overall = OverallAgreement.of(mean, timing)
    own = agreements_with(recording, _courses(activity, recording, env.body)) if recording else {}

    console = Console()
    console.print(f"checkpoint: {checkpoint}", soft_wrap=True)
    console.print(_table(f"{run.task}, {clip.name}", timing, agreements))
    for line in (*_summary(activity, overall), *lines_of(own)):
        console.print(line, soft_wrap=True)
    if args.json:
        protocol = {"task": run.task, "checkpoint": str(checkpoint), "clip": clip.name, "seed": args.seed}
        protocol |= {"episodes": args.episodes, "episode_length_s": args.seconds}
        emg = {muscle: asdict(agreement) for muscle, agreement in own.items()}
        also = {"all_muscles": asdict(overall), "emg": emg}
        write_json(args.json, protocol | _figures(activity, timing, agreements) | also)
    plot_gait(activity, timing, agreements, f"Muscle activity of {run.task}, {clip.name}", plot)
    console.print(f"plot: {plot}", soft_wrap=True)


def _courses(activity: GaitActivity, recording: EmgRecording, body: Body) -> dict[str, np.ndarray]:
    """Return the mean activation of the muscle of each channel over the cycle of its own leg, shape [101] each."""
    return {name: activity.muscles[name[-1]][:, body.muscle_names.index(name)] for name in recording.channels}


def _table(title: str, timing: TextbookTiming, agreements: dict[str, Agreement]) -> Table:
    # Narrow enough for a terminal of 80 characters.
    table = Table("muscle", "textbook %", title=title, box=SIMPLE_HEAD, padding=0, show_edge=False)
    for label in ("inside", "outside", "peak", "at %", "r", "shifts %"):
        table.add_column(label, justify="right")
    for name, agreement in agreements.items():
        table.add_row(
            name,
            ", ".join(f"{begin:g}-{end:g}" for begin, end in timing.channels[name].bursts),
            *(f"{value:.2f}" for value in (agreement.inside, agreement.outside, agreement.peak)),
            str(agreement.peak_at),
            f"{agreement.correlation:.2f}",
            f"{100 * agreement.shifts_as_good:.0f}",
        )
    return table


def _summary(activity: GaitActivity, overall: OverallAgreement) -> list[str]:
    legs = activity.legs.values()
    counts = " and ".join(str(len(leg.activation)) for leg in legs)
    stance = sum(leg.stance.mean() for leg in legs) / len(legs)
    lines = [
        "inside, outside: mean activation within the bursts and in the rest of the cycle; r: its correlation with the"
        " bursts (0 by chance); shifts: part of all shifts in time that agree as well or better (50 by chance)",
        f"all muscles: r {overall.correlation:.2f}, shifts {100 * overall.shifts_as_good:.0f} %; moved by"
        f" {overall.best_shift:+d} % of the cycle together they agree best, r {overall.best_correlation:.2f}",
        f"{counts} cycles of the right and left leg, {sum(leg.left_out for leg in legs)} of odd length left out;"
        f" stance {stance:.0%} of the cycle; survival {activity.survival:.0%}",
    ]
    if stance < _RUNNING_STANCE:
        lines.append("[yellow]warning: this is a run, and the textbook's timing is of walking[/]")
    return lines


def _figures(activity: GaitActivity, timing: TextbookTiming, agreements: dict[str, Agreement]) -> dict[str, Any]:
    legs = {"right": activity.legs["r"], "left": activity.legs["l"]}
    muscles = {}
    for column, (name, channel) in enumerate(timing.channels.items()):
        courses = {side: leg.activation[:, :, column] for side, leg in legs.items()}
        muscles[name] = {
            **asdict(channel),
            **asdict(agreements[name]),
            "mean": {side: course.mean(0).tolist() for side, course in courses.items()},
            "standard_deviation": {side: course.std(0).tolist() for side, course in courses.items()},
        }
    return {
        "survival": activity.survival,
        "cycles": {side: len(leg.activation) for side, leg in legs.items()},
        "cycles_left_out": {side: leg.left_out for side, leg in legs.items()},
        "stance": {side: float(leg.stance.mean()) for side, leg in legs.items()},
        "textbook": timing.source,
        "muscles": muscles,
    }
