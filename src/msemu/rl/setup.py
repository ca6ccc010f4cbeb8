"""From a configuration or a run folder to an environment and a runner."""

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
from msemu.motion.library import obtain_clip
from msemu.registry import get_task
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner


def pick_device(name: str) -> str:
    """Resolve ``auto`` and check that the device is there.

    Raises:
        MsemuError: The device is unknown or absent.
    """
    if name == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise MsemuError(f"unknown device '{name}'; use cpu, cuda or auto") from None
    if device.type not in ("cpu", "cuda"):
        raise MsemuError(f"msemu does not run on '{name}'; use cpu, cuda or auto")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise MsemuError("no CUDA device here, or torch was built without CUDA; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise MsemuError(f"there are {torch.cuda.device_count()} CUDA devices, so no '{name}'")
        return f"cuda:{device.index or 0}"
    return name


def load_clip(cfg: TaskCfg, body: Body, on_frame: Callable[[int, int], None] = lambda done, total: None) -> MotionClip:
    """Read the task's clip; a catalogue motion is fetched and retargeted when it is not in the cache.

    Args:
        cfg: The task.
        body: Its body.
        on_frame: Called with the number of frames done and in all while retargeting.

    Raises:
        MsemuError: No motion is named, or it cannot be had.
    """
    if not cfg.motion:
        raise MsemuError("this task needs a motion: --motion clip.npz (see: msemu-motion --help)")
    is_file = cfg.motion.endswith(".npz") or Path(cfg.motion).is_file()
    path = (
        Path(cfg.motion)
        if is_file
        else obtain_clip(cfg.motion, body, fps=cfg.env.control_frequency_hz, on_frame=on_frame)
    )
    return MotionClip.load(path)


def make_env(task: str, cfg: TaskCfg, body: Body, clip: MotionClip, seed: int) -> MotionTrackingEnv:
    """Build the environment of a task."""
    return resolve_callable(get_task(task).env)(cfg, body, clip, seed)


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
