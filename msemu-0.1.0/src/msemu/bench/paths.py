"""``msemu-bench paths``: physics on exact muscle paths against the engine's tendons."""

import time
from dataclasses import replace
from typing import Any

import torch
from rich.table import Table

from msemu.bench.options import PathsBenchCfg
from msemu.bench.subject import moving_bodies
from msemu.bench.timing import cells, in_rounds, named_summary, publish, synchronize
from msemu.models import Body, load_body
from msemu.models.simulated import simulate
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg, SimCfg
from msemu.sim import CpuSimulation, Simulation

_SUBSTEPS, _PARITY_STEPS = 10, 50
_ACTIVATION = 0.1


def bench_paths(args: PathsBenchCfg) -> None:
    """Measure, print and write the figures."""
    body = load_body(args.body, args.body_path)
    figures = measure_paths(body, args)
    title = f"{body.name}, {body.num_muscles} muscles, {args.num_envs} bodies"
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        if not name.endswith("_quartiles"):
            spread = figures.get(f"{name}_quartiles")
            table.add_row(name, " (".join(cells(value, spread, 2)) + ")" if spread else f"{value:.3g}")
    publish({"body": body.name, "level": args.level, **figures}, args.json, table)


def measure_paths(body: Body, args: PathsBenchCfg) -> dict[str, Any]:
    """Time physics steps from the same states, in pairs, the order taking turns.

    Returns:
        ``speedup`` of the exact paths with quartiles, the simulated time that a second gives on both, and how far apart
        both are: length [m], muscle force [F0] and moment arms [m] of the first state, and joints [rad or m] after 50
        physics steps.
    """
    muscle = MuscleCfg(level=args.level)
    cfg = SimCfg(engine=args.engine, device=args.device, num_threads=1, timestep_s=args.timestep_s, muscle=muscle)
    exact, engine = (simulate(body, args.num_envs, replace(cfg, paths=paths)) for paths in ("exact", "engine"))
    clock = time.process_time if isinstance(exact, CpuSimulation) else time.perf_counter
    mask, qpos, qvel, excitation = (values.to(exact.device) for values in moving_bodies(body, args.num_envs))
    activation = torch.full_like(excitation, _ACTIVATION)

    def taken(sim: Simulation) -> float:
        sim.reset(mask, qpos, qvel, activation)
        synchronize(sim.device)
        begin = clock()
        for _ in range(args.steps):
            sim.step(excitation, _SUBSTEPS)
        synchronize(sim.device)
        return clock() - begin

    def both(number: int) -> list[float]:
        if number % 2:
            return [taken(exact), taken(engine)]
        return [taken(engine), taken(exact)][::-1]

    ours, theirs = in_rounds(both, args.rounds).T
    simulated_s = args.num_envs * args.steps * _SUBSTEPS * args.timestep_s
    per = "cpu_s" if clock is time.process_time else "s"
    rates = named_summary(
        speedup=theirs / ours,
        **{f"simulated_s_per_{per}": simulated_s / ours, f"engine_simulated_s_per_{per}": simulated_s / theirs},
    )
    for sim in (exact, engine):
        sim.reset(mask, qpos, qvel, activation)
    return {"timestep_s": args.timestep_s, **rates, **_parity(body, exact, engine, excitation)}


def _parity(body: Body, exact: Simulation, engine: Simulation, excitation: torch.Tensor) -> dict[str, float]:
    def difference(name: str) -> torch.Tensor:
        return (getattr(exact, name) - getattr(engine, name)).abs()

    strongest = torch.from_numpy(MuscleParameters.of(body.model).max_isometric_force).to(exact.device)
    first = {
        "length_difference_m": difference("muscle_length").max(),
        "moment_arm_difference_m": (exact.moment_arms() - engine.moment_arms()).abs().max(),
    }
    for sim in (exact, engine):
        sim.step(excitation, 1)
    first["force_difference"] = (difference("muscle_force") / strongest).max()
    for sim in (exact, engine):
        sim.step(excitation, _PARITY_STEPS - 1)
    moved = difference("qpos")[:, 7:].amax(1)
    last = {"joint_difference_rad": moved.median(), "largest_joint_difference_rad": moved.max()}
    return {name: float(value) for name, value in (first | last).items()}
