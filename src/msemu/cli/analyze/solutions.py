"""``msemu-analyze ranges`` and ``sample``: which other activations make the same movement."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from msemu.analysis.solutions import ranges, samples
from msemu.analysis.solutions.placing import activation_along
from msemu.analysis.solutions.plots import label, plot_ranges, plot_samples
from msemu.analysis.solutions.space import SolutionSpace, space_of_clip, space_of_rollout
from msemu.analysis.solutions.window import Dynamics, window_ranges
from msemu.cli.analyze.options import RangesCfg, SampleCfg, SpaceCfg
from msemu.cli.workers import workers
from msemu.console import progress, with_progress, write_json
from msemu.errors import MsemuError
from msemu.files import array_names, write_arrays
from msemu.models import load_body
from msemu.models.body import Body
from msemu.motion.library.task_clips import load_clip
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import TaskCfg


def analyze_ranges(args: RangesCfg) -> None:
    """Bound, print the table and write the files."""
    body, space = _read(args)
    chosen = space.muscles(tuple(args.muscles))
    with _applied(args.jobs) as apply, progress(f"ranges of {space.name}", transient=True) as on_frame:
        if args.window > 1:
            found, space = _window(args, body, space, chosen, apply, on_frame)
        else:
            budgets = [*sorted(set(args.effort)), np.inf]
            found = ranges.feasible_ranges(
                space, budgets, args.tolerance, chosen, apply, on_frame, power=2 if args.measure == "squares" else 1
            )
    figures = ranges.summarize(found, space)
    console = Console()
    _warn(console, figures["frames_left_out"], "not explained by any activation and left out")
    for budget, values in figures["budgets"].items():
        _warn(console, values["unsolved_frames"], f"not solved at the effort budget {budget} and left out")
    console.print(_table(f"Feasible ranges of {space.name} on {space.body}", figures))
    settings = {
        name: getattr(args, name) for name in ("muscle", "tolerance", "measure", "window", "stride", "smoothing_s")
    }
    if args.json:
        write_json(args.json, {**figures, "settings": settings, "by_muscle": _by_muscle(found, space)})
    if args.out:
        write_arrays(args.out, _arrays(vars(found), space), "give --out another path")
    if args.plot:
        console.print(f"plot: {plot_ranges(found, space, args.plot)}", soft_wrap=True)


def analyze_samples(args: SampleCfg) -> None:
    """Sample, print the figures and write the files."""
    body, space = _read(args)
    others = _others(args, body, space)
    with _applied(args.jobs) as apply, progress(f"samples of {space.name}", transient=True) as on_frame:
        sampled = samples.sample_space(space, args.chains, args.samples, args.seed, apply, on_frame, others)
    figures = samples.summarize(sampled, space)
    placed = samples.percentiles(sampled, space, [str(path) for path in args.compare])
    console = Console()
    _warn(console, figures["frames_left_out"], "not explained by any activation and left out")
    _warn(console, figures["unconverged_frames"], "left out, their chains have not converged; raise --samples")
    table = Table("", "value", title=f"Uniform solutions of {space.name} on {space.body}")
    for name, text in _SAMPLE_ROWS.items():
        if name in figures:
            table.add_row(text, _plain(figures[name]))
    for name, values in placed.items():
        table.add_row(
            f"percentile of {Path(name).name}, median of its muscles", _plain(float(np.median([*values.values()])))
        )
    console.print(table)
    if args.json:
        settings = {
            name: getattr(args, name) for name in ("muscle", "chains", "samples", "seed", "stride", "smoothing_s")
        }
        write_json(args.json, figures | {"compared_percentile": placed, "settings": settings})
    if args.out:
        write_arrays(args.out, _arrays(vars(sampled), space), "give --out another path")
    if args.plot:
        console.print(f"plot: {plot_samples(sampled, space, args.plot)}", soft_wrap=True)


_SAMPLE_ROWS = {
    "frames": "frames",
    "muscles": "muscles that move a joint",
    "dimension": "dimension of the space",
    "r_hat_max": "greatest split R-hat",
    "effective_samples_min": "least effective sample size",
    "distance_median": "activation distance of two random solutions",
    "weighted_distance_median": "the same, weighted by torque",
    "effort_median": "effort of a random solution, sum of a^2",
    "known_effort": "effort of the known solution",
    "known_effort_percentile": "share of random solutions of less effort",
    "known_distance_percentile": "share of them nearer to the middle",
}


def _read(args: SpaceCfg) -> tuple[Body, SolutionSpace]:
    body = load_body(args.body, args.body_path)
    if "excitation" in array_names(Path(args.clip)):
        space = space_of_rollout(body, Rollout.load(Path(args.clip)), args.muscle)
    else:
        clip = with_progress(load_clip)(TaskCfg(body=args.body, motion=args.clip), body)
        with progress("joint torques", transient=True) as on_frame:
            space = space_of_clip(body, clip, args.muscle, args.smoothing_s, on_frame)
    whole = isinstance(args, RangesCfg) and args.window > 1  # the stride is that of the windows
    return body, space if whole else space.part(np.arange(0, len(space), args.stride))


def _others(args: SampleCfg, body: Body, space: SolutionSpace) -> np.ndarray | None:
    """Return the activations of the files that are compared, in the frames of the space, shape [K, T, M]."""
    if not args.compare:
        return None
    if "excitation" in array_names(Path(args.clip)):
        raise MsemuError("--compare lays solutions along a clip, and this is a rollout; name its clip, or leave it out")
    clip = load_clip(TaskCfg(body=args.body, motion=args.clip), body)
    return np.stack([activation_along(path, clip, body)[space.frames] for path in args.compare])


@contextmanager
def _applied(jobs: int) -> Iterator[ranges.Apply]:
    """Yield what calls a function with many arguments, in so many processes."""
    if jobs == 1:
        yield ranges.serial
        return
    with workers(jobs) as submit:

        def apply(function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
            return (future.result() for future in [submit(function, *each) for each in arguments])

        yield apply


def _window(
    args: RangesCfg,
    body: Body,
    space: SolutionSpace,
    chosen: np.ndarray,
    apply: ranges.Apply,
    on_frame: Callable[[int, int], None],
) -> tuple[ranges.FeasibleRanges, SolutionSpace]:
    """Return the ranges in the middle of each window, and the space of those frames."""
    if args.window > len(space):
        raise MsemuError(
            f"a --window of {args.window} frames is longer than the {len(space)} frames; give a smaller one"
        )
    parameters = MuscleParameters.of(body.model)
    times = (parameters.activation_time[space.moving], parameters.deactivation_time[space.moving])
    starts = np.arange(0, len(space) - args.window + 1, args.stride)
    asked, dynamics = np.flatnonzero(chosen[space.moving]), Dynamics(*times)
    bounds = []
    jobs = [(space, np.arange(t, t + args.window), asked, dynamics, args.tolerance) for t in starts]
    for pair in apply(window_ranges, jobs):
        bounds.append(pair)
        on_frame(len(bounds), len(jobs))
    middle = space.part(starts + args.window // 2)
    least, greatest = np.full((2, 1, len(middle), len(space.muscle_names)), np.nan)
    for values, column in ((least, 0), (greatest, 1)):
        values[0, :, chosen] = np.array(bounds)[:, column].T
    effort = np.square(middle.known).sum(1)
    return ranges.FeasibleRanges(np.array([np.inf]), least, greatest, effort, middle.known, chosen), middle


def _table(title: str, figures: dict[str, Any]) -> Table:
    columns = ("effort", "free muscles", "free muscle-frames", "necessary muscle-frames", "mean width")
    table = Table(*columns, title=title)
    names = ("share_free", "share_free_muscle_frames", "share_necessary_muscle_frames", "mean_width")
    for budget, values in figures["budgets"].items():
        shown = ["-" if values[name] is None else f"{values[name]:.3f}" for name in names]
        table.add_row(label(np.inf) if budget == "none" else f"{budget} x", *shown)
    return table


def _by_muscle(found: ranges.FeasibleRanges, space: SolutionSpace) -> dict[str, dict[str, Any]]:
    muscles = {}
    for muscle in np.flatnonzero(found.chosen):
        width, least = found.width[:, :, muscle], found.least[:, :, muscle]
        muscles[space.muscle_names[muscle]] = {
            "free_frames": [float((row > ranges.FREE_WIDTH).mean()) for row in width],
            "necessary_frames": [float((row > ranges.NEEDED).mean()) for row in least],
            "mean_width": [float(np.mean(row[~np.isnan(row)])) if not np.isnan(row).all() else None for row in width],
        }
    return muscles


def _arrays(values: dict[str, Any], space: SolutionSpace) -> dict[str, Any]:
    names = {"muscle_names": np.array(space.muscle_names), "moving": space.moving, "frames": space.frames}
    return {**values, **names, "known": space.known}


def _warn(console: Console, frames: list[int], what: str) -> None:
    if frames:
        shown = ", ".join(map(str, frames[:10])) + (" ..." if len(frames) > 10 else "")
        console.print(f"[yellow]warning: {len(frames)} frames are {what}: {shown}[/]", soft_wrap=True)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " to ".join(map(str, value.values()))
    return f"{value:.3f}" if isinstance(value, float) else str(value)
