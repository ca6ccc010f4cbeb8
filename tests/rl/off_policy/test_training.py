"""``--agent qflex`` and ``crossq`` end to end: training, resuming, playing and evaluating, mistakes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import run as command
from small_agent import small_agent
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import prepare
from msemu.rl.checkpoints import checkpoint
from msemu.rl.distributed import Team
from msemu.rl.memory.replay_file import REPLAY_FILE
from msemu.rl.off_policy.runner import OffPolicyRunner
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def train_cfg(train_cfg: TrainCfg) -> TrainCfg:
    """The small run, off-policy."""
    return replace(train_cfg, agent=small_agent("qflex"))


def test_every_step_is_counted_and_kept(train_cfg: TrainCfg) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=4)))
    state = checkpoint.read(run.checkpoint("last"), "cpu")
    assert state["num_updates"] == 4 * (4 * 8 - 3) and state["logger"]["tot_timesteps"] == 4 * 8 * 4
    assert checkpoint.read(run.path / REPLAY_FILE, "cpu")["replay"]["rewards"].shape == (32, 4)


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


def test_mistakes_are_told_in_one_line(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    with pytest.raises(MsemuError, match="learns in one process, not in 2; start it without torchrun"):
        prepare(TASK, train_cfg, Team(rank=1, size=2))
    env = MotionTrackingEnv(train_cfg, legs, march)
    for key, value, said in (("replay_size", 3, "a replay of 3 transitions does not hold 1 steps of 4"),):
        agent = small_agent("qflex")
        agent.algorithm[key] = value
        with pytest.raises(MsemuError, match=said):
            OffPolicyRunner(env, agent, None, "cpu")
    agent = small_agent("qflex")
    agent.actor = small_agent("crossq").actor
    with pytest.raises(MsemuError, match="Qflex wants a SquashedFlow, not a SquashedGaussian"):
        OffPolicyRunner(env, agent, None, "cpu")
    mixed = (("ppo", OffPolicyRunner, "OffPolicyRunner trains a CrossQ, not a PPO"),)
    mixed += (("crossq", Runner, "Runner trains a PPO, not a CrossQ"),)
    for name, runner, said in mixed:
        with pytest.raises(MsemuError, match=said):
            runner(env, small_agent(name), None, "cpu")
