"""The memory of an algorithm beside its newest checkpoint, and what a new run takes from the memory of another one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.rl.checkpoints import checkpoint
from msemu.rl.memory.transitions import transitions_of
from msemu.rl.run_folder import RunFolder

REPLAY_FILE = "replay.pt"
"""File of a run folder with the memory of the newest checkpoint."""


def keep(replay: Any, folder: Path, iteration: int) -> None:
    """Write a memory, which is that of the checkpoint of an iteration."""
    checkpoint.write(folder / REPLAY_FILE, {"iter": iteration, "replay": replay.state_dict()})


def restore(replay: Any, folder: Path, iteration: int, num_envs: int, device: str) -> bool:
    """Give a memory what a folder keeps; say whether that is of this iteration and of as many environments."""
    file = folder / REPLAY_FILE
    if not file.is_file():
        return False
    content = checkpoint.read(file, device)
    if content["iter"] != iteration or not replay.fits(content["replay"], num_envs):
        return False
    replay.load_state_dict(content["replay"])
    return True


def fill(replay: Any, run: RunFolder, env: MotionTrackingEnv, groups: Iterable[str], device: str) -> str:
    """Fill a memory with the transitions that a run remembers; say why there are none to take, if so.

    Args:
        replay: The memory.
        run: Run of a distillation.
        env: Environment of the new run.
        groups: Observations that the memory holds.
        device: Where it lies.
    """
    file, own = run.path / REPLAY_FILE, run.load_config()
    if not file.is_file():
        return "has no memory"
    if (own.env.rewards, own.env.fall_value) != (env.cfg.env.rewards, env.cfg.env.fall_value):
        return "was rewarded otherwise"
    memory: Mapping[str, Any] = checkpoint.read(file, device)["replay"]
    if not hasattr(replay, "fill"):
        return "remembers what its own teacher said"
    if memory.get("action") is None:
        return "remembers no actions"
    seen = env.get_observations()
    widths = {name: seen[name].shape[1] for name in own.agent.obs_groups["actor"]}
    if widths.keys() != {*groups}:
        return "remembers other observations"
    replay.fill(transitions_of(memory, widths))
    return ""
