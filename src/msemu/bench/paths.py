"""``msemu-bench paths``: physics on exact muscle paths against the engine's tendons."""

import time
from dataclasses import replace
from typing import Any

import torch
from rich.table import Table

from msemu.bench.options import PathsBenchCfg
from msemu.bench.subject import moving_bodies
from msemu.bench.timing import cells, in_rounds, named_summary, publish
from msemu.models import Body, load_body
from msemu.models.simulated import simulate
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg, SimCfg
from msemu.sim import Simulation

_SUBSTEPS, _PARITY_STEPS = 10, 50
_ACTIVATION = 0.1


def bench_paths(args: PathsBenchCfg) -> None:
    """Measure, print and write the figures."""
    body = load_body(args.body, args.body_path)
    figures = measure_paths(body, args)
    title = f"{body.name}, {body.num_muscles} muscles, {args.num_envs} bodies, one thread"
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        if not name.endswith("_quartiles"):
            spread = figures.get(f"{name}_quartiles")
            table.add_row(name, " (".join(cells(value, spread, 2)) + ")" if spread else f"{value:.3g}")
    publish({"body": body.name, "level": args.level, **figures}, args.json, table)


def measure_paths(body: Body, args: PathsBenchCfg) -> dict[str, Any]:
    """Time physics steps from the same states, in pairs, the order taking turns; CPU time of one thread counts.

    Returns:
        ``speedup`` of the exact paths with quartiles, the simulated time a second of CPU time gives on both, and how
        far apart both are: length [m], muscle force [F0] and moment arms [m] of the first state, and joints [rad or m]
        after 50 physics steps.
    """
    cfg = SimCfg(device="cpu", num_threads=1, timestep_s=args.timestep_s, muscle=MuscleCfg(level=args.level))
    exact, engine = (simulate(body, args.num_envs, replace(cfg, paths=paths)) for paths in ("exact", "engine"))
    everything, qpos, qvel, excitation = moving_bodies(body, args.num_envs)
    activation = torch.full_like(excitation, _ACTIVATION)

    def cpu_seconds(sim: Simulation) -> float:
        sim.reset(everything, qpos, qvel, activation)
        start = time.process_time()
        for _ in range(args.steps):
            sim.step(excitation, _SUBSTEPS)
        return time.process_time() - start

    def both(number: int) -> list[float]:
        if number % 2:
            return [cpu_seconds(exact), cpu_seconds(engine)]
        return [cpu_seconds(engine), cpu_seconds(exact)][::-1]

    ours, theirs = in_rounds(both, args.rounds).T
    simulated_s = args.num_envs * args.steps * _SUBSTEPS * args.timestep_s
    rates = named_summary(
        speedup=theirs / ours,
        simulated_s_per_cpu_s=simulated_s / ours,
        engine_simulated_s_per_cpu_s=simulated_s / theirs,
    )
    for sim in (exact, engine):
        sim.reset(everything, qpos, qvel, activation)
    return {"timestep_s": args.timestep_s, **rates, **_parity(body, exact, engine, excitation)}


def _parity(body: Body, exact: Simulation, engine: Simulation, excitation: torch.Tensor) -> dict[str, float]:
    def difference(name: str) -> torch.Tensor:
        return (getattr(exact, name) - getattr(engine, name)).abs()

    strongest = torch.from_numpy(MuscleParameters.of(body.model).max_isometric_force)
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
