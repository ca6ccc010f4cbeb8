"""What teacher and student have done in a distillation, as transitions to learn from."""

from collections.abc import Mapping
from typing import Any

import torch


def transitions_of(memory: Mapping[str, Any], widths: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """Return the columns of `Replay.fill` from the memory of a distillation.

    It holds states in the order of time, all environments one after the other. The next state of an environment is
    therefore as many rows further on as there are environments. A transition whose next state is not there, at the end
    and where time has cut an episode off, is left out.

    Args:
        memory: Its content (`msemu.rl.distillation.memory.Memory.state_dict`).
        widths: Observation groups that the student sees, in order, with their numbers of columns.
    """
    # A ring that is not full has its oldest row first, and its next one would be after the last.
    held = {name: values.roll(-memory["next"], 0) for name, values in memory.items() if name != "next"}
    env, failed, ended = (held[name].squeeze(1) for name in ("env", "failed", "ended"))
    num_envs = int(env[-1].item()) + 1
    before, after = slice(0, len(env) - num_envs), slice(num_envs, None)
    known = (env[before] == env[after]) & ((failed[before] > 0) | (ended[before] == 0))
    seen, following = (held["seen"][rows][known].split([*widths.values()], dim=1) for rows in (before, after))
    columns = {f"observations.{name}": values for name, values in zip(widths, seen, strict=True)}
    columns |= {f"next_observations.{name}": values for name, values in zip(widths, following, strict=True)}
    columns |= {"actions": held["action"][before][known], "rewards": held["reward"].squeeze(1)[before][known]}
    return columns | {"failed": failed[before][known] > 0, "ended": torch.ones_like(failed[before][known]) > 0}
