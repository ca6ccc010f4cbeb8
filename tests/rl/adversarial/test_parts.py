"""The parts of a discriminator: objectives, gradient penalty, statistics, memory, training, what is shown of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from patience import PATIENCE_S
from places import TESTS
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from msemu.rl.adversarial.diagnostics import Diagnostics, DiagnosticsLog
from msemu.rl.adversarial.discriminator import Discriminator
from msemu.rl.adversarial.normalizer import MeanAbsoluteNormalizer, MeanStdNormalizer
from msemu.rl.adversarial.objective import gradient_penalty, least_squares_reward, logistic_reward
from msemu.rl.adversarial.replay import ReplayBuffer
from msemu.rl.checkpoints import checkpoint

SETTINGS = {
    "hidden_dims": [16, 8],
    "activation": "relu",
    "init_logit_weight": 1.0,
    "objective": "logistic",
    "gradient_penalty": 2.0,
    "logit_regularization": 0.01,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 1e-4,
    "num_learning_epochs": 2,
    "num_mini_batches": 3,
    "replay_size": 50,
    "replay_samples_per_rollout": 10,
}


pytestmark = pytest.mark.usefixtures("one_thread")


class ZeroIsGood(Discriminator):
    """Samples of four numbers; zero is good."""

    penalizes_negatives = True

    def __init__(self, **changes):
        parts = {"arm/hand": [0, 1], "leg": [2, 3]}
        super().__init__(parts, MeanAbsoluteNormalizer(4, "cpu"), "cpu", **{**SETTINGS, **changes})

    def observe(self, env, dones):
        raise NotImplementedError

    def positives(self, count: int) -> torch.Tensor:
        return torch.zeros(1, 4)


def test_the_logistic_reward_is_the_formula() -> None:
    logits = np.array([-60.0, -5.0, -1.0, 0.0, 0.5, 3.0, 9.0, 9.3, 60.0])
    wanted = -np.log(np.maximum(1.0 - 1.0 / (1.0 + np.exp(-logits)), 1e-4))
    assert np.allclose(logistic_reward(torch.tensor(logits)).numpy(), wanted, atol=1e-12)
    assert wanted[-1] == wanted[-2] == pytest.approx(9.21034)


def test_the_least_squares_reward_is_the_formula() -> None:
    logits = torch.tensor([-3.0, -1.0, 0.0, 1.0, 2.0, 4.0])
    assert least_squares_reward(logits).tolist() == [0.0, 0.0, 0.75, 1.0, 0.75, 0.0]


def test_the_gradient_penalty_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    inputs = torch.randn(4, 3, dtype=torch.float64)
    step = 1e-6

    def by_differences() -> float:
        with torch.no_grad():
            shifts = step * torch.eye(3, dtype=torch.float64)
            slopes = [(network(inputs + shift) - network(inputs - shift)) / (2 * step) for shift in shifts]
            return float(torch.cat(slopes, dim=1).square().sum(1).mean())

    watched = inputs.clone().requires_grad_()
    penalty = gradient_penalty(network(watched), watched)
    assert penalty.item() == pytest.approx(by_differences(), rel=1e-6)
    # The penalty itself must be differentiable by the network's weights.
    penalty.backward()
    weight = network[0].weight
    wanted = float(weight.grad[1, 2])
    with torch.no_grad():
        weight[1, 2] += 1e-4
        above = by_differences()
        weight[1, 2] -= 2e-4
        below = by_differences()
    assert wanted == pytest.approx((above - below) / 2e-4, rel=1e-3)


def test_the_loss_is_the_formula() -> None:
    torch.manual_seed(0)
    discriminator = ZeroIsGood(hidden_dims=[1], activation="identity")
    first, last = (discriminator.network[index] for index in (0, 2))
    with torch.no_grad():
        first.weight[:], first.bias[:] = torch.tensor([[1.0, 0.0, 2.0, 0.0]]), 0.5
        last.weight[:], last.bias[:] = torch.tensor([[3.0]]), 0.25
    negatives = torch.tensor([[1.0, 5.0, -1.0, 0.0], [0.0, 0.0, 0.5, 0.0]])
    logits = [3 * (-1 + 0.5) + 0.25, 3 * (1 + 0.5) + 0.25]
    logit_of_zero = 3 * 0.5 + 0.25
    classification = np.log1p(np.exp(-logit_of_zero)) + np.mean(np.log1p(np.exp(logits)))
    squared_slope = 9.0 * (1.0 + 4.0)
    wanted = 0.5 * classification + 0.01 * 9.0 + 2.0 * 0.5 * (squared_slope + squared_slope)
    assert discriminator.loss(negatives, torch.zeros(1, 4)).item() == pytest.approx(wanted)


@pytest.mark.parametrize("batches", [[7], [5, 11, 3]])
def test_the_statistics_agree_with_numpy(batches: list[int]) -> None:
    random = np.random.default_rng(0)
    samples = random.normal([0.0, 5.0, -1.0], [1.0, 0.01, 3.0], (sum(batches), 3)).astype(np.float32)
    absolute, standard = MeanAbsoluteNormalizer(3, "cpu"), MeanStdNormalizer(3, "cpu")
    for part in np.split(samples, np.cumsum(batches)[:-1]):
        absolute.record(torch.from_numpy(part))
        standard.record(torch.from_numpy(part))
    exact = samples.astype(np.float64)
    assert np.allclose(absolute.scale, np.abs(exact).mean(0), rtol=1e-5)
    assert np.allclose(standard.mean, exact.mean(0), atol=1e-5)
    assert np.allclose(standard.variance.sqrt(), exact.std(0), rtol=1e-4)
    probe = torch.tensor([[1.0, 5.0, -100.0]])
    assert np.allclose(absolute(probe), probe / np.abs(exact).mean(0), rtol=1e-4)
    wanted = np.clip((probe.numpy() - exact.mean(0)) / exact.std(0), -10, 10)
    assert np.allclose(standard(probe), wanted, rtol=1e-3, atol=1e-3) and wanted.min() == -10


def test_the_perfect_sample_is_not_moved_by_the_statistics() -> None:
    normalizer = MeanAbsoluteNormalizer(3, "cpu")
    samples = torch.tensor([[3.0, 0.0, -1e-9], [5.0, 0.0, 1e-9]])
    for _ in range(3):
        normalizer.record(samples)
        assert torch.equal(normalizer(torch.zeros(1, 3)), torch.zeros(1, 3))
    assert normalizer(samples).abs().max() < 2.0  # neither a constant nor a minute column explodes


def test_the_replay_draws_every_sample_alike() -> None:
    torch.manual_seed(0)
    replay = ReplayBuffer(64, 4, 1, "cpu")
    replay.add(torch.arange(40.0).unsqueeze(1))
    assert sorted(replay.draw(4000).unique().tolist()) == list(range(40))
    replay.add(torch.arange(40.0, 64.0).unsqueeze(1))
    counts = np.bincount(replay.draw(64_000).squeeze(1).int().numpy(), minlength=64)
    # Each count is binomial around 1000: chi squared of 63 degrees of freedom is below 110 in 99.98 % of all cases.
    assert len(replay) == 64 and ((counts - 1000.0) ** 2 / 1000.0).sum() < 110


def test_a_full_replay_takes_few_samples_of_a_rollout() -> None:
    torch.manual_seed(0)
    replay = ReplayBuffer(64, 4, 1, "cpu")
    replay.add(torch.zeros(100, 1))
    replay.add(torch.arange(1.0, 101.0).unsqueeze(1))
    held = replay.state_dict()["samples"].squeeze(1)
    assert len(replay) == 64 and (held > 0).sum() == 4 and held[held > 0].std() > 5


def test_a_saved_discriminator_goes_on_exactly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, two = ZeroIsGood(), ZeroIsGood()
    rollouts = torch.randn(8, 30, 4)
    for rollout in rollouts[:4]:
        one.update(rollout)
    checkpoint.write(tmp_path / "state.pt", {"discriminator": one.state_dict()})
    two.load_state_dict(checkpoint.read(tmp_path / "state.pt", "cpu")["discriminator"])
    for each in (one, two):
        torch.manual_seed(1)
        for rollout in rollouts[4:]:
            each.update(rollout)
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, two.network.state_dict()[name])
    assert torch.equal(one.replay.state_dict()["samples"], two.replay.state_dict()["samples"])
    assert torch.equal(one.reward(rollouts[0]), two.reward(rollouts[0]))


@pytest.mark.parametrize("objective", ["logistic", "least_squares"])
def test_it_learns_to_reward_small_errors(objective: str) -> None:
    torch.manual_seed(0)
    discriminator = ZeroIsGood(objective=objective, learning_rate=1e-2)
    for _ in range(100):
        seen = discriminator.update(torch.randn(64, 4) * torch.tensor([1.0, 1.0, 100.0, 0.001]))
    scale = torch.tensor([1.0, 1.0, 100.0, 0.001])
    reward = discriminator.reward(torch.tensor([[0.0], [0.3], [1.0], [2.0]]) * scale)
    assert (reward[:-1] > reward[1:]).all() and seen.accuracy()[0] == 1.0 and seen.accuracy()[1] > 0.9
    # All columns differ by their scale only, so both pairs are punished alike.
    assert sum(seen.shares().values()) == pytest.approx(1.0)
    assert 0.3 < seen.shares()["arm/hand"] < 0.7


def test_a_rollout_without_samples_is_skipped() -> None:
    discriminator = ZeroIsGood()
    before = {name: value.clone() for name, value in discriminator.network.state_dict().items()}
    assert discriminator.update(torch.zeros(0, 4)) is None
    assert discriminator.update(torch.randn(1, 4)) is not None
    assert any(not torch.equal(value, before[name]) for name, value in discriminator.network.state_dict().items())
    assert torch.isfinite(discriminator.reward(torch.randn(3, 4))).all()


def test_a_collapse_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msemu.rl.adversarial.diagnostics.COLLAPSED_AFTER", 3)
    log, writer = DiagnosticsLog(), SummaryWriter(str(tmp_path))
    sure = Diagnostics(
        torch.tensor(0.1),
        torch.tensor([-4.0, -5.0]),
        torch.tensor([4.0]),
        torch.tensor(1.0),
        {"leg": torch.tensor(1.0)},
    )
    unsure = Diagnostics(sure.loss, torch.tensor([-4.0, 5.0]), sure.positive_logits, sure.gradient_norm, sure.punished)
    for iteration, seen in enumerate([sure, sure, unsure, sure, sure, sure, sure]):
        log.write(writer, iteration, seen, torch.tensor([0.1, 0.2]), 2.0)
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 1 and warnings[0].startswith("iteration 5: the discriminator has told every sample right")
    log.write(writer, 7, None, torch.zeros(2), 2.0)
    assert "every simulation of the rollout blew up" in capsys.readouterr().err
    writer.close()
    curves = EventAccumulator(str(tmp_path)).Reload()
    assert [round(event.value, 3) for event in curves.Scalars("Discriminator/accuracy_negative")][:3] == [1, 1, 0.5]
    assert curves.Scalars("Reward/discriminator")[0].value == pytest.approx(0.3)
    assert {"Discriminator/reward", "Discriminator/logit_negative"} <= set(curves.Tags()["histograms"])


TWO_RANKS = """
import importlib.util, sys, torch
import torch.distributed as dist
sys.path.append({helpers!r})
spec = importlib.util.spec_from_file_location("parts", {tests!r})
parts = importlib.util.module_from_spec(spec); spec.loader.exec_module(parts)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://{file}", rank=rank, world_size=2)
torch.manual_seed(rank)
discriminator = parts.ZeroIsGood()
discriminator.synchronize()
data = torch.randn(30 + 5 * rank, 4) + rank
discriminator.update(data)
if rank == 0:
    torch.save(discriminator.state_dict(), "{file}.state")
torch.save((data, discriminator.network.state_dict(), discriminator.normalizer.state_dict()), f"{file}.{{rank}}")
assert discriminator.update(data[: 0 if rank else 30]) is None
dist.barrier()
resumed = parts.ZeroIsGood()
resumed.load_state_dict(torch.load("{file}.state"))
assert len(resumed.replay) == (0 if rank else 30)
assert torch.equal(resumed.normalizer.scale, discriminator.normalizer.scale)
resumed.update(data)
assert len(resumed.replay) == (35 if rank else 50)
dist.barrier()
dist.destroy_process_group()
"""


def test_ranks_hold_the_same_discriminator(tmp_path: Path) -> None:
    code = TWO_RANKS.format(helpers=str(TESTS), tests=__file__, file=tmp_path / "store")
    ranks = [subprocess.Popen([sys.executable, "-c", code, str(rank)]) for rank in range(2)]
    assert [rank.wait(timeout=PATIENCE_S) for rank in ranks] == [0, 0]
    (data, network, statistics), (other_data, other_network, other_statistics) = (
        torch.load(f"{tmp_path / 'store'}.{rank}") for rank in range(2)
    )
    for name, value in network.items():
        assert torch.equal(value, other_network[name])
    pooled = torch.cat((data, other_data)).abs().mean(0)
    assert torch.allclose(statistics["scale"], pooled, rtol=1e-5)
    assert torch.equal(statistics["scale"], other_statistics["scale"])
