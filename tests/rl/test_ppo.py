"""What msemu's PPO does differently from rsl-rl's."""

import pytest
import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from msemu.rl.heads import PolicyNetwork
from msemu.rl.ppo import PPO

NUM_ENVS, STEPS, MUSCLES, SENSES = 8, 6, 5, 12


def observations() -> TensorDict:
    return TensorDict({"senses": torch.randn(NUM_ENVS, SENSES)}, batch_size=[NUM_ENVS])


def make_algorithm(**settings: object) -> PPO:
    torch.manual_seed(0)
    groups, obs = {"actor": ["senses"], "critic": ["senses"]}, observations()
    gaussian = {"class_name": "GaussianDistribution", "init_std": 0.2}
    actor = MLPModel(obs, groups, "actor", MUSCLES, [16, 8], "elu", True, gaussian)
    critic = MLPModel(obs, groups, "critic", 1, [16, 8], "elu", True)
    storage = RolloutStorage("rl", NUM_ENVS, STEPS, obs, [MUSCLES])
    common = {
        "desired_kl_per_action": 0.01,
        "critic_learning_rate": 0.002,
        "num_mini_batches": 3,
        "entropy_coef": 0.01,
        "value_loss_coef": 0.7,
    }
    return PPO(actor, critic, storage, **common | settings)


def fill(algorithm: PPO) -> None:
    torch.manual_seed(1)
    with torch.inference_mode():
        for step in range(STEPS):
            algorithm.act(observations())
            extras = {"time_outs": torch.arange(NUM_ENVS) == step, "terminal_observations": observations()}
            dones = (torch.arange(NUM_ENVS) <= step).long()
            algorithm.process_env_step(observations(), torch.rand(NUM_ENVS), dones, extras)
        algorithm.compute_returns(observations())


def test_the_values_of_a_rollout_are_those_of_the_states_that_were_visited() -> None:
    algorithm = make_algorithm()
    fill(algorithm)
    with torch.inference_mode():
        for step in range(STEPS):
            wanted = algorithm.critic(algorithm.storage.observations[step])
            assert torch.allclose(algorithm.storage.values[step], wanted, atol=1e-6)


def test_the_mini_batches_are_those_of_rsl_rl() -> None:
    algorithm = make_algorithm()
    fill(algorithm)
    batches = []
    for generate in (RolloutStorage.mini_batch_generator, type(algorithm.storage).mini_batch_generator):
        torch.manual_seed(2)
        # 5 does not divide the 48 samples: the rest is left out.
        batches.append(list(generate(algorithm.storage, 5, num_epochs=2)))
    assert len(batches[0]) == len(batches[1]) == 10
    for wanted, found in zip(*batches, strict=True):
        assert torch.equal(found.observations["senses"], wanted.observations["senses"])
        for name in ("actions", "values", "advantages", "returns", "old_actions_log_prob"):
            assert torch.equal(getattr(found, name), getattr(wanted, name)), name
        for one, other in zip(found.old_distribution_params, wanted.old_distribution_params, strict=True):
            assert torch.equal(one, other)


def test_a_mini_batch_whose_likelihoods_overflow_is_left_out_and_counted(capsys: pytest.CaptureFixture) -> None:
    algorithm = make_algorithm(num_learning_epochs=1)
    fill(algorithm)
    algorithm.storage.actions_log_prob[:] -= 100.0  # the ratio is then exp(100), more than a float holds
    before = [each.clone() for each in algorithm.actor.mlp.parameters()]
    assert algorithm.update()["skipped_updates"] == algorithm.skipped_updates == 3
    assert capsys.readouterr().err.startswith("warning: no update of this iteration had a finite gradient")
    assert all(torch.equal(one, other) for one, other in zip(before, algorithm.actor.mlp.parameters(), strict=True))
    fill(algorithm)
    assert algorithm.update()["skipped_updates"] == 0 and not capsys.readouterr().err
    assert not all(torch.equal(one, other) for one, other in zip(before, algorithm.actor.mlp.parameters(), strict=True))


def test_rewards_count_so_that_a_value_is_their_discounted_mean() -> None:
    algorithm = make_algorithm(gamma=0.9, lam=1.0)
    with torch.inference_mode():
        for _ in range(STEPS):
            algorithm.act(observations())
            extras = {"time_outs": torch.zeros(NUM_ENVS, dtype=torch.bool), "terminal_observations": observations()}
            algorithm.process_env_step(observations(), torch.full((NUM_ENVS,), 3.0), torch.zeros(NUM_ENVS), extras)
        last = observations()
        algorithm.compute_returns(last)
        beyond = algorithm.critic(last)
    weight = 0.9**STEPS
    assert torch.allclose(algorithm.storage.returns[0], (1.0 - weight) * 3.0 + weight * beyond, atol=1e-5)


def test_the_critic_keeps_its_learning_rate_whatever_the_divergence_of_the_policy_is() -> None:
    algorithm = make_algorithm(desired_kl_per_action=1e-6, num_learning_epochs=3)
    fill(algorithm)
    algorithm.update()
    policy, critic = (group["lr"] for group in algorithm.optimizer.param_groups)
    assert policy == algorithm.learning_rate < 0.001
    assert critic == 0.002


def test_the_first_actions_are_nearly_zero() -> None:
    torch.manual_seed(0)
    obs = observations()
    usual = MLPModel(obs, {"actor": ["senses"]}, "actor", MUSCLES, [16, 8], "elu", True)
    torch.manual_seed(0)
    small = PolicyNetwork(obs, {"actor": ["senses"]}, "actor", MUSCLES, [16, 8], "elu", True)
    assert small(obs).abs().max() < 0.02 < usual(obs).abs().mean()
    assert small(obs).abs().min() > 0.0
