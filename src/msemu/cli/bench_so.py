"""``msemu-bench so``: what the muscle decoder costs beside the physics."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from msemu.console import load_motion, write_json
from msemu.errors import MsemuError


@dataclass
class StaticOptimizationBench:
    """The muscle decoder of computed muscle control against the physics of the same control step.

    Muscles follow a motion through the decoder. In each control step of ten physics steps, reading the equation of
    motion, solving for excitations and the physics are timed in this process, so the ratio holds on a busy machine.
    """

    bodies: tuple[str, ...] = ("myolegs", "myofullbody")
    """Bodies that are measured."""
    motion: str = "walk"
    """Motion of the catalogue."""
    num_envs: int = 64
    """Environments."""
    threads: int = 0
    """Threads of engine and solver; 0 uses every core."""
    rounds: int = 7
    """Timings; the medians count."""
    steps: int = 10
    """Control steps of each timing."""
    json: Path | None = None
    """File to write the figures to."""


def bench_so(args: StaticOptimizationBench) -> None:
    """Measure, print and write the figures."""
    import torch

    from msemu.bench.decoder import measure_decoder
    from msemu.models import load_body
    from msemu.schema import TaskCfg

    # As in the environment: the tensors are small, and idle threads would take the cores from the physics.
    torch.set_num_threads(1)
    if not args.bodies or min(args.num_envs, args.rounds, args.steps) < 1 or args.threads < 0:
        raise MsemuError("--num-envs, --rounds and --steps must be positive, --threads not negative, and a body given")
    console = Console()
    figures = []
    for name in args.bodies:
        body = load_body(name)
        clip = load_motion(TaskCfg(body=name, motion=args.motion), body)
        with console.status(name):
            figures.append(measure_decoder(body, clip, args.num_envs, args.rounds, args.steps, args.threads))
    console.print(_table(figures, args.num_envs))
    if args.json:
        write_json(args.json, {"motion": args.motion, "bodies": figures})


def _table(figures: list[dict[str, Any]], num_envs: int) -> Table:
    columns = ("body", "muscles", "read [ms]", "decode [ms]", "physics [ms]", "ratio", "quartiles", "solved", "missing")
    table = Table(
        *columns, title=f"Muscle decoder, a control step of {num_envs} environments; missing: mean torque over capacity"
    )
    for row in figures:
        low, high = row["decoder_ratio_quartiles"]
        table.add_row(
            row["body"],
            str(row["muscles"]),
            *(f"{row[key]:.1f}" for key in ("read_ms", "decode_ms", "physics_ms")),
            f"{row['decoder_ratio']:.2f}",
            f"{low:.2f}-{high:.2f}",
            f"{100 * row['converged_share']:.0f} %",
            f"{100 * row['torque_missing_mean']:.1f} %",
        )
    return table
