"""The networks of an algorithm that learns from a memory, and a step of the optimizer of one."""

from typing import Any

import torch
from rsl_rl.env import VecEnv
from rsl_rl.utils import resolve_class, resolve_obs_groups
from tensordict import TensorDict


def make_networks(obs: TensorDict, env: VecEnv, cfg: dict, device: str, critic_outputs: int) -> tuple[Any, Any]:
    """Make the policy and the critic of an agent, from the values that rsl-rl's runner hands on."""
    actor_class, actor_cfg = resolve_class(cfg["actor"])
    critic_class, critic_cfg = resolve_class(cfg["critic"])
    groups = resolve_obs_groups(obs, cfg["obs_groups"], ["actor", "critic"])
    actor = actor_class(obs, groups, "actor", env.num_actions, **actor_cfg).to(device)
    return actor, critic_class(obs, groups, "critic", critic_outputs, **critic_cfg).to(device)


def step_if_finite(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> torch.Tensor:
    """Do a step of a fused optimizer unless the gradient is not finite; return 1, on the device, if it was left out."""
    parameters = optimizer.param_groups[0]["params"]
    gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    # torch's fused optimizers ask this flag on the device; mixed precision uses it in the same way.
    skipped = (~torch.nn.utils.get_total_norm(gradients).isfinite()).float()
    optimizer.found_inf = skipped  # type: ignore[attr-defined]  # torch does not declare it
    optimizer.step()
    return skipped
