"""Timings of the muscles inside the warp engine: of the kernels alone, and of whole physics steps."""

from collections.abc import Callable
from typing import Any

import warp as wp

from msemu.bench.subject import EXCITATION, by_level, moving_bodies
from msemu.bench.timing import in_rounds, seconds
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.schema import LEVELS, MuscleCfg
from msemu.sim.warp_simulation import WarpSimulation


def measure_on_device(
    body: Body, num_envs: int, rounds: int, steps: int, device: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time the muscles and the physics steps with them, each level in turn, of a body that names a capacity.

    Each timing starts from the standing pose with random joint speeds, under the same weak random excitation. Both the
    muscles alone and the whole step run as captured graphs, and the device is waited for at both ends.

    Returns:
        For each level median and quartiles of the time per muscle and step [ns], and of the ratio of a physics step to
        one at the level ``mujoco`` of the same round.
    """
    if body.capacity is None:
        raise MsemuError(f"body '{body.name}' names no capacity for the warp engine; see: msemu-bench capacity")
    sims = [WarpSimulation(body.model, num_envs, MuscleCfg(level=level), device, body.capacity) for level in LEVELS]
    alone = [_muscles_alone(sim, steps) for sim in sims]
    start = [tensor.to(device) for tensor in moving_bodies(body, num_envs)]
    start[3] = start[3].float()

    def measure(sim: WarpSimulation, muscles: Callable[[], None]) -> tuple[float, float]:
        sim.reset(*start)
        kernels = seconds(muscles, device)
        sim.reset(*start)
        return kernels, seconds(lambda: sim.step(start[3], steps), device)

    # The first round captures the graphs of the steps.
    times = in_rounds(lambda _: [measure(sim, muscles) for sim, muscles in zip(sims, alone, strict=True)], rounds)
    kernels, whole = times[:, :, 0], times[:, :, 1]
    subject = {"body": body.name, "muscles": body.num_muscles, "num_envs": num_envs}
    per_muscle = 1e9 * kernels / (steps * num_envs * body.num_muscles)
    return by_level(subject, per_muscle), by_level(subject, whole / whole[:, [LEVELS.index("mujoco")]])


def _muscles_alone(sim: WarpSimulation, steps: int) -> Callable[[], None]:
    """Capture the muscles' part of some physics steps, at lengths that stay, as a graph."""
    excitation = wp.full((sim.num_envs, sim.model.nu), EXCITATION, dtype=float, device=sim.muscles.device)
    with wp.ScopedDevice(sim.muscles.device), wp.ScopedCapture() as capture:
        for _ in range(steps):
            sim.muscles.step(excitation, sim.data.actuator_length, sim.data.actuator_velocity)
    return lambda: wp.capture_launch(capture.graph)
