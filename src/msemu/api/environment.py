"""Environments by the id of a task."""

from pathlib import Path
from typing import Any

from msemu.config import build, check_value
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models.loader import load_body
from msemu.motion.library.task_clips import load_clips
from msemu.registry import get_task
from msemu.rl.assemble import make_env
from msemu.schema import TaskCfg
from msemu.schema.ranges import Seed


def make(task: str, num_envs: int | None = None, *, seed: int = 1, **overrides: Any) -> MotionTrackingEnv:
    """Build the environment of a task: ``env = msemu.make("Msemu-Walk-MyoLegs-v0", num_envs=64)``.

    Args:
        task: Id of a task, see ``msemu-train --list``.
        num_envs: Number of environments; the task's own by default.
        seed: Seed of starts, delays and noise.
        **overrides: Fields of `msemu.schema.TaskCfg` over the task's values, nested ones as mappings, parts by name:
            ``sim={"engine": "warp"}, env={"action": "joint", "episode_length_s": 2.0}, motion="run"``.

    Returns:
        The environment; ``step`` takes actions [num_envs, num_actions] and gives observations, rewards, dones, extras.

    Raises:
        MsemuError: The task or a value is unknown, or body and motion cannot be had.
    """
    cfg = task_cfg(task, num_envs, overrides)
    check_value(Seed, seed, f"{task}: seed")
    body = load_body(cfg.body, cfg.body_path)
    return make_env(task, cfg, body, load_clips(cfg, body), seed)


def task_cfg(task: str, num_envs: int | None, overrides: dict[str, Any]) -> TaskCfg:
    """Return the values of a task, with those of ``overrides`` over them."""
    own = {"num_envs": num_envs} if num_envs is not None else {}
    values = {name: str(value) if isinstance(value, Path) else value for name, value in overrides.items()}
    return build(TaskCfg, values | own, task, get_task(task, values.get("body", "")).load_config())
