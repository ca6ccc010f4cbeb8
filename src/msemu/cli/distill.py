"""``msemu-distill``: a native muscle policy from a teacher of any action space."""

from dataclasses import replace
from pathlib import Path

from msemu.cli.options import DistillCfg
from msemu.cli.training import train
from msemu.config import cfg_file, load
from msemu.rl.pretrained import find_run
from msemu.schema import AgentCfg, ExcitationCfg


def distill(args: DistillCfg) -> Path:
    """Train the student in the teacher's task, on its clips, and return the run folder."""
    teacher = find_run(args.run, Path(args.runs_dir), args.pretrained)
    cfg, agent = teacher.load_config(), load(AgentCfg, cfg_file("agent", "dagger"))
    own = {"teacher": str(teacher.path.resolve()), "checkpoint": str(teacher.checkpoint(args.checkpoint).resolve())}
    agent.algorithm |= own
    cfg.env.action = ExcitationCfg(start="reference")
    chosen = ("minutes", "iterations", "num_envs", "seed", "device", "run_name", "runs_dir")
    values = {name: getattr(args, name) for name in chosen}
    return train(teacher.task, replace(cfg, agent=agent, **values), teacher.load_clips())
