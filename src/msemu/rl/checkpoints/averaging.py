"""The mean of the policies that a training has been through.

Each update moves a policy by what its rollout happened to be; the mean of many forgets that (Polyak and Juditsky 1992,
doi 10.1137/0330046; of networks: Izmailov et al. 2018, arXiv:1803.05407). Figures: docs/lab/learning/training.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msemu.rl.checkpoints import checkpoint


def averaged_policy(paths: Sequence[Path]) -> dict[str, Any]:
    """Return what a policy needs, see `checkpoint.policy_of`, with the mean of the networks of some checkpoints.

    All else, and what is no floating-point number, is that of the last one.

    Raises:
        MsemuError: One is damaged, or of another network than the last.
    """
    last = checkpoint.policy_of(checkpoint.read(paths[-1], "cpu"))
    networks = last["actor_state_dict"]

    def examine(found: dict[str, Any]) -> list[str]:
        return checkpoint.differences({"actor": found["actor_state_dict"]}, {"actor": networks})

    total = {name: value.double() for name, value in networks.items() if value.is_floating_point()}
    for path in paths[:-1]:
        found = checkpoint.read(path, "cpu", examine)["actor_state_dict"]
        total = {name: value + found[name].double() for name, value in total.items()}
    mean = {name: (value / len(paths)).to(networks[name].dtype) for name, value in total.items()}
    return last | {"actor_state_dict": type(networks)({**networks, **mean})}


def since(paths: Sequence[Path], iteration: int | None) -> list[Path]:
    """Return the checkpoints, oldest first, from an iteration on; by default those of the last three quarters."""
    first = checkpoint.iteration_of(paths[-1]) / 4.0 if iteration is None else iteration
    return [path for path in paths if checkpoint.iteration_of(path) >= first]
