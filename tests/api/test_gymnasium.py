"""Tasks as environments of gymnasium."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from msemu.errors import MsemuError
from msemu.gymnasium.environments import REACH, SingleEnv, TaskVectorEnv
from msemu.motion.clip import MotionClip

TASK = "Msemu-Track-MyoLegs-v0"


@pytest.fixture(scope="module")
def values(march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A task that needs no clip from elsewhere and whose episodes soon end."""
    path = tmp_path_factory.mktemp("march") / "march.npz"
    march.save(path)
    return {"motion": path, "sim": {"num_threads": 1}, "env": {"episode_length_s": 0.1}}


def test_gymnasium_knows_the_tasks() -> None:
    told = f"'{TASK}' in own.gymnasium.registry and 'torch' not in sys.modules"
    code = f"import sys, msemu.gymnasium as own; sys.exit(not ({told}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_one_environment_passes_the_checks_of_gymnasium(values: dict) -> None:
    check_env(SingleEnv(TASK, **values), skip_render_check=True)


def test_a_step_is_that_of_the_environment(values: dict) -> None:
    envs = gymnasium.make_vec(f"msemu.gymnasium:{TASK}", num_envs=3, **values)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = envs.reset(seed=5)
    inner = envs.unwrapped._env
    assert envs.observation_space.contains(observations)
    first = torch.cat(list(inner.get_observations().values()), 1)
    np.testing.assert_array_equal(observations, first)
    again, _ = envs.reset(seed=5)
    np.testing.assert_array_equal(observations, again)


def test_an_episode_ends_within_the_step(values: dict) -> None:
    envs = TaskVectorEnv(TASK, num_envs=2, **values)
    envs.reset(seed=1)
    for _ in range(5):
        observations, _, terminated, truncated, infos = envs.step(np.zeros(envs.action_space.shape, np.float32))
        ended = terminated | truncated
        np.testing.assert_array_equal(infos["_final_obs"], ended)
        same = (infos["final_obs"] == observations).all(1)
        np.testing.assert_array_equal(same, ~ended)
    assert ended.all() and truncated.any()


def test_actions_are_clipped_and_tensors_stay_tensors(values: dict) -> None:
    envs = TaskVectorEnv(TASK, num_envs=2, torch_tensors=True, **values)
    results = []
    for action in (REACH, 10 * REACH):
        envs.reset(seed=1)
        observations, rewards, *_ = envs.step(torch.full(envs.action_space.shape, action))
        results.append(torch.cat((observations, rewards[:, None]), 1))
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([[0.0, np.nan]], "environment 0 is not a number"),
        (torch.tensor([[np.nan, 0.0]]), "environment 0 is not a number"),
        ([0.0, 0.0], r"shape \[2\] in place of \[1, 80\]"),
        ("forward", "no array of numbers"),
    ],
)
def test_actions_that_are_none_are_refused_in_one_line(actions: object, words: str, values: dict) -> None:
    envs = TaskVectorEnv(TASK, num_envs=1, **values)
    if "environment" in words:
        wide = torch.zeros(1, 80)
        wide[:, :2] = torch.as_tensor(actions)
        actions = wide if isinstance(actions, torch.Tensor) else wide.numpy()
    with pytest.raises(MsemuError, match=words) as caught:
        envs.step(actions)
    assert "\n" not in str(caught.value)


def test_options_that_nothing_knows_are_refused(values: dict) -> None:
    for envs in (TaskVectorEnv(TASK, num_envs=1, **values), SingleEnv(TASK, **values)):
        with pytest.raises(MsemuError, match="no options, such as 'frame'"):
            envs.reset(options={"frame": 3})


def test_closed_environments_say_so(values: dict) -> None:
    envs = TaskVectorEnv(TASK, num_envs=1, **values)
    envs.close()
    with pytest.raises(MsemuError, match="are closed"):
        envs.reset()


def test_a_learner_of_somebody_else_gets_going(values: dict, tmp_path: Path) -> None:
    """A learner of two updates in plain torch, written against gymnasium alone."""
    envs = gymnasium.make_vec(f"msemu.gymnasium:{TASK}", num_envs=4, **values)
    size, actions = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
    actor = torch.nn.Linear(size, actions)
    optimizer = torch.optim.Adam(actor.parameters(), 1e-3)
    observations, _ = envs.reset(seed=2)
    before = actor.weight.clone()
    for _ in range(2):
        mean = actor(torch.from_numpy(observations))
        chosen = torch.distributions.Normal(mean, 0.3)
        action = chosen.sample()
        observations, rewards, *_ = envs.step(action.numpy())
        loss = -(chosen.log_prob(action).mean(1) * torch.from_numpy(rewards)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.isfinite(observations).all() and not torch.equal(before, actor.weight)


def test_stable_baselines3_learns(values: dict) -> None:
    """Two updates of its PPO, by the example of the documentation."""
    pytest.importorskip("stable_baselines3")
    from train_with_sb3 import AsSb3, train

    envs = AsSb3(gymnasium.make_vec(f"msemu.gymnasium:{TASK}", num_envs=2, **values))
    envs.reset()
    for _ in range(5):
        envs.step_async(np.zeros((2, envs.action_space.shape[0]), np.float32))
        _, _, dones, infos = envs.step_wait()
    assert dones.all() and all("terminal_observation" in info for info in infos)
    assert any(info["TimeLimit.truncated"] for info in infos)
    learner = train(256, TASK, num_envs=2, **values)
    assert learner.num_timesteps == 256 and learner._n_updates == 20  # ten epochs in each of two updates


@pytest.mark.parametrize("overrides", [{"episode_length": 3}, {"env": {"acton": "joint"}}])
def test_overrides_with_unknown_names_are_one_line(values: dict, overrides: dict) -> None:
    with pytest.raises(MsemuError, match=r"unknown key '.*'; (did you mean|known)") as refusal:
        gymnasium.make_vec(f"msemu.gymnasium:{TASK}", num_envs=2, **values | overrides)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("call", ["reset", "step"])
def test_a_single_environment_that_is_closed_says_so(values: dict, call: str) -> None:
    env = SingleEnv(TASK, **values)
    env.close()
    with pytest.raises(MsemuError, match="are closed"):
        env.reset() if call == "reset" else env.step(env.action_space.sample())
