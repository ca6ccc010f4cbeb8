"""What every action space of cfg/action keeps: excitations in range, a state that goes on, values that come back."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from command_line import assert_one_clear_line, run

from msemu.config import build, cfg_names, load_named, to_dict
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import ActionCfg, EnvCfg, TaskCfg

TASK = "Msemu-Track-MyoLegs-v0"
SPACES = cfg_names("action")


def make_env(cfg: TaskCfg, legs: Body, clip: MotionClip, action: ActionCfg, seed: int = 0) -> MotionTrackingEnv:
    cfg.env.action = action
    return MotionTrackingEnv(cfg, legs, clip, seed)


@pytest.mark.parametrize("name", SPACES)
def test_whatever_the_policy_says_excitations_are_in_range(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, name: str
) -> None:
    env = make_env(tracking_cfg, legs, march, load_named(ActionCfg, name))
    assert env.num_actions == env.action_space.num_actions > 0
    for size in (0.0, 1.0, -1e3, 1e3):
        _, reward, _, extras = env.step(torch.full((4, env.num_actions), size))
        excitation = env.transition.muscles.excitation
        assert excitation.shape == (4, legs.num_muscles) and excitation.dtype == torch.float32
        assert excitation.min() >= 0.0 and excitation.max() <= 1.0
        assert reward.isfinite().all() and all(value.isfinite() for value in extras["log"].values())


@pytest.mark.parametrize("name", SPACES)
def test_a_saved_state_goes_on_to_the_bit(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, name: str
) -> None:
    tracking_cfg.env.terminations["body_position_deviation"].limit = 0.04  # some are reset in between
    action = load_named(ActionCfg, name)
    if action.kind == "residual":
        fading = {"initial": 0.3, "final": 1.0, "begin": 2, "end": 30}
        (tmp_path / "own.yaml").write_text(yaml.safe_dump({"base": f"action/{name}.yaml", "bound": fading}))
        action = load_named(ActionCfg, str(tmp_path / "own.yaml"))
    env, other = (make_env(tracking_cfg, legs, march, action, seed) for seed in (0, 1))
    actions = 0.3 * torch.randn(30, 4, env.num_actions, generator=torch.Generator().manual_seed(0))
    for chosen in actions[:15]:
        env.step(chosen)
    other.step(actions[0])
    other.load_state_dict(env.state_dict())
    resets = 0
    for chosen in actions[15:]:
        first, second = env.step(chosen), other.step(chosen)
        assert torch.equal(env.transition.muscles.excitation, other.transition.muscles.excitation)
        assert all(torch.equal(first[0][key], second[0][key]) for key in set(first[0].keys()))
        resets += int(first[2].sum())
    assert resets and env.control_steps == other.control_steps == 30


@pytest.mark.parametrize("name", SPACES)
def test_its_values_come_back_from_a_run(name: str) -> None:
    env = EnvCfg(action=load_named(ActionCfg, name))
    saved = yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(to_dict(env)))))
    again = build(EnvCfg, saved, "a run")
    assert again.action == env.action and type(again.action) is type(env.action)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--env.action.offset-rd", "0.3"), ("has no value 'offset-rd'", "--env.action chooses:")),
        (("--env.action.kind", "joint"), ("has no value 'kind'", "--env.action chooses:")),
    ],
)
def test_an_option_of_another_space_is_one_line(name: str, option: tuple[str, ...], said: tuple[str, ...]) -> None:
    assert_one_clear_line(run("train", TASK, "--env.action", name, *option), *said, *SPACES)


@pytest.mark.parametrize("wrong", [("--env.action", "telepathy"), ("--env.action=",), ("--env.action",)])
def test_an_unknown_space_is_one_line_with_those_that_exist(wrong: tuple[str, ...]) -> None:
    assert_one_clear_line(run("train", TASK, *wrong), *SPACES)
