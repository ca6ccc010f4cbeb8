"""How exploration scales with the number of actions, on a planar chain."""

import contextlib
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rsl_rl.utils import resolve_callable

from msemu.analysis.planar_chain import EPISODE_STEPS, PlanarChain
from msemu.config import AgentCfg, cfg_file, load, to_dict
from msemu.errors import MsemuError

HIDDEN_DIMS = [64, 64]
"""Hidden units of every network."""
DEFINITIONS = {
    "end_effector_std": (
        "square root of the end-effector's variance (both coordinates) over 2,048 actions that the untrained policy "
        "draws in one state, the straight chain, one step each [% of the chain's length]; mean over the seeds"
    ),
    "samples_to_threshold": (
        "control steps of all chains until the policy without noise ends episodes nearer to their targets than the "
        "threshold, in the mean of 128 fixed episodes; median over the seeds, least and greatest in brackets; a run "
        "that does not get there, or whose weights become not finite, counts as more than the budget"
    ),
    "final_std": "end_effector_std of the policy at the threshold or at the end of its budget; median over the seeds",
}
"""What each figure means."""
_DRAWS = 2048
_TESTED = 128
_TEST_EVERY = 2
_TEST_SEED = 10_000


def chain_agent(name: str) -> AgentCfg:
    """An installed agent, or a YAML file, with small networks, the same for all, and the observations of the chain.

    The groups of ``dynsyn`` are those of `make_learner`. An off-policy agent begins to learn after 1,000 transitions.

    Raises:
        MsemuError: There is no such agent, or it wants a motion to imitate.
    """
    agent = load(AgentCfg, Path(name) if name.endswith(".yaml") else cfg_file("agent", name))
    if "discriminator" in agent.algorithm:
        raise MsemuError(f"a chain has no motion for the discriminator of '{name}'; choose another agent")
    agent.obs_groups = {"actor": ["state"], "critic": ["state"]}
    agent.actor["hidden_dims"] = agent.critic["hidden_dims"] = HIDDEN_DIMS
    head, algorithm = agent.actor["distribution_cfg"], agent.algorithm
    if "latent_dim" in head:
        head["latent_dim"] = HIDDEN_DIMS[-1]
    if "muscles_per_group" in head:
        algorithm["class_name"] = "msemu.rl.ppo:PPO"
    if "guidance" in algorithm:
        algorithm["guidance"]["hidden_dims"] = HIDDEN_DIMS
    if "learning_starts" in algorithm:
        algorithm["learning_starts"] = 1000
    return agent


def make_learner(agent: AgentCfg, chain: PlanarChain) -> Any:
    """Build networks and algorithm of an agent.

    Groups of actions that share noise are neighbours along the chain, since no lengths of muscles tell of others.
    """
    cfg = to_dict(agent) | {"multi_gpu": None}
    kind = resolve_callable(cfg["algorithm"]["class_name"])
    with contextlib.redirect_stdout(io.StringIO()):
        learner = kind.construct_algorithm(chain.get_observations(), chain, cfg, "cpu")
    head = learner.actor.distribution
    if hasattr(head, "membership"):
        num_groups = head.membership.shape[1]
        groups = torch.arange(chain.num_actions) * num_groups // chain.num_actions
        head.membership.copy_(torch.nn.functional.one_hot(groups, num_groups))
    learner.train_mode()
    return learner


def explored_std(actor: torch.nn.Module, num_joints: int) -> float:
    """`DEFINITIONS`: how far the end-effector is scattered by one step of a policy with its noise [chain lengths]."""
    chain = PlanarChain(_DRAWS, num_joints, _TEST_SEED)
    chain.angles = torch.zeros_like(chain.angles)
    chain.target = torch.tensor([0.7, 0.4]).expand(_DRAWS, 2)
    with torch.no_grad():
        actions = actor(chain.get_observations(), stochastic_output=True)
        chain.step(actions[:, -num_joints:])
    return chain.get_observations()["state"][:, 18:20].var(dim=0).sum().sqrt().item()


def final_distance(actor: torch.nn.Module, num_joints: int) -> float:
    """Mean distance at the end of fixed episodes of the policy without noise [chain lengths]."""
    chain = PlanarChain(_TESTED, num_joints, _TEST_SEED)
    with torch.no_grad():
        for _ in range(EPISODE_STEPS - 1):
            chain.step(actor(chain.get_observations()))
    return chain.distance().mean().item()


def measure_exploration(name: str, num_joints: int, seed: int) -> float:
    """Standard deviation of the end-effector under an untrained agent's noise [chain lengths]."""
    torch.manual_seed(seed)
    return explored_std(make_learner(chain_agent(name), PlanarChain(1, num_joints, seed)).actor, num_joints)


def measure_learning(
    name: str,
    num_joints: int,
    seed: int,
    num_envs: int,
    iterations: int,
    threshold: float,
    on_iteration: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Let an agent learn until it is as near as the threshold.

    Args:
        name: Agent of cfg/agent.
        num_joints: Joints A.
        seed: Seed of the run; the tested episodes are always the same.
        num_envs: Chains.
        iterations: Greatest number of iterations, of ``num_steps_per_env`` steps of all chains.
        threshold: Distance to reach [chain lengths].
        on_iteration: Called after each iteration.

    Returns:
        ``budget`` of control steps, ``samples`` and ``distance`` after every second iteration,
        ``samples_to_threshold`` (none if it was not reached), ``final_std``, the iteration after which a weight was not
        finite, if any (``diverged_after``), and the losses of the last iteration.
    """
    torch.manual_seed(seed)
    agent = chain_agent(name)
    chain = PlanarChain(num_envs, num_joints, seed)
    learner = make_learner(agent, chain)
    chain.episode_length_buf = torch.randint(EPISODE_STEPS, (num_envs,))
    curve: dict[str, list[float]] = {"samples": [0], "distance": [final_distance(learner.actor, num_joints)]}
    losses: dict[str, float] = {}
    scatter, diverged = float("nan"), False
    for iteration in range(1, iterations + 1):
        try:
            losses = _iterate(learner, chain, agent.num_steps_per_env)
        except RuntimeError:  # torch refuses a deviation that is not a number
            if _is_finite(learner.actor):
                raise
        on_iteration()
        diverged = not _is_finite(learner.actor)
        if diverged:
            break
        if iteration % _TEST_EVERY and iteration < iterations:
            continue
        curve["samples"].append(iteration * agent.num_steps_per_env * num_envs)
        curve["distance"].append(final_distance(learner.actor, num_joints))
        if curve["distance"][-1] < threshold or iteration == iterations:
            scatter = explored_std(learner.actor, num_joints)
            break
    return {
        "agent": name,
        "num_joints": num_joints,
        "seed": seed,
        "budget": iterations * agent.num_steps_per_env * num_envs,
        "samples_to_threshold": samples_to_threshold(curve["samples"], curve["distance"], threshold),
        "final_std": scatter,
        "diverged_after": iteration if diverged else None,
        "losses": losses,
        **curve,
    }


def samples_to_threshold(samples: list[float], distance: list[float], threshold: float) -> float | None:
    """Where a curve first passes below a threshold, by linear interpolation; none if it does not."""
    if distance[0] < threshold:
        return samples[0]
    for (before, first), (after, second) in pairwise(zip(samples, distance, strict=True)):
        if second < threshold:
            return before + (after - before) * (first - threshold) / (first - second)
    return None


def _is_finite(network: torch.nn.Module) -> bool:
    return all(bool(each.isfinite().all()) for each in network.parameters())


def _iterate(learner: Any, chain: PlanarChain, steps: int) -> dict[str, float]:
    """One iteration, on-policy or off-policy."""
    on_policy = hasattr(learner, "compute_returns")
    observations = chain.get_observations()
    for _ in range(steps):
        with torch.inference_mode(on_policy), torch.no_grad():
            observations, rewards, dones, extras = chain.step(learner.act(observations))
            learner.process_env_step(observations, rewards, dones, extras)
        if not on_policy:
            learner.update()
    if not on_policy:
        return learner.losses()
    with torch.inference_mode():
        learner.compute_returns(observations)
    return learner.update()
