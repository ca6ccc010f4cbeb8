"""``msemu-distill``: a native muscle policy from teachers of any action space."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from msemu.cli.options import DistillCfg
from msemu.cli.training import train
from msemu.config import cfg_file, load
from msemu.errors import MsemuError, require_once
from msemu.motion.clip import MotionClip
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
    _require_fitting(teachers, configs)
    runs = [str(teacher.path.resolve()) for teacher in teachers]
    checkpoints = [str(_checkpoint(teacher, args.checkpoint)) for teacher in teachers]
    agent.algorithm |= {"teacher": tuple(runs), "checkpoint": tuple(checkpoints)}
    if len(teachers) == 1:
        agent.algorithm |= {"teacher": runs[0], "checkpoint": checkpoints[0]}
    else:
        cfg.motion = tuple(motion for other in configs for motion in motions_of(other))
    clips = [clip for teacher in teachers for clip in teacher.load_clips()]
    _require_accelerations(teachers, configs, clips)
    cfg.env.action = ExcitationCfg(start="reference")
    cfg.env.observations = _observations(teachers, configs, agent.obs_groups["actor"])
    chosen = ("minutes", "iterations", "num_envs", "seed", "device", "run_name", "runs_dir")
    values = {name: getattr(args, name) for name in chosen}
    return train(teachers[0].task, replace(cfg, agent=agent, **values), clips)


def _require_fitting(teachers: Sequence[RunFolder], configs: Sequence[TrainCfg]) -> None:
    """Refuse teachers that one student cannot learn from together, and those that see what it cannot."""
    require_once("the teacher", [str(teacher.path.resolve()) for teacher in teachers])
    for teacher, cfg in zip(teachers, configs, strict=True):
        if cfg.body != configs[0].body:
            raise MsemuError(
                f"{teachers[0].path} moves the body '{configs[0].body}' and {teacher.path} '{cfg.body}';"
                " teachers of one student move the same"
            )
        if "preference" in cfg.agent.obs_groups["actor"]:
            raise MsemuError(
                f"the teacher {teacher.path} sees what its muscles prefer, and a student of excitations"
                " sees nothing of that; take a teacher without the observation 'preference'"
            )


def _require_accelerations(
    teachers: Sequence[RunFolder], configs: Sequence[TrainCfg], clips: Sequence[MotionClip]
) -> None:
    """Refuse a teacher that follows wanted accelerations beside clips that have none."""
    lacking = [clip.name for clip in clips if clip.simulated is None]
    for teacher, cfg in zip(teachers, configs, strict=True):
        controller = getattr(cfg.env.action, "controller", None)
        if lacking and controller is not None and controller.feedforward:
            raise MsemuError(
                f"the teacher {teacher.path} follows what msemu-track has found, with its wanted accelerations, and the"
                f" clips {', '.join(lacking)} of the other teachers have none; teach a student of its own with it"
            )


def _checkpoint(teacher: RunFolder, name: str) -> Path:
    """Return the checkpoint of a teacher that is its own."""
    found = teacher.checkpoint(name).resolve()
    if not found.is_relative_to(teacher.path.resolve()):
        raise MsemuError(
            f"{name} is no checkpoint of the teacher {teacher.path}; give best, last, average, or the name of one of"
            " its folder"
        )
    return found


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
