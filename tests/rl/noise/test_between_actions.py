"""Lattice and group noise for PPO, against torch's multivariate normal and the body's own muscles."""

from collections import Counter

import numpy as np
import pytest
import torch
from small_agent import small_agent
from torch.distributions import MultivariateNormal, kl_divergence

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.muscle_groups import group_by_length, length_correlation
from msemu.motion.clip import MotionClip
from msemu.rl.noise.between_actions import CorrelatedGaussian, GroupGaussian, LatticeGaussian
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


def heads() -> list[CorrelatedGaussian]:
    """A head of each kind with five actions, with noise that differs between actions and sources."""
    torch.manual_seed(0)
    lattice = LatticeGaussian(5, latent_dim=8, init_latent_std=0.5, init_std=0.3)
    lattice.init_mlp_weights(torch.nn.Sequential(torch.nn.Linear(8, 5)))
    groups = GroupGaussian(5, muscles_per_group=2.5, init_group_std=0.5, init_std=0.3)
    groups.membership.copy_(torch.eye(2)[[0, 0, 1, 1, 0]])
    for head in (lattice, groups):
        with torch.no_grad():
            head.log_shared_std += 0.3 * torch.randn_like(head.log_shared_std)
            head.std_param += 0.1 * torch.rand(5)
    return [lattice, groups]


def reference(head: CorrelatedGaussian, mean: torch.Tensor) -> MultivariateNormal:
    shared = head.directions() * head.log_shared_std.exp()
    return MultivariateNormal(mean, torch.diag(head.std_param.square()) + shared @ shared.t())


@pytest.mark.parametrize("head", heads(), ids=["lattice", "groups"])
def test_density_entropy_and_divergence_are_those_of_a_multivariate_normal(head: CorrelatedGaussian) -> None:
    means, actions = torch.randn(2, 7, 5), torch.randn(7, 5)
    with torch.no_grad():
        head.update(means[0])
        head.sample()
        old, before = head.params, reference(head, means[0])
        head.log_shared_std += 0.2
        head.std_param *= 0.9
    head.update(means[1])
    now = reference(head, means[1])
    assert torch.allclose(head.log_prob(actions), now.log_prob(actions), atol=1e-4)
    assert torch.allclose(head.entropy, now.entropy(), atol=1e-4)
    assert torch.allclose(head.kl_divergence(old, head.params), kl_divergence(before, now), atol=1e-4)
    assert torch.allclose(head.std, now.stddev, atol=1e-5)
    (gradient,) = torch.autograd.grad(head.log_prob(actions).sum(), head.log_shared_std)
    (wanted,) = torch.autograd.grad(now.log_prob(actions).sum(), head.log_shared_std)
    assert torch.allclose(gradient, wanted, atol=1e-3)


@pytest.mark.parametrize("head", heads(), ids=["lattice", "groups"])
def test_samples_have_the_covariance(head: CorrelatedGaussian) -> None:
    torch.manual_seed(1)
    head.update(torch.ones(100_000, 5))
    drawn, wanted = head.sample(), reference(head, torch.ones(5)).covariance_matrix.detach()
    assert not drawn.requires_grad
    assert torch.allclose(drawn.mean(0), torch.ones(5), atol=0.01)
    assert torch.allclose(torch.cov(drawn.t()), wanted, atol=0.02 * wanted.max().item())
    shared = wanted - torch.diag(wanted.diagonal())
    assert shared.abs().max() > 0.05


def test_muscles_of_a_group_go_together(legs: Body) -> None:
    correlation = length_correlation(legs)
    assert np.allclose(correlation, correlation.T) and np.abs(correlation).max() <= 1 + 1e-9
    groups = group_by_length(legs, 20)
    assert sorted(set(groups)) == list(range(20)) and len(groups) == legs.num_muscles
    same = groups[:, None] == groups
    np.fill_diagonal(same, False)
    assert correlation[same].mean() > 0.7 and abs(correlation[~same].mean()) < 0.2
    number = dict(zip(legs.muscle_names, groups, strict=True))
    assert number["vaslat_r"] == number["vasmed_r"] == number["vasint_r"], "three heads of one muscle"
    assert number["vasint_r"] != number["vasint_l"], "of the other leg"
    assert number["soleus_r"] != number["tibant_r"], "antagonists"
    assert max(Counter(groups).values()) < 20
    assert np.array_equal(groups, group_by_length(legs, 20))


@pytest.mark.parametrize("name", ["lattice", "dynsyn"])
def test_it_begins_with_the_noise_of_the_gaussian(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, name: str
) -> None:
    env = MotionTrackingEnv(train_cfg, legs, march)
    actor = Runner(env, small_agent(name), None, "cpu").alg.actor
    actor(env.get_observations(), stochastic_output=True)
    assert actor.output_std.mean().item() == pytest.approx(0.2, abs=0.01)


def test_mistakes_are_told_in_one_line(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(train_cfg, legs, march)
    agent = small_agent("lattice")
    agent.actor["distribution_cfg"]["latent_dim"] = 31
    with pytest.raises(MsemuError, match=r"latent_dim must be the last of actor\.hidden_dims, 32"):
        Runner(env, agent, None, "cpu")
    env.num_actions = 12
    with pytest.raises(MsemuError, match="groups of muscles want one action a muscle"):
        Runner(env, small_agent("dynsyn"), None, "cpu")
