#!/usr/bin/env python
"""Work through a list of policies: track, stabilize, train, distill, measure, publish; stop and go on at any time.

    python tools/train_queue.py tools/repertoire.yaml --out runs/repertoire --minutes 120 --page docs/results.md
    python tools/train_queue.py tools/repertoire.yaml --out runs/repertoire --show

Each job of the file has a task and steps, of which only those that it names are done, in this order:

    walk_legs:
      task: Msemu-Walk-MyoLegs-v0
      seeds: [1, 2]                                # a job for each; 1 by default
      track: {minutes: 20}                         # msemu-track; training follows what it finds to the clip's end
      stabilize: {rounds: 3}                       # msemu-stabilize about what was found
      train: {iterations: 300, agent: ppo_prior, env.action: joint}
      distill: {iterations: 500}                   # msemu-distill; what comes after is about the native policy
      eval: {episodes: 63, timestep-s: 0.002}
      publish: true                                # msemu-play TASK --pretrained, and TASK-native the distilled one

The words of a step are options of its command. The same call again goes on where it was stopped, a training at its
last checkpoint. ``queue.md`` in the folder shows how far the jobs are and what they reach.
"""

import argparse
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from commands import words
from policy_table import between_marks, measured_table

from msemu.config import build, read_yaml
from msemu.errors import MsemuError, command, require_name
from msemu.files import write_text
from msemu.registry import get_task
from msemu.rl.pretrained import publish
from msemu.rl.run_folder import RunFolder

FIGURES = {
    "survival": ("survival [%]", 100.0),
    "survival_time_s": ("time [s]", 1.0),
    "joint_angle_error_deg": ("joints [deg]", 1.0),
    "root_rotation_error_deg": ("pelvis [deg]", 1.0),
    "body_position_error_cm": ("body [cm]", 1.0),
    "turned_deg": ("turned [deg]", 1.0),
    "muscle_power_w": ("power [W]", 1.0),
}
"""Figures of ``msemu-eval --json`` in the table, with their heading and the factor to its unit."""

SEARCHED = "track.begun.json"
"""What ``msemu-track`` writes of a search that may have been stopped; it is called track.json once it has ended."""

PUBLISHED = "published.txt"
"""Names of the policies of a job that ship."""

Run = Callable[[str, list[str]], None]
"""Runs ``msemu-<word>`` with arguments; raises `subprocess.CalledProcessError` where it fails."""


@dataclass(frozen=True)
class Job:
    """One policy to make; the steps hold the options of their commands, see the text of the program."""

    task: str
    seeds: tuple[int, ...] = (1,)
    track: dict[str, Any] | None = None
    stabilize: dict[str, Any] | None = None
    train: dict[str, Any] = field(default_factory=dict)
    distill: dict[str, Any] | None = None
    eval: dict[str, Any] = field(default_factory=dict)
    publish: bool = False


class Stopped(Exception):  # noqa: N818  (a request, not an error)
    """The time is over, or someone asked to stop."""


@dataclass(frozen=True)
class Work:
    """A job with one seed, and its folder, which holds all that is known of it."""

    name: str
    job: Job
    seed: int
    folder: Path

    def steps(self, left: Callable[[], float | None]) -> Iterator[tuple[str, str, list[str]]]:
        """Yield the name, the command and the arguments of each step that is not done; ``left`` says minutes [min]."""
        job, searched = self.job, self.folder / "track.npz"
        if job.track is not None and not self.tracked():
            cfg = get_task(job.task).load_config()
            found = {"body": cfg.body, "out": searched, "json": self.folder / SEARCHED, "seed": self.seed}
            going_on = ["--resume"] if searched.with_suffix(".search.npz").is_file() else []
            yield "track", "track", [str(cfg.motion), *words(found | job.track | self._less(left())), *going_on]
        trajectory = self.trajectory()
        if job.stabilize is not None and trajectory not in (None, self._stable) and not self.run("train"):
            about = {"out": self._stable, "json": self.folder / "stabilize.json", "seed": self.seed}
            yield "stabilize", "stabilize", [str(trajectory), *words(about | job.stabilize | bound(left()))]
        options = {key: value for key, value in job.train.items() if key != "iterations"}
        if (rest := job.train["iterations"] - self.done("train")) > 0:
            if run := self.run("train"):
                again = {"resume": run.path, "iterations": rest}
            else:
                again = {"iterations": rest, "seed": self.seed, **options, **self._place("train")}
                again |= {"from-track": trajectory} if (trajectory := self.trajectory()) else {}
            yield "train", "train", [job.task, *words(again | bound(left()))]
        if job.distill is not None and (rest := job.distill["iterations"] - self.done("distill")) > 0:
            if run := self.run("distill"):
                yield "distill", "train", [job.task, *words({"resume": run.path, "iterations": rest} | bound(left()))]
            else:
                teacher = str(self.require_run("train").path)
                yield "distill", "distill", [teacher, *words(job.distill | self._place("distill") | bound(left()))]
        result = self.result()
        if not (self.folder / "eval.json").is_file():
            yield "eval", "eval", [str(result.path), *words({**job.eval, "json": self.folder / "eval.json"})]

    @property
    def _stable(self) -> Path:
        return self.folder / "track.stable.npz"

    def trajectory(self) -> Path | None:
        """Return what was found to the end of the clip, with its feedback where there is one."""
        if self._stable.is_file():
            return self._stable
        return self.folder / "track.npz" if self.tracked().get("completed") == 1.0 else None

    def run(self, step: str) -> RunFolder | None:
        """Return the run that a step has begun, if it has a checkpoint."""
        found = sorted((self.folder / step).glob("*/*/config.yaml"))
        run = RunFolder.open(found[-1].parent) if found else None
        return run if run and run.checkpoints() else None

    def require_run(self, step: str) -> RunFolder:
        """Return the run that a step has begun.

        Raises:
            MsemuError: There is none.
        """
        if run := self.run(step):
            return run
        raise MsemuError(f"{self.folder / step} holds no run with a checkpoint, though the step has ended")

    def result(self) -> RunFolder:
        """Return the run that the job is about."""
        return self.require_run("train" if self.job.distill is None else "distill")

    def done(self, step: str) -> int:
        """Return how many iterations a step has behind it."""
        run = self.run(step)
        return run.next_iteration() if run else 0

    def figures(self) -> dict[str, Any]:
        """Figures of ``msemu-eval``; none before it has run."""
        return read_json(self.folder / "eval.json")

    def tracked(self) -> dict[str, Any]:
        """Figures of ``msemu-track``; none before its search has ended or had its time."""
        return read_json(self.folder / "track.json")

    def note_tracked(self, left: float | None) -> None:
        """Take a search for done; with minutes ``left`` in which it could not have its time, it is not.

        Raises:
            Stopped: It is to go on another time.
        """
        if self._less(left):
            raise Stopped
        (self.folder / SEARCHED).replace(self.folder / "track.json")

    def cpu_s(self) -> dict[str, float]:
        """Processor time that each step has taken [s]."""
        return read_json(self.folder / "cpu.json")

    def _less(self, left: float | None) -> dict[str, str]:
        """Return the option that ends a search before its time, where fewer minutes are left."""
        asked = (self.job.track or {}).get("minutes", math.inf)
        return bound(left) if left is not None and left < asked else {}

    def _place(self, step: str) -> dict[str, Any]:
        return {"runs-dir": self.folder / step, "run-name": step}


@command
def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queue", type=Path, help="YAML file with the jobs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of the table")
    parser.add_argument("--only", nargs="+", default=[], metavar="JOB", help="work on these jobs alone")
    parser.add_argument("--minutes", type=float, help="stop after so long [min]")
    parser.add_argument("--page", type=Path, help="page of results; its table of the policies that ship is made anew")
    parser.add_argument("--show", action="store_true", help="only show the table")
    args = parser.parse_args()
    works = list(read_queue(args.queue, args.out, args.only))
    if not args.show:
        try:
            work_through(works, args.out, args.minutes, run_command)
        finally:
            if args.page and any((work.folder / PUBLISHED).is_file() for work in works):
                write_text(args.page, between_marks(args.page, measured_table(args.out / "policies")))
    print(table(works))


def read_queue(path: Path, out: Path, only: list[str]) -> Iterator[Work]:
    """Yield the work of a file with jobs.

    Raises:
        MsemuError: A job is not as it should be; the message names it.
    """
    jobs = read_yaml(path)
    if unknown := sorted(set(only) - set(jobs)):
        raise MsemuError(f"{path} has no job '{unknown[0]}'; known: {', '.join(jobs)}")
    for name, values in jobs.items():
        require_name(f"{path}: the job", name)
        job = build(Job, values, f"{path}: {name}")
        get_task(job.task)
        for step in ("train", "distill"):
            options = getattr(job, step)
            iterations = 1 if options is None else options.get("iterations")
            if not isinstance(iterations, int) or iterations < 1:
                raise MsemuError(f"{path}: {name}: {step} wants iterations, a whole number above 0, not {iterations!r}")
        for seed in job.seeds if not only or name in only else ():
            label = name if len(job.seeds) == 1 else f"{name}_seed{seed}"
            yield Work(label, job, seed, out / label)


def work_through(works: list[Work], out: Path, minutes: float | None, run: Run) -> None:
    """Do every step of every job that is left; a job that fails is left aside, and the next one begins.

    Raises:
        MsemuError: Jobs have failed; the message names them.
    """
    end = None if minutes is None else time.monotonic() + 60.0 * minutes

    def left() -> float | None:
        if end is not None and end - time.monotonic() < 1.0:
            raise Stopped
        return None if end is None else (end - time.monotonic()) / 60.0

    failed = []
    for work in works:
        try:
            do(work, left, run, lambda: write_text(out / "queue.md", table(works)))
        except subprocess.CalledProcessError as error:
            failed.append(f"{work.name} ({Path(error.cmd[0]).name} ended with {error.returncode})")
        except MsemuError as error:
            failed.append(f"{work.name} ({error})")
        except Stopped:
            break
    if failed:
        raise MsemuError(f"jobs have failed: {', '.join(failed)}; what they printed says why, the others are done")


def do(work: Work, left: Callable[[], float | None], run: Run, report: Callable[[], None]) -> None:
    """Do the steps of a job that are left."""
    for step, word, arguments in work.steps(left):
        before, minutes = cpu_of_children(), left()
        try:
            run(word, arguments)
        finally:
            spent = work.cpu_s()
            spent[step] = spent.get(step, 0.0) + cpu_of_children() - before
            write_text(work.folder / "cpu.json", json.dumps(spent, indent=1))
            report()
        if step == "track":
            work.note_tracked(minutes)
        if step in ("train", "distill") and work.done(step) < getattr(work.job, step)["iterations"]:
            raise Stopped
    if work.job.publish and not (work.folder / PUBLISHED).is_file():
        write_text(work.folder / PUBLISHED, "".join(f"{place.name}\n" for place in publish_both(work)))


def publish_both(work: Work) -> Iterator[Path]:
    """Publish the policy that was trained, and beside it the native one, each with the time that it took in all."""
    spent = work.cpu_s()
    distilling = spent.pop("distill", 0.0)
    hours = (sum(spent.values()) - spent.get("eval", 0.0)) / 3600.0
    yield publish(work.require_run("train"), "best", cpu_hours=hours)
    if work.job.distill is not None:
        yield publish(work.require_run("distill"), "best", cpu_hours=hours + distilling / 3600.0, variant="native")


def run_command(word: str, arguments: list[str]) -> None:
    """Run ``msemu-<word>`` of this Python; a request to stop is passed on, and waited for."""
    process = subprocess.Popen([str(Path(sys.executable).with_name(f"msemu-{word}")), *arguments])
    asked = []

    def stop(number: int, _frame: object) -> None:
        asked.append(number)
        if number == signal.SIGTERM:  # Ctrl-C reaches the process by itself
            process.terminate()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if asked:
        raise Stopped
    if status:
        raise subprocess.CalledProcessError(status, process.args)


def bound(minutes: float | None) -> dict[str, str]:
    """Return the option that ends a training after some time."""
    return {} if minutes is None else {"minutes": f"{minutes:.3f}"}


def cpu_of_children() -> float:
    """Processor time of all commands that have ended [s]."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that this program has written, or nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def table(works: list[Work]) -> str:
    """Show how far the jobs are and what they reach, as Markdown."""
    heads = ["job", "task", "iterations", "CPU hours", *(label for label, _ in FIGURES.values())]
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for work in works:
        figures = work.figures()
        values = (figures.get(key) for key in FIGURES)
        measured = [
            "" if value is None else f"{factor * value:.3g}"
            for value, (_, factor) in zip(values, FIGURES.values(), strict=True)
        ]
        steps = [step for step in ("train", "distill") if getattr(work.job, step)]
        progress = ", ".join(f"{work.done(step)} of {getattr(work.job, step)['iterations']}" for step in steps)
        hours = f"{sum(work.cpu_s().values()) / 3600.0:.2f}"
        rows.append(f"| {' | '.join([work.name, work.job.task, progress, hours, *measured])} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
