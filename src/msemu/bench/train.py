"""Timings of training, in turn with the physics it rests on."""

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from rsl_rl.runners import OnPolicyRunner

from msemu.envs.motion_tracking import MotionTrackingEnv

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
    "peak_memory_mb": "greatest resident memory of the process while this row was measured [MB]",
    "device_memory_mb": "memory of the CUDA device that was taken at the end, by torch, warp and the driver [MB]",
}
"""What each figure means."""


class TrainingClock:
    """Times whole iterations of a runner, each in turn with the physics of as many steps.

    It is called at the end of each iteration, in place of the display.
    """

    def __init__(self, env: MotionTrackingEnv, runner: OnPolicyRunner):
        """Start the clock."""
        self._env = env
        self._storage = runner.alg.storage
        self._substeps = round(1.0 / (env.cfg.env.control_frequency_hz * env.cfg.sim.timestep_s))
        self._generator = torch.Generator(device=env.device).manual_seed(0)
        self.seconds: list[tuple[float, float]] = []
        self._started = time.perf_counter()

    def __call__(self, iteration: object) -> None:
        """Note the time of the iteration and measure the physics."""
        _synchronize(self._env.device)
        training = time.perf_counter() - self._started
        self.seconds.append((training, self._physics_seconds()))
        self._started = time.perf_counter()

    def _physics_seconds(self) -> float:
        """Time of the iteration's control steps without anything else; the environment is left as it was."""
        sim = self._env.sim
        before = sim.state_dict()
        seconds = 0.0
        with torch.inference_mode():
            for actions, dones in zip(self._storage.actions, self._storage.dones, strict=True):
                # Of the pair that a flow stores, the environment was given the second half.
                excitation = self._env.excitation(actions[:, -self._env.num_actions :].to(sim.device))
                _synchronize(sim.device)
                start = time.perf_counter()
                sim.step(excitation, self._substeps)
                _synchronize(sim.device)
                seconds += time.perf_counter() - start
                self._put_back(dones.squeeze(1).bool().to(sim.device))
        sim.load_state_dict(before)
        return seconds

    def _put_back(self, mask: torch.Tensor) -> None:
        reference, sim = self._env.reference, self._env.sim
        shape, device = (self._env.num_envs,), sim.device
        frame = torch.randint(reference.num_frames, shape, generator=self._generator, device=device)
        activation = torch.full_like(sim.act, self._env.cfg.env.reset_activation)
        sim.reset(mask | sim.unstable, *reference.state(frame), activation)


def measure_training(env: MotionTrackingEnv, runner: OnPolicyRunner, rounds: int) -> dict[str, Any]:
    """Time iterations of training and the physics alone, in turn.

    Args:
        env: The environment.
        runner: Its runner, with a run folder.
        rounds: Iterations; one more comes first, to warm up.

    Returns:
        The figures of `DEFINITIONS`, medians with quartiles where they are timed.
    """
    reset_peak_memory(env.device)
    clock = TrainingClock(env, runner)
    learning: list[float] = []
    update = runner.alg.update

    def timed_update() -> dict[str, float]:
        _synchronize(env.device)
        start = time.perf_counter()
        losses = update()
        _synchronize(env.device)
        learning.append(time.perf_counter() - start)
        return losses

    runner.alg.update = timed_update
    runner.logger.show = clock
    runner.train(rounds + 1, fresh=True)
    training, physics = np.array(clock.seconds[1:]).T
    steps = env.num_envs * runner.cfg["num_steps_per_env"]
    return {
        **_summary("training_steps_per_s", steps / training),
        **_summary("physics_only_steps_per_s", steps / physics),
        **_summary("training_physics_ratio", physics / training),
        "learning_share": float(np.median(np.array(learning[1:]) / training)),
        **peak_memory(env.device),
    }


def plot_training(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the rates over the number of environments, a pair of curves for each body, engine and agent.

    Args:
        rows: Results of `measure_training` with ``body``, ``engine``, ``agent`` and ``num_envs``.
        path: PNG file.
    """
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
    figure.savefig(path, dpi=120)


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


def _summary(key: str, values: np.ndarray) -> dict[str, Any]:
    return {key: float(np.median(values)), f"{key}_quartiles": np.percentile(values, [25, 75]).tolist()}


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
