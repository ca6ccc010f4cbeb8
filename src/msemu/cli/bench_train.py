"""``msemu-bench train``: training steps per second, and their ratio to the physics alone."""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import require_positive, tracking_task
from msemu.console import load_motion, write_json
from msemu.errors import MsemuError
from msemu.schema import AgentCfg, TaskCfg


@dataclass
class TrainBench:
    """Training steps per second beside those of the physics alone, over bodies, engines, agents and environments.

    Whole iterations of training are timed in turn with the physics of as many control steps, in this process, so their
    ratio holds on a busy machine. The definitions stand below the table and in the JSON file.
    """

    bodies: tuple[str, ...] = ("myolegs",)
    """Bodies that are measured, each in its tracking task."""
    body_path: str | None = None
    """Folder of the model, for a single body that no package brings."""
    motion: str = "walk"
    """Motion of the catalogue, or path of a clip."""
    num_envs: tuple[int, ...] = (64,)
    """Numbers of environments."""
    engine: tuple[str, ...] = ("auto",)
    """Physics engines: auto, mujoco, warp."""
    agent: tuple[str, ...] = ("ppo",)
    """Agents: names of cfg/agent."""
    device: str = "auto"
    """Where networks learn and, unless the engine is mujoco, bodies are simulated: cpu, cuda, auto."""
    threads: int = 0
    """Threads of the physics on a CPU; 0 uses every core."""
    iterations: int = 9
    """Iterations that are timed for each row; the medians count."""
    seed: int = 1
    """Seed of every random choice."""
    json: Path | None = None
    """File to write the figures to."""
    plot: Path | None = None
    """PNG file for the rates over the number of environments."""


def bench_train(args: TrainBench) -> None:
    """Measure, print and write the figures."""
    from msemu.bench.train import DEFINITIONS, plot_training
    from msemu.rl import provenance

    require_positive(num_envs=args.num_envs, iterations=args.iterations)
    if args.body_path and len(args.bodies) > 1:
        raise MsemuError("--body-path is for a single body")
    console = Console()
    rows = []
    for subject in itertools.product(args.bodies, args.engine, args.agent, args.num_envs):
        with console.status(", ".join(map(str, subject))):
            rows.append(measure(args, *subject))
    if args.json:
        facts = {"machine": provenance.machine(), "git": provenance.git_state(), "versions": provenance.versions()}
        protocol = {"iterations": args.iterations, "seed": args.seed, "motion": args.motion, "threads": args.threads}
        ratio = {"training_physics_ratio": rows[0]["training_physics_ratio"]}
        write_json(args.json, ratio | {"results": rows, "definitions": DEFINITIONS} | protocol | facts)
    if args.plot:
        args.plot.parent.mkdir(parents=True, exist_ok=True)
        plot_training(rows, args.plot)
    console.print(_table(rows))
    for name, meaning in DEFINITIONS.items():
        console.print(f"[bold]{name}[/]: {meaning}")


def measure(args: TrainBench, body_name: str, engine: str, agent: str, num_envs: int) -> dict[str, Any]:
    """Measure one row."""
    import torch

    from msemu.bench.train import measure_training
    from msemu.config import cfg_file, load
    from msemu.models import load_body
    from msemu.rl.assemble import make_env
    from msemu.rl.runner import Runner
    from msemu.sim import pick_device

    task = tracking_task(body_name)
    cfg: TaskCfg = task.load_config()
    cfg.motion, cfg.num_envs, cfg.sim.num_threads, cfg.sim.engine = args.motion, num_envs, args.threads, engine
    cfg.sim.device = "cpu" if engine == "mujoco" else args.device
    settings = load(AgentCfg, cfg_file("agent", agent))
    if settings.runner != AgentCfg.runner:
        raise MsemuError(f"msemu-bench train times learning from rollouts; {agent} learns from a memory")
    device = pick_device(args.device)
    torch.manual_seed(args.seed)
    body = load_body(body_name, args.body_path)
    env = make_env(task.id, cfg, body, load_motion(cfg, body), args.seed)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_training(env, Runner(env, settings, Path(folder), device), args.iterations)
    subject = {"body": body_name, "muscles": body.num_muscles, "engine": engine, "agent": agent, "num_envs": num_envs}
    return subject | {"physics_device": str(env.device), "learning_device": device} | figures


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = ("body", "envs", "agent", "engine", "train/s", "phys/s", "ratio", "quartiles", "MB")
    table = Table(*columns, title="control steps per second, medians", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for row in rows:
        rates = [f"{row[f'{key}_steps_per_s']:.0f}" for key in ("training", "physics_only")]
        low, high = row["training_physics_ratio_quartiles"]
        ratio = f"{row['training_physics_ratio']:.2f}", f"{low:.2f}-{high:.2f}"
        memory = f"{row['peak_memory_mb']:.0f}"
        if "device_memory_mb" in row:
            memory += f", device {row['device_memory_mb']:.0f}"
        table.add_row(row["body"], str(row["num_envs"]), row["agent"], row["engine"], *rates, *ratio, memory)
    return table
