"""The tracking environment."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from msemu.envs import observations, tracking_error
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.muscles import Muscles
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion import rotation
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import Kinematics
from msemu.schema import TaskCfg


@pytest.fixture
def env(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> MotionTrackingEnv:
    return MotionTrackingEnv(tracking_cfg, legs, march, seed=3)


def zero_actions(env: MotionTrackingEnv) -> torch.Tensor:
    return torch.zeros(env.num_envs, env.num_actions)


def test_it_starts_on_the_reference(env: MotionTrackingEnv) -> None:
    qpos, qvel = env.reference.state(env.frame)
    assert torch.equal(env.sim.qpos, qpos) and torch.equal(env.sim.qvel, qvel)
    assert len(env.frame.unique()) > 1
    assert (env.sim.act == env.cfg.env.reset_activation).all()


@pytest.mark.parametrize("engine", ["mujoco", pytest.param("warp", marks=pytest.mark.slow)])
def test_wrong_actions_change_nothing(engine: str, tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.sim.engine, tracking_cfg.sim.device = engine, "cpu"
    env, twin = (MotionTrackingEnv(tracking_cfg, legs, march, seed=3) for _ in range(2))
    before = env.state_dict()
    good = zero_actions(env)
    for wrong, said in (
        (torch.zeros(4, 81), r"float32 of shape \[4, 81\] on cpu"),
        (torch.zeros(3, 80), r"float32 of shape \[3, 80\] on cpu"),
        (torch.zeros(80), r"float32 of shape \[80\] on cpu"),
        (good.double(), r"float64 of shape \[4, 80\] on cpu"),
        (good.numpy(), "a ndarray"),
    ):
        with pytest.raises(MsemuError, match=f"step is given {said}; expected float32 of shape \\[4, 80\\] on cpu"):
            env.step(wrong)
    assert all(torch.equal(value, before[key]) for key, value in env.state_dict().items())
    for (groups, reward, *_), (other, wanted, *_) in [(env.step(good), twin.step(good)) for _ in range(2)]:
        assert torch.equal(reward, wanted) and torch.equal(groups["muscle"], other["muscle"])


def test_groups_are_finite_and_named(env: MotionTrackingEnv) -> None:
    groups = env.get_observations()
    assert set(groups.keys()) == {"proprioception", "muscle", "reference"}
    assert groups["muscle"].shape == (4, 4 * env.num_actions)
    assert all(torch.isfinite(values).all() and values.dtype == torch.float32 for values in groups.values())


def test_muscle_observations_are_the_engines_in_muscle_units(env: MotionTrackingEnv, legs: Body) -> None:
    env.step(zero_actions(env))
    model = legs.model
    length, velocity, force, activation = env.get_observations()["muscle"].unflatten(1, (4, -1)).unbind(1)
    r0, r1 = model.actuator_gainprm[:, 0], model.actuator_gainprm[:, 1]
    low, high = model.actuator_lengthrange.T
    # MuJoCo's documentation: normalized length L = r0 + (length - low) / L0 with L0 = (high - low) / (r1 - r0).
    wanted = r0 + (env.sim.muscle_length.numpy() - low) * (r1 - r0) / (high - low)
    np.testing.assert_allclose(length.numpy() + 1.0, wanted, atol=1e-4)
    peak = model.actuator_gainprm[:, 2]
    np.testing.assert_allclose(force.numpy(), -env.sim.muscle_force.numpy() / peak, atol=1e-5)
    np.testing.assert_allclose(activation.numpy(), env.sim.act.numpy(), atol=1e-6)
    scale = observations.VELOCITY_SCALE * (r1 - r0) / (high - low)
    np.testing.assert_allclose(velocity.numpy(), env.sim.muscle_velocity.numpy() * scale, atol=1e-4)


def test_observations_do_not_depend_on_place_and_heading(legs: Body) -> None:
    """A body that is moved over the floor and turned, with its reference, sees the same."""
    generator = torch.Generator().manual_seed(0)

    def random_state(*shape: int) -> Kinematics:
        quaternion = torch.nn.functional.normalize(torch.randn(*shape, 4, generator=generator), dim=-1)
        return Kinematics(
            torch.randn(*shape, 9, generator=generator),
            torch.randn(*shape, 9, generator=generator),
            torch.randn(*shape, 17, 3, generator=generator),
            quaternion,
            torch.randn(*shape, 3, generator=generator),
            torch.randn(*shape, 3, generator=generator),
        )

    yaw = torch.tensor([np.cos(0.4), 0.0, 0.0, np.sin(0.4)], dtype=torch.float32)
    shift = torch.tensor([3.0, -2.0, 0.0])

    def move(state: Kinematics) -> Kinematics:
        turn = yaw.expand(*state.root_quaternion.shape)
        return replace(
            state,
            landmark_position=rotation.rotate(turn.unsqueeze(-2), state.landmark_position) + shift,
            root_quaternion=rotation.multiply(turn, state.root_quaternion),
            root_linear_velocity=rotation.rotate(turn, state.root_linear_velocity),
            root_angular_velocity=rotation.rotate(turn, state.root_angular_velocity),
        )

    state, frames, force = random_state(5), random_state(5, 3), torch.randn(5, 2, 3, generator=generator)
    turned_force = rotation.rotate(yaw.expand(5, 1, 4), force)
    phase = torch.rand(5, generator=generator)
    here, there = (
        SimpleNamespace(state=state, contact_force=force),
        SimpleNamespace(state=move(state), contact_force=turned_force),
    )
    assert torch.allclose(observations.proprioception(here), observations.proprioception(there), atol=1e-4)
    assert torch.allclose(
        observations.reference_from(state, frames, phase),
        observations.reference_from(move(state), move(frames), phase),
        atol=1e-4,
    )


def test_the_action_map(env: MotionTrackingEnv) -> None:
    action = torch.tensor([[-100.0, 0.0, 0.5, 100.0]])
    excitation = env.excitation(action)[0]
    assert torch.allclose(excitation, torch.tensor([0.0, 0.07585818, 0.5, 1.0]), atol=1e-6)


def test_perfect_tracking_earns_the_whole_weight(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    env.step(zero_actions(env))
    transition = env.transition
    still = torch.zeros_like(transition.muscles.excitation)
    muscles = Muscles(lambda name: still)
    perfect = replace(transition, state=transition.reference, muscles=muscles, previous_excitation=still)
    reward, _ = env._reward(perfect)
    positive = sum(term.weight for term in tracking_cfg.env.rewards.values() if term.weight > 0)
    assert torch.allclose(reward, torch.full_like(reward, positive), atol=1e-5)
    worse, shares = env._reward(transition)
    assert (worse < reward).all() and shares.shape == (4, len(tracking_cfg.env.rewards))


def test_rewards_equal_their_formula(env: MotionTrackingEnv) -> None:
    env.step(torch.full((4, env.num_actions), 0.3))
    t, cfg = env.transition, env.cfg.env.rewards
    _, shares = env._reward(t)
    named = dict(zip(env._reward.names, shares.unbind(1), strict=True))
    joint = (t.state.joint_position - t.reference.joint_position).numpy()
    wanted = cfg["joint_angle"].weight * np.exp(-cfg["joint_angle"].sensitivity * (joint**2).mean(1))
    np.testing.assert_allclose(named["joint_angle"], wanted, rtol=1e-5)
    relative = lambda k: (k.landmark_position - k.landmark_position[:, :1]).numpy()  # noqa: E731
    square = ((relative(t.state) - relative(t.reference)) ** 2).sum(-1).mean(1)
    wanted = cfg["body_position"].weight * np.exp(-cfg["body_position"].sensitivity * square)
    np.testing.assert_allclose(named["body_position"], wanted, rtol=1e-5)
    np.testing.assert_allclose(
        named["effort"], cfg["effort"].weight * (t.muscles.activation.numpy() ** 2).mean(1), rtol=1e-5
    )
    power = np.abs(t.muscles.force.numpy() * t.muscles.rigid_fiber_velocity.numpy()).mean(1)
    np.testing.assert_allclose(named["power"], cfg["power"].weight * power, rtol=1e-5)


def test_errors_are_in_degrees_and_centimeters(env: MotionTrackingEnv) -> None:
    state = env.reference.kinematics(env.frame)
    half = 0.5 * 0.1
    turn = torch.tensor([np.cos(half), 0.0, 0.0, np.sin(half)], dtype=torch.float32).expand(4, 4)
    moved = replace(
        state,
        joint_position=state.joint_position + 0.1,
        landmark_position=state.landmark_position + torch.tensor([0.0, 0.03, 0.04]),
        root_quaternion=rotation.multiply(turn, state.root_quaternion),
    )
    errors = tracking_error.summary(moved, state)
    assert torch.allclose(errors["joint_angle_deg"], torch.full((4,), np.rad2deg(0.1), dtype=torch.float32))
    assert torch.allclose(
        errors["root_rotation_deg"], torch.full((4,), np.rad2deg(0.1), dtype=torch.float32), atol=1e-2
    )
    assert torch.allclose(errors["root_translation_cm"], torch.full((4,), 5.0))
    assert torch.allclose(errors["body_position_cm"], torch.zeros(4), atol=1e-4)


def test_straying_ends_the_episode_and_resets_only_that_body(env: MotionTrackingEnv) -> None:
    env.cfg.env.fall_value = -7.0
    env.frame[2] += env.reference.num_frames  # the reference is now a meter ahead
    frames = env.frame.clone()
    after, reward, dones, extras = env.step(zero_actions(env))
    assert dones.tolist() == [0, 0, 1, 0] and not extras["time_outs"].any()
    assert reward[2] < -5 < reward[0]
    assert env.frame[2] < env.reference.num_frames and env.episode_length_buf.tolist() == [1, 1, 0, 1]
    assert torch.equal(env.frame[[0, 1, 3]], frames[[0, 1, 3]] + 1)
    qpos, _ = env.reference.state(env.frame)
    assert torch.equal(env.sim.qpos[2], qpos[2])
    terminal = extras["terminal_observations"]
    for name, values in after.items():
        assert torch.equal(values[[0, 1, 3]], terminal[name][[0, 1, 3]])
        assert not torch.equal(values[2], terminal[name][2])


def test_observations_after_a_reset_are_those_of_the_new_state(env: MotionTrackingEnv) -> None:
    env.frame[2] += env.reference.num_frames
    after, _, _, _ = env.step(zero_actions(env))
    fresh = env._observe(env._reader.read(env.frame, env._excitation))
    assert all(torch.allclose(after[name], fresh[name]) for name in after.keys())  # noqa: SIM118  (a TensorDict)


def test_time_outs_are_no_failures(env: MotionTrackingEnv) -> None:
    env.episode_length_buf[:] = torch.tensor([0, env.max_episode_length - 1, 0, 0])
    _, _, dones, extras = env.step(zero_actions(env))
    assert dones.tolist() == [0, 1, 0, 0] and extras["time_outs"].tolist() == [False, True, False, False]


def test_a_clip_that_ends_times_out_at_its_end(tracking_cfg: TaskCfg, legs: Body, march_once: MotionClip) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march_once)
    env.restart(torch.tensor([0, march_once.num_frames - 2, 0, 0]))
    _, _, _, extras = env.step(zero_actions(env))
    assert extras["time_outs"].tolist() == [False, True, False, False]


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e20])
def test_a_blown_up_body_is_reset_and_poisons_nothing(env: MotionTrackingEnv, poison: float) -> None:
    env.sim.qvel[1, 10] = poison
    after, reward, dones, extras = env.step(zero_actions(env))
    assert dones.tolist() == [0, 1, 0, 0]
    assert reward[1] == env.cfg.env.fall_value and (reward.abs() < 10).all()
    for groups in (after, extras["terminal_observations"]):
        assert all(torch.isfinite(values).all() for values in groups.values())
    assert all(value.abs() < 1e3 for value in extras["log"].values())
    assert extras["log"]["Episode/blow_ups_per_step"] == 0.25


def test_the_same_seed_gives_the_same_run(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    runs = []
    for threads in (1, 2):
        tracking_cfg.sim.num_threads = threads
        env = MotionTrackingEnv(tracking_cfg, legs, march, seed=5)
        generator = torch.Generator().manual_seed(0)
        rewards = [env.step(torch.rand(4, env.num_actions, generator=generator))[1] for _ in range(30)]
        runs.append(torch.stack(rewards))
    assert torch.equal(*runs)


def test_a_saved_environment_continues_exactly(env: MotionTrackingEnv, legs: Body, march: MotionClip) -> None:
    generator = torch.Generator().manual_seed(1)
    actions = torch.rand(40, 4, env.num_actions, generator=generator)
    for action in actions[:10]:
        env.step(action)
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    wanted = [env.step(action) for action in actions[10:]]
    twin = MotionTrackingEnv(env.cfg, legs, march, seed=99)
    twin.load_state_dict(saved)
    for action, (groups, reward, dones, _) in zip(actions[10:], wanted, strict=True):
        twin_groups, twin_reward, twin_dones, _ = twin.step(action)
        assert torch.equal(reward, twin_reward) and torch.equal(dones, twin_dones)
        assert all(torch.equal(groups[name], twin_groups[name]) for name in groups.keys())  # noqa: SIM118


def test_what_does_not_fit_is_refused(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.env.control_frequency_hz = 30.0
    with pytest.raises(MsemuError, match="no multiple of the physics step"):
        MotionTrackingEnv(tracking_cfg, legs, march)
    tracking_cfg.env.control_frequency_hz = 50.0
    with pytest.raises(MsemuError, match=r"made for body 'myolegs'.*missing 1.*nose"):
        march.check_matches("other", (*march.joint_names[1:], "nose"))
    tracking_cfg.env.rewards = {"beauty": next(iter(tracking_cfg.env.rewards.values()))}
    with pytest.raises(MsemuError, match="unknown reward term 'beauty'; known: joint_angle, "):
        MotionTrackingEnv(tracking_cfg, legs, march)


@pytest.mark.slow
def test_both_engines_show_the_same(legs: Body, march: MotionClip, tracking_cfg: TaskCfg) -> None:
    # Every body is reset in every step: the engines draw frames alike, and what comes before a reset is compared too.
    tracking_cfg.env.terminations["body_position_deviation"].limit = 1e-6
    tracking_cfg.sim.device = "cpu"
    reference, warp = (
        MotionTrackingEnv(replace(tracking_cfg, sim=replace(tracking_cfg.sim, engine=engine)), legs, march, seed=3)
        for engine in ("mujoco", "warp")
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        actions = torch.rand(tracking_cfg.num_envs, legs.num_muscles, generator=generator)
        expected, expected_reward, _, expected_extras = reference.step(actions)
        found, reward, dones, extras = warp.step(actions)
        assert dones.all()
        torch.testing.assert_close(reward, expected_reward, rtol=0, atol=1e-3)
        pairs = [(found, expected), (extras["terminal_observations"], expected_extras["terminal_observations"])]
        for ours, theirs in pairs:
            for group, values in theirs.items():
                torch.testing.assert_close(ours[group], values, rtol=0, atol=5e-3, msg=f"{group} differs")
