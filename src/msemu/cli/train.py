"""``msemu-train``: train a policy on a task."""

import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from msemu.cli.output import load_motion
from msemu.cli.training_display import TrainingDisplay
from msemu.config import TrainCfg
from msemu.errors import MsemuError, command
from msemu.registry import get_task, list_tasks

USAGE = """usage: msemu-train TASK [options]

  msemu-train --list         the tasks
  msemu-train TASK --help    every value of the task's configuration, with its default; each is an option

the most used options:
  --motion CLIP.npz          follow this clip (or a name of: msemu-motion fetch)
  --minutes M                train for a time ...
  --iterations N             ... or for a number of iterations (default 1000)
  --resume RUN|latest        continue a run
  --num-envs N               bodies simulated in parallel
  --device cpu|cuda|auto     where the networks learn"""

DEFAULT_ITERATIONS = 1000
UNBOUNDED_ITERATIONS = 10**9


@command
def main() -> None:
    """Entry point."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        Console().print(task_table())
    elif not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
    elif arguments[0].startswith("-"):
        raise MsemuError(f"the task comes first: msemu-train TASK {arguments[0]} ...; see: msemu-train --list")
    else:
        train(arguments[0], parse(arguments[0], arguments[1:]))


def task_table() -> Table:
    """All known tasks."""
    table = Table("task", "what", "from")
    for spec in list_tasks():
        table.add_row(spec.id, spec.summary, spec.origin)
    return table


def parse(task: str, arguments: list[str]) -> TrainCfg:
    """Read the command line over the task's values, or over those of the run that is resumed."""
    from msemu.rl.run_folder import RunFolder

    spec = get_task(task)
    default = TrainCfg(**vars(spec.load_config()), agent=spec.load_agent())
    program = f"msemu-train {task}"
    cfg = tyro.cli(TrainCfg, default=default, args=arguments, prog=program)
    if cfg.resume is None:
        return cfg
    run = RunFolder.latest(task, Path(cfg.runs_dir)) if cfg.resume == "latest" else RunFolder.open(Path(cfg.resume))
    if run.task != task:
        raise MsemuError(f"{run.path} is a run of {run.task}, not of {task}")
    cfg = tyro.cli(TrainCfg, default=run.load_config(), args=arguments, prog=program)
    cfg.resume = str(run.path)
    return cfg


def train(task: str, cfg: TrainCfg) -> Path:
    """Train, and return the run folder."""
    import torch

    from msemu.models import load_body
    from msemu.motion.clip import MotionClip
    from msemu.rl.progress import StopConditions
    from msemu.rl.run_folder import RunFolder
    from msemu.rl.runner import Runner
    from msemu.rl.setup import make_env, pick_device

    if cfg.num_envs < 1:
        raise MsemuError("--num-envs must be at least 1")
    device = pick_device(cfg.device)
    torch.manual_seed(cfg.seed)
    body = load_body(cfg.body, cfg.body_path)
    resumed = RunFolder.open(Path(cfg.resume)) if cfg.resume else None
    clip = MotionClip.load(resumed.clip_path) if resumed else load_motion(cfg, body)
    env = make_env(task, cfg, body, clip, cfg.seed)
    run = resumed or RunFolder.create(task, cfg, body, clip)
    run.require_writable()
    runner = Runner(env, cfg.agent, run.path, device)
    if resumed:
        runner.load(str(run.checkpoint("last")))
    iterations = cfg.iterations or (UNBOUNDED_ITERATIONS if cfg.minutes else DEFAULT_ITERATIONS)
    console = Console()
    console.print(f"[bold]{task}[/]  {body.num_muscles} muscles, {env.num_envs} environments, learning on {device}")
    console.print(f"run: {run.path}", soft_wrap=True)
    runner.logger.stop = StopConditions(minutes=cfg.minutes)
    with runner.logger.stop.signals(), TrainingDisplay(console, iterations, cfg.minutes) as display:
        runner.logger.show = display.show
        runner.train(iterations, fresh=resumed is None)
    console.print(f"saved: {run.checkpoint('last')}", soft_wrap=True)
    console.print(f"curves: tensorboard --logdir {run.path}", soft_wrap=True)
    return run.path


if __name__ == "__main__":
    main()
