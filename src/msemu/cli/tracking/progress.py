"""What is seen of a search while it goes on: a bar with its errors and the time that is left, and a line a pass."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.order import Order
from msemu.tracking.search import PassRecord, Progress, Search

_ERRORS_EVERY_S = 2.0
"""How often errors are measured, which takes as long as some control steps."""
_LINE_EVERY_S = 60.0
"""How often a line is written where no bar can be shown, as into a file."""


class Display:
    """Shows how far a search is.

    Attributes:
        is_lack_said: Whether it has been said what the body lacks for the clip.
    """

    def __init__(self, climb: Climb, order: Order, bar: Bar, end: float):
        """Show the search for an order, which stops at an instant of `time.monotonic`."""
        self._climb, self._order, self._bar, self._end = climb, order, bar, end
        self._task = bar.add_task("first window ...", left="")
        self._search: Search | None = None
        self._number, self._began, self._from, self._last, self._backs = 0, 0.0, 0, 0, 0
        self._errors, self._measured, self._written = "", 0.0, time.monotonic()
        self.is_lack_said = False

    def report(self, seen: Progress) -> None:
        """Show that a window has been gone through."""
        now = time.monotonic()
        self._introduce()
        if seen.number != self._number:
            self._number, self._began, self._from, self._last, self._backs = seen.number, now, self._climb.steps, 0, 0
        self._backs += seen.done <= self._last
        self._last = seen.done
        if not self._errors or now - self._measured > _ERRORS_EVERY_S:
            self._errors, self._measured = self._best(), now
        left = self._left(now, seen)
        place = f"{self._seconds(seen.done)} of {self._seconds(seen.total)} s"
        backs = f", gone back {self._backs} x" if self._backs else ""
        text = f"pass {seen.number}/{max(seen.number, self._order.passes)}: {place}{backs}; best {self._errors}"
        self._bar.update(self._task, total=seen.total, completed=seen.done, description=text, left=left)
        if not self._bar.console.is_terminal and now - self._written > _LINE_EVERY_S:
            self._say(f"{text}; {left}")

    def after_pass(self, record: PassRecord) -> None:
        """Write a line about a pass, and after the first one what the body lacks."""
        self._introduce()
        climb = self._climb
        number, best = len(climb.search.records), climb.search.best
        reached = f"{self._seconds(record.reached)} of {self._seconds(climb.search.total)} s"
        so_far = f"; best so far {self._seconds(len(best))} s, {self._best()}" if best else ""
        count = f"{climb.steps:,} environment steps, {_clock(climb.seconds)}"
        self._say(f"pass {number} has reached {reached}{so_far}; {count}")
        if not self.is_lack_said:
            self._say(f"what the body lacks for the clip: {climb.attempt.reason.overall()}")
            self.is_lack_said = True

    def _introduce(self) -> None:
        """Say what is searched for, where that is new: at another condition, or for a clip that has given way."""
        climb = self._climb
        if climb.search is self._search:
            return
        self._search, self._number, self._errors = climb.search, 0, ""
        if climb.num_conditions > 1 and climb.change is None:
            self._say(f"condition {len(climb.finished) + 1} of {climb.num_conditions}: {climb.condition}")
        if climb.change:
            self._say(f"the clip gives way by {climb.change}")

    def _say(self, line: str) -> None:
        self._bar.console.print(line, soft_wrap=True, highlight=False, markup=False)
        self._written = time.monotonic()

    def _best(self) -> str:
        errors = self._climb.attempt.errors()
        return f"{errors['joint_angle_deg']:.1f} deg, {errors['body_position_cm']:.1f} cm" if errors else ""

    def _left(self, now: float, seen: Progress) -> str:
        """Estimate the time that is left: of the pass, by its speed so far if it goes back no more, or of the call."""
        tried, whole = self._climb.steps - self._from, max(0.0, self._end - now)
        left = (now - self._began) * (seen.total - seen.done) * self._order.bodies / tried if tried else float("inf")
        if whole < left:
            return f"{_clock(whole)} left of --minutes"
        return f"about {_clock(left)} left in the pass" if tried else ""

    def _seconds(self, steps: int) -> str:
        return f"{steps / self._order.cfg.env.control_frequency_hz:.2f}"


@contextmanager
def display(climb: Climb, order: Order, end: float) -> Iterator[Display]:
    """Show a search while it goes on, see `Display`."""
    columns = TextColumn("{task.description}", markup=False), BarColumn(12), TextColumn("{task.fields[left]}")
    with Bar(*columns, transient=True) as bar:
        yield Display(climb, order, bar, end)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"
