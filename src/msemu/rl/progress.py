"""What is seen of a training run: its curves, one line per iteration, and the reasons to stop."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

import torch
from rich.console import Console
from rsl_rl.utils.logger import Logger

from msemu.errors import DISK_ERRORS, MsemuError
from msemu.schema import AgentCfg

_LAST_WORDS_S = 5.0
"""How long a thread that has failed may take to end [s]."""


_SERVICES = {
    "wandb": ("WandbLogWriter", {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}),
    "neptune": (
        "NeptuneLogWriter",
        {"NEPTUNE_MODE": "offline", "NEPTUNE_API_TOKEN": "ANONYMOUS", "NEPTUNE_USERNAME": "offline"},
    ),
}
"""Writers of rsl-rl, and the environment that each has unless the user has set it: nothing leaves the machine."""


def log_writer(agent: AgentCfg, log_dir: str | None) -> str | dict[str, str]:
    """Return what rsl-rl makes the writer of an agent's curves from.

    Raises:
        MsemuError: Its package is not installed.
    """
    if agent.logger not in _SERVICES:
        return agent.logger
    if find_spec(agent.logger) is None:
        extra = f"'msemu[{agent.logger}]'" if agent.logger == "wandb" else agent.logger
        raise MsemuError(f"the logger {agent.logger} needs its package: pip install {extra}")
    name, environment = _SERVICES[agent.logger]
    for key, value in (environment | ({"WANDB_DIR": log_dir} if log_dir else {})).items():
        os.environ.setdefault(key, value)
    return {"class_name": name, "project_name": agent.project_name}


def tell_of_no_update() -> None:
    """Say on the console that an iteration has taught nothing."""
    line = "warning: no update of this iteration had a finite gradient, so nothing was learned from it"
    remedy = "look for rewards and observations that are not finite or very large, or lower the learning_rate"
    Console(stderr=True).print(f"{line}; {remedy}", highlight=False, soft_wrap=True)


class StopTraining(Exception):  # noqa: N818  (a request, not an error)
    """Leaves rsl-rl's loop after a finished iteration."""


@dataclass
class Iteration:
    """One finished learning iteration.

    Attributes:
        number: Number of the iteration, from 0.
        means: Mean of each value that the environment logged.
        steps_per_s: Control steps per second of all processes together, learning included.
        elapsed_s: Time since this call of training began [s].
    """

    number: int
    means: dict[str, float]
    steps_per_s: float
    elapsed_s: float


@dataclass
class StopConditions:
    """When to stop before all iterations are done.

    Attributes:
        minutes: Time budget [min] or None.
        requested: Set by Ctrl-C and SIGTERM.
        agree: From one process's wish to stop to that of all processes of the run, so that none waits for ever.
        announce: Whether to say that a signal has been heard.
    """

    minutes: float | None = None
    requested: bool = False
    agree: Callable[[bool], bool] = lambda wish: wish
    announce: bool = True
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Time since the start [s]."""
        return time.monotonic() - self.started

    def reached(self) -> bool:
        """Whether to stop now; in a run of several processes, each must ask after every iteration."""
        return self.agree(self.requested or (self.minutes is not None and self.elapsed_s >= 60.0 * self.minutes))

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Let the first Ctrl-C or SIGTERM finish the iteration; a second one interrupts at once."""

        def request(number: int, _frame: object) -> None:
            if self.requested:
                raise KeyboardInterrupt
            self.requested = True
            if self.announce:
                Console(stderr=True).print(f"{signal.Signals(number).name}: finishing the iteration, then saving ...")

        previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


class ProgressLogger(Logger):
    """rsl-rl's logger, quiet on the console, that reports each iteration and can end the loop.

    In a run of several processes only the first one has a writer and reports.

    Attributes:
        on_iteration: Called after each iteration is logged.
        show: Called with each iteration to tell the user.
        stop: Conditions that end the loop.
    """

    on_iteration: Callable[[Iteration], None]
    show: Callable[[Iteration], None]
    stop: StopConditions
    _steps: list[torch.Tensor]

    @classmethod
    def like(cls, logger: Logger, on_iteration: Callable[[Iteration], None]) -> "ProgressLogger":
        """Take over the state of a logger that rsl-rl made."""
        made = cls.__new__(cls)
        made.__dict__.update(logger.__dict__)
        made.on_iteration = on_iteration
        made.show = lambda iteration: None
        made.stop = StopConditions()
        made._steps = []
        return made

    def _store_code_state(self) -> list[str]:
        """Keep the differences to git's last commits; rsl-rl's remarks about them go nowhere.

        A service that copies the console is made before, so that it copies this one.
        """
        with _quiet():
            return super()._store_code_state()

    def process_env_step(
        self, rewards: torch.Tensor, dones: torch.Tensor, extras: dict, intrinsic_rewards: torch.Tensor | None = None
    ) -> None:
        """Note a step; unlike rsl-rl, leave everything on the device until `log`, so that nothing waits for it."""
        if self.writer is None:
            return
        self.ep_extras.append(extras["log"])
        self.cur_reward_sum += rewards
        self.cur_episode_length += 1
        ended = dones > 0
        self._steps.append(torch.stack((self.cur_reward_sum, self.cur_episode_length, ended)))
        self.cur_reward_sum.masked_fill_(ended, 0.0)
        self.cur_episode_length.masked_fill_(ended, 0.0)

    def log(self, it: int, collect_time: float, learn_time: float, **values: object) -> None:
        """Write the curves, then report.

        Raises:
            StopTraining: A condition to stop is met.
        """
        if self.writer is not None:
            means = _means(self.ep_extras)
            self._read_episodes()
            with _quiet():
                super().log(it=it, collect_time=collect_time, learn_time=learn_time, **values)
            steps = self.cfg["num_steps_per_env"] * self.num_envs * self.gpu_world_size
            iteration = Iteration(it, means, steps / (collect_time + learn_time), self.stop.elapsed_s)
            self.on_iteration(iteration)
            self.show(iteration)
        if self.stop.reached():
            raise StopTraining

    def _read_episodes(self) -> None:
        """Add the return and the length of each episode that ended to rsl-rl's buffers."""
        rewards, lengths, ended = torch.cat(self._steps, dim=1).cpu()
        self.rewbuffer.extend(rewards[ended > 0].tolist())
        self.lenbuffer.extend(lengths[ended > 0].tolist())
        self._steps.clear()


def _means(extras: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    return {key: torch.stack([extra[key] for extra in extras]).mean().item() for key in extras[0]} if extras else {}


@cache
def note_once(text: str) -> None:
    """Say something on stderr, in one line, and not again."""
    Console(stderr=True).print(f"note: {text}", highlight=False, soft_wrap=True, markup=False)


@contextlib.contextmanager
def disk_errors(folder: str | None) -> Iterator[None]:
    """Turn what the disk refuses to a training, also to TensorBoard's thread, into one line.

    Raises:
        MsemuError: The curves cannot be written.
    """
    previous = threading.excepthook
    # The thread keeps its error for whoever writes next, and would print a traceback besides.
    threading.excepthook = lambda failed: None if isinstance(failed.exc_value, OSError) else previous(failed)
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise MsemuError(
            f"cannot write the curves in {folder}, or what is printed: {error.strerror}; make room, then go on from its"
            f" last checkpoint with --resume {folder}"
        ) from error
    finally:
        for thread in threading.enumerate():
            if isinstance(getattr(thread, "exception", None), OSError):
                thread.join(_LAST_WORDS_S)
        threading.excepthook = previous


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        yield
