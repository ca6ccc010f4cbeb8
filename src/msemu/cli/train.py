"""``msemu-train``: train a policy on a task."""

import sys
from dataclasses import replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Column, Table

from msemu.cli.named_options import choose_parts, take_option
from msemu.cli.training_display import TrainingDisplay
from msemu.console import load_motions
from msemu.errors import MsemuError, command
from msemu.registry import get_task, list_tasks
from msemu.schema import TrainCfg

USAGE = """usage: msemu-train TASK [options]

  msemu-train --list         the tasks
  msemu-train TASK --help    every value of the task's configuration, with its default; each is an option

the most used options:
  --motion CLIP ...          follow this clip (a file, or a name of: msemu-motion fetch), or several
  --agent ppo|add|qflex|...  how it learns: a name of cfg/agent, or a YAML file (README.md)
  --minutes M                train for a time ...
  --iterations N             ... or for a number of iterations (default 1000)
  --resume RUN|latest        continue a run
  --num-envs N               bodies simulated in parallel, by each process
  --device cpu|cuda|auto     where the networks learn

several GPUs: torchrun --nproc-per-node N -m msemu.cli.train TASK [options]   (docs/performance.md)"""

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
    table = Table(Column("task", no_wrap=True), "what", "from")
    for spec in list_tasks():
        table.add_row(spec.id, spec.summary, spec.origin)
    return table


def parse(task: str, arguments: list[str]) -> TrainCfg:
    """Read the command line over the task's values, or over those of the run that is resumed."""
    from msemu.rl.run_folder import RunFolder

    spec = get_task(task)
    agent, arguments = take_option(arguments, "agent", "agent")
    if agent is not None:
        spec = replace(spec, agent=Path(agent) if agent.endswith((".yaml", ".yml")) else agent)
    program = f"msemu-train {task}"
    cfg = _over(TrainCfg(**vars(spec.load_config()), agent=spec.load_agent()), arguments, program)
    if cfg.resume is None:
        return cfg
    if agent is not None:
        raise MsemuError("a run keeps the agent that it was started with; leave --agent out to resume it")
    run = RunFolder.latest(task, Path(cfg.runs_dir)) if cfg.resume == "latest" else RunFolder.open(Path(cfg.resume))
    if run.task != task:
        raise MsemuError(f"{run.path} is a run of {run.task}, not of {task}")
    cfg = _over(run.load_config(), arguments, program)
    cfg.resume = str(run.path)
    return cfg


def _over(default: TrainCfg, arguments: list[str], program: str) -> TrainCfg:
    """Read options over values."""
    rest = choose_parts(default, arguments)
    return tyro.cli(TrainCfg, default=default, args=rest, prog=program, config=(tyro.conf.AvoidSubcommands,))


def train(task: str, cfg: TrainCfg) -> Path:
    """Train, and return the run folder."""
    from msemu.rl.assemble import find_runner, prepare
    from msemu.rl.distributed import join_team
    from msemu.rl.progress import StopConditions
    from msemu.sim import pick_device

    if cfg.num_envs < 1 or (cfg.iterations is not None and cfg.iterations < 1):
        raise MsemuError("--num-envs and --iterations must be at least 1")
    if cfg.minutes is not None and not cfg.minutes > 0.0:
        raise MsemuError("--minutes must be positive")
    team = join_team()
    team.claim_gpu(cfg.device, cfg.sim.device)
    device = pick_device(cfg.device)
    run, env = prepare(task, cfg, team, load_motions)
    iterations = cfg.iterations or (UNBOUNDED_ITERATIONS if cfg.minutes else DEFAULT_ITERATIONS)
    console = Console(quiet=not team.is_rank_zero)
    processes = f" in each of {team.size} processes" if team.size > 1 else ""
    stop = StopConditions(cfg.minutes, agree=team.any, announce=team.is_rank_zero)
    with stop.signals(), team.connected(device):
        runner = find_runner(cfg.agent)(env, cfg.agent, run.path if team.is_rank_zero else None, device, team)
        if cfg.resume:
            runner.load(str(run.checkpoint("last")))
        size = f"{env.body.num_muscles} muscles, {env.num_envs} environments{processes}"
        console.print(f"[bold]{task}[/]  {size}, learning on {device}")
        console.print(f"run: {run.path}", soft_wrap=True)
        runner.logger.stop = stop
        with TrainingDisplay(console, iterations, cfg.minutes) as display:
            runner.logger.show = display.show
            runner.train(iterations, fresh=cfg.resume is None or not team.is_rank_zero)
    console.print(f"saved: {run.checkpoint('last')}", soft_wrap=True)
    console.print(f"curves: tensorboard --logdir {run.path}", soft_wrap=True)
    return run.path


if __name__ == "__main__":
    main()
