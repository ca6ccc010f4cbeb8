"""Posture reaching: held bodies against whole ones, physics against MuJoCo, targets, bookkeeping, the command."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from command_line import run_main
from explore.__main__ import main as explore
from explore.learning_protocol import bench_agent, make_learner
from explore.posture_reaching import EPISODE_STEPS, ERROR_SCALE_RAD, PostureReaching
from explore.reaching_benchmark import REACHING_DEFINITIONS, blind_error
from scipy.optimize import lsq_linear

from msemu.models import Body, load_body
from msemu.models.couplings import Couplings
from msemu.models.muscle_paths import moment_arms

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def elbow() -> PostureReaching:
    return PostureReaching("elbow", 3, seed=0, num_threads=1)


@pytest.fixture(scope="module")
def held_legs() -> PostureReaching:
    return PostureReaching("legs", 8, seed=0, num_threads=1)


def test_the_elbow_has_the_lengths_and_moment_arms_of_the_whole_body(elbow: PostureReaching) -> None:
    whole, part = load_body("myofullbody"), elbow.sim.model
    muscles = [part.actuator(i).name.removeprefix("part/") for i in range(part.nu)]
    assert muscles == ["TRIlong", "TRIlat", "TRImed", "BIClong", "BICshort", "BRA"]
    assert [part.joint(i).name for i in range(part.njnt)] == ["part/elbow_flex_r"]
    joint = whole.model.joint("elbow_flex_r")
    angles = np.linspace(0.2, 2.0, 4)
    poses = np.tile(whole.neutral_qpos, (4, 1))
    poses[:, joint.qposadr[0]] = angles
    wanted = moment_arms(whole.model, poses)[:, [whole.muscle_names.index(name) for name in muscles], joint.dofadr[0]]
    np.testing.assert_allclose(moment_arms(part, angles[:, None])[:, :, 0], wanted, atol=1e-12)
    assert part.opt.integrator == whole.model.opt.integrator and part.opt.solver == whole.model.opt.solver


def test_the_legs_keep_their_muscles_and_hang_where_the_body_stands(held_legs: PostureReaching, legs: Body) -> None:
    model = held_legs.sim.model
    assert tuple(model.actuator(i).name for i in range(model.nu)) == legs.muscle_names
    assert [model.joint(i).name for i in range(model.njnt)] == list(legs.joint_names)
    assert model.nq == legs.model.nq - 7 and len(held_legs.joints) == len(legs.independent_joints)
    held, free = mujoco.MjData(model), mujoco.MjData(legs.model)
    held.qpos, free.qpos = legs.neutral_qpos[7:], legs.neutral_qpos
    mujoco.mj_kinematics(model, held)
    mujoco.mj_kinematics(legs.model, free)
    np.testing.assert_allclose(held.xpos, free.xpos, atol=1e-12)
    np.testing.assert_allclose(held.xmat, free.xmat, atol=1e-12)
    np.testing.assert_array_equal(model.body_mass, legs.model.body_mass)


def test_a_step_is_that_of_mujoco_and_rewards_nearness(held_legs: PostureReaching) -> None:
    held_legs.restart(1)
    data = mujoco.MjData(held_legs.sim.model)
    data.qpos, data.act = held_legs.sim.qpos[2].numpy(), 0.05
    actions = torch.randn(8, 80, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        observations, rewards, dones, _ = held_legs.step(actions)
    data.ctrl = 1.0 / (1.0 + np.exp(-5.0 * (actions[2].double().numpy() - 0.5)))
    for _ in range(30):
        mujoco.mj_step(held_legs.sim.model, data)
    np.testing.assert_allclose(held_legs.sim.qpos[2], data.qpos, atol=1e-5)
    way = (held_legs.target[2].numpy() - data.qpos)[held_legs.joints]
    assert rewards[2].item() == pytest.approx(np.exp(-np.abs(way).mean() / ERROR_SCALE_RAD), abs=1e-5)
    wanted = np.concatenate((data.qpos, 0.1 * data.qvel, data.act, way))
    np.testing.assert_allclose(observations["state"][2], wanted, atol=2e-3)
    assert not dones.any() and not data.ncon


@pytest.mark.parametrize("task", ["legs", "body"])
def test_muscles_can_hold_nearly_every_target(task: str) -> None:
    """Activations in [0, 1] balance gravity and the passive forces, by bounded least squares."""
    bodies = PostureReaching(task, 8, seed=2, num_threads=1)
    model, data = bodies.sim.model, mujoco.MjData(bodies.sim.model)
    couplings = Couplings.of(model)
    left = []
    for pose in bodies.target.numpy():
        speeds = np.zeros((len(bodies.joints), model.nv))
        speeds[np.arange(len(speeds)), bodies.joints] = 1.0
        slopes = couplings.project_velocity(np.tile(pose, (len(speeds), 1)), speeds)
        torque = []
        for activation in (0.0, 1.0):
            data.qpos, data.qvel, data.act = pose, 0.0, activation
            mujoco.mj_forward(model, data)
            torque.append(moment_arms(model, pose[None])[0] * data.actuator_force[:, None] @ slopes.T)
        wanted = slopes @ (data.qfrc_bias - data.qfrc_passive) - torque[0].sum(axis=0)
        found = lsq_linear((torque[1] - torque[0]).T, wanted, (0.0, 1.0))
        left.append(np.abs((torque[1] - torque[0]).T @ found.x - wanted).max())
    assert np.mean(np.array(left) < 0.5) >= 0.75  # [N m]


def test_episodes_end_by_time_and_begin_anew(elbow: PostureReaching) -> None:
    elbow.restart(3)
    low, high = np.deg2rad([32.5, 97.5])  # the middle half of 0 to 130 deg
    still = torch.zeros(3, 6)
    elbow.episode_length_buf[1] = 5
    for _ in range(EPISODE_STEPS - 6):
        assert not elbow.step(still)[2].any()
    target = elbow.target.clone()
    observations, _, dones, extras = elbow.step(still)
    assert dones.tolist() == [0.0, 1.0, 0.0] and extras["time_outs"].tolist() == [False, True, False]
    assert elbow.episode_length_buf.tolist() == [EPISODE_STEPS - 5, 0, EPISODE_STEPS - 5]
    changed = (elbow.target != target).squeeze(1)
    assert changed.tolist() == [False, True, False]
    assert ((elbow.target >= low) & (elbow.target <= high)).all() and low <= elbow.sim.qpos[1].item() <= high
    final = extras["terminal_observations"]["state"]
    assert torch.equal(final[::2], observations["state"][::2]) and not torch.equal(final[1], observations["state"][1])
    assert observations["state"][1, 2:8].tolist() == pytest.approx([0.05] * 6)


def test_a_body_that_blows_up_begins_anew_without_a_time_out(elbow: PostureReaching) -> None:
    elbow.restart(4)
    first, nowhere = torch.tensor([True, False, False]), torch.full((3, 1), float("nan"), dtype=torch.double)
    elbow.sim.reset(first, elbow.sim.qpos.clone(), nowhere, torch.zeros(3, 6))
    _, rewards, dones, extras = elbow.step(torch.zeros(3, 6))
    assert dones.tolist() == [1.0, 0.0, 0.0] and not extras["time_outs"].any()
    assert rewards[0] == 0.0 and (rewards[1:] > 0.0).all() and elbow.error[0].item() == pytest.approx(np.pi)
    assert not extras["terminal_observations"]["state"][0].any() and not elbow.sim.unstable.any()


def test_the_same_seed_gives_the_same_episodes(elbow: PostureReaching) -> None:
    elbow.restart(5)
    first = elbow.get_observations()["state"].clone()
    elbow.step(torch.ones(3, 6))
    elbow.restart(5)
    assert torch.equal(elbow.get_observations()["state"], first)


def test_the_blind_error_is_that_of_the_median(elbow: PostureReaching) -> None:
    elbow.target = torch.tensor([[0.5], [0.7], [1.5]], dtype=torch.double)
    assert blind_error(elbow) == pytest.approx(np.rad2deg((0.2 + 0.8) / 3))


def test_noise_is_shared_by_muscles_that_shorten_together(elbow: PostureReaching) -> None:
    groups = elbow.action_groups(2)
    assert len(set(groups[:3].tolist())) == len(set(groups[3:].tolist())) == 1 and groups[0] != groups[3]
    assert make_learner(bench_agent("dynsyn"), elbow).actor.distribution.membership.sum() == 6


def test_the_command_writes_figures_and_curves(tmp_path: Path) -> None:
    figures, curves = tmp_path / "figures.json", tmp_path / "plots" / "curves.png"
    size = ("--tasks", "elbow", "--seeds", "1", "2", "--num-envs", "4", "--iterations", "2")
    result = run_main(explore, "explore", *size, "--agents", "ppo", "crossq", "--json", figures, "--curves", curves)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in REACHING_DEFINITIONS)
    measured = json.loads(figures.read_text())
    assert measured["definitions"] == REACHING_DEFINITIONS and "learning" not in measured
    assert len(measured["reaching"]) == 4
    for row in measured["reaching"]:
        assert row["samples"] == [0, 192] and len(row["error_deg"]) == len(row["cpu_s"]) == 2
        assert (row["num_muscles"], row["num_joints"], row["diverged_after"]) == (6, 1, None)
    assert curves.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tasks", "knee"), "unknown task 'knee'"),
        (("--curves", "a.png"), "--curves shows elbow, legs and body"),
        (("--tasks", "elbow", "--plot", "a.png"), "--plot shows the chain"),
    ],
)
def test_mistakes_end_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = run_main(explore, "explore", *arguments)
    assert result.returncode == 2 and said in result.stderr and "Traceback" not in result.stderr
