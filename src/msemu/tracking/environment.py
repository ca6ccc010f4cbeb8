"""The environments that a search simulates in, of the tracking task of a body."""

from dataclasses import dataclass, replace
from pathlib import Path

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.strength.sets import multiplied, with_strength
from msemu.motion.clip import MotionClip
from msemu.registry import find_body, get_task
from msemu.schema import ActionCfg, TaskCfg


@dataclass(frozen=True)
class Condition:
    """How strong the body is.

    Attributes:
        strength: Factor of all muscles' forces [-].
        strength_set: Name of a set of strength.
    """

    strength: float = 1.0
    strength_set: str = "own"


def tracking_cfg(body: str, motion: str, body_path: Path | None = None) -> TaskCfg:
    """Return the values of the tracking task of a body with a motion: those of the catalogue's have tasks of their own.

    Raises:
        MsemuError: There is no such body.
    """
    title = find_body(body).title
    word = "".join(part.capitalize() for part in motion.split("_"))
    try:
        task = get_task(f"Msemu-{word}-{title}-v0", body)
    except MsemuError:
        task = get_task(f"Msemu-Track-{title}-v0", body)
    return replace(task.load_config(), body=body, body_path=str(body_path) if body_path else None, motion=motion)


def make_env(
    cfg: TaskCfg, body: Body, clip: MotionClip, num_envs: int, condition: Condition, action: ActionCfg, seed: int
) -> MotionTrackingEnv:
    """Make environments without observations and rewards, whose episodes end with the clip or a failure."""
    muscle = replace(cfg.sim.muscle, strength_set=condition.strength_set)
    env = replace(cfg.env, action=action, observations={}, rewards={}, episode_length_s=3600.0)
    cfg = replace(cfg, num_envs=num_envs, sim=replace(cfg.sim, muscle=muscle, engine="mujoco", device="cpu"), env=env)
    strong = multiplied(with_strength(body, condition.strength_set), condition.strength)
    return MotionTrackingEnv(cfg, strong, clip, seed)
