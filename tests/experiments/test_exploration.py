"""``python -m explore``: the chain against NumPy, the scatter against its formula, the command and wrong input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run_main
from explore.__main__ import main as explore
from explore.exploration_benchmark import (
    DEFINITIONS,
    explored_std,
    measure_exploration,
)
from explore.learning_protocol import bench_agent, make_learner, samples_to_threshold
from explore.planar_chain import (
    BEND_PER_STEP,
    EPISODE_STEPS,
    GREATEST_BEND,
    PlanarChain,
    end_effector_variance,
    points,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def numpy_points(angles: np.ndarray) -> np.ndarray:
    """Link by link, with rotation matrices."""
    ends, place, rotation = [], np.zeros(2), np.eye(2)
    for angle in angles:
        rotation = rotation @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        place = place + rotation @ np.array([1.0 / len(angles), 0.0])
        ends.append(place)
    return np.array(ends)


def test_forward_kinematics_is_that_of_rotation_matrices() -> None:
    angles = np.random.default_rng(0).normal(scale=0.5, size=(3, 17))
    found = points(torch.tensor(angles)).numpy()
    np.testing.assert_allclose(found, [numpy_points(each) for each in angles], atol=1e-12)


def test_a_step_turns_the_joints_within_their_limits_and_rewards_nearness() -> None:
    num_joints = 12
    chain = PlanarChain(4, num_joints, seed=0)
    chain.angles[0] = GREATEST_BEND / num_joints
    angles, target = chain.angles.double().numpy(), chain.target.double().numpy()
    actions = 2.0 * torch.randn(4, num_joints, generator=torch.Generator().manual_seed(0))
    turned = angles + BEND_PER_STEP / num_joints * np.clip(actions.numpy(), -1.0, 1.0)
    turned = np.clip(turned, -GREATEST_BEND / num_joints, GREATEST_BEND / num_joints)
    ends = np.array([numpy_points(each) for each in turned])
    observations, rewards, dones, extras = chain.step(actions)
    np.testing.assert_allclose(rewards, -np.linalg.norm(ends[:, -1] - target, axis=1), atol=1e-5)
    seen = ends[:, np.round(np.arange(1, 11) * num_joints / 10).astype(int) - 1].reshape(4, -1)
    wanted = np.hstack((seen, target, target - ends[:, -1]))
    np.testing.assert_allclose(observations["state"], wanted, atol=1e-5)
    assert not dones.any() and not extras["time_outs"].any()


@pytest.mark.parametrize("num_joints", [1, 10, 1000])
def test_an_episode_ends_by_time_and_every_target_can_be_reached(num_joints: int) -> None:
    chain = PlanarChain(64, num_joints, seed=0)
    assert chain.get_observations()["state"].shape == (64, 24)
    assert chain.target.norm(dim=1).max() <= 1.0 + 1e-5
    still = torch.zeros(64, num_joints)
    for _ in range(EPISODE_STEPS - 1):
        assert not chain.step(still)[2].any()
    before, last = chain.angles, chain.get_observations()
    observations, _, dones, extras = chain.step(still)
    assert dones.all() and extras["time_outs"].all() and not chain.episode_length_buf.any()
    torch.testing.assert_close(extras["terminal_observations"]["state"], last["state"])
    assert not torch.equal(chain.angles, before) and not torch.equal(observations["state"], last["state"])


@pytest.mark.parametrize("num_joints", [1, 10, 256])
def test_the_variance_of_the_end_effector_is_that_of_its_formula(num_joints: int) -> None:
    std, draws = 0.2, 40_000
    actions = std * np.random.default_rng(1).normal(size=(draws, num_joints))
    directions = np.cumsum(BEND_PER_STEP / num_joints * actions, axis=1)
    ends = np.stack((np.cos(directions).mean(1), np.sin(directions).mean(1)))
    assert end_effector_variance(num_joints, std) == pytest.approx(ends.var(axis=1).sum(), rel=0.03)


def test_the_variance_falls_as_one_over_the_number_of_joints() -> None:
    for num_joints in (300, 1000):
        limit = (BEND_PER_STEP * 0.2) ** 2 / (3 * num_joints)
        assert end_effector_variance(num_joints, 0.2) == pytest.approx(limit, rel=1e-2)


@pytest.mark.parametrize("agent", ["ppo", "flow_guided"])
def test_an_untrained_policy_scatters_the_end_effector_as_independent_noise_does(agent: str) -> None:
    wanted = end_effector_variance(100, 0.2) ** 0.5
    assert measure_exploration(agent, 100, seed=0) == pytest.approx(wanted, rel=0.05)


def test_noise_shared_by_neighbors_scatters_more() -> None:
    """Groups of four with half of the variance: 1/2 (1 + 4) times that of independent noise."""
    wanted = (2.5 * 2 * 0.14**2 / 0.2**2 * end_effector_variance(100, 0.2)) ** 0.5
    assert measure_exploration("dynsyn", 100, seed=0) == pytest.approx(wanted, rel=0.07)


def test_off_policy_agents_act_on_the_chain() -> None:
    actor = make_learner(bench_agent("crossq"), PlanarChain(2, 30, seed=0)).actor
    assert 0.0 < explored_std(actor, 30) < 2.0 * end_effector_variance(30, 0.2) ** 0.5


def test_samples_to_a_threshold_are_interpolated() -> None:
    assert samples_to_threshold([0, 10, 20], [0.5, 0.4, 0.2], 0.3) == pytest.approx(15)
    assert samples_to_threshold([0, 10], [0.1, 0.4], 0.3) == 0
    assert samples_to_threshold([0, 10], [0.5, 0.4], 0.3) is None


def test_the_command_writes_figures_and_plot(tmp_path: Path) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "plots" / "explore.png"
    size = ("--joints", "4", "10", "--seeds", "1", "2", "--num-envs", "4", "--iterations", "2")
    agents = ("--noises", "ppo", "lattice", "--agents", "ppo", "flow_guided", "crossq")
    result = run_main(explore, "explore", *size, *agents, "--json", figures, "--plot", plot)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in DEFINITIONS)
    measured = json.loads(figures.read_text())
    assert measured["definitions"] == DEFINITIONS and measured["seeds"] == [1, 2]
    assert len(measured["exploration"]) == 4 and len(measured["learning"]) == 12
    for row in measured["learning"]:
        assert row["samples"] == [0, 192] and len(row["distance"]) == 2
        assert row["samples_to_threshold"] is None and row["diverged_after"] is None and row["final_std"] > 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = tmp_path / "again.json"
    run_main(explore, "explore", *size, *agents, "--json", again)
    repeated = json.loads(again.read_text())
    for row in repeated["learning"] + measured["learning"]:
        del row["cpu_s"]
    assert repeated["learning"] == measured["learning"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--joints", "0"), "--joints: 0 is not between"),
        (("--agents", "oracle"), "unknown agent 'oracle'"),
        (("--threshold", "-1"), "--threshold: -1 is not above 0"),
        (("--agents", "add"), "'add'"),
    ],
)
def test_mistakes_end_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = run_main(explore, "explore", *arguments)
    assert result.returncode == 2 and said in result.stderr and "Traceback" not in result.stderr
