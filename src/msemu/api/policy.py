"""Trained policies."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

import torch
from tensordict import TensorDict

from msemu.analysis.rollout import record
from msemu.api.rollout import Rollout
from msemu.config import check_value
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import PRETRAINED
from msemu.motion.library.task_clips import find_clip
from msemu.motion.reference import CLIP_SPACING
from msemu.rl.assemble import open_policy
from msemu.rl.pretrained import find_run
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema.ranges import Range, Seconds, Seed
from msemu.sim import pick_device


def load_policy(
    name: str | Path, checkpoint: str = "best", device: str = "auto", seed: int = 1, runs_dir: str | Path = "runs"
) -> "Policy":
    """Load a policy that comes with msemu, or that of a run.

    Args:
        name: Folder of a run, or id of a task: the policy that comes with msemu, else the latest run in ``runs_dir``.
        checkpoint: ``best``, ``last``, or the name of a checkpoint.
        device: Where its networks are evaluated.
        seed: Seed of what is random in the environments.
        runs_dir: Where runs are.

    Raises:
        MsemuError: There is no such policy.
    """
    is_shipped = not Path(name).is_dir() and (PRETRAINED / str(name) / "config.yaml").is_file()
    check_value(Seed, seed, "load_policy: seed")
    run = find_run(str(name), Path(runs_dir), is_shipped)
    path = run.checkpoint(checkpoint)
    if not path.is_file():
        raise MsemuError(f"no checkpoint at {path}; {run.path} has best, last and those in its folder")
    return Policy(run, path, pick_device(device), seed)


class Policy:
    """A trained policy without exploration noise, and without any assistive wrench.

    Attributes:
        run: The run folder that it is from.
        task: Id of the task that it was trained on.
    """

    def __init__(self, run: RunFolder, checkpoint: Path, device: str, seed: int = 1):
        self.run = run
        self.task = run.task
        self._checkpoint = checkpoint
        self._device = device
        self._seed = seed

    def rollout(self, seconds: float | None = None, start_frame: int = 0, clip: str | None = None) -> Rollout:
        """Let the policy drive its body; a body that falls starts again.

        Args:
            seconds: How long [s]; an episode of the task by default.
            start_frame: Frame of the clip to start at.
            clip: Which one of several clips to follow, the first by default.

        Raises:
            MsemuError: There is no such clip or frame, or the time is not above 0 and at most an hour.
        """
        check_value(Seconds | None, seconds, "rollout: seconds")
        check_value(Annotated[int, Range(0, 10**9)], start_frame, "rollout: start_frame")
        env, runner = self._single
        index, followed = find_clip(env.reference.clips, clip)
        if start_frame >= followed.num_frames:
            raise MsemuError(f"start_frame is {start_frame}; the clip has the frames 0 to {followed.num_frames - 1}")
        seconds = seconds or env.cfg.env.episode_length_s
        env.max_episode_length = max(1, round(seconds * env.cfg.env.control_frequency_hz))
        start, title = index * CLIP_SPACING + start_frame, f"{self.task}  {followed.name}"
        played = record(env, runner.policy(), env.max_episode_length, title, start)
        return Rollout(**vars(played), model=env.body)

    def env(self, num_envs: int) -> MotionTrackingEnv:
        """Return environments of the policy's task, to be stepped by hand: ``env.step(policy(observations))``."""
        return self._open(num_envs)[0]

    def __call__(self, observations: TensorDict) -> torch.Tensor:
        """Return the actions for observations of `env`, shape [E, A]."""
        with torch.inference_mode():
            return self._single[1].policy()(observations)

    @cached_property
    def _single(self) -> tuple[MotionTrackingEnv, Runner]:
        return self._open(1)

    def _open(self, num_envs: int) -> tuple[MotionTrackingEnv, Runner]:
        return open_policy(self.run, self._checkpoint, num_envs, self._device, self._seed)
