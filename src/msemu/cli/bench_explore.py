"""``msemu-bench explore``: how exploration and learning speed scale with the number of actions."""

import functools
import itertools
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from msemu.cli.bench_options import require_positive
from msemu.cli.output import write_json
from msemu.errors import MsemuError

_ISOTROPIC_STD = 0.2
"""Noise of cfg/agent/ppo.yaml; that of the other agents is as much in all."""
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass
class ExploreBench:
    """Exploration over the number of actions: a planar chain of fixed length and ever more joints reaches for points.

    Length, speed, observations, networks and samples are the same for every number of joints and every agent, so
    that nothing grows but the actions. The definitions stand below the tables and in the JSON file.
    """

    joints: tuple[int, ...] = (10, 30, 100, 256, 1000)
    """Numbers of joints, one action each."""
    noises: tuple[str, ...] = ("ppo", "lattice", "dynsyn", "flow_guided")
    """Agents whose noise is measured before they learn: names of cfg/agent, or YAML files."""
    agents: tuple[str, ...] = ("ppo", "flow_guided")
    """Agents that learn: names of cfg/agent, or YAML files."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of each figure."""
    num_envs: int = 64
    """Chains that are sampled side by side."""
    iterations: int = 60
    """Greatest number of iterations of an agent."""
    threshold: float = 0.35
    """Distance to the target, at the end of an episode, at which learning stops [chain lengths]."""
    json: Path | None = None
    """File to write the figures and curves to."""
    plot: Path | None = None
    """PNG file for both over the number of joints."""


def bench_explore(args: ExploreBench) -> None:
    """Measure, print and write the figures."""
    import torch

    from msemu.analysis.exploration_benchmark import DEFINITIONS, chain_agent, measure_exploration, measure_learning
    from msemu.analysis.exploration_plot import plot_exploration
    from msemu.analysis.planar_chain import end_effector_variance
    from msemu.rl import provenance

    require_positive(joints=args.joints, num_envs=args.num_envs, iterations=args.iterations)
    if not (args.noises and args.agents and args.seeds) or args.threshold <= 0:
        raise MsemuError("--noises, --agents and --seeds want one at least, and --threshold is positive")
    for name in args.noises + args.agents:
        chain_agent(name)  # before anything is measured
    torch.set_num_threads(1)  # the tensors are small
    exploration = [
        {
            "agent": noise,
            "num_joints": joints,
            "end_effector_std": [measure_exploration(noise, joints, seed) for seed in args.seeds],
        }
        for noise in args.noises
        for joints in args.joints
    ]
    learning = []
    with Progress(*_COLUMNS, transient=True) as bar:
        for agent, joints, seed in itertools.product(args.agents, args.joints, args.seeds):
            task = bar.add_task(f"{Path(agent).stem}, {joints} joints, seed {seed}", total=args.iterations)
            show = functools.partial(bar.advance, task)
            protocol = (args.num_envs, args.iterations, args.threshold)
            learning.append(measure_learning(agent, joints, seed, *protocol, show))
            bar.remove_task(task)
    isotropic = {joints: end_effector_variance(joints, _ISOTROPIC_STD) ** 0.5 for joints in args.joints}
    if args.json:
        facts = {"machine": provenance.machine(), "git": provenance.git_state(), "versions": provenance.versions()}
        protocol = {"num_envs": args.num_envs, "iterations": args.iterations, "threshold": args.threshold}
        figures = {"isotropic_std": isotropic, "exploration": exploration, "learning": learning}
        write_json(args.json, figures | {"definitions": DEFINITIONS, "seeds": args.seeds} | protocol | facts)
    if args.plot:
        args.plot.parent.mkdir(parents=True, exist_ok=True)
        plot_exploration(exploration, learning, isotropic, args.plot)
    console = Console()
    console.print(_exploration_table(exploration, isotropic))
    console.print(_learning_table(learning, args))
    for name, meaning in DEFINITIONS.items():
        console.print(f"[bold]{name}[/]: {escape(meaning)}", highlight=False)


def _exploration_table(rows: list[dict[str, Any]], isotropic: dict[int, float]) -> Table:
    table = Table("noise", *(f"{joints} joints" for joints in isotropic), title="end_effector_std \\[% of the length]")
    for agent in dict.fromkeys(row["agent"] for row in rows):
        own = (row for row in rows if row["agent"] == agent)
        table.add_row(Path(agent).stem, *(f"{100 * statistics.mean(row['end_effector_std']):.2f}" for row in own))
    table.add_row("independent, exact", *(f"{100 * std:.2f}" for std in isotropic.values()))
    return table


def _learning_table(rows: list[dict[str, Any]], args: ExploreBench) -> Table:
    title = f"samples_to_threshold \\[thousands], distance {args.threshold:g} of the length; final_std \\[%]"
    table = Table("agent", "joints", "samples", "least to greatest", "of ppo", "not finite", "final_std", title=title)
    medians: dict[tuple[str, int], float] = {}
    for agent in args.agents:
        for joints in args.joints:
            own = [row for row in rows if (row["agent"], row["num_joints"]) == (agent, joints)]
            needed = sorted(_or_infinity(row["samples_to_threshold"]) for row in own)
            medians[agent, joints] = median = statistics.median(needed)
            base = medians.get(("ppo", joints), float("inf"))
            ratio = f"{median / base:.2f}" if max(median, base) < float("inf") else "-"
            most = own[0]["budget"]
            spread = f"{_thousands(needed[0], most)} to {_thousands(needed[-1], most)}"
            finite = [row["final_std"] for row in own if row["diverged_after"] is None]
            scatter = f"{100 * statistics.median(finite):.2f}" if finite else "-"
            diverged = f"{len(own) - len(finite)} of {len(own)}"
            cells = (_thousands(median, most), spread, ratio, diverged, scatter)
            table.add_row(Path(agent).stem, str(joints), *cells)
    return table


def _or_infinity(samples: float | None) -> float:
    return float("inf") if samples is None else samples


def _thousands(samples: float, most: float) -> str:
    return f"> {most / 1e3:.0f}" if samples == float("inf") else f"{samples / 1e3:.1f}"
