"""``msemu-bench muscle``: the time that the muscles take."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import Timing, require_positive
from msemu.console import write_json


@dataclass
class MuscleBench(Timing):
    """The muscles of each level: time of a muscle and step, and a physics step with them over one without.

    The kernels run alone first. Then whole physics steps with each level are timed in turn with steps of the engine's
    own muscle, in this process, so the ratio holds on a busy machine.
    """

    bodies: tuple[str, ...] = ()
    """Bodies whose muscles run; by default myofullbody, and ms_human_700 where it is installed."""
    num_envs: tuple[int, ...] = (64, 256, 1024, 4096)
    """Numbers of environments for the kernels alone."""
    step_num_envs: int = 64
    """Environments of the physics steps."""
    device: str = "cpu"
    """cpu times the muscles beside MuJoCo C; cuda times them inside the warp engine."""


def bench_muscle(args: MuscleBench) -> None:
    """Measure, print and write the figures."""
    from msemu.bench.muscle import measure_muscles, measure_step_ratio
    from msemu.bench.warp_muscle import measure_on_device
    from msemu.models import load_body
    from msemu.sim import pick_device
    from msemu.sim.threads import available_cores

    require_positive(num_envs=args.num_envs, step_num_envs=args.step_num_envs, rounds=args.rounds, steps=args.steps)
    device = pick_device(args.device)
    bodies = [load_body(name) for name in args.bodies or _default_bodies()]
    console = Console()
    times: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    for body in bodies:
        if device != "cpu":
            with console.status(f"{body.name} on {device}"):
                on_device = measure_on_device(body, args.step_num_envs, args.rounds, args.steps, device)
            times += on_device[0]
            ratios += on_device[1]
            continue
        with console.status(f"{body.name}: kernels"):
            for num_envs in args.num_envs:
                times += measure_muscles(body, num_envs, args.rounds, args.steps)
        with console.status(f"{body.name}: physics steps"):
            ratios += measure_step_ratio(body, args.step_num_envs, args.rounds, args.steps, args.threads)
    console.print(_levels_table("ns per muscle and step" + (", one thread" if device == "cpu" else ""), times, ".1f"))
    own = "the engine's own muscle" if device == "cpu" else "the level mujoco"
    console.print(_levels_table(f"physics step over one with {own}", ratios, ".3f"))
    if args.json:
        threads = args.threads or available_cores()
        facts = {"device": device, "threads": threads, "rounds": args.rounds, "steps": args.steps}
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
