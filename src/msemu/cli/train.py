"""``msemu-train``: train a policy on a task."""

import sys
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

from msemu.cli.named_options import PARTS, choose_parts, named_values, take_option
from msemu.cli.parsing import HELP, HELP_ALL, parse_options
from msemu.config import cfg_names
from msemu.errors import MsemuError, command
from msemu.registry import get_task, list_tasks
from msemu.schema import TrainCfg

USAGE = """usage: msemu-train TASK [options]

  msemu-train --list             the tasks
  msemu-train TASK --help        the most used options, with the task's values
  msemu-train TASK --help-all    every value of the task's configuration; each is an option

for example:
  msemu-train Msemu-Walk-MyoLegs-v0 --minutes 10
  msemu-train Msemu-Track-MyoFullBody-v0 --motion clip.npz --agent add --iterations 1000
  msemu-train Msemu-Walk-MyoLegs-v0 --resume latest

several GPUs: torchrun --nproc-per-node N -m msemu.cli.train TASK [options]   (docs/performance.md)"""

FIRST = (
    *("motion", "num_envs", "device", "seed", "iterations", "minutes", "resume", "checkpoint"),
    *("run_name", "runs_dir", "keep"),
    *("sim.device", "sim.engine", "env.episode_length_s"),
)
"""Options on the first help page of a task."""


@command
def main() -> None:
    """Entry point."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        print(task_list())
    elif not arguments or arguments[0] in (*HELP, HELP_ALL):
        print(USAGE)
    elif arguments[0].startswith("-"):
        raise MsemuError(f"the task comes first: msemu-train TASK {arguments[0]} ...; see: msemu-train --list")
    else:
        cfg = parse(arguments[0], arguments[1:])
        resolve_name("msemu.cli.training:train")(arguments[0], cfg)  # it needs torch, which a page of help does not


def task_list() -> str:
    """All known tasks: a line each with its id, what it is, and the plug-in that it is from."""
    specs = list_tasks()
    width = max(len(spec.id) for spec in specs)
    origins = ("" if spec.origin == "msemu" else f"  (from {spec.origin})" for spec in specs)
    return "\n".join(f"{spec.id:{width}}  {spec.summary}{origin}" for spec, origin in zip(specs, origins, strict=True))


def parse(task: str, arguments: list[str]) -> TrainCfg:
    """Read the command line over the task's values, or over those of the run that is resumed."""
    spec = get_task(task)
    agent, arguments = take_option(arguments, "agent", named_values("agent"))
    resumed, arguments = take_option(arguments, "resume", "a run folder, or latest")
    if resumed is None:
        if agent is not None:
            spec = replace(spec, agent=Path(agent) if agent.endswith((".yaml", ".yml")) else agent)
        return _over(TrainCfg(**vars(spec.load_config()), agent=spec.load_agent()), arguments, task)
    if agent is not None:
        raise MsemuError("a run keeps the agent that it was started with; leave --agent out to resume it")
    runs_dir, _ = take_option(arguments, "runs-dir", "a folder")
    own = _values_of_run(task, resumed, Path(runs_dir or TrainCfg.runs_dir))
    kind = own.env.action.kind
    cfg = _over(own, arguments, task)
    if cfg.env.action.kind != kind:
        raise MsemuError(f"a run keeps its action space, '{kind}'; leave --env.action out to resume it")
    if cfg.motion != own.motion:
        raise MsemuError("a run keeps the clips that it was started with; leave --motion out to resume it")
    return cfg


def _over(default: TrainCfg, arguments: list[str], task: str) -> TrainCfg:
    """Read options over values."""
    rest = choose_parts(default, arguments)
    program = f"msemu-train {task}"
    return parse_options(TrainCfg, default=default, args=rest, prog=program, first=FIRST, description=about())


def _values_of_run(task: str, name: str, runs_dir: Path) -> TrainCfg:
    """Return the values of the run that is resumed."""
    from msemu.rl.run_folder import RunFolder  # it needs torch, which a page of help does not wait for

    run = RunFolder.latest(task, runs_dir) if name == "latest" else RunFolder.open(Path(name))
    if run.task != task:
        raise MsemuError(f"{run.path} is a run of {run.task}, not of {task}")
    return replace(run.load_config(), resume=str(run.path))


def about() -> str:
    """Return what the help page of a task says first."""
    roles = {"agent": "agent", **{option: schema.role for option, schema in PARTS.items()}}
    parts = "; ".join(f"--{option} {', '.join(cfg_names(role))}" for option, role in roles.items())
    return f"A task, and how it is learned.\n\nParts that are chosen by name, or by a YAML file of yours: {parts}."


if __name__ == "__main__":
    main()
