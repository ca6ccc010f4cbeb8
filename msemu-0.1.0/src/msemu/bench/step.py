"""``msemu-bench step``: where the time of a control step goes, by stage."""

import copy
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from msemu.bench.options import StepBenchCfg
from msemu.bench.subject import tracking_env
from msemu.bench.timing import in_rounds, publish, synchronize
from msemu.console import write_json
from msemu.envs.motion_tracking import MotionTrackingEnv

ENV_STAGES = (
    ("physics", "sim.step"),
    ("reset: physics", "sim.reset"),
    ("controller", "excitation"),
    ("readings", "_reader.read"),
    ("reference", "reference.kinematics"),
    ("rewards", "_reward"),
    ("observations", "_observe.memoryless"),
    ("logging", "_log"),
    ("step: the rest", "_step"),
)
"""Stages of an environment step and the methods that they are; what one calls of another counts for the other."""

PHYSICS_STAGES: tuple[tuple[str, Callable[[mujoco.MjModel, mujoco.MjData], object]], ...] = (
    ("position: kinematics", lambda model, data: (mujoco.mj_kinematics(model, data), mujoco.mj_comPos(model, data))),
    ("position: tendon paths", mujoco.mj_tendon),
    ("position: inertia", lambda model, data: (mujoco.mj_crb(model, data), mujoco.mj_factorM(model, data))),
    ("position: collision", mujoco.mj_collision),
    ("position: constraints", mujoco.mj_makeConstraint),
    ("position: transmission", mujoco.mj_transmission),
    ("velocity", mujoco.mj_fwdVelocity),
    ("actuation", mujoco.mj_fwdActuation),
    ("acceleration", mujoco.mj_fwdAcceleration),
    ("constraint solver", mujoco.mj_fwdConstraint),
    ("sensors", mujoco.mj_sensorAcc),
    ("integration", mujoco.mj_Euler),
)
"""Stages of a physics step of MuJoCo on the CPU, in their order."""


def bench_step(args: StepBenchCfg) -> None:
    """Measure, print and write the figures."""
    sim: dict[str, Any] = {"num_threads": args.threads, "engine": args.engine, "device": args.device}
    env = tracking_env(args.body, args.body_path, args.motion, args.num_envs, **sim)
    figures, clock = measure_step(env, args.rounds, args.steps)
    title = f"{args.body}, {args.num_envs} environments on {env.device}: {figures['step_ms']:.1f} ms a control step"
    tables = [_shares_table(title, figures["env_stages"])]
    if figures["physics_stages"]:
        tables.append(_shares_table("one physics step of MuJoCo on the CPU", figures["physics_stages"]))
    subject = {"body": args.body, "num_envs": args.num_envs, "device": str(env.device), "rounds": args.rounds}
    publish(subject | figures, args.json, *tables)
    if args.trace:
        write_json(args.trace, chrome_trace(clock.events))
        Console().print(f"trace: {args.trace}; open it in chrome://tracing or ui.perfetto.dev", soft_wrap=True)


def _shares_table(title: str, shares: dict[str, float]) -> Table:
    table = Table("stage", "share", title=title)
    for stage, share in shares.items():
        table.add_row(stage, f"{100 * share:.1f} %")
    return table


class StageClock:
    """Times nested stages.

    Attributes:
        own_seconds: Time of each stage without the stages that it called [s].
        events: Every call as (stage, start, duration) [s].
    """

    def __init__(self, device: torch.device):
        """Make a clock for stages that run on ``device``."""
        self._device = device
        self.clear()

    def clear(self) -> None:
        """Forget what was timed."""
        self.own_seconds: dict[str, float] = defaultdict(float)
        self.events: list[tuple[str, float, float]] = []
        self._inner = [0.0]

    def time(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function as a stage."""

        @functools.wraps(call)
        def timed(*args: Any, **options: Any) -> Any:
            start = self._now()
            self._inner.append(0.0)
            try:
                return call(*args, **options)
            finally:
                duration = self._now() - start
                self.own_seconds[stage] += duration - self._inner.pop()
                self._inner[-1] += duration
                self.events.append((stage, start, duration))

        return timed

    def _now(self) -> float:
        synchronize(self._device)
        return time.perf_counter()


def measure_step(env: MotionTrackingEnv, rounds: int, steps: int) -> tuple[dict[str, Any], StageClock]:
    """Time the stages of environment steps and, on the engine of the CPU, of physics steps.

    The actions are those of an untrained policy, so bodies move, fall and are reset as in training.

    Returns:
        ``env_stages`` and ``physics_stages``, the median share of each stage in its step, and ``step_ms``; and the
        clock with every call of the last round.
    """
    clock = StageClock(env.device)
    generator = torch.Generator().manual_seed(0)
    actions = 0.2 * torch.randn(rounds + 1, steps, env.num_envs, env.num_actions, generator=generator)
    actions = actions.to(env.device)

    def time_stages(number: int) -> list[float]:
        clock.clear()
        for action in actions[number]:
            env.step(action)
        return [clock.own_seconds[stage] for stage, _ in ENV_STAGES]

    with staged(env, ENV_STAGES, clock), torch.inference_mode():
        seconds = in_rounds(time_stages, rounds)
    figures = {
        "step_ms": 1e3 * float(np.median(seconds.sum(1))) / steps,
        "env_stages": _median_shares(ENV_STAGES, seconds),
        "physics_stages": _physics_shares(env, rounds) if env.sim.device.type == "cpu" else {},
    }
    return figures, clock


def chrome_trace(events: list[tuple[str, float, float]]) -> dict[str, Any]:
    """Return calls, (stage, start, duration) [s], as a trace that chrome://tracing and ui.perfetto.dev show."""
    origin = min((start for _, start, _ in events), default=0.0)
    return {
        "displayTimeUnit": "ms",
        "traceEvents": [
            {"name": stage, "ph": "X", "pid": 0, "tid": 0, "ts": 1e6 * (start - origin), "dur": 1e6 * duration}
            for stage, start, duration in sorted(events, key=lambda event: event[1])
        ],
    }


@contextmanager
def staged(of: object, stages: Iterable[tuple[str, str]], clock: StageClock) -> Iterator[None]:
    """Time the stages of an object, the paths of its methods, while the context lasts."""
    replaced = []
    for stage, path in stages:
        *owners, name = path.split(".")
        owner: Any = functools.reduce(getattr, owners, of)
        replaced.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, clock.time(stage, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, previous in replaced:
            if previous is None:
                delattr(owner, name)
            else:
                setattr(owner, name, previous)


def _physics_shares(env: MotionTrackingEnv, rounds: int) -> dict[str, float]:
    """Time the stages of one physics step singly, from the states that the environments are in, on one thread."""
    model = copy.copy(env.body.model)
    model.opt.timestep = env.sim.model.opt.timestep
    data = mujoco.MjData(model)
    qpos, qvel, act = (values.double().cpu().numpy() for values in (env.sim.qpos, env.sim.qvel, env.sim.act))

    def time_stages(_: int) -> list[float]:
        seconds: dict[str, float] = defaultdict(float)
        for row in range(min(env.num_envs, 64)):
            mujoco.mj_resetData(model, data)
            data.qpos, data.qvel, data.act, data.ctrl = qpos[row], qvel[row], act[row], act[row]
            mujoco.mj_forward(model, data)
            for stage, run in PHYSICS_STAGES:
                start = time.perf_counter()
                run(model, data)
                seconds[stage] += time.perf_counter() - start
        return list(seconds.values())

    return _median_shares(PHYSICS_STAGES, in_rounds(time_stages, rounds))


def _median_shares(stages: Iterable[tuple[str, object]], seconds: np.ndarray) -> dict[str, float]:
    """Share of each stage; ``seconds`` have the shape [rounds, stages]."""
    medians = np.median(seconds / seconds.sum(1, keepdims=True), axis=0)
    return dict(zip((stage for stage, _ in stages), medians.tolist(), strict=True))
