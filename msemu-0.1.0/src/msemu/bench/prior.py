"""``msemu-bench prior``: how far an action of zero gets in each action space."""

from dataclasses import asdict

import torch

from msemu.analysis.evaluation import Evaluation, tabulate
from msemu.analysis.rollout import measure_episodes, steps_with
from msemu.bench.options import PriorBenchCfg
from msemu.bench.subject import tracking_task
from msemu.bench.timing import publish
from msemu.config import cfg_names, load_named
from msemu.console import progress, with_progress
from msemu.models import load_body
from msemu.motion.library.task_clips import load_clip
from msemu.rl.assemble import make_env
from msemu.schema import ActionCfg

_FIGURES = (
    *("survival_time_s", "survival", "survival_from_start", "joint_angle_error_deg"),
    *("root_rotation_error_deg", "body_position_error_cm", "root_translation_error_cm"),
)


def bench_prior(args: PriorBenchCfg) -> None:
    """Measure, print and write the figures."""
    task = tracking_task(args.body)
    cfg = task.load_config()
    cfg.motion, cfg.num_envs, cfg.env.episode_length_s = args.motion, args.episodes, 2.0 * args.seconds
    body = load_body(args.body, args.body_path)
    clip = with_progress(load_clip)(cfg, body)
    joints = [body.joint_names[index] for index in body.independent_joints]
    frequency = cfg.env.control_frequency_hz
    steps = steps_with(clip, max(1, round(args.seconds * frequency)))
    found: dict[str, Evaluation] = {}
    for name in args.actions or cfg_names("action"):
        cfg.env.action = load_named(ActionCfg, name)
        env = make_env(task.id, cfg, body, clip, seed=0)
        still = torch.zeros(env.num_envs, env.num_actions, device=env.device)
        with progress(name, transient=True) as advance:
            errors = measure_episodes(env, lambda _: still, steps, advance)  # noqa: B023  (called in this round only)
        found[name] = Evaluation.of(errors, joints, frequency)
    title = f"{args.body}, {args.motion}: an action of zero, {args.episodes} episodes"
    table = tabulate(found, _FIGURES, "action space", title)
    publish({name: asdict(evaluation) for name, evaluation in found.items()}, args.json, table)
