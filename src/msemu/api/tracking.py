"""A muscle-driven simulation of a clip, found by search: ``msemu-track`` in a call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msemu.analysis.evaluation import Evaluation
from msemu.api.bodies_and_clips import require_clip
from msemu.api.rollout import Rollout
from msemu.config import build
from msemu.models.body import Body
from msemu.models.loader import load_body
from msemu.models.strength.sets import with_strength
from msemu.motion.clip import MotionClip
from msemu.schema.ranges import Positive, Range, Seconds, Seed, Threads
from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.order import Order
from msemu.tracking.environment import Condition, controller_of, steps_of, tracking_cfg, tracking_task
from msemu.tracking.search import Progress

Strength = Annotated[float, Range(0.1, 10)]


@dataclass(frozen=True)
class Tracked:
    """What `track` has found.

    Attributes:
        rollout: The simulation, from the first frame of the clip.
        clip: The simulated movement as a clip.
        evaluation: Its errors in degrees and centimeters, up to its end.
        completed: Share of the clip before a failure [-].
        condition: What it was found under, such as ``strength 1 (own)``.
    """

    rollout: Rollout
    clip: MotionClip
    evaluation: Evaluation
    completed: float
    condition: str


@dataclass(frozen=True)
class TrackSettings:
    """What is asked of a search; more of it has ``msemu-track``.

    Attributes:
        seconds: How much of the clip [s]; all of it by default, and 10 s of one that repeats.
        minutes: Time of the search at most [min].
        particles: Bodies that try at a time.
        passes: Passes through the clip at most.
        strength: Factor of every muscle's force [-].
        begin_strength: Factor that the search begins with [-]; by default ``strength``.
        strength_set: Set of strength: ``own`` or ``athlete``.
        threads: CPU threads of the physics; 0 uses every core.
        seed: Seed of what is drawn.
    """

    seconds: Seconds | None = None
    minutes: Positive | None = None
    particles: Annotated[int, Range(2, 1024)] = 64
    passes: Annotated[int, Range(1, 1000)] = 8
    strength: Strength = 1.0
    begin_strength: Strength | None = None
    strength_set: str = "own"
    threads: Threads = 0
    seed: Seed = 1


def track(
    clip: MotionClip,
    body: str | Body | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **settings: Any,
) -> Tracked:
    """Search for a simulation in which the muscles of a body make it follow a clip, without training.

    Args:
        clip: The movement.
        body: Its body, by name, by the path of a recipe, or loaded; that of the clip by default.
        report: Called after every window of the search, for a progress bar.
        **settings: Fields of `TrackSettings`, such as ``minutes=5, strength=1.5``.

    Raises:
        MsemuError: The clip is of another body, a setting is unknown, or no body comes through the first window.
    """
    require_clip(clip, "track")
    asked = build(TrackSettings, settings, "track")
    name = body if isinstance(body, str) else (body.name if body else clip.body)
    loaded = body if isinstance(body, Body) else load_body(name)
    climb = Climb(_order(name, loaded, clip, asked))
    end = time.monotonic() + 60.0 * asked.minutes if asked.minutes else float("inf")
    climb.run(lambda: time.monotonic() > end, report)
    result = climb.result()
    rollout = Rollout(**vars(result.rollout), model=loaded)
    return Tracked(rollout, result.clip(clip), result.evaluation, result.completed, str(result.condition))


def _order(name: str, body: Body, clip: MotionClip, asked: TrackSettings) -> Order:
    cfg = tracking_cfg(name, clip.name)
    cfg = replace(cfg, sim=replace(cfg.sim, num_threads=asked.threads))
    condition = Condition(asked.strength, asked.strength_set)
    with_strength(body, condition.strength_set)
    clip.check_matches(body.name, body.joint_names)
    total = steps_of(clip, cfg, asked.seconds)
    begin = replace(condition, strength=asked.begin_strength or asked.strength)
    controller = controller_of(tracking_task(name, clip.name))
    bodies, passes, seed = asked.particles, asked.passes, asked.seed
    return Order(cfg, body, clip, total, condition, begin, bodies, passes, seed, controller=controller)
