"""``--agent qflex`` and ``crossq`` end to end: training, resuming, playing and evaluating, mistakes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import run as command
from small_agent import small_agent
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.cli.train import parse, train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl import checkpoint
from msemu.rl.assemble import find_runner, open_policy, prepare
from msemu.rl.distributed import Team
from msemu.rl.off_policy.runner import REPLAY_FILE, OffPolicyRunner
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import AgentCfg, TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


def off_policy_agent(name: str) -> AgentCfg:
    """An agent as it comes, but small, and soon with enough to learn from."""
    agent = small_agent(name)
    agent.algorithm |= {"learning_starts": 16, "batch_size": 16, "replay_size": 400, "policy_delay": 1}
    return agent


@pytest.fixture
def train_cfg(train_cfg: TrainCfg) -> TrainCfg:
    """The small run, off-policy."""
    return replace(train_cfg, agent=off_policy_agent("qflex"))


def state_of(run: RunFolder) -> dict:
    return checkpoint.read(run.checkpoint("last"), "cpu")


def equal(one: dict, two: dict, part: str) -> bool:
    assert one[part].keys() == two[part].keys()
    return all(torch.equal(value, two[part][name]) for name, value in one[part].items())


@pytest.mark.parametrize("name", ["qflex", "crossq"])
def test_a_resumed_run_equals_an_uninterrupted_one(train_cfg: TrainCfg, name: str) -> None:
    cfg = replace(train_cfg, agent=off_policy_agent(name))
    whole = RunFolder.open(train(TASK, replace(cfg, iterations=4, run_name="whole")))
    first = RunFolder.open(train(TASK, replace(cfg, iterations=2, run_name="halves")))
    train(TASK, replace(first.load_config(), iterations=2, resume=str(first.path)))
    one, two = state_of(whole), state_of(first)
    assert one["iter"] == two["iter"] == 3 and one["num_updates"] == two["num_updates"] == 4 * (4 * 8 - 3)
    for part in ("actor_state_dict", "critic_state_dict", "temperature_state_dict", "env"):
        assert equal(one, two, part), part
    memories = [checkpoint.read(run.path / REPLAY_FILE, "cpu")["replay"] for run in (whole, first)]
    assert memories[0]["rewards"].shape == (32, 4) and torch.equal(memories[0]["actions"], memories[1]["actions"])
    untrained = checkpoint.read(whole.path / "model_0.pt", "cpu")
    assert not equal(one, untrained, "actor_state_dict") and one["skipped_updates"] == 0
    assert one["logger"]["tot_timesteps"] == two["logger"]["tot_timesteps"] == 4 * 8 * 4


def test_a_run_that_was_killed_fills_its_memory_anew(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=3)))
    capsys.readouterr()
    runner = OffPolicyRunner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, run.path, "cpu")
    runner.load(str(run.path / "model_0.pt"))
    assert "without its replay memory" in capsys.readouterr().err and len(runner.alg.replay) == 0
    before = {name: value.clone() for name, value in runner.alg.critic.state_dict().items()}
    runner.alg.update()
    assert all(torch.equal(value, before[name]) for name, value in runner.alg.critic.state_dict().items())
    runner.load(str(run.checkpoint("last")))
    assert len(runner.alg.replay) == 3 * 8 * 4


def test_a_policy_comes_back_from_its_checkpoint(train_cfg: TrainCfg) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=2)))
    env, runner = open_policy(run, run.checkpoint("last"), 2, "cpu", seed=0)
    wanted = state_of(run)["actor_state_dict"]
    assert all(torch.equal(value, wanted[name]) for name, value in runner.alg.actor.state_dict().items())
    actions = runner.policy()(env.get_observations())
    assert actions.shape == (2, env.num_actions) and actions.abs().max() <= 1.0
    assert torch.equal(actions, runner.policy()(env.get_observations()))


def test_the_commands_know_it(train_cfg: TrainCfg, tmp_path: Path) -> None:
    folder = train(TASK, replace(train_cfg, iterations=2))
    result = command("eval", folder, "--episodes", "2", "--seconds", "0.2", "--json", tmp_path / "eval.json")
    assert result.returncode == 0 and "joint angle error" in result.stdout, result.stderr
    video = tmp_path / "play.mp4"
    result = command("play", folder, "--seconds", "0.1", "--video", video, "--renderer", "lines")
    assert result.returncode == 0 and video.stat().st_size > 1000, result.stderr


def test_curves_show_what_the_learner_does(train_cfg: TrainCfg) -> None:
    curves = EventAccumulator(str(train(TASK, replace(train_cfg, iterations=3)))).Reload()
    for name in ("q", "q_error", "flow_error", "flow_shift", "saturation", "skipped_updates", "replay"):
        assert [event.step for event in curves.Scalars(f"Loss/{name}")] == [0, 1, 2], name
    assert [event.value for event in curves.Scalars("Loss/replay")] == [32, 64, 96]
    assert curves.Scalars("Error/joint_angle_deg")[-1].value > 0


@pytest.mark.parametrize(("has", "wants"), [("ppo", "qflex"), ("qflex", "crossq")])
def test_a_checkpoint_of_another_agent_names_both(train_cfg: TrainCfg, has: str, wants: str) -> None:
    agents = {"ppo": small_agent("ppo"), "qflex": off_policy_agent("qflex"), "crossq": off_policy_agent("crossq")}
    heads = {"ppo": "GaussianDistribution", "qflex": "SquashedFlow", "crossq": "SquashedGaussian"}
    stored, other = (
        RunFolder.open(train(TASK, replace(train_cfg, agent=agents[name], iterations=1, run_name=name)))
        for name in (has, wants)
    )
    with pytest.raises(MsemuError, match=f"head {heads[has]}, not {heads[wants]}") as caught:
        open_policy(other, stored.checkpoint("last"), 1, "cpu", seed=0)
    assert "\n" not in str(caught.value)


def test_mistakes_are_told_in_one_line(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    with pytest.raises(MsemuError, match=r"unknown agent 'qfle'.*qflex"):
        parse(TASK, ["--agent", "qfle"])
    with pytest.raises(MsemuError, match="learns in one process, not in 2; start it without torchrun"):
        prepare(TASK, train_cfg, Team(rank=1, size=2))
    for name in ("msemu.rl.runner:Runnr", "torch.nn:Linear", "nowhere:Runner", "Runner"):
        with pytest.raises(MsemuError, match=rf"unknown runner '{name}'; (did you mean|known:) .*runner:Runner"):
            find_runner(AgentCfg(runner=name))
    env = MotionTrackingEnv(train_cfg, legs, march)
    for key, value, said in (
        ("replay_size", 3, "a replay of 3 transitions does not hold 1 steps of 4"),
        ("learning_sped", 1, "does not fit its classes: .*learning_sped"),
    ):
        agent = off_policy_agent("qflex")
        agent.algorithm[key] = value
        with pytest.raises(MsemuError, match=said):
            OffPolicyRunner(env, agent, None, "cpu")
    agent = off_policy_agent("qflex")
    agent.actor = off_policy_agent("crossq").actor
    with pytest.raises(MsemuError, match="Qflex wants a SquashedFlow, not a SquashedGaussian"):
        OffPolicyRunner(env, agent, None, "cpu")
    mixed = (("ppo", OffPolicyRunner, "OffPolicyRunner trains a CrossQ, not a PPO"),)
    mixed += (("crossq", Runner, "Runner trains a PPO, not a CrossQ"),)
    for name, runner, said in mixed:
        with pytest.raises(MsemuError, match=said):
            runner(env, small_agent(name), None, "cpu")
