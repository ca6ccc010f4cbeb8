"""``msemu-bench train``: training steps per second, in turn with the physics they rest on."""

import itertools
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rsl_rl.runners import OnPolicyRunner

from msemu.bench.options import TrainBenchCfg
from msemu.bench.step import ENV_STAGES, StageClock, staged
from msemu.bench.subject import physics_shares, tracking_env
from msemu.bench.timing import cells, named_summary, publish, seconds, synchronize
from msemu.config import cfg_file, load
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.files import save_figure
from msemu.rl import provenance
from msemu.rl.runner import Runner
from msemu.schema import AgentCfg
from msemu.sim import pick_device

DEFINITIONS = {
    "training_steps_per_s": (
        "control steps of all environments together per second of training: policy, physics, observations, rewards, "
        "resets, learning, curves; one control step is 20 ms of one body by default"
    ),
    "physics_only_steps_per_s": (
        "the same number of control steps of the same engine under the excitations of that iteration, from the states "
        "that it ended in; bodies are reset where they were in training, which is not timed"
    ),
    "training_physics_ratio": "median over the iterations of the ratio of the two, which are timed in turn",
    "learning_share": "share of an iteration between the last control step and the end of the update",
    "stage_shares": (
        "share of each stage in one more iteration, in which the device is waited for around each of them; where the "
        "engine tells the stages of a physics step, those stand in its place"
    ),
    "peak_memory_mb": "greatest resident memory of the process while this row was measured [MB]",
    "device_memory_mb": "memory of the CUDA device that was taken at the end, by torch, warp and the driver [MB]",
}
"""What each figure means."""

LEARNING_STAGES = (
    ("policy", "act"),
    ("storing", "process_env_step"),
    ("returns", "compute_returns"),
    ("update", "update"),
)
"""Stages of an iteration beside those of the environment, and the methods of the algorithm that they are."""


def bench_train(args: TrainBenchCfg) -> None:
    """Measure, print and write the figures."""
    rows = []
    for subject in itertools.product(args.bodies, args.engine, args.paths, args.agent, args.num_envs):
        with Console().status(", ".join(map(str, subject))):
            rows.append(_measure(args, *subject))
    facts = {"machine": provenance.machine(), "git": provenance.git_state(), "versions": provenance.versions()}
    protocol = {"iterations": args.iterations, "seed": args.seed, "motion": args.motion, "threads": args.threads}
    ratio = {"training_physics_ratio": rows[0]["training_physics_ratio"]}
    definitions = (f"[bold]{name}[/]: {meaning}" for name, meaning in DEFINITIONS.items())
    shares = (_shares_line(row) for row in rows)
    figures = ratio | {"results": rows, "definitions": DEFINITIONS} | protocol | facts
    publish(figures, args.json, _table(rows), *shares, *definitions)
    if args.plot:
        plot_training(rows, args.plot)


def _measure(args: TrainBenchCfg, body: str, engine: str, paths: str, agent: str, num_envs: int) -> dict[str, Any]:
    """Measure one row."""
    settings = load(AgentCfg, cfg_file("agent", agent))
    if settings.runner != AgentCfg.runner:
        raise MsemuError(f"msemu-bench train times learning from rollouts; {agent} learns from a memory")
    device = pick_device(args.device)
    torch.manual_seed(args.seed)
    sim = {"num_threads": args.threads, "engine": engine, "paths": paths}
    sim["device"] = "cpu" if engine == "mujoco" else args.device
    env = tracking_env(body, args.body_path, args.motion, num_envs, args.seed, **sim)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_training(env, Runner(env, settings, Path(folder), device), args.iterations)
    row = {"body": body, "muscles": env.body.num_muscles, "engine": engine, "paths": paths, "agent": agent}
    return row | {"num_envs": num_envs, "physics_device": str(env.device), "learning_device": device} | figures


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = ("body", "envs", "agent", "engine", "paths", "train/s", "phys/s", "ratio", "quartiles", "MB")
    table = Table(*columns, title="control steps per second, medians", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for row in rows:
        rates = [f"{row[f'{key}_steps_per_s']:.0f}" for key in ("training", "physics_only")]
        ratio = cells(row["training_physics_ratio"], row["training_physics_ratio_quartiles"], 2)
        memory = f"{row['peak_memory_mb']:.0f}"
        if "device_memory_mb" in row:
            memory += f", device {row['device_memory_mb']:.0f}"
        subject = (row["body"], str(row["num_envs"]), row["agent"], row["engine"], row["paths"])
        table.add_row(*subject, *rates, *ratio, memory)
    return table


def _shares_line(row: dict[str, Any]) -> str:
    shares = sorted(row["stage_shares"].items(), key=lambda item: -item[1])
    subject = f"{row['body']}, {row['num_envs']} on {row['paths']} paths"
    return f"{subject}: " + ", ".join(f"{stage} {100 * share:.1f} %" for stage, share in shares)


class TrainingClock:
    """Times whole iterations of a runner, each in turn with the physics of as many steps.

    It is called at the end of each iteration, in place of the display.
    """

    def __init__(self, env: MotionTrackingEnv, runner: OnPolicyRunner):
        self._env = env
        self._storage = runner.alg.storage
        self._substeps = env.scene.substeps
        self._generator = torch.Generator(device=env.device).manual_seed(0)
        self.seconds: list[tuple[float, float]] = []
        self._started = time.perf_counter()

    def __call__(self, iteration: object) -> None:
        """Note the time of the iteration and measure the physics."""
        synchronize(self._env.device)
        training = time.perf_counter() - self._started
        self.seconds.append((training, self._physics_seconds()))
        self._started = time.perf_counter()

    def _physics_seconds(self) -> float:
        """Time of the iteration's control steps without anything else; the environment is left as it was."""
        sim = self._env.sim
        before = sim.state_dict()
        total = 0.0
        with torch.inference_mode():
            for actions, dones in zip(self._storage.actions, self._storage.dones, strict=True):
                # Of the pair that a flow stores, the environment was given the second half.
                excitation = self._env.excitation(actions[:, -self._env.num_actions :].to(sim.device))
                total += seconds(partial(sim.step, excitation, self._substeps), sim.device)
                self._put_back(dones.squeeze(1).bool().to(sim.device))
        sim.load_state_dict(before)
        return total

    def _put_back(self, mask: torch.Tensor) -> None:
        reference, sim = self._env.reference, self._env.sim
        shape, device = (self._env.num_envs,), sim.device
        frame = torch.randint(reference.num_frames, shape, generator=self._generator, device=device)
        activation = torch.full_like(sim.act, self._env.cfg.env.reset_activation)
        sim.reset(mask | sim.unstable, *reference.state(frame), activation)


def measure_training(env: MotionTrackingEnv, runner: OnPolicyRunner, rounds: int) -> dict[str, Any]:
    """Time iterations of training, after one to warm up, and the physics alone, in turn.

    Returns:
        The figures of `DEFINITIONS`, medians with quartiles where they are timed.
    """
    reset_peak_memory(env.device)
    clock = TrainingClock(env, runner)
    learning: list[float] = []
    update = runner.alg.update

    def timed_update() -> dict[str, float]:
        losses: dict[str, float] = {}
        learning.append(seconds(lambda: losses.update(update()), env.device))
        return losses

    runner.alg.update = timed_update
    runner.logger.show = clock
    runner.train(rounds + 1, fresh=True)
    training, physics = np.array(clock.seconds[1:]).T
    steps = env.num_envs * runner.cfg["num_steps_per_env"]
    return {
        **named_summary(
            training_steps_per_s=steps / training,
            physics_only_steps_per_s=steps / physics,
            training_physics_ratio=physics / training,
        ),
        "learning_share": float(np.median(np.array(learning[1:]) / training)),
        **peak_memory(env.device),
        "stage_shares": _stage_shares(env, runner, rounds),
    }


def _stage_shares(env: MotionTrackingEnv, runner: OnPolicyRunner, rounds: int) -> dict[str, float]:
    """Time each stage of one more iteration."""
    clock = StageClock(env.device)
    runner.logger.show = lambda iteration: None
    with staged(env, ENV_STAGES, clock), staged(runner.alg, LEARNING_STAGES, clock):
        runner.train(1, fresh=False)
    total = sum(clock.own_seconds.values())
    shares = {stage: seconds / total for stage, seconds in clock.own_seconds.items()}
    of_physics = physics_shares(env.sim, env.scene.substeps, rounds)
    return {f"physics: {stage}": share * shares["physics"] for stage, share in of_physics.items()} | {
        stage: share for stage, share in shares.items() if stage != "physics" or not of_physics
    }


def plot_training(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the rates in rows of `bench_train` over the number of environments, a pair of curves for each subject."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for subject in dict.fromkeys((row["body"], row["engine"], row["agent"]) for row in rows):
        chosen = sorted(
            (row for row in rows if (row["body"], row["engine"], row["agent"]) == subject),
            key=lambda row: row["num_envs"],
        )
        num_envs = [row["num_envs"] for row in chosen]
        color = None
        for key, style, what in (("training", "o-", "training"), ("physics_only", "s:", "physics only")):
            middle = np.array([row[f"{key}_steps_per_s"] for row in chosen])
            low, high = np.array([row[f"{key}_steps_per_s_quartiles"] for row in chosen]).T
            bars = axis.errorbar(
                num_envs, middle, (middle - low, high - middle), fmt=style, color=color, capsize=3,
                label=f"{', '.join(subject)}: {what}",
            )  # fmt: skip
            color = bars.lines[0].get_color()
    axis.set_xscale("log", base=2)
    ticks = sorted({row["num_envs"] for row in rows})
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_ylim(bottom=0)
    axis.set(xlabel="environments", ylabel="control steps per second", title="Speed, median and quartiles")
    axis.legend()
    axis.grid(alpha=0.3)
    save_figure(figure, path, dpi=120)


def reset_peak_memory(device: torch.device) -> None:
    """Let the greatest resident memory count from here, where the system can do that (Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory(device: torch.device) -> dict[str, float]:
    """Greatest resident memory of this process, and what is taken on its CUDA device [MB]."""
    used = {"peak_memory_mb": _peak_resident_mb()}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        used["device_memory_mb"] = (total - free) / 1e6
    return used


def _peak_resident_mb() -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1.024e-3
