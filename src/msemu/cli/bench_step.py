"""``msemu-bench step``: where the time of a control step goes."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import Timing, require_positive, tracking_task
from msemu.console import load_motion, write_json


@dataclass
class StepBench(Timing):
    """Where the time of a control step goes, by stage, as shares measured in one run.

    The environment's stages are timed as it steps. The stages of the physics are those of one physics step of MuJoCo on
    the CPU, called singly on one thread; other engines do not tell theirs.
    """

    body: str = "myolegs"
    """Body that is measured, in its tracking task."""
    body_path: str | None = None
    """Folder of the body's model."""
    motion: str = "walk"
    """Motion of the catalogue, or path of a clip."""
    num_envs: int = 64
    """Environments."""
    engine: str = "auto"
    """Physics engine: auto, mujoco, warp."""
    device: str = "auto"
    """Where bodies are simulated: cpu, cuda, auto."""
    trace: Path | None = None
    """File for the calls of the last timing, to open in chrome://tracing or ui.perfetto.dev."""


def bench_step(args: StepBench) -> None:
    """Measure, print and write the figures."""
    from msemu.bench.step import chrome_trace, measure_step
    from msemu.models import load_body
    from msemu.rl.assemble import make_env

    require_positive(num_envs=args.num_envs, rounds=args.rounds, steps=args.steps)
    task = tracking_task(args.body)
    cfg = task.load_config()
    cfg.motion, cfg.num_envs = args.motion, args.num_envs
    cfg.sim.num_threads, cfg.sim.engine, cfg.sim.device = args.threads, args.engine, args.device
    body = load_body(args.body, args.body_path)
    env = make_env(task.id, cfg, body, load_motion(cfg, body), seed=0)
    figures, clock = measure_step(env, args.rounds, args.steps)
    console = Console()
    title = f"{args.body}, {args.num_envs} environments on {env.device}: {figures['step_ms']:.1f} ms a control step"
    console.print(_shares_table(title, figures["env_stages"]))
    if figures["physics_stages"]:
        console.print(_shares_table("one physics step of MuJoCo on the CPU", figures["physics_stages"]))
    if args.json:
        subject = {"body": args.body, "num_envs": args.num_envs, "device": str(env.device), "rounds": args.rounds}
        write_json(args.json, subject | figures)
    if args.trace:
        write_json(args.trace, chrome_trace(clock.events))
        console.print(f"trace: {args.trace}; open it in chrome://tracing or ui.perfetto.dev", soft_wrap=True)


def _shares_table(title: str, shares: dict[str, float]) -> Table:
    table = Table("stage", "share", title=title)
    for stage, share in shares.items():
        table.add_row(stage, f"{100 * share:.1f} %")
    return table
