"""``msemu-track``: a muscle-driven simulation of a clip, found by search."""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from msemu.analysis.evaluation import tabulate
from msemu.cli.tracking.options import TrackCfg
from msemu.cli.tracking.progress import display
from msemu.console import progress, write_json
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.schema import TaskCfg
from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.file import SEARCH_SUFFIX
from msemu.tracking.climb.order import Order
from msemu.tracking.environment import Condition, controller_of, steps_of, tracking_cfg, tracking_task
from msemu.tracking.reference.adaptation import Tolerance
from msemu.tracking.reference.followed import load_followed
from msemu.tracking.reference.within_strength import SLOWER
from msemu.tracking.result import CLIP_SUFFIX, figures
from msemu.tracking.settings import SearchCfg

ADAPTED_SUFFIX = ".adapted.npz"
_CHANGES = "repair_change_mean_cm", "repair_change_max_cm", "repair_change_mean_deg", "repair_change_max_deg"
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
    is_lack_said = False
    try:
        with display(climb, order, limit) as shown:
            try:
                climb.run(lambda: time.monotonic() > limit, shown.report, shown.after_pass)
            finally:
                is_lack_said = shown.is_lack_said
    finally:
        try:
            climb.save()
        finally:
            if climb.found:
                _conclude(args, order, climb, out, is_lack_said)
    if climb.found is None:
        climb.result()


def _order(args: TrackCfg) -> Order:
    cfg = tracking_cfg(args.body, args.clip, args.body_path)
    cfg.sim = replace(cfg.sim, num_threads=args.threads)
    body = load_body(args.body, args.body_path)
    condition = Condition(args.strength, args.strength_set)
    clip, recorded = _clips(args, cfg, body, condition.strengthened(body))
    total = steps_of(clip, cfg, args.seconds)
    strength = args.strength if args.begin_strength is None else args.begin_strength
    begin = Condition(strength, args.strength_set, args.begin_speed, args.begin_gravity, args.begin_assist_bw)
    tolerance = Tolerance(args.adapt_cm, args.adapt_deg, args.adapt_ms)
    return Order(
        cfg,
        body,
        clip,
        total,
        condition,
        begin,
        args.particles,
        args.passes,
        args.seed,
        search=SearchCfg(starts=args.starts),
        windows=args.windows,
        tolerance=tolerance,
        recorded=recorded,
        controller=controller_of(tracking_task(args.body, args.clip), args.objective),
    )


def _clips(args: TrackCfg, cfg: TaskCfg, body: Body, strong: Body) -> tuple[MotionClip, MotionClip | None]:
    """Return the clip that is followed, and what it was before its repair."""
    with progress(f"motion {args.clip} on {body.name}", transient=True) as advance:
        found = load_followed(
            cfg, body, strong, args.repair, advance, lambda slower: advance(SLOWER.index(slower), len(SLOWER))
        )
    return found.clip, found.recorded


def _conclude(args: TrackCfg, order: Order, climb: Climb, out: Path, is_lack_said: bool) -> None:
    """Write and show the best so far."""
    assert climb.found
    (condition, _), result = climb.found, climb.result()
    about: dict[str, Any] = {
        "body": order.body.name,
        "recipe": str(Path(args.body).resolve()) if Path(args.body).is_file() else args.body,
        "body_path": str(args.body_path.resolve()) if args.body_path else None,
        "clip": order.clip.name,
        "repair": args.repair,
        **{name: order.clip.quality[name] for name in _CHANGES if name in order.clip.quality},
        "seed": order.seed,
        "particles": order.bodies,
        **asdict(condition),
        "asked_strength": order.condition.strength,
        "needed": climb.needed(),
        "smoothing": climb.smoothing,
        "adapted": asdict(climb.change or Tolerance()),
        "lacks": climb.attempt.reason.overall() if climb.search.records else None,
        "environment_steps": climb.steps,
        "wall_s": climb.seconds,
    }
    result.save(out, order.clip, about)
    if climb.change:
        climb.clip.save(out.with_suffix(ADAPTED_SUFFIX))
    console = Console()
    title = f"{order.clip.name} on {order.body.name}, {condition}"
    rows = {"to the clip": result.evaluation}
    if result.to_recording:
        own: dict[str, Any] = {name.removeprefix("recorded_"): value for name, value in result.to_recording.items()}
        rows["to the recording"] = replace(result.evaluation, **own)
    console.print(tabulate(rows, _FIGURES, "errors", title))
    if about["lacks"] and not is_lack_said:
        console.print(f"what the body lacks for the clip: {about['lacks']}", soft_wrap=True, highlight=False)
    for line in _remarks(order, climb, condition):
        console.print(line, soft_wrap=True, highlight=False)
    console.print(f"rollout: {out}\nclip: {out.with_suffix(CLIP_SUFFIX)}", soft_wrap=True)
    if climb.change:
        console.print(f"clip that has given way: {out.with_suffix(ADAPTED_SUFFIX)}", soft_wrap=True)
    if args.json:
        write_json(args.json, figures(result, about))


def _remarks(order: Order, climb: Climb, condition: Condition) -> Iterator[str]:
    """Say what was needed, what the last pass did, and where the search has got to, a line each."""
    if changed := order.clip.quality.get("repair_change_max_cm"):
        angle = order.clip.quality["repair_change_max_deg"]
        mean = order.clip.quality["repair_change_mean_cm"]
        yield (
            f"the clip is a repaired one, {mean:.1f} cm in the mean and up to {changed:.1f} cm and {angle:.1f} deg from"
            " the recording"
        )
    if climb.finished:
        ways = (
            f"{Condition(**{name: stage[name] for name in asdict(condition)})}: {len(stage['passes'])} pass(es)"
            for stage in climb.needed()
        )
        yield f"needed: {'; '.join(ways)}"
    yield from (each["said"] for each in climb.smoothing)
    if climb.change:
        yield f"the clip has given way by {climb.change}; errors are those against the clip as it was"
    if climb.is_change_refused:
        yield "the clip has not given way: with one that did, bodies got less far, or as far with greater errors"
    if not climb.search.completed:
        yield _stalled(order, climb)
    elif climb.may_give_way:
        yield "the search was stopped before a changed clip was tried; the same command with --resume goes on"
    if condition != order.condition:
        yield f"what is kept is not what was asked for: it was found at {condition}"


def _stalled(order: Order, climb: Climb) -> str:
    """Say where the search has got to, in one line."""
    place, rate = climb.attempt.failed_in, order.cfg.env.control_frequency_hz
    where = f"frame {place.first} of {climb.search.total} ({place.first / rate:.2f} s)"
    if climb.search.is_halfway or climb.may_give_way:
        return f"the search at {climb.condition} was stopped at {where}; the same command with --resume goes on"
    return (
        f"the clip is not reached to its end at {climb.condition}: bodies fail after {where}, in window {place.number}"
        f" of {place.count}, in each of {len(climb.search.records)} pass(es); {climb.attempt.reason.within(place)}"
    )
