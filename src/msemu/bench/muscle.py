"""Timings of the muscles: of the kernels alone, and of a physics step with them beside one without."""

import copy
import time
from typing import Any

import numpy as np
import torch

from msemu.models.body import Body
from msemu.models.muscle_paths import muscle_lengths
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, MuscleCfg, SimCfg
from msemu.sim.cpu import CpuSimulation
from msemu.sim.force_driven import ForceDrivenSimulation

_TIMESTEP_S = SimCfg().timestep_s
_AMPLITUDE = 0.1  # of the optimal fiber length
_ANGULAR_FREQUENCY = 2 * np.pi  # 1 Hz
_EXCITATION = 0.3


def measure_muscles(body: Body, num_envs: int, rounds: int, steps: int) -> list[dict[str, Any]]:
    """Time the muscles of a body on one thread of the CPU without the body, each level in turn.

    The paths move by 10 % of the optimal fiber length about the standing pose at 1 Hz, each with a phase of its own;
    excitations are uniform in 0 to 1. Timed is the whole of a step, with the conversion of the engine's numbers.

    Args:
        body: The body.
        num_envs: Environments.
        rounds: Timings of each level; the medians count.
        steps: Physics steps of each timing.

    Returns:
        For each level the median and the quartiles of the time per muscle and step [ns].
    """
    parameters = MuscleParameters.of(body.model)
    random = np.random.default_rng(0)
    shape = (num_envs, len(parameters))
    phase = random.uniform(0, 2 * np.pi, shape)
    excitation = random.uniform(0, 1, shape)
    amplitude = _AMPLITUDE * parameters.optimal_fiber_length
    standing = muscle_lengths(body.model, body.neutral_qpos[None])[0]

    def path(step: int) -> tuple[np.ndarray, np.ndarray]:
        angle = phase + _ANGULAR_FREQUENCY * step * _TIMESTEP_S
        return standing + amplitude * np.sin(angle), _ANGULAR_FREQUENCY * amplitude * np.cos(angle)

    hosts = {}
    for level in LEVELS:
        dynamics = MuscleDynamics(parameters, num_envs, _TIMESTEP_S, MuscleCfg(level=level))
        hosts[level] = HostMuscles(dynamics)
        hosts[level].reset(np.ones(num_envs, bool), *path(0), excitation)
    times: dict[str, list[float]] = {level: [] for level in LEVELS}
    for first in range(0, (rounds + 1) * steps, steps):
        for level, host in hosts.items():
            seconds = 0.0
            for step in range(first + 1, first + steps + 1):
                length, velocity = path(step)
                start = time.perf_counter()
                host.step(excitation, length, velocity)
                seconds += time.perf_counter() - start
            times[level].append(1e9 * seconds / (steps * phase.size))
    # The first round warms caches up.
    subject = {"body": body.name, "muscles": len(parameters), "num_envs": num_envs}
    return [subject | {"level": level} | summary(times[level][1:]) for level in LEVELS]


def measure_step_ratio(body: Body, num_envs: int, rounds: int, steps: int, threads: int) -> list[dict[str, Any]]:
    """Time physics steps with each level over those with the engine's own muscle, in pairs, the order taking turns.

    Each timing starts from the standing pose with random joint speeds, under the same weak random excitation.

    Args:
        body: The body.
        num_envs: Environments.
        rounds: Pairs of timings of each level; the medians count.
        steps: Physics steps of each timing.
        threads: Threads of engine and muscles; 0 uses every core.

    Returns:
        For each level the median and the quartiles of the paired ratios.
    """
    model = copy.copy(body.model)
    model.opt.timestep = _TIMESTEP_S
    generator = torch.Generator().manual_seed(0)
    everything = torch.ones(num_envs, dtype=torch.bool)
    qpos = torch.from_numpy(np.repeat(body.neutral_qpos[None], num_envs, axis=0))
    qvel = 0.5 * torch.randn(num_envs, model.nv, generator=generator, dtype=torch.float64)
    qvel = torch.from_numpy(body.couplings.project_velocity(qpos.numpy(), qvel.numpy()))
    excitation = _EXCITATION * torch.rand(num_envs, model.nu, generator=generator, dtype=torch.float64)

    def seconds(sim: CpuSimulation) -> float:
        sim.reset(everything, qpos, qvel, excitation)
        start = time.perf_counter()
        sim.step(excitation, steps)
        return time.perf_counter() - start

    engine = CpuSimulation(model, num_envs, threads)
    sims = {level: ForceDrivenSimulation(model, num_envs, MuscleCfg(level=level), threads) for level in LEVELS}
    ratios: dict[str, list[float]] = {level: [] for level in LEVELS}
    for round_ in range(rounds + 1):
        for level, sim in sims.items():
            pair = [engine, sim] if round_ % 2 else [sim, engine]
            times = {id(each): seconds(each) for each in pair}
            ratios[level].append(times[id(sim)] / times[id(engine)])
    subject = {"body": body.name, "muscles": model.nu, "num_envs": num_envs}
    return [subject | {"level": level} | summary(ratios[level][1:]) for level in LEVELS]


def summary(values: np.ndarray | list[float]) -> dict[str, Any]:
    """Median and quartiles of some timings."""
    return {"median": float(np.median(values)), "quartiles": np.percentile(values, [25, 75]).tolist()}
