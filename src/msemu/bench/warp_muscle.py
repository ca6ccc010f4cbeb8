"""Timings of the muscles inside the warp engine: of the kernels alone, and of whole physics steps."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import warp as wp

from msemu.bench.muscle import summary
from msemu.models.body import Body
from msemu.schema import LEVELS, MuscleCfg
from msemu.sim.warp_simulation import WarpSimulation

_EXCITATION = 0.3
_JOINT_SPEED = 0.5


def measure_on_device(
    body: Body, num_envs: int, rounds: int, steps: int, device: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time the muscles and the physics steps with them, each level in turn.

    Each timing starts from the standing pose with random joint speeds, under the same weak random excitation. Both the
    muscles alone and the whole step run as captured graphs, and the device is waited for at both ends.

    Args:
        body: The body; it must name a capacity.
        num_envs: Environments.
        rounds: Timings of each level; the medians count.
        steps: Physics steps of each timing.
        device: Device of the warp engine.

    Returns:
        For each level median and quartiles of the time per muscle and step [ns], and of the ratio of a physics step to
        one at the level ``mujoco`` of the same round.
    """
    sims = {
        level: WarpSimulation(body.model, num_envs, MuscleCfg(level=level), device, body.capacity) for level in LEVELS
    }
    alone = {level: _muscles_alone(sim, steps) for level, sim in sims.items()}
    generator = torch.Generator().manual_seed(0)
    qpos = torch.from_numpy(np.repeat(body.neutral_qpos[None], num_envs, axis=0))
    qvel = _JOINT_SPEED * torch.randn(num_envs, body.model.nv, generator=generator, dtype=torch.float64)
    qvel = torch.from_numpy(body.couplings.project_velocity(qpos.numpy(), qvel.numpy()))
    excitation = _EXCITATION * torch.rand(num_envs, body.num_muscles, generator=generator)
    everything = torch.ones(num_envs, dtype=torch.bool)
    start = tuple(tensor.to(device) for tensor in (everything, qpos, qvel, excitation))

    times: dict[str, list[float]] = {level: [] for level in LEVELS}
    step_seconds: dict[str, list[float]] = {level: [] for level in LEVELS}
    for _ in range(rounds + 1):
        for level, sim in sims.items():
            sim.reset(*start)
            muscle_steps = steps * num_envs * body.num_muscles
            times[level].append(1e9 * _seconds(alone[level], device) / muscle_steps)
            sim.reset(*start)
            step_seconds[level].append(_seconds(lambda sim=sim: sim.step(start[3], steps), device))
    # The first round captures graphs and warms up.
    subject = {"body": body.name, "muscles": body.num_muscles, "num_envs": num_envs}
    baseline = np.array(step_seconds["mujoco"][1:])
    return (
        [subject | {"level": level} | summary(times[level][1:]) for level in LEVELS],
        [subject | {"level": level} | summary(np.array(step_seconds[level][1:]) / baseline) for level in LEVELS],
    )


def _muscles_alone(sim: WarpSimulation, steps: int) -> Callable[[], None]:
    """A graph of the muscles' part of some physics steps, at lengths that stay."""
    excitation = wp.full((sim.num_envs, sim.model.nu), _EXCITATION, dtype=float, device=sim.muscles.device)
    with wp.ScopedDevice(sim.muscles.device), wp.ScopedCapture() as capture:
        for _ in range(steps):
            sim.muscles.step(excitation, sim.data.actuator_length, sim.data.actuator_velocity)
    return lambda: wp.capture_launch(capture.graph)


def _seconds(work: Callable[[], None], device: str) -> float:
    wp.synchronize_device(device)
    start = time.perf_counter()
    work()
    wp.synchronize_device(device)
    return time.perf_counter() - start
