"""``msemu-bench muscle``: the time of the kernels alone, and of a physics step with them beside one without."""

import copy
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from msemu.bench.options import MuscleBenchCfg
from msemu.bench.subject import by_level, moving_bodies
from msemu.bench.timing import cells, in_rounds, publish, seconds
from msemu.bench.warp_muscle import measure_on_device
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.recipe import load_recipe
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, MuscleCfg, SimCfg
from msemu.sim import pick_device
from msemu.sim.cpu import CpuSimulation
from msemu.sim.force_driven import ForceDrivenSimulation
from msemu.sim.threads import available_cores

_TIMESTEP_S = SimCfg().timestep_s
_AMPLITUDE = 0.1  # of the optimal fiber length
_ANGULAR_FREQUENCY = 2 * np.pi  # 1 Hz


def bench_muscle(args: MuscleBenchCfg) -> None:
    """Measure, print and write the figures."""
    device = pick_device(args.device)
    on_cpu = device == "cpu"
    if not on_cpu and (args.num_envs != MuscleBenchCfg.num_envs or args.threads):
        raise MsemuError(f"--num-envs and --threads are for the CPU, not for {device}; --step-num-envs is for both")
    times: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    for body in [load_body(name) for name in args.bodies or _default_bodies()]:
        with Console().status(f"{body.name} on {device}"):
            alone, steps = _measure(args, body, device)
        times += alone
        ratios += steps
    own = "the engine's own muscle" if on_cpu else "the level mujoco"
    facts = {"device": device, "threads": args.threads or available_cores(), "rounds": args.rounds, "steps": args.steps}
    publish(
        facts | {"ns_per_muscle_step": times, "step_ratio": ratios},
        args.json,
        _table("ns per muscle and step" + (", one thread" if on_cpu else ""), times, 1),
        _table(f"physics step over one with {own}", ratios, 3),
    )


def _measure(args: MuscleBenchCfg, body: Body, device: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if device != "cpu":
        return measure_on_device(body, args.step_num_envs, args.rounds, args.steps, device)
    times = [row for num_envs in args.num_envs for row in measure_muscles(body, num_envs, args.rounds, args.steps)]
    return times, measure_step_ratio(body, args.step_num_envs, args.rounds, args.steps, args.threads)


def _default_bodies() -> list[str]:
    whole_bodies = ("myofullbody", "ms_human_700")
    return [name for name in whole_bodies if load_recipe(name).source.locate()] or ["myofullbody"]


def _table(title: str, figures: list[dict[str, Any]], digits: int) -> Table:
    table = Table("body", "muscles", "environments", "level", "median", "quartiles", title=title)
    for row in figures:
        subject = (row["body"], str(row["muscles"]), str(row["num_envs"]), row["level"])
        table.add_row(*subject, *cells(row["median"], row["quartiles"], digits))
    return table


def measure_muscles(body: Body, num_envs: int, rounds: int, steps: int) -> list[dict[str, Any]]:
    """Time the muscles of a body on one thread of the CPU without the body, each level in turn.

    The paths move by 10 % of the optimal fiber length about the standing pose at 1 Hz, each with a phase of its own;
    excitations are uniform in 0 to 1. Timed is the whole of a step, with the conversion of the engine's numbers.

    Returns:
        For each level the median and the quartiles of the time per muscle and physics step [ns].
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

    hosts = []
    for level in LEVELS:
        dynamics = MuscleDynamics(parameters, num_envs, _TIMESTEP_S, MuscleCfg(level=level))
        hosts.append(HostMuscles(dynamics))
        hosts[-1].reset(np.ones(num_envs, bool), *path(0), excitation)

    def time_muscles(host: HostMuscles, first: int) -> float:
        paths = (path(step) for step in range(first + 1, first + steps + 1))
        return 1e9 * sum(seconds(partial(host.step, excitation, *each)) for each in paths) / (steps * phase.size)

    times = in_rounds(lambda number: [time_muscles(host, number * steps) for host in hosts], rounds)
    subject = {"body": body.name, "muscles": len(parameters), "num_envs": num_envs}
    return by_level(subject, times)


def measure_step_ratio(body: Body, num_envs: int, rounds: int, steps: int, threads: int) -> list[dict[str, Any]]:
    """Time physics steps with each level over those with the engine's own muscle, in pairs, the order taking turns.

    Each timing starts from the standing pose with random joint speeds, under the same weak random excitation.

    Returns:
        For each level the median and the quartiles of the paired ratios.
    """
    model = copy.copy(body.model)
    model.opt.timestep = _TIMESTEP_S
    everything, qpos, qvel, excitation = moving_bodies(body, num_envs)

    def time_steps(sim: CpuSimulation) -> float:
        sim.reset(everything, qpos, qvel, excitation)
        return seconds(lambda: sim.step(excitation, steps))

    def compare(sim: CpuSimulation, engine_first: bool) -> float:
        first, second = (engine, sim) if engine_first else (sim, engine)
        times = {id(first): time_steps(first), id(second): time_steps(second)}
        return times[id(sim)] / times[id(engine)]

    engine = CpuSimulation(model, num_envs, threads)
    sims = [ForceDrivenSimulation(model, num_envs, MuscleCfg(level=level), threads) for level in LEVELS]
    ratios = in_rounds(lambda number: [compare(sim, number % 2 == 1) for sim in sims], rounds)
    return by_level({"body": body.name, "muscles": model.nu, "num_envs": num_envs}, ratios)
