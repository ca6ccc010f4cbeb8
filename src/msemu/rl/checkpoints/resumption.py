"""What of a checkpoint goes on in a run: random numbers, episodes, optimizers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from msemu.errors import MsemuError

OF_EPISODES = {"logger": ("cur_reward_sum", "cur_episode_length"), "discriminator": ("window", "frame")}
"""Entries of a checkpoint's parts that belong to the episodes under way, as do its environments and regularizers."""


def random_state() -> dict[str, Any]:
    """Return the state of torch's random numbers."""
    state = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Go on with the random numbers of `random_state`."""
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())


def why_episodes_end(own: dict[str, Any], state: dict[str, Any]) -> str:
    """Say why the episodes of a checkpoint cannot go on here; nothing where they can, or where it is damaged."""
    env, wanted = state.get("env"), own["env"]
    if not (isinstance(env, dict) and isinstance(state.get("logger"), dict)):
        return ""
    frames = env.get("frame")
    if not isinstance(frames, torch.Tensor) or frames.dtype != wanted["frame"].dtype or frames.dim() != 1:
        return ""
    if len(frames) != len(wanted["frame"]):
        return f"holds {len(frames)} environments, not {len(wanted['frame'])}"
    is_foreign = any(
        name.startswith("sim.") and not name.startswith("sim.muscle.") for name in env.keys() - wanted.keys()
    )
    return "is of another engine" if is_foreign else ""


def with_episodes_of(own: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's content with the episodes of another content, where its own cannot go on."""
    if not why_episodes_end(own, state):
        return state
    env = state["env"]
    statistics = {name: value for name, value in env.items() if name.startswith("sampler.")}
    episodes = {
        part: state[part] | {name: own[part][name] for name in names if name in own[part]}
        for part, names in OF_EPISODES.items()
        if part in own and isinstance(state.get(part), dict)
    }
    memories = {part: own[part] for part in ("regularizers",) if part in own}
    return state | episodes | memories | {"env": own["env"] | statistics}


def check_optimizers(algorithm: Any, path: Path | str) -> None:
    """Refuse what an optimizer remembers of a parameter of another shape: torch finds out in the first step only."""
    wrong = [
        f"{name}.state.{index}.{key}"
        for name, optimizer in _optimizers(algorithm)
        for index, (parameter, state) in enumerate(optimizer.state.items())
        for key, value in state.items()
        if not isinstance(value, torch.Tensor) or value.shape not in (parameter.shape, torch.Size())
    ]
    if wrong:
        raise MsemuError(
            f"{path} belongs to another network, or is damaged: {', '.join(wrong)}; use another checkpoint"
        )


def _optimizers(algorithm: Any) -> Iterator[tuple[str, torch.optim.Optimizer]]:
    """Optimizers of an algorithm and of its parts, by where they are."""
    for name, part in vars(algorithm).items():
        within = part if isinstance(part, dict) else getattr(part, "__dict__", {})
        for key, value in {name: part, **{f"{name}.{key}": value for key, value in within.items()}}.items():
            if isinstance(value, torch.optim.Optimizer):
                yield key, value


def misfit(path: Path | str, error: Exception) -> MsemuError:
    """Return the error of a checkpoint whose parts do not fit."""
    return MsemuError(
        f"{path} belongs to another body, network or number of environments ({str(error).splitlines()[-1].strip()})"
    )
