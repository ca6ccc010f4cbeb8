"""From a configuration or a run folder to an environment and a runner."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rsl_rl.utils import resolve_callable

from msemu.config import TaskCfg, TrainCfg
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.library import describe_clip, obtain_clip
from msemu.motion.readers import CLIP_FORMATS, detect_format, read_clip
from msemu.registry import get_task
from msemu.rl.distributed import Team
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner


def load_clip(cfg: TaskCfg, body: Body, on_frame: Callable[[int, int], None] = lambda done, total: None) -> MotionClip:
    """Read the task's clip; a catalogue motion is fetched and retargeted when it is not in the cache.

    The motion may also be a file of joint angles for this body (msgym, .mot, poses), or ``$NAME``: the file that the
    environment variable ``NAME`` names.

    Args:
        cfg: The task.
        body: Its body.
        on_frame: Called with the number of frames done and in all while retargeting.

    Raises:
        MsemuError: No motion is named, or it cannot be had.
    """
    if not cfg.motion:
        raise MsemuError("this task needs a motion: --motion clip.npz (see: msemu-motion --help)")
    fps = cfg.env.control_frequency_hz
    motion = _named_by_variable(cfg.motion) if cfg.motion.startswith("$") else cfg.motion
    if not (motion.endswith(".npz") or Path(motion).is_file()):
        return MotionClip.load(obtain_clip(motion, body, fps=fps, on_frame=on_frame))
    path = Path(motion)
    if path.is_file() and detect_format(path) in CLIP_FORMATS:
        return describe_clip(read_clip(path, body, fps))
    return MotionClip.load(path)


def _named_by_variable(motion: str) -> str:
    variable = motion.removeprefix("$")
    if variable not in os.environ:
        raise MsemuError(
            f"this task's motion is the file that the environment variable {variable} names; set it, or give --motion"
        )
    return os.environ[variable]


def make_env(task: str, cfg: TaskCfg, body: Body, clip: MotionClip, seed: int) -> MotionTrackingEnv:
    """Build the environment of a task."""
    return resolve_callable(get_task(task).env)(cfg, body, clip, seed)


def prepare(
    task: str, cfg: TrainCfg, team: Team, find_clip: Callable[[TaskCfg, Body], MotionClip] = load_clip
) -> tuple[RunFolder, MotionTrackingEnv]:
    """Make, or open, the run folder and build this process's environment.

    Args:
        task: Id of the task.
        cfg: The run.
        team: The processes of the run; the first one makes the folder and finds the clip, the others take both from it.
        find_clip: Finds the clip of a new run.

    Raises:
        MsemuError: The configuration, the body and the clip do not fit together, or the folder cannot be used.
    """
    resumed = RunFolder.open(Path(cfg.resume)) if cfg.resume else None
    seed = team.seed(cfg.seed, resumed.next_iteration() if resumed else 0)
    torch.manual_seed(seed)
    body = load_body(cfg.body, cfg.body_path)
    own = replace(cfg, sim=replace(cfg.sim, num_threads=team.threads(cfg.sim.num_threads)))
    if not team.leads:
        run = RunFolder.open(_seen(Path(team.hear())))
        return run, make_env(task, own, body, MotionClip.load(run.clip_path), seed)
    clip = MotionClip.load(resumed.clip_path) if resumed else find_clip(cfg, body)
    env = make_env(task, own, body, clip, seed)
    run = resumed or RunFolder.create(task, cfg, body, clip)
    run.prepare()
    team.tell(str(run.path.resolve()))
    return run, env


def open_policy(
    run: RunFolder, checkpoint: Path, num_envs: int, device: str, seed: int
) -> tuple[MotionTrackingEnv, Runner]:
    """Load a trained policy beside an environment of its task.

    Args:
        run: The run.
        checkpoint: Which of its checkpoints.
        num_envs: Number of environments.
        device: Device of the networks.
        seed: Seed of the environment.
    """
    cfg: TrainCfg = replace(run.load_config(), num_envs=num_envs)
    body = load_body(cfg.body, cfg.body_path)
    env = make_env(run.task, cfg, body, MotionClip.load(run.clip_path), seed)
    runner = Runner(env, cfg.agent, None, device)
    runner.load_policy(checkpoint)
    return env, runner


def _seen(path: Path) -> Path:
    if not path.is_dir():
        raise MsemuError(
            f"{socket.gethostname()} does not see {path}; put --runs-dir on a disk that all machines share"
        )
    return path
