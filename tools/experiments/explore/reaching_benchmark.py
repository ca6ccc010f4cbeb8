"""How fast agents learn to reach for postures with few and with many muscles."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from explore.learning_protocol import bench_agent, learn, make_learner, samples_to_threshold
from explore.posture_reaching import EPISODE_STEPS, PostureReaching

REACHING_DEFINITIONS = {
    "error_deg": (
        "mean absolute error of the independent joints over the last quarter of 64 fixed episodes of 1 s, policy "
        "without noise [degrees]; median over the seeds, least and greatest in brackets"
    ),
    "blind_deg": (
        "error_deg of the one posture that suits the targets best, their median: what a policy reaches at best that "
        "does not look at the target [degrees]"
    ),
    "samples_to_blind": (
        "control steps of all bodies until error_deg is below blind_deg; a run that does not get there, or whose "
        "weights become not finite, counts as more than the budget"
    ),
    "cpu_s": "time of the processor for stepping and learning, without the tests; it varies with the load [s]",
}
"""What each figure means."""
_TESTED = 64
_TEST_EVERY = 10
_TEST_SEED = 10_000


def blind_error(bodies: PostureReaching) -> float:
    """`REACHING_DEFINITIONS`: error of the median of the present targets [degrees]."""
    targets = bodies.target[:, bodies.joints].numpy()
    return float(np.rad2deg(np.abs(targets - np.median(targets, axis=0)).mean()))


def late_error(actor: torch.nn.Module, bodies: PostureReaching) -> float:
    """`REACHING_DEFINITIONS`: error of the policy without noise in the fixed episodes [degrees]."""
    bodies.restart(_TEST_SEED)
    late = []
    with torch.no_grad():
        for step in range(EPISODE_STEPS):
            bodies.step(actor(bodies.get_observations()))
            if 4 * step >= 3 * EPISODE_STEPS:
                late.append(bodies.error)
    return float(torch.rad2deg(torch.stack(late).mean()))


def measure_reaching(
    task: str,
    name: str,
    seed: int,
    num_envs: int,
    iterations: int,
    on_iteration: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Let an agent learn to reach for postures, for all of its budget.

    Args:
        task: One of `explore.posture_reaching.REACHING_TASKS`.
        name: Agent of cfg/agent.
        seed: Seed of the run; the tested episodes are always the same.
        num_envs: Bodies.
        iterations: Iterations, of ``num_steps_per_env`` steps of all bodies.
        on_iteration: Called after each iteration.

    Returns:
        What `learn` gives, the error being ``error_deg``; ``num_muscles``, ``num_joints``, ``blind_deg`` and
        ``samples_to_blind`` (none if it was not reached).
    """
    torch.manual_seed(seed)
    agent = bench_agent(name)
    bodies, tested = PostureReaching(task, num_envs, seed), PostureReaching(task, _TESTED, _TEST_SEED)
    blind = blind_error(tested)
    learner = make_learner(agent, bodies)

    def test() -> float:
        return late_error(learner.actor, tested)

    run = learn(learner, bodies, agent.num_steps_per_env, iterations, test, _TEST_EVERY, 0.0, on_iteration)
    run["error_deg"] = run.pop("error")
    return {
        "task": task,
        "agent": name,
        "seed": seed,
        "num_muscles": bodies.num_actions,
        "num_joints": len(bodies.joints),
        "blind_deg": blind,
        "samples_to_blind": samples_to_threshold(run["samples"], run["error_deg"], blind),
        **run,
    }
