"""What msemu's PPO does differently from rsl-rl's."""

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

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
    common = {"desired_kl_per_action": 0.01, "num_mini_batches": 3, "entropy_coef": 0.01, "value_loss_coef": 0.7}
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
