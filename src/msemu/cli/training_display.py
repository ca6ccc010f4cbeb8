"""The progress of a training run on the console."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from msemu.rl.progress import Iteration

_LINE_INTERVAL_S = 10.0


class TrainingDisplay:
    """A live bar on a terminal, and a line every ten seconds where there is none."""

    def __init__(self, console: Console, iterations: int, minutes: float | None):
        """Prepare the bar.

        Args:
            console: Where to print.
            iterations: Iterations of this call.
            minutes: Its time budget [min]; the bar then follows the time.
        """
        self._console = console
        self._minutes = minutes
        self._iterations = iterations
        self._done = 0
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("training"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console
        )
        self._task = self._bar.add_task("first iteration ...", total=60.0 * minutes if minutes else iterations)

    def __enter__(self) -> "TrainingDisplay":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def show(self, iteration: Iteration) -> None:
        """Tell of one finished iteration."""
        self._done += 1
        text = (
            f"iteration {iteration.number}  {iteration.steps_per_s:.0f} steps/s  "
            f"joints {iteration.means['Error/joint_angle_deg']:.1f} deg  "
            f"bodies {iteration.means['Error/body_position_cm']:.1f} cm  "
            f"failures {100 * iteration.means['Episode/failures_per_step']:.2f} %/step"
        )
        if self._console.is_terminal:
            completed = iteration.elapsed_s if self._minutes else self._done
            self._bar.update(self._task, completed=completed, description=text)
        elif time.monotonic() - self._last_line > _LINE_INTERVAL_S:
            self._last_line = time.monotonic()
            self._console.print(f"{iteration.elapsed_s:6.0f} s  {text}", soft_wrap=True)
