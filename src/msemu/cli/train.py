"""``msemu-train``: train a policy on a task."""

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

from msemu.cli.checks import check_once
from msemu.cli.named_options import PARTS, choose_parts, named_values, take_option
from msemu.cli.parsing import HELP, HELP_ALL, VERSION, parse_options, version
from msemu.config import cfg_names
from msemu.errors import MsemuError, command
from msemu.registry import TaskSpec, get_task
from msemu.schema import JointCfg, TrainCfg

USAGE = """usage: msemu-train TASK [options]

  msemu-train --list             the tasks by body, and which a trained policy comes for
  msemu-train TASK --help        the most used options, with the task's values
  msemu-train TASK --help-all    every value of the task's configuration; each is an option

for example:
  msemu-train Msemu-Walk-MyoLegs-v0 --minutes 10      in the way that works best for the task
  msemu-train Msemu-Track-MyoFullBody-v0 --motion clip.npz --agent add --iterations 1000
  msemu-train Msemu-Walk-MyoLegs-v0 --resume latest
  msemu-train Msemu-Walk-MyoLegs-v0 --init RUN --agent add

several GPUs: torchrun --nproc-per-node N -m msemu.cli.train TASK [options]"""

FIRST = (
    *("motion", "num_envs", "device", "seed", "iterations", "minutes", "from_track", "resume", "init", "checkpoint"),
    *("run_name", "runs_dir", "keep"),
    *("sim.device", "sim.engine", "env.episode_length_s"),
)
"""Options on the first help page of a task."""

CHOOSING = {"--env.action", "--sim.device", "--sim.engine"}
"""Options that, as --agent does, choose how a task is learned: what works best for it is then not assumed."""

_BEST = "Without --agent, --env.action, --sim.device and --sim.engine a task takes what works best."
_TERMS = (
    "Options of terms: future-frames, control steps ahead that the policy sees of the reference; allowed, contact "
    "regions (hand_r) or parts (foot) that may touch the floor, all where it is empty."
)


@command
def main() -> None:
    """Entry point."""
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print(resolve_name("msemu.cli.task_list:task_list")())
    elif arguments[:1] == ["--list"]:
        raise MsemuError(f"--list stands alone: msemu-train --list, without {' '.join(arguments[1:])}")
    elif VERSION in arguments:
        print(version())
    elif not arguments or arguments[0] in (*HELP, HELP_ALL):
        print(USAGE)
    elif arguments[0].startswith("-"):
        raise MsemuError(f"the task comes first: msemu-train TASK {arguments[0]} ...; see: msemu-train --list")
    else:
        cfg = parse(arguments[0], arguments[1:])
        resolve_name("msemu.cli.training:train")(arguments[0], cfg)  # it needs torch, which a page of help does not


def parse(task: str, arguments: list[str]) -> TrainCfg:
    """Read the command line over the task's values, or over those of the run that is resumed."""
    check_once(arguments)
    agent, arguments = take_option(arguments, "agent", named_values("agent"))
    resumed, arguments = take_option(arguments, "resume", "a run folder, or latest")
    initial, arguments = take_option(arguments, "init", "a run folder, a task, or a policy that comes with msemu")
    if _is_given(arguments, "from-track"):
        _require_alone(arguments, resumed, initial)
        if agent is not None or not CHOOSING.isdisjoint(check_once(arguments)) or not _leads_joints(task, arguments):
            agent = agent or "ppo_prior"
            arguments = arguments if _is_given(arguments, "env.action") else [*arguments, "--env.action", "joint"]
    if resumed is None:
        spec = _spec(task, arguments)
        if agent is not None:
            spec = replace(spec, agent=Path(agent) if agent.endswith((".yaml", ".yml")) else agent)
        is_chosen = agent is not None or initial is not None
        if is_chosen or not CHOOSING.isdisjoint(check_once(arguments)):
            spec = replace(spec, training="")
        cfg = spec.load_training()
        return _over(cfg, arguments, task) if initial is None else _begun(cfg, initial, arguments, task)
    if initial is not None:
        raise MsemuError("--init begins a new run and --resume goes on with one; leave one of both out")
    if agent is not None:
        raise MsemuError("a run keeps the agent that it was started with; leave --agent out to resume it")
    runs_dir, _ = take_option(arguments, "runs-dir", "a folder")
    run_name, _ = take_option(arguments, "run-name", "a name")
    own = _values_of_run(task, resumed, Path(runs_dir or TrainCfg.runs_dir))
    folder = Path(str(own.resume)).resolve()
    if runs_dir is not None and not folder.is_relative_to(Path(runs_dir).resolve()):
        raise MsemuError(f"the run {folder} is not below {runs_dir}; leave --runs-dir out to resume it")
    if run_name is not None and not folder.name.endswith(f"_{run_name}"):
        raise MsemuError(f"the run {folder} keeps its name; leave --run-name out to resume it")
    kind, led = own.env.action.kind, getattr(own.env.action, "led", None)
    cfg = _over(own, arguments, task)
    if cfg.env.action.kind != kind:
        raise MsemuError(f"a run keeps its action space, '{kind}'; leave --env.action out to resume it")
    if getattr(cfg.env.action, "led", None) != led:
        raise MsemuError("a run keeps the joints that its policy leads; leave --env.action.led out to resume it")
    if cfg.motion != own.motion:
        raise MsemuError("a run keeps the clips that it was started with; leave --motion out to resume it")
    return cfg


def _spec(task: str, arguments: list[str]) -> TaskSpec:
    body, _ = take_option(arguments, "body", "a body's name or recipe")
    return get_task(task, body or "")


def _leads_joints(task: str, arguments: list[str]) -> bool:
    """Say whether what works best for a task leads joints, so that what was found is followed with its values."""
    return isinstance(_spec(task, arguments).load_training().env.action, JointCfg)


def _is_given(arguments: list[str], option: str) -> bool:
    return f"--{option}" in (word.partition("=")[0].replace("_", "-") for word in arguments)


def _require_alone(arguments: list[str], resumed: str | None, initial: str | None) -> None:
    """Refuse other sources of clips and policies beside --from-track."""
    if resumed is not None:
        raise MsemuError("a run keeps what it was started with; leave --from-track out to resume it")
    if initial is not None:
        raise MsemuError("--from-track and --init each say what a run begins with; leave one of both out")
    if _is_given(arguments, "motion"):
        raise MsemuError("--from-track brings the clip; leave --motion out")


def _begun(cfg: TrainCfg, initial: str, arguments: list[str], task: str) -> TrainCfg:
    """Read options over the values of a new run that begins with the policy of another one."""
    from msemu.rl.initial.values import begin_values, check_begin
    from msemu.rl.pretrained import find_run  # it needs torch, which a page of help does not wait for

    runs_dir, _ = take_option(arguments, "runs-dir", "a folder")
    run = find_run(initial, Path(runs_dir or TrainCfg.runs_dir))
    own = run.load_config()
    begun = _over(deepcopy(begin_values(cfg, own, run.task == task)), arguments, task)
    check_begin(begun, own, str(run.path))
    return replace(begun, init=str(run.path), checkpoint=str(run.checkpoint(begun.checkpoint or "best")))


def _over(default: TrainCfg, arguments: list[str], task: str) -> TrainCfg:
    """Read options over values."""
    rest = choose_parts(default, arguments)
    program = f"msemu-train {task}"
    cfg = parse_options(TrainCfg, default=default, args=rest, prog=program, first=FIRST, description=about())
    for option in {"--sim.contacts-per-env", "--sim.constraints-per-env"}.intersection(check_once(arguments)):
        if cfg.sim.engine == "mujoco":
            raise MsemuError(f"{option} is for the engine warp, and --sim.engine is mujoco; leave one of both out")
    return cfg


def _values_of_run(task: str, name: str, runs_dir: Path) -> TrainCfg:
    """Return the values of the run that is resumed."""
    from msemu.rl.pretrained import shipped  # it needs torch, which a page of help does not wait for
    from msemu.rl.run_folder import RunFolder

    if name in shipped() and not Path(name).is_dir():
        raise MsemuError(f"{name} comes with msemu as a policy alone; begin a run with it: --init {name}")
    run = RunFolder.latest(task, runs_dir) if name == "latest" else RunFolder.open(Path(name))
    if run.task != task:
        raise MsemuError(f"{run.path} is a run of {run.task}, not of {task}")
    return replace(run.load_config(), resume=str(run.path))


def about() -> str:
    """Return what the help page of a task says first."""
    roles = {"agent": "agent", **{option: schema.role for option, schema in PARTS.items()}}
    inner = {option for option in roles if option.count(".") > 1}  # whose names are in the manual
    parts = "; ".join(
        f"--{option} (cfg/{role})" if option in inner else f"--{option} {', '.join(cfg_names(role))}"
        for option, role in roles.items()
    )
    parts = f"Parts that are chosen by name, or by a YAML file of yours: {parts}."
    return f"A task, and how it is learned.\n\n{parts} {_BEST}\n\n{_TERMS}"


if __name__ == "__main__":
    main()
