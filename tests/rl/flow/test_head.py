"""The flow action head against the Gaussian policy and independent references."""

import copy

import numpy as np
import pytest
import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from scipy.stats import norm
from tensordict import TensorDict

from msemu.rl.flow.algorithm import FlowPPO
from msemu.rl.flow.distribution import FlowDistribution
from msemu.rl.flow.guidance import flow_matching_loss, point_between
from msemu.rl.flow.velocity import VelocityFlow
from msemu.rl.ppo import PPO

NUM_ENVS, STEPS, MUSCLES, SENSES, HIDDEN = 16, 6, 5, 12, 7
FLOW = {
    "class_name": "msemu.rl.flow.distribution:FlowDistribution",
    "num_steps": 3,
    "velocity_hidden_dim": HIDDEN,
    "init_residual_std": 0.1,
}
OF_THE_FLOW = ("flow.", "residual_log_std")


@pytest.fixture(autouse=True)
def one_seed() -> None:
    torch.manual_seed(0)


def observations() -> TensorDict:
    return TensorDict({"senses": torch.randn(NUM_ENVS, SENSES)}, batch_size=[NUM_ENVS])


def make_actor(head: dict) -> MLPModel:
    groups = {"actor": ["senses"]}
    return MLPModel(observations(), groups, "actor", MUSCLES, [16, 8], "elu", True, head | {"init_std": 0.2})


def make_algorithm(actor: MLPModel, kind: type[PPO]) -> PPO:
    obs = observations()
    torch.manual_seed(7)
    critic = MLPModel(obs, {"critic": ["senses"]}, "critic", 1, [16, 8], "elu", True)
    storage = RolloutStorage("rl", NUM_ENVS, STEPS, obs, [MUSCLES])
    return kind(
        actor,
        critic,
        storage,
        desired_kl_per_action=0.01,
        critic_learning_rate=0.001,
        num_mini_batches=3,
        entropy_coef=0.01,
    )


def pair_of_actors() -> tuple[MLPModel, MLPModel]:
    """A flow head without velocity and the Gaussian with the same network."""
    flow, gaussian = make_actor(FLOW), make_actor({"class_name": "GaussianDistribution"})
    state = {name: value[:MUSCLES] if name.startswith("mlp.4") else value for name, value in flow.state_dict().items()}
    gaussian.load_state_dict({name: state[name] for name in gaussian.state_dict()})
    return flow, gaussian


def give_velocity(actor: MLPModel, size: float = 0.3) -> None:
    torch.nn.init.normal_(actor.distribution.flow.output.weight, std=size)


def fill(algorithm: PPO) -> None:
    """A rollout with the same observations, noise of the source and rewards for either head."""
    for step in range(STEPS):
        torch.manual_seed(100 + step)
        obs, rewards = observations(), torch.rand(NUM_ENVS)
        with torch.inference_mode():
            torch.manual_seed(200 + step)
            actions = algorithm.act(obs)
            assert actions.shape == (NUM_ENVS, MUSCLES)
            extras = {"time_outs": torch.zeros(NUM_ENVS), "terminal_observations": obs}
            algorithm.process_env_step(obs, rewards, (torch.arange(NUM_ENVS) == step).long(), extras)
    with torch.inference_mode():
        algorithm.compute_returns(obs)


def test_without_velocity_source_and_mean_are_those_of_the_gaussian_policy() -> None:
    flow, gaussian = pair_of_actors()
    obs = observations()
    torch.manual_seed(3)
    wanted = gaussian(obs, stochastic_output=True)
    torch.manual_seed(3)
    source, action = flow(obs, stochastic_output=True).chunk(2, dim=1)
    # Products of another width may round differently in the last bit.
    assert torch.allclose(source, wanted, atol=1e-6)
    assert torch.allclose(flow(obs), gaussian(obs), atol=1e-6)
    residual = norm.logpdf((action - source).detach().numpy(), scale=0.1).sum(1)
    found = flow.get_output_log_prob(torch.cat((source, action), dim=1)).detach().numpy() - residual
    assert np.allclose(found, gaussian.get_output_log_prob(wanted).detach().numpy(), atol=1e-4)


def test_without_velocity_the_action_alone_is_gaussian() -> None:
    flow, _ = pair_of_actors()
    obs = observations()[:1]
    mean = flow(obs).detach().squeeze(0)
    many = TensorDict({"senses": obs["senses"].expand(40000, SENSES)}, batch_size=[40000])
    actions = flow(many, stochastic_output=True)[:, MUSCLES:].detach()
    total = np.hypot(0.2, 0.1)
    assert torch.allclose(actions.mean(0), mean, atol=5 * total / 200)
    assert torch.allclose(actions.std(0), torch.full((MUSCLES,), total).float(), rtol=0.02)
    assert abs(np.mean(norm.cdf(actions, loc=mean, scale=total) < 0.1) - 0.1) < 0.005


def test_without_velocity_a_ppo_update_is_that_of_the_gaussian_policy() -> None:
    flow, gaussian = pair_of_actors()
    for name, parameter in flow.distribution.named_parameters():
        parameter.requires_grad_(not name.startswith(OF_THE_FLOW))
    algorithms = make_algorithm(flow, FlowPPO), make_algorithm(gaussian, PPO)
    for algorithm in algorithms:
        fill(algorithm)
        torch.manual_seed(5)
        algorithm.update()
    assert algorithms[0].learning_rate == algorithms[1].learning_rate
    assert algorithms[0].skipped_updates == 0
    untrained, _ = pair_of_actors()
    for name, wanted in gaussian.state_dict().items():
        found = flow.state_dict()[name]
        assert torch.allclose(found[:MUSCLES] if name.startswith("mlp.4") else found, wanted, atol=1e-6), name
    assert not torch.equal(flow.state_dict()["mlp.0.weight"], untrained.state_dict()["mlp.0.weight"])


def test_the_ratio_is_one_at_unchanged_weights() -> None:
    actor = make_actor(FLOW)
    give_velocity(actor)
    algorithm = make_algorithm(actor, FlowPPO)
    fill(algorithm)
    for batch in algorithm.storage.mini_batch_generator(3, 1):
        actor(batch.observations, stochastic_output=True)
        log_ratio = actor.get_output_log_prob(batch.actions) - batch.old_actions_log_prob.squeeze()
        assert log_ratio.abs().max() < 1e-5
        divergence = actor.get_kl_divergence(batch.old_distribution_params, actor.output_distribution_params)
        assert divergence.abs().max() < 1e-5


def test_ratio_and_divergence_of_two_flows_are_those_of_the_pair_of_source_and_action() -> None:
    """SciPy densities and the mean log-ratio over many draws."""
    old = make_actor(FLOW)
    give_velocity(old)
    new = copy.deepcopy(old)
    with torch.no_grad():
        for parameter in new.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    rows = 20000
    row = observations()["senses"][:1]
    obs = TensorDict({"senses": row.expand(rows, SENSES)}, batch_size=[rows])
    with torch.no_grad():
        pairs = old(obs, stochastic_output=True)
        log_probs, params = [], []
        for actor in (old, new):
            actor(obs, stochastic_output=True)
            log_probs.append(actor.get_output_log_prob(pairs))
            params.append(actor.output_distribution_params)
            source, action = pairs.chunk(2, dim=1)
            head = actor.distribution
            carried = head.flow(source, head.mean, head.source_std, head.context)
            wanted = norm.logpdf(source, head.mean, head.std).sum(1)
            wanted += norm.logpdf(action, carried, head.residual_std).sum(1)
            assert np.allclose(log_probs[-1], wanted, atol=1e-3)
        divergence = old.get_kl_divergence(*params)
    sampled = log_probs[0] - log_probs[1]
    error = sampled.std() / rows**0.5
    assert divergence.mean() > 20 * error
    assert abs(divergence.mean() - sampled.mean()) < 4 * error


def test_entropy_is_the_mean_negative_log_density_of_the_pair() -> None:
    actor = make_actor(FLOW)
    give_velocity(actor)
    rows = 20000
    obs = TensorDict({"senses": torch.randn(rows, SENSES)}, batch_size=[rows])
    with torch.no_grad():
        surprise = -actor.get_output_log_prob(actor(obs, stochastic_output=True).clone())
        assert abs(surprise.mean() - actor.output_entropy.mean()) < 4 * surprise.std() / rows**0.5


def test_the_flow_is_the_euler_integral_of_its_velocity() -> None:
    """Integrated once more, in float64 NumPy, from the formula in the docstring."""
    flow = VelocityFlow(MUSCLES, 4, HIDDEN).double()
    torch.nn.init.normal_(flow.output.weight)
    source, mean, context = (torch.randn(3, columns).double() for columns in (MUSCLES, MUSCLES, HIDDEN))
    std = torch.rand(MUSCLES).double() + 0.1
    parts = {name: value.detach().numpy() for name, value in flow.named_parameters()}

    def velocity(x: np.ndarray, t: float) -> np.ndarray:
        features = [np.sin(np.pi * t), np.sin(2 * np.pi * t), np.cos(np.pi * t), np.cos(2 * np.pi * t)]
        whitened = (x - mean.numpy()) / std.numpy()
        hidden = np.tanh(whitened @ parts["weight"].T + context.numpy() + parts["time.weight"] @ features)
        return hidden @ parts["output.weight"].T

    x = source.numpy()
    for step in range(4):
        x = x + velocity(x, step / 4) / 4
    assert np.allclose(flow(source, mean, std, context).detach().numpy(), x, atol=1e-12)
    time = torch.full((3, 1), 0.3).double()
    assert np.allclose(flow.velocity(source, time, mean, std, context).detach().numpy(), velocity(source.numpy(), 0.3))


def test_the_gradient_of_the_log_density_is_that_of_finite_differences() -> None:
    head = FlowDistribution(3, 4, HIDDEN, 0.3, init_std=0.5).double()
    torch.nn.init.normal_(head.flow.output.weight, std=0.5)
    pairs, output = torch.randn(2, 6).double(), torch.randn(2, head.input_dim).double()
    parameters = list(head.parameters())

    def log_density(output: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        head.update(output)
        return head.log_prob(pairs)

    assert torch.autograd.gradcheck(log_density, (output.requires_grad_(), *parameters))


def test_flow_matching_learns_the_velocity_between_two_gaussians() -> None:
    """Straight paths between N(0, 1) and N(m, s^2): the expected velocity is known in closed form."""
    flow = VelocityFlow(2, 4, 32)
    target_mean, target_std = torch.tensor([0.8, -0.4]), 0.5
    zero, one, context = torch.zeros(1, 2), torch.ones(2), torch.zeros(1, 32)
    optimizer = torch.optim.Adam(flow.parameters(), lr=0.01)
    for _ in range(600):
        source = torch.randn(512, 2)
        target = target_mean + target_std * torch.randn(512, 2)
        time = torch.rand(512, 1)
        point, wanted = point_between(source, target, time)
        loss = flow_matching_loss(flow.velocity(point, time, zero, one, context), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    time = torch.rand(2000, 1)
    spread = ((1 - time).square() + (target_std * time).square()).sqrt()
    point = time * target_mean + spread * torch.randn(2000, 2)
    slope = (time * target_std**2 - (1 - time)) / spread.square()
    expected = target_mean + slope * (point - time * target_mean)
    with torch.no_grad():
        error = (flow.velocity(point, time, zero, one, context) - expected).square().mean().sqrt()
    assert error < 0.15 * expected.square().mean().sqrt()


def test_the_flow_matching_loss_and_its_gradient_are_those_of_numpy() -> None:
    velocity, source, target = (torch.randn(4, 3, dtype=torch.float64) for _ in range(3))
    time = torch.rand(4, 1, dtype=torch.float64)
    point, wanted = point_between(source, target, time)
    assert torch.allclose(point, (1 - time) * source + time * target)
    loss = flow_matching_loss(velocity.requires_grad_(), wanted)
    loss.backward()
    error = velocity.detach().numpy() - (target - source).numpy()
    assert loss.item() == pytest.approx(np.mean(error**2))
    assert np.allclose(velocity.grad.numpy(), 2 * error / error.size)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_velocity_that_is_not_finite_changes_nothing_and_is_counted(bad: float) -> None:
    actor = make_actor(FLOW)
    algorithm = make_algorithm(actor, FlowPPO)
    fill(algorithm)
    with torch.no_grad():
        actor.distribution.flow.output.weight[0, 0] = bad
    networks = (actor, algorithm.critic)
    before = [copy.deepcopy(dict(each.named_parameters())) for each in networks]
    losses = algorithm.update()
    assert losses["skipped_updates"] == algorithm.skipped_updates == 15
    for network, wanted in zip(networks, before, strict=True):
        for name, value in network.named_parameters():
            assert torch.equal(value.nan_to_num(7.0), wanted[name].nan_to_num(7.0)), name
    with torch.no_grad():
        actor.distribution.flow.output.weight[0, 0] = 0.0
    fill(algorithm)
    assert algorithm.update()["skipped_updates"] == 0
    assert algorithm.skipped_updates == 15
    assert not torch.equal(algorithm.critic.mlp[0].weight, before[1]["mlp.0.weight"])


def test_acting_integrates_the_flow_once_only() -> None:
    actor = make_actor(FLOW)
    give_velocity(actor)
    calls = []
    actor.distribution.flow.register_forward_hook(lambda *_: calls.append(1))
    algorithm = make_algorithm(actor, FlowPPO)
    with torch.inference_mode():
        algorithm.act(observations())
        assert len(calls) == 1
        once = algorithm.transition.actions_log_prob.clone()
        again = actor.get_output_log_prob(algorithm.transition.actions.clone())
    assert len(calls) == 2
    assert torch.allclose(once, again, atol=1e-5)
