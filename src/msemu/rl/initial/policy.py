"""The policy of one agent as that of another: the same actions, whatever carries the noise."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from rsl_rl.models import MLPModel
from torch import nn

from msemu.errors import MsemuError
from msemu.rl.heads import head_name

_SOURCE = "GaussianDistribution"
"""Head whose policy starts those of other heads: its network puts out the mean action."""


def take_over(actor: MLPModel, found: Mapping[str, Any], path: str) -> None:
    """Give a policy the actions, the noise and the observation statistics of the one in a checkpoint's content.

    One of the same head is taken whole. A Gaussian one starts also those whose head has ``take_over(last, mean, std)``,
    which fills the last layer of the network.

    Raises:
        MsemuError: It acts or observes otherwise, or its head starts no other.
    """
    state, head = found["actor_state_dict"], found.get("head")
    if head in (None, head_name(actor)):
        _load(actor, state, path)
        return
    filler = getattr(actor.distribution, "take_over", None)
    if head != _SOURCE or filler is None:
        raise MsemuError(
            f"{path} holds a policy with the action head {head}, which does not start one with {head_name(actor)};"
            f" a {_SOURCE} starts ppo, add, amp, flow, flow_guided, lattice, dynsyn, crossq and qflex"
        )
    network = getattr(actor.mlp, "first", actor.mlp)  # `FlowActor` has a second one, for its velocity
    *hidden, last = [layer for layer in network if isinstance(layer, nn.Linear)]
    places = sorted({int(name.split(".")[1]) for name in state if name.startswith("mlp.")})
    layers = [(state[f"mlp.{place}.weight"], state[f"mlp.{place}.bias"]) for place in places]
    *shapes, shape = [weight.shape for weight, _ in layers]
    num_actions = actor.distribution.output_dim
    if [layer.weight.shape for layer in hidden] != shapes or shape != (num_actions, last.in_features):
        raise _misfit(path, f"its layers are {[*map(tuple, shapes), tuple(shape)]}")
    with torch.no_grad():
        for layer, (weight, bias) in zip(hidden, layers, strict=False):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        filler(last, layers[-1], _std(state))
    statistics = {name.partition(".")[2]: value for name, value in state.items() if name.startswith("obs_normalizer.")}
    actor.obs_normalizer.load_state_dict(statistics)


def take_over_critic(critic: nn.Module, found: Mapping[str, Any]) -> bool:
    """Give a critic the values of the one in a checkpoint's content, where it is of the same shape; say whether."""
    state, own = found.get("critic_state_dict"), critic.state_dict()
    if state is None or {name: value.shape for name, value in state.items()} != {
        name: value.shape for name, value in own.items()
    }:
        return False
    critic.load_state_dict(state)
    return True


def see_last_inputs(found: Any, own: dict[str, Any], count: int) -> None:
    """Give parameters of a checkpoint that lack the last ``count`` inputs those of a new network, weighted 0."""
    for key, value in own.items():
        old = found.get(key) if isinstance(found, dict) else None
        if isinstance(old, torch.Tensor) and old.dim() == 2 and value.shape == (len(old), old.shape[1] + count):
            added = value[:, old.shape[1] :].to(old)
            found[key] = torch.cat((old, 0.0 * added if key.endswith("weight") else added), 1)


def _std(state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Noise of a Gaussian in a state, shape [A]."""
    if (log_std := state.get("distribution.log_std_param")) is not None:
        return log_std.exp()
    return state["distribution.std_param"]


def _load(actor: MLPModel, state: Mapping[str, torch.Tensor], path: str) -> None:
    try:
        actor.load_state_dict(cast(dict[str, Any], state))
    except RuntimeError as error:
        raise _misfit(path, str(error).splitlines()[-1].strip()) from error


def _misfit(path: str, why: str) -> MsemuError:
    return MsemuError(
        f"{path} holds a policy of another body, or of other observations ({why}); start from a run of the same body,"
        " and leave env.observations as they were there"
    )
