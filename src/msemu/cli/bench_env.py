"""``msemu-bench env``: environment steps against the physics alone."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import Timing, require_positive, tracking_task
from msemu.console import load_motion, write_json


@dataclass
class EnvBench(Timing):
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


def bench_env(args: EnvBench) -> None:
    """Measure, print and write the figures."""
    from msemu.bench.env import measure_env
    from msemu.models import load_body
    from msemu.rl.assemble import make_env

    require_positive(num_envs=args.num_envs, rounds=args.rounds, steps=args.steps)
    task = tracking_task(args.body)
    cfg = task.load_config()
    cfg.motion, cfg.num_envs, cfg.sim.num_threads = args.motion, args.num_envs, args.threads
    cfg.sim.device, cfg.sim.engine = "cpu", "mujoco"
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
