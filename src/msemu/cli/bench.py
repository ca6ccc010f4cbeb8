"""``msemu-bench``: how fast it runs, as ratios measured in one run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from msemu.cli.output import load_motion, write_json
from msemu.config import cfg_names
from msemu.errors import MsemuError, command
from msemu.registry import TaskSpec, list_tasks


@dataclass
class EnvBench:
    """Environment steps against the physics alone.

    One environment step is one control step of one body, with observations, rewards and resets, without learning. The
    physics alone is the same number of raw ``mujoco.batch`` steps of the same model under the same excitation. Both are
    timed in turn in this process, so the ratio holds on a busy machine.
    """

    body: str = "myolegs"
    """Body that is measured, in its tracking task."""
    body_path: str | None = None
    """Folder of the body's model."""
    motion: str = "walk"
    """Motion of the catalogue, or path of a clip."""
    num_envs: int = 64
    """Environments."""
    threads: int = 0
    """Physics threads; 0 uses every core."""
    rounds: int = 15
    """Pairs of timings; the medians count."""
    steps: int = 10
    """Control steps of each timing."""
    json: Path | None = None
    """File to write the figures to."""


@dataclass
class MuscleBench:
    """The muscles of each level: time of a muscle and step, and a physics step with them over one without.

    The kernels run alone first. Then whole physics steps with each level are timed in turn with steps of the engine's
    own muscle, in this process, so the ratio holds on a busy machine.
    """

    bodies: tuple[str, ...] = ()
    """Bodies whose muscles run; by default myofullbody, and ms_human_700 where it is installed."""
    num_envs: tuple[int, ...] = (64, 256, 1024)
    """Numbers of environments for the kernels alone."""
    step_num_envs: int = 64
    """Environments of the physics steps."""
    threads: int = 0
    """Threads of engine and muscles; 0 uses every core."""
    rounds: int = 7
    """Timings of each figure; the medians count."""
    steps: int = 10
    """Physics steps of each timing."""
    json: Path | None = None
    """File to write the figures to."""


@command
def main() -> None:
    """Entry point."""
    args = tyro.extras.subcommand_cli_from_dict(
        {"env": EnvBench, "muscle": MuscleBench}, prog="msemu-bench", description=__doc__
    )
    if isinstance(args, EnvBench):
        bench_env(args)
    else:
        bench_muscle(args)


def bench_env(args: EnvBench) -> None:
    """Measure, print and write the figures."""
    from msemu.analysis.benchmark import measure_env
    from msemu.models import load_body
    from msemu.rl.setup import make_env

    if min(args.num_envs, args.rounds, args.steps) < 1:
        raise MsemuError("--num-envs, --rounds and --steps must be positive")
    task = _task_of(args.body)
    cfg = task.load_config()
    cfg.motion, cfg.num_envs, cfg.sim.num_threads = args.motion, args.num_envs, args.threads
    body = load_body(args.body, args.body_path)
    env = make_env(task.id, cfg, body, load_motion(cfg, body), seed=0)
    figures = measure_env(env, args.rounds, args.steps)
    table = Table("figure", "median", "quartiles", title=f"{args.body}, {args.num_envs} environments")
    for label, key in (
        ("environment steps/s", "env_steps_per_s"),
        ("physics only, steps/s", "physics_only_steps_per_s"),
    ):
        low, high = figures[f"{key}_quartiles"]
        table.add_row(label, f"{figures[key]:.0f}", f"{low:.0f} to {high:.0f}")
    low, high = figures["physics_ratio_quartiles"]
    table.add_row("ratio", f"{figures['physics_ratio']:.3f}", f"{low:.3f} to {high:.3f}")
    Console().print(table)
    if args.json:
        write_json(args.json, figures)


def bench_muscle(args: MuscleBench) -> None:
    """Measure, print and write the figures."""
    import warp

    from msemu.analysis.muscle_benchmark import measure_muscles, measure_step_ratio
    from msemu.models import load_body

    warp.config.log_level = warp.LOG_ERROR
    if not args.num_envs or min(*args.num_envs, args.step_num_envs, args.rounds, args.steps) < 1:
        raise MsemuError("--num-envs, --step-num-envs, --rounds and --steps must be positive")
    protocol = (args.rounds, args.steps, args.threads)
    bodies = [load_body(name) for name in args.bodies or _default_bodies()]
    console = Console()
    times: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    for body in bodies:
        with console.status(f"{body.name}: kernels"):
            for num_envs in args.num_envs:
                times += measure_muscles(body, num_envs, *protocol)
        with console.status(f"{body.name}: physics steps"):
            ratios += measure_step_ratio(body, args.step_num_envs, *protocol)
    console.print(_levels_table("ns per muscle and step", times, ".1f"))
    console.print(_levels_table("physics step over one with the engine's own muscle", ratios, ".3f"))
    if args.json:
        threads = args.threads or os.cpu_count()
        facts = {"threads": threads, "rounds": args.rounds, "steps": args.steps}
        write_json(args.json, facts | {"ns_per_muscle_step": times, "step_ratio": ratios})


def _default_bodies() -> list[str]:
    from msemu.models.recipe import load_recipe
    from msemu.models.sources import SOURCES

    whole_bodies = ("myofullbody", "ms_human_700")
    return [name for name in whole_bodies if SOURCES[load_recipe(name).source].locate()] or ["myofullbody"]


def _levels_table(title: str, figures: list[dict[str, Any]], digits: str) -> Table:
    table = Table("body", "muscles", "environments", "level", "median", "quartiles", title=title)
    for row in figures:
        low, high = (format(value, digits) for value in row["quartiles"])
        subject = (row["body"], str(row["muscles"]), str(row["num_envs"]), row["level"])
        table.add_row(*subject, format(row["median"], digits), f"{low} to {high}")
    return table


def _task_of(body: str) -> TaskSpec:
    for spec in list_tasks():
        if spec.config == f"track_{body}":
            return spec
    raise MsemuError(f"unknown body '{body}'; known: {', '.join(cfg_names('body'))}")
