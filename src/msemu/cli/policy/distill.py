"""``msemu-distill``: a native muscle policy from teachers of any action space."""

from dataclasses import replace
from pathlib import Path

from msemu.cli.options import DistillCfg
from msemu.cli.training import train
from msemu.config import cfg_file, load
from msemu.errors import MsemuError
from msemu.motion.library.task_clips import motions_of
from msemu.rl.pretrained import find_run
from msemu.schema import AgentCfg, ExcitationCfg


def distill(args: DistillCfg) -> Path:
    """Train the student in the first teacher's task, on the clips of all, and return the run folder."""
    if not args.run:
        raise MsemuError("msemu-distill wants a teacher: a run folder, or a task with --pretrained")
    teachers = [find_run(name, Path(args.runs_dir), args.pretrained) for name in args.run]
    cfg, agent = teachers[0].load_config(), load(AgentCfg, cfg_file("agent", "dagger"))
    for teacher in teachers[1:]:
        if (other := teacher.load_config().body) != cfg.body:
            raise MsemuError(
                f"{teachers[0].path} moves the body '{cfg.body}' and {teacher.path} '{other}'; teachers of one student"
                " move the same"
            )
    runs = [str(teacher.path.resolve()) for teacher in teachers]
    checkpoints = [str(teacher.checkpoint(args.checkpoint).resolve()) for teacher in teachers]
    agent.algorithm |= {"teacher": tuple(runs), "checkpoint": tuple(checkpoints)}
    if len(teachers) == 1:
        agent.algorithm |= {"teacher": runs[0], "checkpoint": checkpoints[0]}
    else:
        cfg.motion = tuple(motion for teacher in teachers for motion in motions_of(teacher.load_config()))
    cfg.env.action = ExcitationCfg(start="reference")
    chosen = ("minutes", "iterations", "num_envs", "seed", "device", "run_name", "runs_dir")
    values = {name: getattr(args, name) for name in chosen}
    clips = [clip for teacher in teachers for clip in teacher.load_clips()]
    return train(teachers[0].task, replace(cfg, agent=agent, **values), clips)
