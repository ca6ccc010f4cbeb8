"""``python -m explore``: how exploration and learning speed scale with the number of actions."""

import contextlib
import functools
import itertools
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from msemu.cli.parsing import parse_options
from msemu.console import JsonFile, write_json
from msemu.errors import MsemuError, command, suggestion
from msemu.schema.ranges import Count, NotEmpty, Positive, Seed

CHAIN = "chain"
TASKS = (CHAIN, "elbow", "legs", "body")
"""The chain, and the names of `explore.posture_reaching.REACHING_TASKS`."""
_ISOTROPIC_STD = 0.2
"""Noise of cfg/agent/ppo.yaml; that of the other agents is as much in all."""
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass
class ExploreCfg:
    """Exploration over the number of actions: a planar chain reaches for points, muscle-driven bodies for postures.

    The chain has a fixed length and ever more joints. Length, speed, observations, networks and samples are the same
    for every number of joints and every agent, so that nothing grows but the actions. The bodies hang from a root held
    in place and reach for postures of their joints: elbow (6 muscles), legs (80) and body (416). The definitions stand
    below the tables and in the JSON file.
    """

    tasks: Annotated[tuple[str, ...], NotEmpty()] = ("chain",)
    """Tasks: chain, elbow, legs, body; the last three take longer."""
    joints: Annotated[tuple[Count, ...], NotEmpty()] = (10, 30, 100, 256, 1000)
    """Numbers of joints of the chain, one action each."""
    noises: Annotated[tuple[str, ...], NotEmpty()] = ("ppo", "lattice", "dynsyn", "flow_guided")
    """Agents whose noise is measured on the chain before they learn: names of cfg/agent, or YAML files."""
    agents: Annotated[tuple[str, ...], NotEmpty()] = ("ppo", "flow_guided", "crossq", "qflex")
    """Agents that learn: names of cfg/agent, or YAML files."""
    seeds: Annotated[tuple[Seed, ...], NotEmpty()] = (1, 2, 3)
    """Seeds of each figure."""
    num_envs: Count = 64
    """Chains or bodies that are sampled side by side."""
    iterations: Count = 120
    """Iterations of an agent; on the chain at most, since learning stops there at the threshold."""
    threshold: Positive = 0.35
    """Distance of the chain to the target, at the end of an episode, at which learning stops [chain lengths]."""
    json: JsonFile = None
    plot: Path | None = None
    """PNG file for the chain's figures over the number of joints."""
    curves: Path | None = None
    """PNG file for the learning curves of elbow, legs and body."""


def bench_explore(args: ExploreCfg) -> None:
    """Measure, print and write the figures."""
    import torch

    from explore.learning_protocol import bench_agent
    from msemu.rl import provenance

    _require_valid(args)
    for name in args.noises + args.agents:
        bench_agent(name)  # before anything is measured
    torch.set_num_threads(1)  # the tensors are small
    protocol = {"num_envs": args.num_envs, "iterations": args.iterations, "threshold": args.threshold}
    figures: dict[str, Any] = {"definitions": {}, "seeds": args.seeds} | protocol
    tables: list[Table] = []
    with Progress(*_COLUMNS, transient=True) as bar:
        for measure in (_measure_chain, _measure_reaching):
            measure(args, bar, figures, tables)
    if args.json:
        facts = {"machine": provenance.machine(), "git": provenance.git_state(), "versions": provenance.versions()}
        write_json(args.json, figures | facts)
    console = Console()
    for table in tables:
        console.print(table)
    for name, meaning in figures["definitions"].items():
        console.print(f"[bold]{name}[/]: {escape(meaning)}", highlight=False)


def _require_valid(args: ExploreCfg) -> None:
    for name in args.tasks:
        if name not in TASKS:
            raise MsemuError(f"unknown task '{name}' of --tasks{suggestion(name, TASKS)}")
    if args.plot and CHAIN not in args.tasks:
        raise MsemuError(f"--plot shows the chain, which is not among --tasks; add '{CHAIN}' or use --curves")
    if args.curves and set(args.tasks) == {CHAIN}:
        raise MsemuError("--curves shows elbow, legs and body; name one with --tasks, or use --plot for the chain")


def _measure_chain(args: ExploreCfg, bar: Progress, figures: dict[str, Any], tables: list[Table]) -> None:
    """Measure the chain, if it is among the tasks, and add to figures and tables."""
    if CHAIN not in args.tasks:
        return
    from explore.exploration_benchmark import DEFINITIONS, measure_exploration, measure_learning
    from explore.exploration_plot import plot_exploration
    from explore.planar_chain import end_effector_variance

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
    protocol = (args.num_envs, args.iterations, args.threshold)
    for agent, joints, seed in itertools.product(args.agents, args.joints, args.seeds):
        with _shown(bar, f"{Path(agent).stem}, {joints} joints, seed {seed}", args.iterations) as advance:
            learning.append(measure_learning(agent, joints, seed, *protocol, advance))
    isotropic = {joints: end_effector_variance(joints, _ISOTROPIC_STD) ** 0.5 for joints in args.joints}
    figures["definitions"] |= DEFINITIONS
    figures |= {"isotropic_std": isotropic, "exploration": exploration, "learning": learning}
    tables += [_exploration_table(exploration, isotropic), _learning_table(learning, args)]
    if args.plot:
        args.plot.parent.mkdir(parents=True, exist_ok=True)
        plot_exploration(exploration, learning, isotropic, args.plot)


def _measure_reaching(args: ExploreCfg, bar: Progress, figures: dict[str, Any], tables: list[Table]) -> None:
    """Measure the muscle-driven bodies among the tasks, and add to figures and tables."""
    names = [name for name in args.tasks if name != CHAIN]
    if not names:
        return
    from explore.reaching_benchmark import REACHING_DEFINITIONS, measure_reaching

    rows = []
    for name, agent, seed in itertools.product(names, args.agents, args.seeds):
        with _shown(bar, f"{Path(agent).stem}, {name}, seed {seed}", args.iterations) as advance:
            rows.append(measure_reaching(name, agent, seed, args.num_envs, args.iterations, advance))
    figures["definitions"] |= REACHING_DEFINITIONS
    figures["reaching"] = rows
    tables.append(_reaching_table(rows))
    if args.curves:
        from explore.reaching_plot import plot_reaching

        args.curves.parent.mkdir(parents=True, exist_ok=True)
        plot_reaching(rows, args.curves)


@contextlib.contextmanager
def _shown(bar: Progress, label: str, total: int) -> Iterator[Callable[[], None]]:
    """Make a line of the bar for one run; the value advances it."""
    task = bar.add_task(label, total=total)
    yield functools.partial(bar.advance, task)
    bar.remove_task(task)


def _exploration_table(rows: list[dict[str, Any]], isotropic: dict[int, float]) -> Table:
    table = Table("noise", *(f"{joints} joints" for joints in isotropic), title="end_effector_std \\[% of the length]")
    for agent in dict.fromkeys(row["agent"] for row in rows):
        own = (row for row in rows if row["agent"] == agent)
        table.add_row(Path(agent).stem, *(f"{100 * statistics.mean(row['end_effector_std']):.2f}" for row in own))
    table.add_row("independent, exact", *(f"{100 * std:.2f}" for std in isotropic.values()))
    return table


def _learning_table(rows: list[dict[str, Any]], args: ExploreCfg) -> Table:
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


def _reaching_table(rows: list[dict[str, Any]]) -> Table:
    columns = ("task", "muscles", "agent", "untrained", "blind", "final error_deg", "samples_to_blind")
    title = "Postures: error_deg \\[degrees], samples_to_blind \\[thousands], cpu_s \\[s]"
    table = Table(*columns, "not finite", "cpu_s", title=title)
    for task, agent in dict.fromkeys((row["task"], row["agent"]) for row in rows):
        own = [row for row in rows if (row["task"], row["agent"]) == (task, agent)]
        first = own[0]
        final = sorted(row["error_deg"][-1] for row in own if row["diverged_after"] is None)
        needed = sorted(_or_infinity(row["samples_to_blind"]) for row in own)
        most = first["budget"]
        table.add_row(
            *(task, str(first["num_muscles"]), Path(agent).stem),
            f"{statistics.median(row['error_deg'][0] for row in own):.1f}",
            f"{first['blind_deg']:.1f}",
            f"{statistics.median(final):.1f} ({final[0]:.1f} to {final[-1]:.1f})" if final else "-",
            f"{_thousands(statistics.median(needed), most)} "
            f"({_thousands(needed[0], most)} to {_thousands(needed[-1], most)})",
            f"{len(own) - len(final)} of {len(own)}",
            f"{statistics.median(row['cpu_s'][-1] for row in own):.0f}",
        )
    return table


def _or_infinity(samples: float | None) -> float:
    return float("inf") if samples is None else samples


def _thousands(samples: float, most: float) -> str:
    return f"> {most / 1e3:.0f}" if samples == float("inf") else f"{samples / 1e3:.1f}"


@command
def main() -> None:
    """Entry point."""
    bench_explore(parse_options(ExploreCfg, args=sys.argv[1:], prog="python -m explore"))


if __name__ == "__main__":
    main()
