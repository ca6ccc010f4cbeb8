"""From easier conditions to those that are asked for: searches one by one, each about what the last one found."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path as File
from typing import Any

import numpy as np
import torch

from msemu.errors import MsemuError
from msemu.files import array_names, read_arrays, write_arrays
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ControllerCfg, TaskCfg
from msemu.schema.controller import DecoderCfg
from msemu.tracking.cost import TrackingCost
from msemu.tracking.environment import Condition, make_env
from msemu.tracking.found import errors_along
from msemu.tracking.particles import Particles
from msemu.tracking.reason import Place, Reason
from msemu.tracking.reference.adaptation import Tolerance, adapted, change_of
from msemu.tracking.reference.retiming import at_speed
from msemu.tracking.reference.windows import Windows, is_run, phase_windows, regular_windows
from msemu.tracking.result import Result, replay
from msemu.tracking.search import PassRecord, Progress, Search, spread_of
from msemu.tracking.settings import SearchCfg
from msemu.tracking.smoothing import smooth
from msemu.tracking.space import ONE_DECODING, GuidedCfg, RecordedCfg
from msemu.tracking.tree import Path, loaded, saved

SEARCH_SUFFIX = ".search.npz"
_SAVE_EVERY_S = 60.0
_MOST_ADAPTATIONS = 3
_TRIAL_PASSES = 2
"""Passes in which a changed clip must prove better than the clip before."""
_COMPARED = ("joint_angle_deg", "body_position_cm")
"""Errors whose sum says which of two ways is closer to the clip as it was."""
_STEPS = {"strength": 0.25, "speed": 0.25, "gravity": 0.25, "assist_bw": 0.25}
"""By how much a condition changes at most from one search to the next."""


@dataclass(frozen=True)
class Order:
    """What is to be found.

    Attributes:
        cfg: Values of the task.
        body: The body as it is.
        clip: The clip.
        total: Control steps of it.
        condition: How strong the body is to be.
        begin: Condition that the search begins with.
        bodies: Bodies that try at a time.
        passes: Passes at most at the strength that is asked for.
        seed: Seed of what is drawn.
        search: Values of the search.
        windows: Whether bodies are selected after a ``time``, or a contact ``phase``; ``auto`` takes phases for runs.
        recorded: The clip before its repair, frame by frame; errors are reported against it, too.
        objective: What the decoder's errors are measured in, see `DecoderCfg`.
        tolerance: By how much the clip may give way to what is found.
    """

    cfg: TaskCfg
    body: Body
    clip: MotionClip
    total: int
    condition: Condition
    begin: Condition
    bodies: int
    passes: int
    seed: int
    search: SearchCfg = field(default_factory=SearchCfg)
    windows: str = "time"
    tolerance: Tolerance = field(default_factory=Tolerance)
    recorded: MotionClip | None = None
    objective: str = "acceleration"

    def stages(self) -> list[Condition]:
        """Return the conditions on the way to the one that is asked for."""
        begin, end = asdict(self.begin), asdict(self.condition)
        count = max(math.ceil(abs(begin[name] - end[name]) / step - 1e-9) for name, step in _STEPS.items())
        ways = {name: np.linspace(begin[name], end[name], count + 1).round(4).tolist() for name in _STEPS}
        values = [dict(zip(ways, each, strict=True)) for each in zip(*ways.values(), strict=True)]
        return [replace(self.condition, **each) for each in values]

    def identity(self) -> str:
        """Return what a search that goes on must have in common with the one before, as JSON."""
        clip = {"clip": self.clip.name, "frames": self.clip.num_frames, "place": float(self.clip.qpos.sum())}
        own = {"body": self.body.name, "steps": self.total, "windows": self.windows, "tolerance": str(self.tolerance)}
        own |= {"objective": self.objective}
        begin = {f"begin_{name}": value for name, value in asdict(self.begin).items()}
        values = {"bodies": self.bodies, "seed": self.seed, **asdict(self.condition), **begin}
        return json.dumps(clip | own | values, sort_keys=True)


class Climb:
    """A search from condition to condition, which can be left and gone on with.

    Attributes:
        finished: Conditions before the present one, with what was needed there.
        search: The search at the present condition.
        smoothing: What the last pass did to the way of the result.
        clip: The clip, which gives way to what is found where the order tolerates that.
    """

    def __init__(self, order: Order, file: File | None = None):
        """Begin; the state is kept in ``file``, if there is one."""
        self._order, self._file = order, file
        self._stages = order.stages()
        self.finished: list[dict[str, Any]] = []
        self.smoothing: list[dict[str, Any]] = []
        self._reached: Path | None = None
        self.clip, self._num_adapted, self._is_clip_fixed = order.clip, 0, False
        self._earlier: list[dict[str, Any]] = []
        self._after_pass: Callable[[PassRecord], None] = lambda record: None
        self._reason: tuple[MotionClip, Reason] | None = None
        self._steps_before, self._seconds_before, self._began = 0, 0.0, time.monotonic()
        self.search: Search
        self._particles: Particles
        self._wanted: ReferenceMotion
        self._saved = time.monotonic()
        self._enter(0)

    def run(
        self,
        should_stop: Callable[[], bool],
        report: Callable[[Progress], None],
        after_pass: Callable[[PassRecord], None] = lambda record: None,
    ) -> None:
        """Search until it is done or is to stop; ``report`` is called after every window that is gone through."""
        self._after_pass = after_pass

        def keep_going() -> bool:
            if self._file and time.monotonic() - self._saved > _SAVE_EVERY_S:
                self.save()
            return should_stop()

        while True:
            is_last = len(self.finished) + 1 == len(self._stages)
            if is_last and self._tolerates:
                self._search(1, keep_going, report)
                self._let_clip_give_way(should_stop, report)
            self._search(self._order.passes, keep_going, report, to_end_only=not is_last)
            if is_last or not self.search.completed:
                return
            self._next()

    def _search(
        self,
        passes: int,
        should_stop: Callable[[], bool],
        report: Callable[[Progress], None],
        to_end_only: bool = False,
    ) -> None:
        """Do passes until there are so many, they gain no more, or one has come ``to_end_only``."""
        while not (to_end_only and self.search.completed):
            before = len(self.search.records)
            self.search.run(min(before + 1, passes), should_stop, report)
            if len(self.search.records) == before:
                return
            self._after_pass(self.search.records[-1])

    @property
    def _tolerates(self) -> bool:
        return not self._is_clip_fixed and any(asdict(self._order.tolerance).values())

    def _let_clip_give_way(self, should_stop: Callable[[], bool], report: Callable[[Progress], None]) -> None:
        """Search about what was found for a clip that is closer to it, again and again, as long as that is better.

        It is where bodies get further, or as far with no greater errors against the clip as it was. What is kept in the
        file is the search before a trial: one that is left begins anew.
        """
        while self._tolerates and not should_stop():
            before, path, errors = (
                (self.clip, self._particles, self.search, self._wanted),
                self.search.best,
                self.errors(),
            )
            if path is None or errors is None:
                return
            if self._file:
                self.save()
            steps = 0 if self.search.completed else self._order.search.back[0] * self._order.search.window_steps
            clip, found = self._unrolled(), self._poses(path)
            self.clip = adapted(self._order.body, clip, found, self._order.tolerance, fading=steps)
            self._enter(len(self.finished))
            self.search.begin_about(path)
            steps, self._steps_before = self._steps_before, self._steps_before + before[1].steps
            is_better = is_over = False
            try:
                while not is_better and len(self.search.records) < _TRIAL_PASSES and not should_stop():
                    self._search(len(self.search.records) + 1, should_stop, report)
                    is_better = bool(self.search.records) and self._is_better(path, errors)
                is_over = is_better or len(self.search.records) == _TRIAL_PASSES
            finally:
                if not is_better:
                    self._steps_before = steps + self._particles.steps
                    self.clip, self._particles, self.search, self._wanted = before
            if is_better:
                self._num_adapted += 1
                self._earlier += [asdict(record) for record in before[2].records]
            self._is_clip_fixed = is_over and (not is_better or self._num_adapted == _MOST_ADAPTATIONS)

    def _is_better(self, before: Path, errors: dict[str, float]) -> bool:
        """Whether the best way leads further than one of before, or as far and as close to the clip as it was."""
        best, own = self.search.best, self.errors()
        if best is None or own is None or len(best) != len(before):
            return best is not None and len(best) > len(before)
        return sum(own[name] for name in _COMPARED) <= sum(errors[name] for name in _COMPARED)

    def _unrolled(self) -> MotionClip:
        """Return the clip as it was, its cycles one after another."""
        reference = ReferenceMotion(self._order.clip, self.body, self._order.clip.fps, torch.device("cpu"))
        clip = self._order.clip
        if not clip.cyclic:
            return clip
        qpos, qvel = (values.numpy() for values in reference.state(torch.arange(self._order.total + 3)))
        once = replace(clip, qpos=qpos, qvel=qvel, cyclic=False, cycle_displacement=np.zeros(3))
        return replace(once, joint_center_names=(), joint_centers=None)

    def _poses(self, path: Path) -> np.ndarray:
        """Return the poses of a way from the first frame on, shape [T + 1, nq]."""
        return np.concatenate([self.clip.qpos[:1], path.qpos.numpy()])

    @property
    def change(self) -> Tolerance | None:
        """By how much the clip has given way; None where it is as it was."""
        return None if self.clip is self._order.clip else change_of(self.clip)

    @property
    def is_change_refused(self) -> bool:
        """Whether the clip is as it was because a changed one was no better."""
        return self._is_clip_fixed and self.change is None

    @property
    def may_give_way(self) -> bool:
        """Whether a changed clip is still to be tried at the last condition: the search was stopped before."""
        return self._tolerates and len(self.finished) + 1 == len(self._stages)

    @property
    def num_conditions(self) -> int:
        """How many conditions there are on the way, the one that is asked for included."""
        return len(self._stages)

    @property
    def condition(self) -> Condition:
        """The present condition."""
        return self._stages[len(self.finished)]

    @property
    def found(self) -> tuple[Condition, Path] | None:
        """The condition and the way of the result: the last that leads to the end of the clip, else the present one."""
        if self._reached and not self.search.completed:
            return self._stages[len(self.finished) - 1], self._reached
        return (self.condition, self.search.best) if self.search.best else None

    def errors(self) -> dict[str, float] | None:
        """Return mean errors of the best way at the present condition [deg, cm], against the clip as it was."""
        env, best = self._particles.env, self.search.best
        if best is None:
            return None
        return errors_along(env, best, self._wanted)

    def reason(self) -> Reason:
        """Return what the body lacks at the present condition for the clip as it is followed."""
        if self._reason is None or self._reason[0] is not self._followed:
            self._reason = self._followed, Reason(self.body, self._followed)
        return self._reason[1]

    @property
    def failed_in(self) -> Place:
        """The window that no body has come through, after the best way so far."""
        done, windows = len(self.search.best.layers) if self.search.best else 0, self.search.windows
        first = sum(map(sum, windows[:done]))
        return Place(done + 1, len(windows), first, first + sum(windows[done]))

    @property
    def _followed(self) -> MotionClip:
        return self._particles.env.reference.clips[0]

    @property
    def body(self) -> Body:
        """The body at the present condition."""
        return self._particles.env.body

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self._steps_before + self._particles.steps

    @property
    def seconds(self) -> float:
        """Time so far, that of earlier calls included [s]."""
        return self._seconds_before + time.monotonic() - self._began

    def needed(self) -> list[dict[str, Any]]:
        """Return what was needed at each condition so far."""
        return [*self.finished, self._account()]

    def result(self) -> Result:
        """Smooth and replay the best way so far.

        Raises:
            MsemuError: No body has come through the first window.
        """
        order, found = self._order, self.found
        if found is None and not self.search.records:
            raise MsemuError(
                "the search was stopped before a body had come through its first window; give it more time"
            )
        if found is None:
            raise MsemuError(
                f"no body has come through the first {self.failed_in.last} control steps of the clip"
                f" '{order.clip.name}': {self.reason().within(self.failed_in)}; see: msemu-motion check CLIP"
            )
        condition, path = found
        total = self._total(condition)
        self.smoothing = []
        if len(path) == total:
            path, records = smooth(self._particles_at(condition, 1), path, order.search)
            self.smoothing = [asdict(record) | {"said": record.line()} for record in records]
        env = make_env(order.cfg, order.body, self.clip_at(condition), 1, condition, RecordedCfg(), order.seed)
        title = f"{order.clip.name} on {order.body.name}  {condition}"
        recorded = at_speed(order.body, order.recorded, condition.speed) if order.recorded else None
        return replay(env, path, total, title, condition, self._original(condition), recorded)

    def _original(self, condition: Condition) -> MotionClip | None:
        """Return the clip as it was at the speed of a condition, where it has given way."""
        return at_speed(self._order.body, self._unrolled(), condition.speed) if self._num_adapted else None

    def clip_at(self, condition: Condition) -> MotionClip:
        """Return the clip at the speed of a condition."""
        return at_speed(self._order.body, self.clip, condition.speed)

    def save(self) -> None:
        """Write everything that the search depends on."""
        assert self._file
        about = {"finished": self.finished, "steps": self._steps_before, "seconds": self.seconds}
        about |= {"adapted": self._num_adapted, "change": asdict(change_of(self.clip)), "earlier": self._earlier}
        about |= {"fixed": self._is_clip_fixed}
        texts = {"identity": self._order.identity(), "about": json.dumps(about)}
        arrays = {**self.search.state(), **saved(self._reached.layers if self._reached else (), "reached.")}
        arrays |= {"clip.qpos": self.clip.qpos, "clip.qvel": self.clip.qvel} if self._num_adapted else {}
        write_arrays(self._file, arrays | {name: np.array(text) for name, text in texts.items()})
        self._saved = time.monotonic()

    def resume(self) -> None:
        """Go on from what `save` has written.

        Raises:
            MsemuError: There is no such file, it is damaged, or is of another search.
        """
        if not (self._file and self._file.is_file()):
            raise MsemuError(f"there is no search to go on with at {self._file}; leave --resume out to begin one")
        names = tuple(array_names(self._file))
        if "identity" not in names:
            raise MsemuError(f"{self._file} is no search of msemu-track; leave --resume out to begin a new one")
        arrays = read_arrays(self._file, names)
        self._require_same(str(arrays.pop("identity")))
        try:
            about = json.loads(str(arrays.pop("about")))
            self.finished, self._num_adapted = list(about["finished"]), int(about["adapted"])
            self._earlier, self._is_clip_fixed = list(about["earlier"]), bool(about["fixed"])
            if self._num_adapted:
                changed = {f"adapted_{name}": float(value) for name, value in about["change"].items()}
                poses = {name: arrays.pop(f"clip.{name}") for name in ("qpos", "qvel")}
                quality = self._order.clip.quality | changed
                self.clip = replace(self._unrolled(), qpos=poses["qpos"], qvel=poses["qvel"], quality=quality)
            self._enter(len(self.finished))
            self._steps_before, self._seconds_before = int(about["steps"]), float(about["seconds"])
            reached = {key: torch.from_numpy(arrays.pop(key)) for key in [*arrays] if key.startswith("reached.")}
            self._reached = Path(loaded(reached, "reached.")) if reached else None
            self.search.load_state(arrays)
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
            raise MsemuError(
                f"{self._file} is damaged ({str(error)[:80]!r}); leave --resume out to begin a new search"
            ) from error

    def _require_same(self, saved: str) -> None:
        own = json.loads(self._order.identity())
        try:
            other = dict(json.loads(saved))
        except (ValueError, TypeError):
            other = {}
        differ = [f"{name} {other.get(name)!r}, not {own[name]!r}" for name in own if other.get(name) != own[name]]
        if differ:
            raise MsemuError(f"{self._file} is of another search: {'; '.join(differ)[:300]}; give its options again")

    def _enter(self, index: int) -> None:
        order, condition = self._order, self._stages[index]
        self._particles = self._particles_at(condition, order.bodies)
        spread = spread_of(self.body, self._particles.dofs, order.search.spread)
        self.search = Search(self._particles, spread, self._windows(condition), order.search, order.seed)
        self._wanted = self._particles.env.reference
        if self.clip is not order.clip:
            original = at_speed(order.body, self._unrolled(), condition.speed)
            self._wanted = ReferenceMotion(original, self.body, original.fps, torch.device("cpu"))

    def _particles_at(self, condition: Condition, count: int) -> Particles:
        order = self._order
        action = GuidedCfg(controller=ControllerCfg(decoder=DecoderCfg(objective=order.objective), **ONE_DECODING))
        env = make_env(order.cfg, order.body, self.clip_at(condition), count, condition, action, order.seed)
        limit = order.cfg.env.terminations["body_position_deviation"].limit
        return Particles(env, TrackingCost(env, order.search.selection, limit))

    def _total(self, condition: Condition) -> int:
        """Control steps of the clip at the speed of a condition."""
        return round(self._order.total / condition.speed)

    def _windows(self, condition: Condition) -> Windows:
        order, total = self._order, self._total(condition)
        clip = at_speed(order.body, order.clip, condition.speed)
        is_cut = order.windows == "phase" or (order.windows == "auto" and is_run(order.body, clip, total))
        steps = order.search.window_steps
        return phase_windows(order.body, clip, total, steps) if is_cut else regular_windows(total, steps)

    def _next(self) -> None:
        assert self.search.best
        self._reached = self.search.best
        self.finished.append(self._account())
        self._steps_before += self._particles.steps
        self._enter(len(self.finished))
        self.search.draw_about(self._reached.guidance)

    def _account(self) -> dict[str, Any]:
        best = self.search.best
        share = len(best) / self.search.total if best else 0.0
        passes = [*self._earlier, *(asdict(record) for record in self.search.records)]
        return {**asdict(self.condition), "passes": passes, "completed": share}
