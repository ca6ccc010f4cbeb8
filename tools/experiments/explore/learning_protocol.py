"""How the agents of the exploration benchmark learn: small networks, equal samples, tests without noise."""

import contextlib
import io
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rsl_rl.env import VecEnv

from msemu.config import cfg_file, load
from msemu.errors import MsemuError
from msemu.rl.runner import with_classes
from msemu.schema import AgentCfg

HIDDEN_DIMS = [64, 64]
"""Hidden units of every network."""


def bench_agent(name: str) -> AgentCfg:
    """Load an agent, installed or a YAML file, with the same small networks for all and one group of observations.

    The groups of ``dynsyn`` are those of `make_learner`. An off-policy agent begins to learn after 1,000 transitions.

    Raises:
        MsemuError: There is no such agent, or it wants a motion to imitate.
    """
    agent = load(AgentCfg, Path(name) if name.endswith(".yaml") else cfg_file("agent", name))
    if "discriminator" in agent.algorithm:
        raise MsemuError(f"nothing here moves by a clip, for the discriminator of '{name}'; choose another agent")
    agent.obs_groups = {"actor": ["state"], "critic": ["state"]}
    agent.actor["hidden_dims"] = agent.critic["hidden_dims"] = HIDDEN_DIMS
    head, algorithm = agent.actor["distribution_cfg"], agent.algorithm
    if "latent_dim" in head:
        head["latent_dim"] = HIDDEN_DIMS[-1]
    if "muscles_per_group" in head:
        algorithm["class_name"] = "ppo"
    if "guidance" in algorithm:
        algorithm["guidance"]["hidden_dims"] = HIDDEN_DIMS
    if "learning_starts" in algorithm:
        algorithm["learning_starts"] = 1000
    return agent


def make_learner(agent: AgentCfg, env: VecEnv) -> Any:
    """Build networks and algorithm of an agent; which actions share noise is the environment's ``action_groups``."""
    cfg = with_classes(agent) | {"multi_gpu": None}
    kind = cfg["algorithm"]["class_name"]
    with contextlib.redirect_stdout(io.StringIO()):
        learner = kind.construct_algorithm(env.get_observations(), env, cfg, "cpu")
    head = learner.actor.distribution
    if hasattr(head, "membership"):
        num_groups = head.membership.shape[1]
        groups = env.action_groups(num_groups)
        head.membership.copy_(torch.nn.functional.one_hot(groups.long(), num_groups))
    learner.train_mode()
    return learner


def learn(
    learner: Any,
    env: VecEnv,
    steps: int,
    iterations: int,
    test: Callable[[], float],
    test_every: int,
    stop_below: float,
    on_iteration: Callable[[], None],
) -> dict[str, Any]:
    """Let an agent learn, and test it as it goes.

    Args:
        learner: From `make_learner`.
        env: The environment; the first episodes begin somewhere in their course.
        steps: Steps of every iteration.
        iterations: Greatest number of iterations.
        test: Error of the policy without noise.
        test_every: Iterations between two tests.
        stop_below: Error at which learning stops.
        on_iteration: Called after each iteration.

    Returns:
        ``budget`` of control steps; ``samples``, ``error`` and ``cpu_s``, the processor's time for stepping and
        learning until then [s], of each test; the iteration after which a weight was not finite, if any
        (``diverged_after``); and the ``losses`` of the last iteration.
    """
    env.episode_length_buf = torch.randint(env.max_episode_length, (env.num_envs,))
    curve: dict[str, list[float]] = {"samples": [0], "error": [test()], "cpu_s": [0.0]}
    losses: dict[str, float] = {}
    diverged, cpu = False, 0.0
    for iteration in range(1, iterations + 1):
        began = time.process_time()
        try:
            losses = _iterate(learner, env, steps)
        except RuntimeError:  # torch refuses a deviation that is not a number
            if _is_finite(learner.actor):
                raise
        cpu += time.process_time() - began
        on_iteration()
        diverged = not _is_finite(learner.actor)
        if diverged:
            break
        if iteration % test_every and iteration < iterations:
            continue
        curve["samples"].append(iteration * steps * env.num_envs)
        curve["error"].append(test())
        curve["cpu_s"].append(cpu)
        if curve["error"][-1] < stop_below:
            break
    return {
        "budget": iterations * steps * env.num_envs,
        "diverged_after": iteration if diverged else None,
        "losses": losses,
        **curve,
    }


def samples_to_threshold(samples: list[float], error: list[float], threshold: float) -> float | None:
    """Where a curve first passes below a threshold, by linear interpolation; none if it does not."""
    if error[0] < threshold:
        return samples[0]
    for (before, first), (after, second) in pairwise(zip(samples, error, strict=True)):
        if second < threshold:
            return before + (after - before) * (first - threshold) / (first - second)
    return None


def _is_finite(network: torch.nn.Module) -> bool:
    return all(bool(each.isfinite().all()) for each in network.parameters())


def _iterate(learner: Any, env: VecEnv, steps: int) -> dict[str, float]:
    """One iteration, on-policy or off-policy."""
    on_policy = hasattr(learner, "compute_returns")
    observations = env.get_observations()
    for _ in range(steps):
        with torch.inference_mode(on_policy), torch.no_grad():
            observations, rewards, dones, extras = env.step(learner.act(observations))
            learner.process_env_step(observations, rewards, dones, extras)
        if not on_policy:
            learner.update()
    if not on_policy:
        return learner.losses()
    with torch.inference_mode():
        learner.compute_returns(observations)
    return learner.update()
