"""``msemu-bench capacity``: the capacity that a body needs in the warp engine."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from msemu.cli.bench_options import require_positive
from msemu.console import require_seconds, write_json
from msemu.errors import MsemuError


@dataclass
class CapacityBench:
    """Capacity for contacts and constraints that a body needs in the warp engine.

    Bodies fall in every position under random excitation while the engine counts. The last line is what to write into
    the body's recipe (cfg/body), or to give as --sim.contacts-per-env and --sim.constraints-per-env.
    """

    body: str = "myolegs"
    """Body that is measured."""
    body_path: str | None = None
    """Folder of the body's model."""
    num_envs: int = 16
    """Bodies that fall side by side."""
    seconds: float = 3.0
    """How long they fall and lie [s]."""
    margin: float = 0.25
    """Share to add to the greatest numbers seen."""
    device: str = "auto"
    """Device of the engine: cpu, cuda or auto."""
    json: Path | None = None
    """File to write the figures to."""


def bench_capacity(args: CapacityBench) -> None:
    """Measure, print and write the figures."""
    from msemu.bench.capacity import measure_capacity, with_margin
    from msemu.models import load_body
    from msemu.sim import pick_device

    require_positive(num_envs=args.num_envs)
    require_seconds(args.seconds)
    if not 0.0 <= args.margin <= 10.0:
        raise MsemuError("--margin must be from 0 to 10")
    body = load_body(args.body, args.body_path)
    console = Console()
    with console.status(f"{args.num_envs} bodies fall for {args.seconds:g} s"):
        demand = measure_capacity(body, args.num_envs, args.seconds, pick_device(args.device))
    capacity = with_margin(demand, args.margin)
    console.print(
        f"at most {demand.contacts} contacts (mean over bodies) and {demand.constraints} constraints (one body)"
    )
    console.print(f"capacity: {{contacts: {capacity.contacts}, constraints: {capacity.constraints}}}", highlight=False)
    if args.json:
        write_json(args.json, {"body": args.body, "demand": vars(demand), "capacity": vars(capacity)})
