"""How exploration and learning scale with the number of actions, on a planar chain."""

from collections.abc import Callable
from typing import Any

import torch

from explore.learning_protocol import bench_agent, learn, make_learner, samples_to_threshold
from explore.planar_chain import EPISODE_STEPS, PlanarChain

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


def explored_std(actor: torch.nn.Module, num_joints: int) -> float:
    """`DEFINITIONS`: how far the end-effector is scattered by one step of a policy with its noise [chain lengths]."""
    chain = PlanarChain(_DRAWS, num_joints, _TEST_SEED)
    chain.angles = torch.zeros_like(chain.angles)
    chain.target = torch.tensor([0.7, 0.4]).expand(_DRAWS, 2)
    with torch.no_grad():
        actions = actor(chain.get_observations(), stochastic_output=True)
        chain.step(actions[:, -num_joints:])
    return chain.end_effector().var(dim=0).sum().sqrt().item()


def final_distance(actor: torch.nn.Module, num_joints: int) -> float:
    """Mean distance at the end of fixed episodes of the policy without noise [chain lengths]."""
    chain = PlanarChain(_TESTED, num_joints, _TEST_SEED)
    with torch.no_grad():
        for _ in range(EPISODE_STEPS - 1):
            chain.step(actor(chain.get_observations()))
    return chain.distance().mean().item()


def measure_exploration(name: str, num_joints: int, seed: int) -> float:
    """Return the standard deviation of the end-effector under an untrained agent's noise [chain lengths]."""
    torch.manual_seed(seed)
    return explored_std(make_learner(bench_agent(name), PlanarChain(1, num_joints, seed)).actor, num_joints)


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
        What `learn` gives, the error being ``distance``; ``samples_to_threshold`` (none if it was not reached) and
        ``final_std``, not a number where a weight is not.
    """
    torch.manual_seed(seed)
    agent = bench_agent(name)
    chain = PlanarChain(num_envs, num_joints, seed)
    learner = make_learner(agent, chain)

    def test() -> float:
        return final_distance(learner.actor, num_joints)

    steps = agent.num_steps_per_env
    run = learn(learner, chain, steps, iterations, test, _TEST_EVERY, threshold, on_iteration)
    run["distance"] = run.pop("error")
    diverged = run["diverged_after"] is not None
    return {
        "agent": name,
        "num_joints": num_joints,
        "seed": seed,
        "samples_to_threshold": samples_to_threshold(run["samples"], run["distance"], threshold),
        "final_std": float("nan") if diverged else explored_std(learner.actor, num_joints),
        **run,
    }
