"""A bandit with four equally good actions: the flow finds and keeps all of them, a Gaussian cannot."""

import pytest
import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from scipy.stats import binom
from tensordict import TensorDict

from msemu.rl.flow.algorithm import FlowPPO
from msemu.rl.ppo import PPO

PULLS = 2048
BEST = 0.7 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
WIDTH = 0.25
FLOW = {
    "class_name": "msemu.rl.flow.distribution:FlowDistribution",
    "num_steps": 4,
    "velocity_hidden_dim": 64,
    "init_residual_std": 0.25,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def reward(actions: torch.Tensor) -> torch.Tensor:
    distance = torch.cdist(actions, BEST).min(1).values
    return torch.exp(-0.5 * (distance / WIDTH).square())


def learn(head: dict, kind: type[PPO], iterations: int = 30) -> torch.Tensor:
    """Learn from the same start in the middle, and return actions of the learned policy, shape [PULLS, 2]."""
    torch.manual_seed(1)
    obs = TensorDict({"nothing": torch.ones(PULLS, 1)}, batch_size=[PULLS])
    groups = {"actor": ["nothing"], "critic": ["nothing"]}
    actor = MLPModel(obs, groups, "actor", 2, [16], "elu", False, head | {"init_std": 0.7})
    torch.nn.init.zeros_(actor.mlp[-1].weight[:2])
    torch.nn.init.zeros_(actor.mlp[-1].bias[:2])
    critic = MLPModel(obs, groups, "critic", 1, [16], "elu", False)
    storage = RolloutStorage("rl", PULLS, 1, obs, [2])
    settings = {
        "desired_kl_per_action": 0.02,
        "entropy_coef": 0.05,
        "learning_rate": 0.003,
        "critic_learning_rate": 0.003,
        "num_mini_batches": 2,
    }
    algorithm = kind(actor, critic, storage, **settings)
    for _ in range(iterations):
        with torch.inference_mode():
            rewards = reward(algorithm.act(obs))
            extras = {"time_outs": torch.zeros(PULLS)}
            algorithm.process_env_step(obs, rewards, torch.ones(PULLS), extras)
            algorithm.compute_returns(obs)
        algorithm.update()
    with torch.inference_mode():
        return algorithm.act(obs)


def test_a_flow_keeps_all_four_best_actions() -> None:
    actions = learn(FLOW, FlowPPO)
    assert reward(actions).mean() > 0.7
    near = torch.cdist(actions, BEST).min(1)
    hits = torch.bincount(near.indices[near.values < 1.2 * WIDTH], minlength=4)
    # Were a mode's share 5 % or less, so many hits would come up once in a million draws.
    assert hits.min() > binom.isf(1e-6, PULLS, 0.05), hits


def test_a_gaussian_with_the_same_settings_stays_spread_between_them() -> None:
    assert reward(learn({"class_name": "GaussianDistribution"}, PPO)).mean() < 0.5
