"""A search from condition to condition, which can be left and gone on with."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path as File
from typing import Any

import torch

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.tracking.climb.attempt import Attempt, particles_at
from msemu.tracking.climb.file import damaged, read_search, write_search
from msemu.tracking.climb.order import Order
from msemu.tracking.environment import Condition, make_env
from msemu.tracking.reference.adaptation import Tolerance, change_of
from msemu.tracking.reference.retiming import at_speed
from msemu.tracking.result import Result, replay
from msemu.tracking.search import PassRecord, Progress, Search
from msemu.tracking.smoothing import smooth
from msemu.tracking.space import RecordedCfg
from msemu.tracking.tree import Path, loaded, saved

_SAVE_EVERY_S = 60.0
_MOST_ADAPTATIONS = 3
_TRIAL_PASSES = 2
"""Passes in which a changed clip must prove better than the clip before."""


class Climb:
    """A search from condition to condition, which can be left and gone on with.

    Attributes:
        finished: Conditions before the present one, with what was needed there.
        attempt: The search at the present condition, about the clip as it is now.
        smoothing: What the last pass did to the way of the result.
    """

    def __init__(self, order: Order, file: File | None = None):
        """Begin; the state is kept in ``file``, if there is one."""
        self._order, self._file = order, file
        self._stages = order.stages()
        self.finished: list[dict[str, Any]] = []
        self.smoothing: list[dict[str, Any]] = []
        self._reached: Path | None = None
        self._num_adapted, self._is_clip_fixed = 0, False
        self._earlier: list[dict[str, Any]] = []
        self._after_pass: Callable[[PassRecord], None] = lambda record: None
        self._steps_before, self._seconds_before, self._began = 0, 0.0, time.monotonic()
        self._saved = time.monotonic()
        self.attempt = Attempt(order, self._stages[0], order.clip)

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
            before, path = self.attempt, self.search.best
            if path is None:
                return
            if self._file:
                self.save()
            self.attempt = Attempt(self._order, self.condition, before.changed_clip())
            self.search.begin_about(path)
            self._steps_before += before.particles.steps
            is_better = is_over = False
            try:
                while not is_better and len(self.search.records) < _TRIAL_PASSES and not should_stop():
                    self._search(len(self.search.records) + 1, should_stop, report)
                    is_better = bool(self.search.records) and self.attempt.is_no_worse_than(before)
                is_over = is_better or len(self.search.records) == _TRIAL_PASSES
            finally:
                if not is_better:
                    self._steps_before += self.attempt.particles.steps - before.particles.steps
                    self.attempt = before
            if is_better:
                self._num_adapted += 1
                self._earlier += [asdict(record) for record in before.search.records]
            self._is_clip_fixed = is_over and (not is_better or self._num_adapted == _MOST_ADAPTATIONS)

    @property
    def search(self) -> Search:
        """The search at the present condition."""
        return self.attempt.search

    @property
    def clip(self) -> MotionClip:
        """The clip, which gives way to what is found where the order tolerates that."""
        return self.attempt.clip

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
        return self.attempt.condition

    @property
    def found(self) -> tuple[Condition, Path] | None:
        """The condition and the way of the result: the last that leads to the end of the clip, else the present one."""
        if self._reached and not self.search.completed:
            return self._stages[len(self.finished) - 1], self._reached
        return (self.condition, self.search.best) if self.search.best else None

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self._steps_before + self.attempt.particles.steps

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
            place = self.attempt.failed_in
            raise MsemuError(
                f"no body has come through the first {place.last} control steps of the clip"
                f" '{order.clip.name}': {self.attempt.reason.within(place)}; see: msemu-motion check CLIP"
            )
        condition, path = found
        total = order.total_at(condition)
        self.smoothing = []
        if len(path) == total:
            path, records = smooth(particles_at(order, self.clip, condition, 1), path, order.search)
            self.smoothing = [asdict(record) | {"said": record.line()} for record in records]

        def then(clip: MotionClip) -> MotionClip:
            return at_speed(order.body, clip, condition.speed)

        env = make_env(order.cfg, order.body, then(self.clip), 1, condition, RecordedCfg(), order.seed)
        original = then(order.unrolled) if self._num_adapted else None
        recorded = then(order.recorded) if order.recorded else None
        title = f"{order.clip.name} on {order.body.name}  {condition}"
        return replay(env, path, total, title, condition, original, recorded)

    def save(self) -> None:
        """Write everything that the search depends on."""
        assert self._file
        about = {"finished": self.finished, "steps": self._steps_before, "seconds": self.seconds}
        about |= {"adapted": self._num_adapted, "change": asdict(change_of(self.clip)), "earlier": self._earlier}
        about |= {"fixed": self._is_clip_fixed}
        arrays = {**self.search.state(), **saved(self._reached.layers if self._reached else (), "reached.")}
        arrays |= {"clip.qpos": self.clip.qpos, "clip.qvel": self.clip.qvel} if self._num_adapted else {}
        write_search(self._file, self._order.identity(), about, arrays)
        self._saved = time.monotonic()

    def resume(self) -> None:
        """Go on from what `save` has written.

        Raises:
            MsemuError: There is no such file, it is damaged, or is of another search.
        """
        assert self._file
        about, arrays = read_search(self._file, self._order.identity())
        try:
            self.finished, self._num_adapted = list(about["finished"]), int(about["adapted"])
            self._earlier, self._is_clip_fixed = list(about["earlier"]), bool(about["fixed"])
            clip = self._order.clip
            if self._num_adapted:
                changed = {f"adapted_{name}": float(value) for name, value in about["change"].items()}
                qpos, qvel = arrays.pop("clip.qpos"), arrays.pop("clip.qvel")
                clip = replace(self._order.unrolled, qpos=qpos, qvel=qvel, quality=clip.quality | changed)
            self.attempt = Attempt(self._order, self._stages[len(self.finished)], clip)
            self._steps_before, self._seconds_before = int(about["steps"]), float(about["seconds"])
            reached = {key: torch.from_numpy(arrays.pop(key)) for key in [*arrays] if key.startswith("reached.")}
            self._reached = Path(loaded(reached, "reached.")) if reached else None
            self.search.load_state(arrays)
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
            raise damaged(self._file, error) from error

    def _next(self) -> None:
        assert self.search.best
        self._reached = self.search.best
        self.finished.append(self._account())
        self._steps_before += self.attempt.particles.steps
        self.attempt = Attempt(self._order, self._stages[len(self.finished)], self.clip)
        self.search.draw_about(self._reached.guidance)

    def _account(self) -> dict[str, Any]:
        best = self.search.best
        share = len(best) / self.search.total if best else 0.0
        passes = [*self._earlier, *(asdict(record) for record in self.search.records)]
        return {**asdict(self.condition), "passes": passes, "completed": share}
