"""A training run, and its progress on the console."""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from msemu.cli.checks import try_writing
from msemu.console import with_progress
from msemu.errors import MsemuError
from msemu.models.engine_log import log_to
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import load_clips
from msemu.rl.assemble import find_runner, prepare
from msemu.rl.checkpoints import checkpoint
from msemu.rl.distributed import Team, join_team
from msemu.rl.progress import Iteration, StopConditions, log_writer, note_once
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg
from msemu.sim import pick_device
from msemu.tracking.learning import with_track

DEFAULT_ITERATIONS = 1000
UNBOUNDED_ITERATIONS = 10**9
_LINE_INTERVAL_S = 10.0


def train(task: str, cfg: TrainCfg, clips: Sequence[MotionClip] | None = None) -> Path:
    """Train, on the clips of the configuration unless some are given, and return the run folder."""
    begun = time.process_time()
    cfg = with_track(cfg)
    if not cfg.resume:
        _require_room(Path(cfg.runs_dir) / task)
    if cfg.checkpoint and not cfg.resume:
        checkpoint.read(Path(cfg.checkpoint), "cpu")  # a bad one is refused before a run folder is made for it
    log_writer(cfg.agent, None)  # a package that is missing is named before a run folder is made
    team = join_team()
    team.claim_gpu(cfg.device, cfg.sim.device)
    device = pick_device(cfg.device)
    clips = clips or _clips_of_init(cfg)
    find_clips = with_progress(load_clips) if clips is None else lambda cfg, body: [*clips]
    run, env = prepare(task, cfg, team, find_clips)
    iterations = cfg.iterations or (UNBOUNDED_ITERATIONS if cfg.minutes else DEFAULT_ITERATIONS)
    console = Console(quiet=not team.is_rank_zero)
    processes = f" in each of {team.size} processes" if team.size > 1 else ""
    stop = StopConditions(cfg.minutes, agree=team.any, announce=team.is_rank_zero)
    with stop.signals(), team.connected(device):
        with _leaving_nothing(run if team.is_rank_zero and not cfg.resume else None):
            runner = find_runner(cfg.agent)(env, cfg.agent, run.path if team.is_rank_zero else None, device, team)
            runner.keep = cfg.keep
            _load(runner, run, cfg, team)
        size = f"{env.body.num_muscles} muscles, {env.num_envs} environments{processes}"
        console.print(f"[bold]{task}[/]  {size}, learning on {device}")
        console.print(f"run: {run.path}", soft_wrap=True)
        if team.is_rank_zero:
            log_to(run.path)
        runner.logger.stop = stop
        with TrainingDisplay(console, iterations, cfg.minutes) as display:
            runner.logger.show = display.show
            runner.train(iterations, fresh=cfg.resume is None or not team.is_rank_zero)
    if team.is_rank_zero:  # the others may be here before it has saved
        run.note_cpu(time.process_time() - begun)
        console.print(f"saved: {run.checkpoint('last')}", soft_wrap=True)
        console.print(f"curves: tensorboard --logdir {run.path}", soft_wrap=True)
    return run.path


@contextlib.contextmanager
def _leaving_nothing(run: RunFolder | None) -> Iterator[None]:
    """Remove a new run folder where what shall be learned in it is refused."""
    try:
        yield
    except MsemuError:
        if run:
            shutil.rmtree(run.path)
            with contextlib.suppress(OSError):  # there are other runs of the task
                run.path.parent.rmdir()
        raise


def _require_room(folder: Path) -> None:
    """Find out before any work whether runs can be kept in a folder."""
    try:
        try_writing(folder)
    except OSError as error:
        reason = f"{error.strerror}; choose another --runs-dir"
        raise MsemuError(f"cannot write the run folder {folder}: {reason}") from error


def _clips_of_init(cfg: TrainCfg) -> list[MotionClip] | None:
    """Return the clips of the run that a new one begins with, where it holds them and the motion is the same."""
    run = RunFolder.open(Path(cfg.init)) if cfg.init else None
    if run is None or not run.holds_clips or run.load_config().motion != cfg.motion:
        return None
    return run.load_clips()


def _load(runner: Runner, run: RunFolder, cfg: TrainCfg, team: Team) -> None:
    """Go on with a run, or begin a new one with the networks of a checkpoint, as the configuration says."""
    if cfg.resume:
        chosen = run.checkpoint(cfg.checkpoint or "last")
        runner.load(str(chosen))
        if team.is_rank_zero:
            if aside := run.set_aside_after(runner.current_learning_iteration - 1):
                note_once(f"going on from {chosen.name}; later checkpoints are now in {aside[0].parent}")
            run.note_resumption(cfg, runner.env.body)
    elif cfg.checkpoint:
        if cfg.init:
            runner.begin_with(RunFolder.open(Path(cfg.init)), Path(cfg.checkpoint))
        else:
            runner.start_from(Path(cfg.checkpoint))
        if team.is_rank_zero:
            run.note_origin(Path(cfg.checkpoint))


class TrainingDisplay:
    """A live bar on a terminal; where there is none, a line every ten seconds and one of the last iteration."""

    def __init__(self, console: Console, iterations: int, minutes: float | None):
        """Prepare the bar, which follows the time if there is a budget of it [min], else the iterations."""
        self._console = console
        self._minutes = minutes
        self._iterations = iterations
        self._done = 0
        self._last_line = 0.0
        self._unsaid = ""
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
        if self._unsaid:
            self._say()

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
            return
        self._unsaid = f"{iteration.elapsed_s:6.0f} s  {text}"
        if time.monotonic() - self._last_line > _LINE_INTERVAL_S:
            self._last_line = time.monotonic()
            self._say()

    def _say(self) -> None:
        """Print the line of the last iteration."""
        self._console.print(self._unsaid, soft_wrap=True)
        self._unsaid = ""
