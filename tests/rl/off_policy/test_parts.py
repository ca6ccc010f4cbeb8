"""Batch renormalization, critics, memory and policies of the off-policy agents, against independent references."""

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from torch.distributions import AffineTransform, Independent, Normal, TanhTransform, TransformedDistribution

from msemu.errors import MsemuError
from msemu.rl.memory.replay import Replay
from msemu.rl.off_policy.batch_renorm import BatchRenorm
from msemu.rl.off_policy.critic import TwinCritic
from msemu.rl.off_policy.policy import FlowActor, SquashedGaussian

RENORM = {"r_max": 3.0, "d_max": 5.0, "warm_up": 2, "momentum": 0.1, "eps": 1e-3}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def same_seed() -> None:
    torch.manual_seed(0)


def batches(count: int) -> list[torch.Tensor]:
    """Batches that drift, so that the bounds of the correction bite."""
    return [(torch.randn(16, 3) * 4.0 ** (i % 3 - 1) + 3.0 * i * torch.tensor([0.0, 1.0, -4.0])) for i in range(count)]


def test_without_correction_it_is_batch_normalization() -> None:
    ours = BatchRenorm(3, **RENORM | {"r_max": 1.0, "d_max": 0.0, "warm_up": 0}).double()
    theirs = torch.nn.BatchNorm1d(3, eps=1e-3).double()
    for rows in batches(5):
        with torch.no_grad():
            for module in (ours, theirs):
                module.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
                module.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
        given = [rows.double().requires_grad_() for _ in range(2)]
        found = [module(each) for module, each in zip((ours, theirs), given, strict=True)]
        assert torch.allclose(*found)
        wish = torch.randn(16, 3).double()
        gradients = [torch.autograd.grad((y * wish).sum(), x)[0] for y, x in zip(found, given, strict=True)]
        assert torch.allclose(*gradients)


def test_the_correction_is_that_of_the_paper_in_numpy() -> None:
    norm = BatchRenorm(3, **RENORM)
    mean, variance, clipped = np.zeros(3), np.ones(3), 0
    for count, batch in enumerate(batches(12)):
        rows = batch.double().numpy()
        batch_mean, batch_std, std = rows.mean(0), np.sqrt(rows.var(0) + 1e-3), np.sqrt(variance + 1e-3)
        r, d = np.clip(batch_std / std, 1 / 3, 3), np.clip((batch_mean - mean) / std, -5, 5)
        clipped += (count >= 2) * ((r != batch_std / std).sum() + (d != (batch_mean - mean) / std).sum())
        if count < 2:
            r, d = np.ones(3), np.zeros(3)
        wanted = (rows - batch_mean) / batch_std * r + d
        assert np.allclose(norm(batch).detach(), wanted, atol=1e-3)
        share = max(0.1, 1 / (count + 1))
        mean, variance = mean + share * (batch_mean - mean), variance + share * (rows.var(0) - variance)
        assert np.allclose(norm.mean, mean, rtol=1e-4) and np.allclose(norm.variance, variance, rtol=1e-4)
    assert clipped > 5
    norm.eval()
    assert np.allclose(norm(batch).detach(), (rows - mean) / np.sqrt(variance + 1e-3), atol=1e-3)
    assert torch.allclose(norm(batch)[:1], norm(batch[:1]), atol=1e-5) and norm.count == 12


def test_no_gradient_passes_through_the_correction() -> None:
    norm = BatchRenorm(3, **RENORM).double()
    for batch in batches(4):
        norm(batch.double())
    rows, wish = torch.randn(6, 3).double(), torch.randn(6, 3).double()
    variance, mean = torch.var_mean(rows, dim=0, correction=0)
    std = (norm.variance + 1e-3).sqrt()
    r, d = ((variance + 1e-3).sqrt() / std).clamp(1 / 3, 3), ((mean - norm.mean) / std).clamp(-5, 5)

    def by_hand(x: torch.Tensor) -> float:
        return (((x - x.mean(0)) / (x.var(0, correction=0) + 1e-3).sqrt() * r + d) * wish).sum().item()

    (gradient,) = torch.autograd.grad((norm(rows.requires_grad_()) * wish).sum(), rows)
    for row, column in np.ndindex(6, 3):
        step = torch.zeros(6, 3).double()
        step[row, column] = 1e-5
        slope = (by_hand(rows.detach() + step) - by_hand(rows.detach() - step)) / 2e-5
        assert gradient[row, column].item() == pytest.approx(slope, abs=1e-6)


def test_a_batch_that_is_not_finite_is_not_remembered() -> None:
    norm = BatchRenorm(3, **RENORM)
    norm(torch.randn(8, 3))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    rows = torch.randn(8, 3)
    rows[2, 1] = torch.nan
    assert not norm(rows).isfinite().all(), "nothing is replaced"
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def observations(rows: int) -> TensorDict:
    return TensorDict({"one": torch.randn(rows, 4), "two": 10.0 * torch.randn(rows, 3) + 5.0}, batch_size=[rows])


def make_critic() -> TwinCritic:
    groups = {"critic": ["one", "two"]}
    critic = TwinCritic(
        observations(2), groups, "critic", 2, hidden_dims=[16, 16], activation="relu", batch_renorm=RENORM
    )
    for _ in range(20):
        critic(critic.columns(observations(32)), torch.randn(32, 2))
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return critic


def test_the_value_at_fixed_observations_is_that_of_the_networks_in_evaluation() -> None:
    critic, obs = make_critic(), observations(9)
    actions = torch.randn(9, 2, requires_grad=True)
    found = critic.at(critic.columns(obs))(actions)
    critic.eval()
    wanted = critic(critic.columns(obs), actions).min(dim=1, keepdim=True).values
    assert found.shape == (9, 1) and torch.allclose(found, wanted, atol=1e-5)
    gradients = [torch.autograd.grad(value.sum(), actions)[0] for value in (found, wanted)]
    assert torch.allclose(*gradients, atol=1e-5) and gradients[0].abs().min() > 0


def test_pairs_of_both_kinds_are_normalized_as_one_batch() -> None:
    critic = make_critic()
    (one, two), actions = (critic.columns(observations(8)) for _ in range(2)), torch.randn(16, 2)
    joint = critic(torch.cat((one, two + 50.0)), actions)
    assert not torch.allclose(joint[:8], critic(one, actions[:8]), atol=0.1)


class History:
    """Steps of three environments, each with an observation of its own, kept in lists."""

    def __init__(self, steps: int, num_envs: int = 3):
        draw = np.random.default_rng(0)
        self.rewards = draw.normal(size=(steps, num_envs)).astype(np.float32)
        self.failed = draw.random((steps, num_envs)) < 0.15
        self.timed_out = (draw.random((steps, num_envs)) < 0.15) & ~self.failed
        self.ids = np.arange(steps * num_envs, dtype=np.float32).reshape(steps, num_envs)

    def fill(self, replay: Replay, steps: range) -> None:
        for step in steps:
            ids = torch.tensor(self.ids[step])[:, None]
            failed, timed_out = torch.tensor(self.failed[step]), torch.tensor(self.timed_out[step])
            # what comes after a step is told by the negative number of that step: after a reset it would be another
            replay.add(
                {"id": ids}, 2.0 * ids, torch.tensor(self.rewards[step]), failed, failed | timed_out, {"id": -ids}
            )

    def piece(self, step: int, env: int, num_steps: int, gamma: float) -> tuple[float, float, float]:
        """Return, discount and what comes after, by a plain loop."""
        total, discount = 0.0, 1.0
        for now in range(step, step + num_steps):
            total += discount * self.rewards[now, env]
            discount *= gamma
            if self.failed[now, env]:
                return total, 0.0, -self.ids[now, env]
            if self.timed_out[now, env]:
                break
        return total, discount, -self.ids[now, env]


@pytest.mark.parametrize("num_steps", [1, 3])
def test_returns_over_several_steps_are_those_of_a_plain_loop(num_steps: int) -> None:
    history, replay = History(40), Replay(capacity=3 * 17 + 2, num_envs=3, num_steps=num_steps, gamma=0.9)
    history.fill(replay, range(11))
    assert len(replay) == 33
    history.fill(replay, range(11, 40))
    assert len(replay) == 3 * 17
    batch = replay.draw(4000)
    ids = batch.observations["id"].long().squeeze(1)
    steps, envs = ids // 3, ids % 3
    wanted = torch.tensor([history.piece(int(s), int(e), num_steps, 0.9) for s, e in zip(steps, envs, strict=True)])
    assert torch.allclose(batch.returns.squeeze(1), wanted[:, 0].float(), atol=1e-6)
    assert torch.allclose(batch.discounts.squeeze(1), wanted[:, 1].float(), atol=1e-6)
    assert torch.equal(batch.next_observations["id"].squeeze(1), wanted[:, 2].float())
    assert torch.equal(batch.actions, 2.0 * batch.observations["id"])
    assert set(ids.tolist()) == set(range(23 * 3, (40 - num_steps + 1) * 3)), "all whole pieces, and no other"
    assert batch.returns.shape == batch.discounts.shape == (4000, 1)


def test_a_memory_comes_back_from_its_state() -> None:
    history = History(20)
    for steps in (9, 20):
        replay, other = (Replay(capacity=3 * 12, num_envs=3, num_steps=2, gamma=0.9) for _ in range(2))
        history.fill(replay, range(steps))
        other.load_state_dict(replay.state_dict())
        for each in (replay, other):
            history.fill(each, range(3))
        draws = []
        for each in (replay, other):
            torch.manual_seed(0)
            draws.append(each.draw(64))
        assert all(torch.equal(one, two) for one, two in zip(draws[0][1:4], draws[1][1:4], strict=True))
        assert torch.equal(draws[0].next_observations["id"], draws[1].next_observations["id"])


def test_a_memory_that_holds_no_piece_is_refused() -> None:
    with pytest.raises(MsemuError, match="a replay of 5 transitions does not hold 2 steps of 3"):
        Replay(5, num_envs=3, num_steps=2, gamma=0.9)


def test_the_density_of_a_squashed_gaussian_is_that_of_torch() -> None:
    head = SquashedGaussian(3, action_limit=1.5, init_std=0.4)
    head.update(0.5 * torch.randn(50, 6).double())
    actions, log_prob = head.draw()
    transforms = [TanhTransform(cache_size=1), AffineTransform(0.0, 1.5)]
    wanted = TransformedDistribution(Independent(Normal(head.mean, head.std), 1), transforms)
    assert torch.allclose(log_prob.squeeze(1), wanted.log_prob(actions))
    assert 1.2 < actions.abs().max() < 1.5
    head.update(torch.full((1, 6), 30.0))
    assert head.draw()[1].isfinite().all() and head.std.max() == pytest.approx(np.exp(2.0))


def make_actors() -> tuple[torch.nn.Module, torch.nn.Module]:
    """A policy with a flow, and the Gaussian one of the same source."""
    from rsl_rl.models import MLPModel

    obs, groups = observations(2), {"actor": ["one", "two"]}
    source = {"action_limit": 1.5, "init_std": 0.4}
    shared = {"hidden_dims": [16], "activation": "relu", "obs_normalization": True}
    module = "msemu.rl.off_policy.policy"
    flow_cfg = {"class_name": f"{module}:SquashedFlow", "num_steps": 5, "velocity_hidden_dim": 8, **source}
    flow = FlowActor(obs, groups, "actor", 3, distribution_cfg=flow_cfg, **shared)
    gauss_cfg = {"class_name": f"{module}:SquashedGaussian", **source}
    gauss = MLPModel(obs, groups, "actor", 3, distribution_cfg=gauss_cfg, **shared)
    gauss.mlp.load_state_dict(flow.mlp.first.state_dict())
    return flow, gauss


def test_a_flow_without_velocity_is_the_gaussian_policy() -> None:
    flow, gauss = make_actors()
    obs = observations(20)
    drawn = []
    for actor in (flow, gauss):
        torch.manual_seed(3)
        drawn.append(actor(obs, stochastic_output=True))
    assert torch.equal(*drawn) and torch.equal(flow(obs), gauss(obs))
    assert torch.allclose(flow.output_std, torch.full((20, 3), 0.4)) and drawn[0].abs().max() < 1.5


def test_a_flow_carries_what_the_source_drew_and_stays_in_bounds() -> None:
    flow, gauss = make_actors()
    torch.nn.init.normal_(flow.distribution.carrier.flow.output.weight, std=0.5)
    obs = observations(20)
    drawn = []
    for actor in (flow, gauss):
        torch.manual_seed(3)
        drawn.append(actor(obs, stochastic_output=True))
    place = drawn[1]
    flow.distribution.update(flow.mlp(flow.get_latent(obs)))
    for step in range(5):
        place = place + flow.distribution.velocity(place, torch.full((20, 1), step / 5)) / 5
    assert torch.allclose(drawn[0], place.clamp(-1.5, 1.5), atol=1e-5)
    assert (drawn[0] - drawn[1]).abs().max() > 0.05 and drawn[0].abs().max() <= 1.5


def test_the_exported_policy_is_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    runtime = pytest.importorskip("onnxruntime")
    flow, gauss = make_actors()
    torch.nn.init.normal_(flow.distribution.carrier.flow.output.weight, std=0.5)
    obs = observations(4)
    columns = torch.cat((obs["one"], obs["two"]), dim=1)
    for actor in (flow, gauss):
        wanted = actor(obs).detach()
        assert torch.allclose(torch.jit.script(actor.as_jit())(columns), wanted, atol=1e-5)
        path = tmp_path_factory.mktemp("onnx") / "policy.onnx"
        module = actor.as_onnx(verbose=False).eval()
        torch.onnx.export(
            module, module.get_dummy_inputs(), str(path), input_names=["obs"], opset_version=18, verbose=False
        )
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found = [session.run(None, {"obs": row[None].numpy()})[0][0] for row in columns]
        assert np.allclose(found, wanted, atol=1e-5)
