"""``msemu-bench prior``: how far an action of zero gets in each action space."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.table import Table

from msemu.cli.bench_options import require_positive, tracking_task
from msemu.config import cfg_names, load_named
from msemu.console import load_motion, progress, require_seconds, write_json
from msemu.schema import ActionCfg

if TYPE_CHECKING:
    from msemu.analysis.evaluation import Evaluation


@dataclass
class PriorBench:
    """How far an action of zero gets: what each action space does before anything is learned.

    One episode starts at each of evenly spaced frames of the motion. Errors are means over the time before a failure.
    """

    body: str = "myolegs"
    """Body, in its tracking task."""
    body_path: str | None = None
    """Folder of the body's model."""
    motion: str = "walk"
    """Motion of the catalogue, or path of a clip."""
    actions: tuple[str, ...] = ()
    """Action spaces: files in cfg/action or YAML files of your own; all of cfg/action by default."""
    episodes: int = 63
    """Number of episodes."""
    seconds: float = 10.0
    """Length of an episode [s]."""
    json: Path | None = None
    """File to write the figures to."""


def bench_prior(args: PriorBench) -> None:
    """Measure, print and write the figures."""
    from msemu.analysis.evaluation import Evaluation
    from msemu.analysis.rollout import measure_episodes, steps_with
    from msemu.models import load_body
    from msemu.rl.assemble import make_env

    require_positive(episodes=args.episodes)
    require_seconds(args.seconds)
    task = tracking_task(args.body)
    cfg = task.load_config()
    cfg.motion, cfg.num_envs, cfg.env.episode_length_s = args.motion, args.episodes, 2.0 * args.seconds
    body = load_body(args.body, args.body_path)
    clip = load_motion(cfg, body)
    joints = [body.joint_names[index] for index in body.independent_joints]
    frequency = cfg.env.control_frequency_hz
    steps = steps_with(clip, max(1, round(args.seconds * frequency)))
    found: dict[str, Evaluation] = {}
    for name in args.actions or cfg_names("action"):
        cfg.env.action = load_named(ActionCfg, name)
        env = make_env(task.id, cfg, body, clip, seed=0)
        still = torch.zeros(env.num_envs, env.num_actions, device=env.device)
        with progress(name, transient=True) as advance:
            errors = measure_episodes(env, lambda _, still=still: still, steps, advance)
        found[name] = Evaluation.of(errors, joints, frequency)
    Console().print(_table(found, f"{args.body}, {args.motion}: an action of zero, {args.episodes} episodes"))
    if args.json:
        write_json(args.json, {name: asdict(evaluation) for name, evaluation in found.items()})


def _table(found: "dict[str, Evaluation]", title: str) -> Table:
    table = Table("action space", title=title)
    columns = {
        "time before a failure [s]": "survival_time_s",
        "survival [%]": "survival",
        "joint angles [deg]": "joint_angle_error_deg",
        "root [deg]": "root_rotation_error_deg",
        "body [cm]": "body_position_error_cm",
        "root [cm]": "root_translation_error_cm",
    }
    for label in columns:
        table.add_column(label, justify="right")
    for name, evaluation in found.items():
        values = [getattr(evaluation, figure) * (100.0 if figure == "survival" else 1.0) for figure in columns.values()]
        table.add_row(name, *(f"{value:.2f}" for value in values))
    return table
