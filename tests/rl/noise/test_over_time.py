"""Noise that lasts, against rsl-rl's Gaussian and the process it is drawn from."""

import pytest
import torch
from rsl_rl.modules import GaussianDistribution
from small_agent import small_agent

from msemu.cli.training import train
from msemu.config import build
from msemu.errors import MsemuError
from msemu.rl.flow.distribution import FlowDistribution
from msemu.rl.noise.over_time import AutoregressiveGaussian
from msemu.schema import AgentCfg, TrainCfg

STEPS, ENVS, ACTIONS = 400, 300, 3


def rollout(head: AutoregressiveGaussian, steps: int = STEPS) -> torch.Tensor:
    """Noise of a rollout in deviations, shape [T, N, A]."""
    torch.manual_seed(0)
    with torch.no_grad():
        head.update(torch.full((ENVS, ACTIONS), 0.4))
        return (torch.stack([head.sample() for _ in range(steps)]) - 0.4) / head.std


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_noise_is_stationary_and_forgets_geometrically(correlation: float) -> None:
    drawn = rollout(AutoregressiveGaussian(ACTIONS, correlation, init_std=0.3))
    assert drawn.mean().abs() < 0.02
    for part in (drawn[:5], drawn[-20:]):  # from the first step on
        assert part.std() == pytest.approx(1.0, abs=0.04)
    for lag in (1, 2, 4):
        found = (drawn[lag:] * drawn[:-lag]).mean()
        assert found == pytest.approx(correlation**lag, abs=0.02)
    assert (drawn[..., 0] * drawn[..., 1]).mean().abs() < 0.02, "between actions"
    assert (drawn[:, 0] * drawn[:, 1]).mean().abs() < 0.1 + 0.1 * correlation, "between environments"


def test_it_is_the_gaussian_in_all_but_how_rollouts_are_drawn() -> None:
    head, plain = AutoregressiveGaussian(ACTIONS, 0.8, init_std=0.3), GaussianDistribution(ACTIONS, init_std=0.3)
    plain.load_state_dict(head.state_dict())
    means, actions = torch.randn(2, 6, ACTIONS), torch.randn(6, ACTIONS)
    for each in (head, plain):
        each.update(means[0])
    assert torch.equal(head.log_prob(actions), plain.log_prob(actions))
    assert torch.equal(head.entropy, plain.entropy)
    assert torch.equal(head.kl_divergence(head.params, head.params), plain.kl_divergence(plain.params, plain.params))
    torch.manual_seed(1)
    wanted = plain.sample()
    torch.manual_seed(1)
    assert torch.equal(head.sample(), wanted), "an update draws as before"


def test_another_number_of_environments_begins_anew() -> None:
    head = AutoregressiveGaussian(ACTIONS, 0.99, init_std=0.3)
    before = rollout(head, 3)[-1]
    with torch.no_grad():
        head.update(torch.zeros(ENVS // 2, ACTIONS))
        after = head.sample() / head.std
    assert (after * before[: ENVS // 2]).mean().abs() < 0.15


def test_a_rollout_begins_anew_after_an_update() -> None:
    head = AutoregressiveGaussian(ACTIONS, 0.99, init_std=0.3)
    before = rollout(head, 3)[-1]
    head.sample()  # as an update does
    with torch.no_grad():
        after = (head.sample() - 0.4) / head.std
    assert (after * before).mean().abs() < 0.1


@pytest.mark.parametrize(
    ("correlation", "said"),
    [
        *((value, ".*at least 0 and below 1") for value in (1.0, -0.1, float("nan"))),
        ("high", "expected float, not 'hi"),
    ],
)
def test_a_correlation_out_of_range_is_named(correlation: float | str, said: str) -> None:
    values = {"actor": {"distribution_cfg": {"class_name": "autoregressive_gaussian", "correlation": correlation}}}
    with pytest.raises(MsemuError, match=f"actor: distribution_cfg: correlation: {said}"):
        build(AgentCfg, values, "an agent")


def test_the_source_of_a_flow_may_last() -> None:
    """Its residual noise does not."""
    settings = {"num_steps": 2, "velocity_hidden_dim": 4, "init_residual_std": 0.1, "init_std": 0.3}
    for correlation in (0.0, 0.9):
        head = FlowDistribution(ACTIONS, correlation=correlation, **settings)
        torch.manual_seed(0)
        with torch.no_grad():
            head.update(torch.zeros(ENVS, head.input_dim))
            drawn = torch.stack([head.sample() for _ in range(STEPS)])
        source, action = drawn.split(ACTIONS, dim=-1)
        for noise, std, wanted in ((source, 0.3, correlation), (action - source, 0.1, 0.0)):
            assert noise.std() == pytest.approx(std, rel=0.04)
            assert (noise[1:] * noise[:-1]).mean() / std**2 == pytest.approx(wanted, abs=0.03)


@pytest.mark.usefixtures("one_thread")
def test_checkpoints_of_either_start_the_other(train_cfg: TrainCfg) -> None:
    train_cfg.iterations, train_cfg.agent = 1, small_agent("ppo")
    persistent = {"class_name": "autoregressive_gaussian", "correlation": 0.7}
    for settings in (persistent, {"class_name": "gaussian"}):
        train_cfg.agent.actor["distribution_cfg"].pop("correlation", None)
        train_cfg.agent.actor["distribution_cfg"] |= settings
        run = train("Msemu-Track-MyoLegs-v0", train_cfg)
        train_cfg.checkpoint = str(run / "model_0.pt")
    content = torch.load(train_cfg.checkpoint, weights_only=True)
    assert content["head"] == "GaussianDistribution"
