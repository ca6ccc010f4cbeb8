"""Value guidance: the ascent, the trust in it, and that it improves a policy by itself."""

import math

import numpy as np
import pytest
import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from msemu.rl.flow.guidance import TwinAdvantage, ascend, explained_variance
from msemu.rl.flow.guided import GuidedFlowPPO

TASK = "Msemu-Track-MyoLegs-v0"
NUM_ENVS, MUSCLES = 256, 20
FLOW = {
    "class_name": "msemu.rl.flow.distribution:FlowDistribution",
    "num_steps": 4,
    "velocity_hidden_dim": 32,
    "init_residual_std": 0.1,
    "init_std": 0.2,
}
GUIDANCE = {
    "weight": 1.0,
    "full_trust_explained_variance": 0.1,
    "ascent_steps": 10,
    "ascent_step_size": 0.05,
    "hidden_dims": [32],
    "activation": "elu",
    "learning_rate": 0.003,
    "num_learning_epochs": 4,
    "num_mini_batches": 4,
}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def same_seed() -> None:
    torch.manual_seed(0)


def make_algorithm(num_envs: int = NUM_ENVS, **guidance: object) -> tuple[GuidedFlowPPO, TensorDict]:
    """An algorithm whose PPO does not move: what changes the policy is the guidance."""
    obs = TensorDict({"nothing": torch.ones(num_envs, 1)}, batch_size=[num_envs])
    groups = {"actor": ["nothing"], "critic": ["nothing"]}
    actor = MLPModel(obs, groups, "actor", MUSCLES, [16], "elu", False, FLOW)
    critic = MLPModel(obs, groups, "critic", 1, [16], "elu", False)
    storage = RolloutStorage("rl", num_envs, 2, obs, [MUSCLES])
    settings = {
        "desired_kl_per_action": 0.01,
        "critic_learning_rate": 0.0,
        "gamma": 0.0,  # every step ends an episode
        "schedule": "fixed",
        "learning_rate": 0.0,
        "num_mini_batches": 2,
    }
    return GuidedFlowPPO(actor, critic, storage, guidance=GUIDANCE | guidance, **settings), obs


def iterate(
    algorithm: GuidedFlowPPO, obs: TensorDict, target: torch.Tensor | None, noise: float = 0.0
) -> tuple[float, dict]:
    """One rollout rewarded by the nearness of a target, with noise in its deviation, or at random; and the update."""
    total, count = 0.0, len(obs)
    with torch.inference_mode():
        for _ in range(2):
            actions = algorithm.act(obs)
            rewards = torch.randn(count) if target is None else -(actions - target).square().sum(1)
            total += rewards.mean().item() / 2
            rewards = rewards + noise * rewards.std() * torch.randn(count) if noise else rewards
            extras = {"time_outs": torch.zeros(count), "terminal_observations": obs}
            algorithm.process_env_step(obs, rewards, torch.ones(count), extras)
        algorithm.compute_returns(obs)
    return total, algorithm.update()


def test_the_ascent_is_that_of_numpy_on_a_quadratic_and_never_descends() -> None:
    scale = np.array([1.0, 4.0, 0.5])
    start = np.random.default_rng(0).normal(size=(5, 3))

    def value(points: torch.Tensor) -> torch.Tensor:
        return -0.5 * (torch.tensor(scale) * points.square()).sum(1, keepdim=True)

    found = ascend(value, torch.tensor(start), 7, 0.1).numpy()
    wanted = start
    for _ in range(7):
        wanted = wanted - 0.1 * scale * wanted
    assert np.allclose(found, wanted)
    assert (value(torch.tensor(found)) > value(torch.tensor(start))).all()


def test_no_step_of_the_ascent_is_longer_than_its_bound() -> None:
    end = ascend(lambda points: 1e6 * points.sum(1, keepdim=True), torch.zeros(2, 9), 1, 0.01)
    assert torch.allclose(end.norm(dim=1), torch.full((2,), 2.0 * math.sqrt(9)))
    assert torch.equal(ascend(lambda points: 0.0 * points.sum(1, keepdim=True), end, 3, 0.01), end)


def test_the_lesser_estimate_counts_point_by_point() -> None:
    twins = TwinAdvantage(2, 3, [8], "elu")
    observations, actions = torch.randn(50, 2), torch.randn(50, 3)
    both = twins(observations, actions)
    assert both.shape == (50, 2) and 0 < (both[:, 0] < both[:, 1]).sum() < 50
    assert torch.equal(twins.min_value(observations, actions).squeeze(1), torch.minimum(both[:, 0], both[:, 1]))


def test_explained_variance_is_that_of_numpy() -> None:
    prediction, target = torch.randn(100, 1), torch.randn(100, 1)
    wanted = 1 - np.var((target - prediction).numpy(), ddof=1) / np.var(target.numpy(), ddof=1)
    assert explained_variance(prediction, target) == pytest.approx(wanted, abs=1e-5)
    assert explained_variance(target, target) == 1.0


def test_guidance_alone_brings_the_actions_nearer_to_what_is_rewarded() -> None:
    algorithm, obs = make_algorithm()
    target = algorithm.actor(obs)[:1].detach() + 0.3 * torch.randn(1, MUSCLES).sign()
    before = [parameter.clone() for parameter in algorithm.actor.mlp.parameters()]
    history = [iterate(algorithm, obs, target) for _ in range(22)]
    assert history[0][1]["guidance_trust"] == 0.0
    assert history[-1][1]["guidance_trust"] == 1.0 and history[-1][1]["q_explained_variance"] > 0.3
    noise = MUSCLES * (0.2**2 + 0.1**2)
    excess = [-reward - noise for reward, _ in history]
    assert excess[-1] < 0.2 * excess[0], excess
    assert max(excess) < 1.1 * excess[0]
    assert all(torch.equal(one, two) for one, two in zip(before, algorithm.actor.mlp.parameters(), strict=True))


def test_a_memory_holds_what_actions_were_worth() -> None:
    """Of steps that end an episode that is the reward less V, in the deviation of the rollout's advantages."""
    algorithm, obs = make_algorithm(replay_size=2 * NUM_ENVS)
    iterate(algorithm, obs, None)
    assert len(algorithm.replay) == 2 * NUM_ENVS
    rewards = algorithm.replay.state_dict()["rewards"]
    _, noise, worth = algorithm._remembered(algorithm.replay, 2000, torch.tensor(3.0))
    with torch.no_grad():
        wanted = (rewards - algorithm.critic(obs).squeeze(1)).flatten() / 3.0
        gaps = (worth - wanted).abs()
    assert gaps.min(dim=1).values.max() < 1e-6 and worth.std() == pytest.approx(wanted.std().item(), rel=0.1)
    assert noise.std().item() == pytest.approx(1.0, abs=0.1), "the policy has not moved"


def test_a_q_that_is_taught_from_memory_knows_more_of_returns_that_it_has_not_seen() -> None:
    """Of small rollouts with noise in their rewards, which alone are too little to learn from."""
    explained = []
    for size in (0, 5000):
        torch.manual_seed(0)
        algorithm, obs = make_algorithm(32, weight=0.0, replay_size=size)
        target = algorithm.actor(obs)[:1].detach() + 0.3 * torch.randn(1, MUSCLES).sign()
        history = [iterate(algorithm, obs, target, noise=1.0)[1]["q_explained_variance"] for _ in range(40)]
        explained.append(sum(history[20:]) / 20)
    assert explained[1] > explained[0] + 0.08 and explained[1] > 0.3, explained


def test_a_q_that_explains_nothing_guides_nothing() -> None:
    algorithm, obs = make_algorithm()
    for _ in range(5):
        _, losses = iterate(algorithm, obs, None)
        assert losses["guidance_trust"] < 0.2
    assert losses["q_explained_variance"] < 0.05
    algorithm, obs = make_algorithm(weight=0.0)
    for _ in range(5):
        iterate(algorithm, obs, torch.zeros(1, MUSCLES))
    assert torch.equal(algorithm.actor.distribution.flow.output.weight, torch.zeros(MUSCLES, 32))


def test_a_q_that_is_not_finite_is_skipped_and_counted() -> None:
    algorithm, obs = make_algorithm()
    iterate(algorithm, obs, torch.zeros(1, MUSCLES))
    weight = algorithm.twins.networks[0][0].weight
    with torch.no_grad():
        weight[0, 0] = torch.nan
    before = weight.clone()
    _, losses = iterate(algorithm, obs, torch.zeros(1, MUSCLES))
    assert losses["skipped_updates"] == 16 and losses["guidance_trust"] == 0.0
    assert torch.equal(weight.nan_to_num(7.0), before.nan_to_num(7.0))
