"""``msemu-track``: a muscle-driven simulation of a clip, found by search."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from msemu.analysis.evaluation import tabulate
from msemu.analysis.rollout import steps_with
from msemu.cli.options import TrackCfg
from msemu.console import with_progress, write_json
from msemu.models import load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.library.task_clips import load_clip
from msemu.tracking.climb import SEARCH_SUFFIX, Climb, Order
from msemu.tracking.environment import Condition, tracking_cfg
from msemu.tracking.reason import weakest_joint
from msemu.tracking.result import CLIP_SUFFIX, figures
from msemu.tracking.search import Progress

_LOOP_S = 10.0
_FIGURES = (
    *("joint_angle_error_deg", "root_rotation_error_deg", "body_position_error_cm", "root_translation_error_cm"),
    *("survival_from_start", "survival_time_s", "episode_length_s"),
)


def track(args: TrackCfg) -> None:
    """Search, write what was found, and show it; Ctrl-C and the end of the time keep the best so far."""
    began = time.monotonic()
    order = _order(args)
    out = args.out or Path("track") / f"{Path(args.clip).stem}_{order.body.name}.npz"
    climb = Climb(order, out.with_suffix(SEARCH_SUFFIX))
    if args.resume:
        climb.resume()
    limit = began + 60.0 * args.minutes if args.minutes else float("inf")
    try:
        with _progress(climb) as report:
            climb.run(lambda: time.monotonic() > limit, report)
    finally:
        climb.save()
        if climb.search.best:
            _conclude(args, order, climb, out)
    if climb.search.best is None:
        climb.result()


def _order(args: TrackCfg) -> Order:
    cfg = tracking_cfg(args.body, args.clip, args.body_path)
    cfg.sim = replace(cfg.sim, num_threads=args.threads)
    body = load_body(args.body, args.body_path)
    condition = Condition(args.strength, args.strength_set)
    with_strength(body, condition.strength_set)
    clip = with_progress(load_clip)(cfg, body)
    clip.check_matches(body.name, body.joint_names)
    seconds = args.seconds or (_LOOP_S if clip.cyclic else clip.duration_s)
    total = steps_with(clip, max(1, round(seconds * cfg.env.control_frequency_hz)))
    begin = args.strength if args.begin_strength is None else args.begin_strength
    return Order(cfg, body, clip, total, condition, begin, args.particles, args.passes, args.seed)


@contextmanager
def _progress(climb: Climb) -> Iterator[Callable[[Progress], None]]:
    """Show a bar, and a line for each pass."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(*columns) as bar:
        tasks: dict[tuple[int, int], Any] = {}

        def report(seen: Progress) -> None:
            key = len(climb.finished), seen.number
            if key not in tasks:
                tasks[key] = bar.add_task("", total=seen.total)
            strength = f"strength {climb.condition.strength:g}, " if climb.condition.strength != 1.0 else ""
            text = f"{strength}pass {seen.number}: {seen.done} of {seen.total} steps, cost {seen.cost:.2f}"
            bar.update(tasks[key], completed=seen.done, description=text)

        yield report


def _conclude(args: TrackCfg, order: Order, climb: Climb, out: Path) -> None:
    """Write and show the best so far."""
    result = climb.result()
    about: dict[str, Any] = {
        "body": order.body.name,
        "clip": order.clip.name,
        "seed": order.seed,
        "particles": order.bodies,
        "strength": climb.condition.strength,
        "strength_set": climb.condition.strength_set,
        "asked_strength": order.condition.strength,
        "needed": climb.needed(),
        "environment_steps": climb.steps,
        "wall_s": climb.seconds,
    }
    result.save(out, order.clip, about)
    console = Console()
    condition = f"strength {climb.condition.strength:g} ({climb.condition.strength_set})"
    title = f"{order.clip.name} on {order.body.name}, {condition}"
    console.print(tabulate({"search": result.evaluation}, _FIGURES, "way", title))
    if result.completed < 1.0:
        console.print(_stalled(order, climb, result.completed), soft_wrap=True, highlight=False)
    console.print(f"rollout: {out}\nclip: {out.with_suffix(CLIP_SUFFIX)}", soft_wrap=True)
    if args.json:
        write_json(args.json, figures(result, about))


def _stalled(order: Order, climb: Climb, completed: float) -> str:
    """Say where the search has got to, in one line."""
    done = round(completed * order.total)
    place = f"frame {done} of {order.total} ({done / order.clip.fps:.2f} s)"
    reason = weakest_joint(climb.body, order.clip)
    strength = f"{climb.condition.strength:g} ({climb.condition.strength_set})"
    return f"the clip is not reached to its end at strength {strength}: bodies fail after {place}; {reason}"
