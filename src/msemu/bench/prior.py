"""``msemu-bench prior``: how far an action of zero gets in each action space."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from tensordict import TensorDict

from msemu.analysis.evaluation import Evaluation, tabulate
from msemu.analysis.rollout import measure_episodes, steps_with
from msemu.bench.options import PriorBenchCfg
from msemu.bench.subject import tracking_task
from msemu.bench.timing import publish
from msemu.config import cfg_names, load_named
from msemu.console import progress, with_progress
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import load_clip
from msemu.rl.assemble import make_env
from msemu.schema import ActionCfg, RepairKind, TaskCfg

_FIGURES = (
    *("survival_time_s", "survival", "survival_from_start", "joint_angle_error_deg"),
    *("root_rotation_error_deg", "body_position_error_cm", "root_translation_error_cm"),
)


def bench_prior(args: PriorBenchCfg) -> None:
    """Measure, print and write the figures."""
    subject = PriorSubject.load(args.body, args.motion, args.body_path, args.threads, args.repair)
    found: dict[str, Evaluation] = {}
    for name in args.actions or cfg_names("action"):
        with progress(name, transient=True) as advance:
            found[name] = subject.measure(name, args.episodes, args.seconds, args.seed, advance)
    title = f"{args.body}, {args.motion}: an action of zero, {args.episodes} episodes"
    table = tabulate(found, _FIGURES, "action space", title)
    publish({name: asdict(evaluation) for name, evaluation in found.items()}, args.json, table)


@dataclass(frozen=True)
class PriorSubject:
    """A body that follows a clip.

    Attributes:
        task: Name of the task.
        cfg: Its configuration.
        body: The body.
        clip: The clip.
    """

    task: str
    cfg: TaskCfg
    body: Body
    clip: MotionClip

    @classmethod
    def load(
        cls, body: str, motion: str, body_path: Path | None = None, threads: int = 0, repair: RepairKind = "flight"
    ) -> "PriorSubject":
        """Find both by name."""
        task = tracking_task(body)
        cfg = task.load_config()
        cfg = replace(cfg, motion=motion, repair=repair, sim=replace(cfg.sim, num_threads=threads))
        loaded = load_body(body, body_path)
        return cls(task.id, cfg, loaded, with_progress(load_clip)(cfg, loaded))

    @classmethod
    def named(cls, name: str, threads: int = 0, repair: RepairKind = "flight") -> "PriorSubject":
        """Find both by ``BODY:MOTION``.

        Raises:
            MsemuError: It is no such name, or there is no such body or motion.
        """
        body, colon, motion = name.partition(":")
        if not (body and colon and motion):
            raise MsemuError(f"a subject is BODY:MOTION, such as myolegs:walk, not '{name}'")
        return cls.load(body, motion, threads=threads, repair=repair)

    def measure(
        self,
        action: str,
        episodes: int,
        seconds: float,
        seed: int = 0,
        on_step: Callable[[int, int], None] = lambda done, total: None,
    ) -> Evaluation:
        """Let an action of zero drive some episodes from evenly spaced frames of the clip."""
        joints = [self.body.joint_names[index] for index in self.body.independent_joints]
        frequency = self.cfg.env.control_frequency_hz
        steps = steps_with(self.clip, max(1, round(seconds * frequency)))
        space = load_named(ActionCfg, action)
        cfg = replace(self.cfg, num_envs=episodes)
        cfg.env = replace(cfg.env, action=space, episode_length_s=2.0 * steps / frequency)
        env = make_env(self.task, cfg, self.body, self.clip, seed)
        errors = measure_episodes(env, _Still(env, seed), steps, on_step)
        return Evaluation.of(errors, joints, frequency)


class _Still:
    """An action of zero, before whose first step the solution that a solver starts from is changed at random."""

    def __init__(self, env: MotionTrackingEnv, seed: int):
        """Take the environment; a ``seed`` of 0 changes nothing."""
        self._env, self._seed = env, seed
        self._action = torch.zeros(env.num_envs, env.num_actions, device=env.device)

    def __call__(self, observations: TensorDict) -> torch.Tensor:
        if self._seed:
            space, generator = self._env.action_space, torch.Generator().manual_seed(self._seed)
            state = space.state_dict()
            if "solution" in state:
                factor = 2.0 * torch.rand(state["solution"].shape, generator=generator, dtype=torch.float64)
                space.load_state_dict(state | {"solution": state["solution"] * factor})
            self._seed = 0
        return self._action
