"""The environments that a search simulates in, of the tracking task of a body."""

from dataclasses import dataclass, replace
from pathlib import Path

from msemu.analysis.rollout import steps_with
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.strength.sets import multiplied, with_strength
from msemu.motion.clip import MotionClip
from msemu.registry import TaskSpec, find_body, get_task
from msemu.schema import ActionCfg, AssistCfg, ControllerCfg, JointCfg, TaskCfg

_ALWAYS = 10**9
_LOOP_S = 10.0
"""How much is followed of a clip that repeats [s]."""
_ASSIST_HZ = 1.0
"""Frequency of the whole body on the spring that helps its root [Hz]."""


@dataclass(frozen=True)
class Condition:
    """Under which conditions a clip is followed; as they are by default.

    Attributes:
        strength: Factor of all muscles' forces [-].
        strength_set: Name of a set of strength.
        speed: Speed at which the clip is played [-].
        gravity: Factor of gravity [-].
        assist_bw: Greatest force that helps the root [body weights], see `msemu.envs.assist`.
    """

    strength: float = 1.0
    strength_set: str = "own"
    speed: float = 1.0
    gravity: float = 1.0
    assist_bw: float = 0.0

    @property
    def aids(self) -> str:
        """What makes it easier than it is for a body; empty for nothing."""
        return "" if replace(self, strength_set="own") == Condition() else str(self)

    def strengthened(self, body: Body) -> Body:
        """Return a body with this strength."""
        return multiplied(with_strength(body, self.strength_set), self.strength)

    def __str__(self) -> str:
        """Say what is not as it is."""
        text = f"strength {self.strength:g} ({self.strength_set})"
        text += f", speed {self.speed:g}" * (self.speed != 1.0) + f", gravity {self.gravity:g}" * (self.gravity != 1.0)
        return text + f", root assisted by up to {self.assist_bw:g} body weights" * (self.assist_bw != 0.0)


def steps_of(clip: MotionClip, cfg: TaskCfg, seconds: float | None) -> int:
    """Return how many control steps of a clip are followed: all of it by default, and 10 s of one that repeats."""
    seconds = seconds or (_LOOP_S if clip.cyclic else clip.duration_s)
    return steps_with(clip, max(1, round(seconds * cfg.env.control_frequency_hz)))


def tracking_task(body: str, motion: str) -> TaskSpec:
    """Return the tracking task of a body with a motion: those of the catalogue's have tasks of their own.

    Raises:
        MsemuError: There is no such body.
    """
    title = find_body(body).title
    word = "".join(part.capitalize() for part in motion.split("_"))
    try:
        return get_task(f"Msemu-{word}-{title}-v0", body)
    except MsemuError:
        return get_task(f"Msemu-Track-{title}-v0", body)


def tracking_cfg(body: str, motion: str, body_path: Path | None = None) -> TaskCfg:
    """Return the values of `tracking_task`."""
    cfg = tracking_task(body, motion).load_config()
    return replace(cfg, body=body, body_path=str(body_path) if body_path else None, motion=motion)


def controller_of(task: TaskSpec, objective: str = "acceleration") -> ControllerCfg:
    """Return the muscle controller that a task is learned with, or the usual one; it minimizes an ``objective``."""
    action = task.load_training().env.action
    found = action.controller if isinstance(action, JointCfg) else ControllerCfg()
    return replace(found, decoder=replace(found.decoder, objective=objective))


def make_env(
    cfg: TaskCfg, body: Body, clip: MotionClip, num_envs: int, condition: Condition, action: ActionCfg, seed: int
) -> MotionTrackingEnv:
    """Make environments without observations and rewards, whose episodes end with the clip or a failure."""
    muscle = replace(cfg.sim.muscle, strength_set=condition.strength_set)
    assist = AssistCfg(condition.assist_bw, _ASSIST_HZ, fade_begin=_ALWAYS, fade_end=_ALWAYS)
    env = replace(cfg.env, action=action, assist=assist, observations={}, rewards={}, episode_length_s=3600.0)
    cfg = replace(cfg, num_envs=num_envs, sim=replace(cfg.sim, muscle=muscle, engine="mujoco", device="cpu"), env=env)
    strong = condition.strengthened(body)
    if condition.gravity != 1.0:
        strong = strong.under(condition.gravity * strong.model.opt.gravity)
    return MotionTrackingEnv(cfg, strong, clip, seed)
