"""Discriminators in the environment: features, samples around resets, training, resuming, plug-ins."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from places import PLUGIN
from small_agent import small_agent
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import cfg_file
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.readings import ObservationReader
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion import rotation
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import Kinematics
from msemu.rl.adversarial.features import MotionFeatures
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import AgentCfg, TaskCfg, TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"
ENTRIES = (
    "root_position",
    "root_rotation",
    "joint_rotation",
    "body_position",
    "root_linear_velocity",
    "root_angular_velocity",
    "joint_velocity",
)
CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("one_thread")


def agent_cfg(name: str) -> AgentCfg:
    """An agent as it comes, but small."""
    agent = small_agent(name)
    agent.algorithm["discriminator"] |= {"hidden_dims": [32], "num_mini_batches": 2, "replay_size": 48}
    return agent


@pytest.fixture
def train_cfg(train_cfg: TrainCfg) -> TrainCfg:
    """The small run with a discriminator."""
    return replace(train_cfg, agent=agent_cfg("add"))


def roll_out(runner: Runner, steps: int) -> list[dict]:
    """Let the untrained policy act, as rsl-rl's loop does."""
    seen = []
    with torch.inference_mode():
        for _ in range(steps):
            obs, rewards, dones, extras = runner.env.step(runner.alg.act(runner.env.get_observations()))
            runner.alg.process_env_step(obs, rewards, dones, extras)
            seen.append({"dones": dones.bool(), **extras})
        runner.alg.compute_returns(obs)
    return seen


def reference_state(env: MotionTrackingEnv, frames: list[int]) -> tuple[Kinematics, Kinematics]:
    """The body, put into frames of the reference, and the reference there."""
    env.restart(torch.tensor(frames))
    return ObservationReader(env.body, env.sim).read(env.frame).state, env.reference.kinematics(env.frame)


@pytest.mark.parametrize("frame", ["world", "heading"])
def test_equal_states_have_equal_features(legs: Body, march: MotionClip, tracking_cfg: TaskCfg, frame: str) -> None:
    state, reference = reference_state(MotionTrackingEnv(tracking_cfg, legs, march), [0, 7, 30, 160])
    features = MotionFeatures(legs, CPU, ENTRIES, frame)
    of_state, of_reference = features(state[:, None]), features(reference[:, None])
    assert of_state.shape == (4, features.num_features)
    assert torch.allclose(of_state, of_reference, atol=2e-5)
    assert not torch.allclose(of_state[0], of_state[1], atol=0.01)
    assert sorted(column for columns in features.parts.values() for column in columns) == list(range(of_state.shape[1]))


def test_joint_rotations_are_those_of_the_engine(legs: Body) -> None:
    random = np.random.default_rng(0)
    data, angles = mujoco.MjData(legs.model), random.uniform(-1.0, 1.0, len(legs.independent_joints))
    data.qpos[:] = legs.model.qpos0
    data.qpos[7 + legs.independent_joints] = angles
    mujoco.mj_kinematics(legs.model, data)
    zeros = torch.zeros(1, 1, 3)
    pose = Kinematics(
        joint_position=torch.tensor(angles, dtype=torch.float32)[None, None],
        joint_velocity=torch.zeros(1, 1, len(angles)),
        landmark_position=torch.zeros(1, 1, 17, 3),
        root_quaternion=torch.tensor([[[1.0, 0.0, 0.0, 0.0]]]),
        root_linear_velocity=zeros,
        root_angular_velocity=zeros,
    )
    for name in ("femur_r", "calcn_l"):
        child = legs.model.body(name)
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, child.quat)
        parent, turned = (data.xmat[index].reshape(3, 3) for index in (int(child.parentid[0]), child.id))
        wanted = matrix.reshape(3, 3).T @ parent.T @ turned
        found = MotionFeatures(legs, CPU, [f"joint_rotation/{name}"], "world")(pose).numpy()
        assert np.allclose(found, np.concatenate((wanted[:, 0], wanted[:, 2])), atol=1e-5), name


def test_features_from_the_heading_do_not_know_the_place(legs: Body, march: MotionClip, tracking_cfg: TaskCfg) -> None:
    _, reference = reference_state(MotionTrackingEnv(tracking_cfg, legs, march), [0, 7, 30, 49])
    half = 0.6
    turn = torch.tensor([np.cos(half), 0.0, 0.0, np.sin(half)], dtype=torch.float32).view(1, 4)
    moved = replace(
        reference,
        landmark_position=rotation.rotate(turn.unsqueeze(1), reference.landmark_position) + torch.tensor([3.0, -2, 0]),
        root_quaternion=rotation.multiply(turn, reference.root_quaternion),
        root_linear_velocity=rotation.rotate(turn, reference.root_linear_velocity),
        root_angular_velocity=rotation.rotate(turn, reference.root_angular_velocity),
    )
    heading = MotionFeatures(legs, CPU, ENTRIES, "heading")
    assert torch.allclose(heading(reference[:, None]), heading(moved[:, None]), atol=1e-5)
    world = MotionFeatures(legs, CPU, ENTRIES, "world")
    assert not torch.allclose(world(reference[:, None]), world(moved[:, None]), atol=0.1)


def test_parts_of_entries_can_be_chosen_over_a_window(legs: Body, march: MotionClip, tracking_cfg: TaskCfg) -> None:
    reference = MotionTrackingEnv(tracking_cfg, legs, march).reference
    window = reference.kinematics(torch.tensor([[3, 4], [8, 9]]))
    features = MotionFeatures(legs, CPU, ["body_position/toe_l", "root_position"], "world", window=2)
    found = features(window)
    assert features.parts == {"root_position": [0, 1, 2, 6, 7, 8], "body_position/toe_l": [3, 4, 5, 9, 10, 11]}
    toe = window.landmark_position[:, :, 13] - window.root_position
    assert torch.equal(found[:, features.parts["root_position"]], window.root_position.flatten(1))
    assert torch.equal(found[:, features.parts["body_position/toe_l"]], toe.flatten(1))


@pytest.mark.parametrize(
    ("entries", "frame", "message"),
    [
        (["body_position/toes_r"], "world", "'myolegs' has no discriminator feature 'body_position/toes_r'; did you"),
        (["muscle"], "world", "no discriminator feature 'muscle'"),
        (["joint_velocity/elbow_flex_r"], "world", "no discriminator feature 'joint_velocity/elbow_flex_r'"),
        ([], "world", "at least one feature"),
        (["root_position"], "body", "unknown frame 'body'"),
    ],
)
def test_unknown_features_are_named(legs: Body, entries: list[str], frame: str, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        MotionFeatures(legs, CPU, entries, frame)


def test_a_perfect_body_makes_the_perfect_sample(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(train_cfg, legs, march)
    discriminator = Runner(env, train_cfg.agent, None, "cpu").alg.discriminator
    state, reference = reference_state(env, [0, 7, 30, 49])
    env.step(torch.zeros(4, env.num_actions))
    env.transition.state, env.transition.reference = state, reference
    samples = discriminator.observe(env, torch.zeros(4, dtype=torch.bool))
    assert samples.abs().max() < 2e-5
    higher = replace(reference, landmark_position=reference.landmark_position + torch.tensor([0.0, 0.0, 0.25]))
    env.transition.reference = higher
    samples = discriminator.observe(env, torch.zeros(4, dtype=torch.bool))
    wanted = torch.zeros(discriminator.num_features)
    wanted[discriminator.parts["root_position"][2]] = 0.25
    assert torch.allclose(samples, wanted.expand_as(samples), atol=2e-5)


def test_rewards_are_mixed_by_their_weights(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent.algorithm |= {
        "task_reward_weight": 3.0,
        "discriminator_reward_weight": 0.5,
        "regularizers": {"effort": {"weight": -2.0}},
    }
    train_cfg.env.episode_length_s = 10.0
    env = MotionTrackingEnv(train_cfg, legs, march)
    algorithm = Runner(env, train_cfg.agent, None, "cpu").alg
    with torch.inference_mode():
        for step in range(8):
            obs, rewards, dones, extras = env.step(algorithm.act(env.get_observations()))
            algorithm.process_env_step(obs, rewards, dones, extras)
            if step == 3:
                effort = env.transition.muscles.activation.square().mean(1)
                sample = algorithm.discriminator.observe(env, dones.bool())
                wanted = 3.0 * rewards - 2.0 * effort + 0.5 * algorithm.discriminator.reward(sample)
                assert extras["log"]["Regularizer/effort"] == pytest.approx(-2.0 * effort.mean().item())
        algorithm.compute_returns(obs)
    assert torch.allclose(algorithm.storage.rewards[3].squeeze(1), (1.0 - algorithm.gamma) * wanted)


def test_no_window_straddles_a_reset(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent = agent_cfg("amp")
    train_cfg.agent.algorithm["discriminator"]["features"] = {"frame": "world", "entries": ["root_position"]}
    env = MotionTrackingEnv(train_cfg, legs, march)
    algorithm = Runner(env, train_cfg.agent, None, "cpu").alg
    positions, ends = [[] for _ in range(4)], 0
    for env_id, frame in enumerate(env.frame.tolist()):
        frames = torch.arange(frame - 9, frame + 1)
        positions[env_id] = list(env.reference.kinematics(frames).root_position)
    for _ in range(3):
        with torch.inference_mode():
            for step in range(8):
                obs, rewards, dones, extras = env.step(algorithm.act(env.get_observations()))
                algorithm.process_env_step(obs, rewards, dones, extras)
                for env_id in range(4):
                    positions[env_id] = [*positions[env_id][1:], env.transition.state.root_position[env_id]]
                    sample = algorithm._samples[step, env_id].view(10, 3)
                    assert torch.allclose(sample, torch.stack(positions[env_id]), atol=1e-6)
                    if dones[env_id]:
                        ends += 1
                        frames = torch.arange(env.frame[env_id] - 9, env.frame[env_id] + 1)
                        positions[env_id] = list(env.reference.kinematics(frames).root_position)
            algorithm.compute_returns(obs)
        algorithm.update()
    assert ends >= 4
    with torch.inference_mode():
        env.restart()
        _, _, dones, _ = env.step(torch.zeros(4, env.num_actions))
        sample = algorithm.discriminator.observe(env, dones.bool()).view(4, 10, 3)
    assert sample.diff(dim=1).norm(dim=2).max() < 0.1


@pytest.mark.parametrize("cyclic", [True, False])
def test_good_samples_come_from_the_clip(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, march_once: MotionClip, cyclic: bool
) -> None:
    train_cfg.agent = agent_cfg("amp")
    train_cfg.agent.algorithm["discriminator"]["features"]["frame"] = "world"
    env = MotionTrackingEnv(train_cfg, legs, march if cyclic else march_once)
    discriminator = Runner(env, train_cfg.agent, None, "cpu").alg.discriminator
    found = discriminator.positives(500)[:, discriminator.parts["root_position"]].view(500, 10, 3)[:, :, 0]
    assert len(found.unique(dim=0)) == (50 if cyclic else 41)
    assert torch.allclose(found.diff(dim=1), torch.tensor(0.02), atol=1e-5)


def test_a_clip_shorter_than_a_window_is_named(train_cfg: TrainCfg, legs: Body, march_once: MotionClip) -> None:
    short = replace(march_once, qpos=march_once.qpos[:6], qvel=march_once.qvel[:6])
    with pytest.raises(MsemuError, match="the clip has 6 frames and the discriminator's window 10"):
        Runner(MotionTrackingEnv(train_cfg, legs, short), agent_cfg("amp"), None, "cpu")


def test_the_curves_show_the_discriminator(train_cfg: TrainCfg) -> None:
    path = train(TASK, replace(train_cfg, iterations=2))
    curves = EventAccumulator(str(path)).Reload()
    tags = set(curves.Tags()["scalars"])
    shares = [curves.Scalars(f"Discriminator punishes/{entry}")[-1].value for entry in ENTRIES]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4) and min(shares) > 0
    assert {"Discriminator/accuracy_positive", "Discriminator/gradient_norm", "Loss/discriminator"} <= tags
    assert {"Reward/discriminator", "Regularizer/effort", "Error/joint_angle_deg"} <= tags


@pytest.mark.parametrize("agent", ["add", "amp"])
def test_rollouts_that_end_at_once_are_learned_from(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, agent: str
) -> None:
    train_cfg.env.terminations["body_position_deviation"].limit = 1e-9
    runner = Runner(MotionTrackingEnv(train_cfg, legs, march), agent_cfg(agent), None, "cpu")
    for _ in range(3):
        seen = roll_out(runner, 8)
        assert all(step["dones"].all() for step in seen)
        assert torch.isfinite(runner.alg.storage.rewards).all() and torch.isfinite(runner.alg.storage.returns).all()
        losses = runner.alg.update()
        assert all(np.isfinite(value) for value in losses.values()) and "discriminator" in losses


@pytest.mark.parametrize("agent", ["add", "amp"])
def test_bodies_that_blow_up_give_no_sample(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_cfg.sim.max_joint_speed = 1e-3  # every movement counts as a blow-up
    runner = Runner(MotionTrackingEnv(train_cfg, legs, march), agent_cfg(agent), None, "cpu")
    roll_out(runner, 8)
    assert (runner.alg.storage.rewards == 0).all()
    losses = runner.alg.update()
    assert "discriminator" not in losses and all(np.isfinite(value) for value in losses.values())


def test_a_discriminator_of_a_plugin_is_found(train_cfg: TrainCfg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGIN)
    name = "msemu_plugin_example.discriminator:ProbabilityAdd"
    train_cfg.agent.algorithm["discriminator"]["class_name"] = name
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=1)))
    assert run.load_config().agent.algorithm["discriminator"]["class_name"] == name
    rewards = EventAccumulator(str(run.path)).Reload().Scalars("Reward/discriminator")
    assert 0.0 < rewards[0].value < 2.0


def test_a_wrong_setting_of_the_discriminator_is_named(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent.algorithm["discriminator"]["learning_speed"] = 1
    with pytest.raises(MsemuError, match="learning_speed"):
        Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_mini_batches": 0}, "agent: algorithm: discriminator: num_mini_batches: 0 is not between 1 and"),
        ({"learning_rate": "1e-3"}, "discriminator: learning_rate: expected float, not '1e-3'"),
        ({"objective": "hinge"}, "objective: 'hinge' is unknown; known: logistic, least_squares"),
        ({"class_name": "nonsense"}, "class_name: 'nonsense' is unknown; known: add, amp"),
        ({"class_name": "nowhere:Mine"}, "No module named 'nowhere'"),
    ],
)
def test_wrong_values_of_the_discriminator_are_named(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, change: dict, message: str
) -> None:
    train_cfg.agent.algorithm["discriminator"] |= change
    with pytest.raises(MsemuError, match=message):
        Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"discriminator_reward_weight": float("nan")}, "algorithm: discriminator_reward_weight: nan is not at least"),
        ({"task_reward_weight": "a"}, "algorithm: task_reward_weight: expected float, not 'a'"),
        ({"regularizers": {"efort": {"weight": -1.0}}}, "unknown reward term 'efort'; did you mean effort"),
        ({"regularizers": {"effort": {"wait": 1}}}, "regularizers.effort: unknown key 'wait'; did you mean weight"),
        ({"regularizers": {"effort": {"weight": float("nan")}}}, "weight: nan is not a finite number"),
    ],
)
def test_wrong_weights_are_named(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, change: dict, message: str
) -> None:
    train_cfg.agent.algorithm |= change
    with pytest.raises(MsemuError, match=message):
        Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")


def test_regularizers_can_be_left_out(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent.algorithm["regularizers"] = {}
    runner = Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")
    roll_out(runner, 8)
    wanted = (1.0 - runner.alg.gamma) * runner.alg._discriminator_weight * runner.alg._rewards
    assert torch.allclose(runner.alg.storage.rewards.squeeze(2), wanted)


@pytest.mark.parametrize("objective", ["logistic", "least_squares"])
def test_a_discriminator_that_blows_up_is_named_and_gives_no_reward(
    train_cfg: TrainCfg, objective: str, capsys: pytest.CaptureFixture
) -> None:
    train_cfg.agent.algorithm["discriminator"] |= {"objective": objective, "init_logit_weight": 1e38}
    train_cfg.agent.algorithm["regularizers"] = {}
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=4)))
    state = checkpoint.read(run.checkpoint("last"), "cpu")
    assert all(torch.isfinite(value).all() for value in _tensors(state["actor_state_dict"]).values())
    rewards = EventAccumulator(str(run.path)).Reload().Scalars("Reward/discriminator")
    assert rewards[-1].value == 0.0
    assert capsys.readouterr().err.count("the discriminator's logits are not finite") == 1


def test_the_agent_is_chosen_on_the_command_line(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"base: {cfg_file('agent', 'add')}\nnum_steps_per_env: 5\n")
    for arguments in (["--agent", str(own)], [f"--agent={own}", "--seed", "3"]):
        cfg = parse(TASK, [*arguments, "--num-envs", "7"])
        assert (cfg.agent.num_steps_per_env, cfg.num_envs) == (5, 7)
        assert cfg.agent.algorithm["discriminator"]["gradient_penalty"] == 2.0
    assert "discriminator" not in parse(TASK, []).agent.algorithm
    for arguments, message in (
        (["--agent", "adx"], "unknown agent 'adx'; did you mean add"),
        (["--agent"], "--agent wants a name"),
        (["--agent", "--seed", "3"], "--agent wants a name"),
    ):
        with pytest.raises(MsemuError, match=message):
            parse(TASK, arguments)


def _tensors(state: object, name: str = "") -> dict[str, torch.Tensor]:
    """All tensors of nested mappings and lists by a dotted name."""
    if isinstance(state, torch.Tensor):
        return {name.lstrip("."): state}
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    return {key: value for part, item in items for key, value in _tensors(item, f"{name}.{part}").items()}
