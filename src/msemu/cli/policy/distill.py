"""``msemu-distill``: a native muscle policy from teachers of any action space."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from msemu.cli.options import DistillCfg
from msemu.cli.training import train
from msemu.config import cfg_file, load
from msemu.errors import MsemuError
from msemu.motion.library.task_clips import motions_of
from msemu.rl.pretrained import find_run
from msemu.rl.run_folder import RunFolder
from msemu.schema import AgentCfg, ExcitationCfg, ObservationTermCfg, TrainCfg


def distill(args: DistillCfg) -> Path:
    """Train the student in the first teacher's task, on the clips of all, and return the run folder."""
    if not args.run:
        raise MsemuError("msemu-distill wants a teacher: a run folder, or a task with --pretrained")
    teachers = [find_run(name, Path(args.runs_dir), args.pretrained) for name in args.run]
    configs = [teacher.load_config() for teacher in teachers]
    cfg, agent = configs[0], _agent(args)
    for teacher, other in zip(teachers, configs, strict=True):
        if other.body != cfg.body:
            raise MsemuError(
                f"{teachers[0].path} moves the body '{cfg.body}' and {teacher.path} '{other.body}'; teachers of one"
                " student move the same"
            )
    runs = [str(teacher.path.resolve()) for teacher in teachers]
    checkpoints = [str(teacher.checkpoint(args.checkpoint).resolve()) for teacher in teachers]
    agent.algorithm |= {"teacher": tuple(runs), "checkpoint": tuple(checkpoints)}
    if len(teachers) == 1:
        agent.algorithm |= {"teacher": runs[0], "checkpoint": checkpoints[0]}
    else:
        cfg.motion = tuple(motion for other in configs for motion in motions_of(other))
    cfg.env.action = ExcitationCfg(start="reference")
    cfg.env.observations = _observations(teachers, configs, agent.obs_groups["actor"])
    chosen = ("minutes", "iterations", "num_envs", "seed", "device", "run_name", "runs_dir")
    values = {name: getattr(args, name) for name in chosen}
    clips = [clip for teacher in teachers for clip in teacher.load_clips()]
    return train(teachers[0].task, replace(cfg, agent=agent, **values), clips)


def _agent(args: DistillCfg) -> AgentCfg:
    """Return what learns, with what the options say of it."""
    is_file = args.agent.endswith((".yaml", ".yml"))
    agent = load(AgentCfg, Path(args.agent) if is_file else cfg_file("agent", args.agent))
    if agent.runner != "distillation":
        raise MsemuError(f"the agent {args.agent} does not learn from a teacher; leave --agent out, or take dagger")
    values = {"loss": args.loss, "torque_weighted": args.torque_weighted or None, "replay_size": args.replay_size}
    agent.algorithm |= {name: value for name, value in values.items() if value is not None}
    if args.noise is not None:
        agent.actor["distribution_cfg"]["init_std"] = args.noise
    if args.observations:
        agent.obs_groups |= {network: [*args.observations] for network in ("actor", "critic")}
    return agent


def _observations(
    teachers: Sequence[RunFolder], configs: Sequence[TrainCfg], student: Iterable[str]
) -> dict[str, ObservationTermCfg]:
    """Return the first teacher's observation terms, with what the others and the student see beside them."""
    terms = dict(configs[0].env.observations)
    for teacher, cfg in zip(teachers, configs, strict=True):
        for name in cfg.agent.obs_groups["actor"]:
            if terms.setdefault(name, term := cfg.env.observations[name]) != term:
                raise MsemuError(
                    f"{teachers[0].path} and {teacher.path} see the observation '{name}' otherwise; teachers of one"
                    " student see it alike"
                )
    return terms | {name: ObservationTermCfg() for name in student if name not in terms}
