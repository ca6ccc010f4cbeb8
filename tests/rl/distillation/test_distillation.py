"""Imitation on the student's own states: its memory, its schedules, who drives, and what comes out of the command."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import small_run
from small_agent import small_agent

from msemu.cli import distill as command
from msemu.cli.options import DistillCfg
from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import find_runner, open_policy
from msemu.rl.distillation.dagger import Dagger
from msemu.rl.distillation.memory import Memory
from msemu.rl.distillation.teacher import TaughtSpace, find_teacher
from msemu.rl.run_folder import RunFolder
from msemu.schema import ExcitationCfg, JointCfg, TaskCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_memory_forgets_the_oldest() -> None:
    memory = Memory(5)
    for start in (0, 3, 6):
        rows = torch.arange(start, start + 3.0)[:, None]
        memory.add({"seen": rows, "label": 10 * rows.repeat(1, 2)})
    seen, label = memory.draw(200)
    assert len(memory) == 5 and set(seen.flatten().tolist()) == {4, 5, 6, 7, 8}
    assert torch.equal(label, 10 * seen.repeat(1, 2))
    other = Memory(5)
    other.load_state_dict(memory.state_dict())
    other.add({"seen": torch.tensor([[9.0]]), "label": torch.tensor([[90.0, 90.0]])})
    assert set(other.draw(200)[0].flatten().tolist()) == {5, 6, 7, 8, 9}


def test_a_memory_that_does_not_fit() -> None:
    with pytest.raises(MsemuError, match=r"a memory of 1000000000000 states takes 12000\.0 GB, and .* fit well"):
        Memory(10**12).add({"seen": torch.zeros(1, 1), "label": torch.zeros(1, 2)})


@pytest.fixture
def env(tracking_cfg: TaskCfg, legs, march: MotionClip) -> MotionTrackingEnv:
    tracking_cfg.env.action = ExcitationCfg(start="reference")
    return MotionTrackingEnv(tracking_cfg, legs, march)


def test_who_drives(env: MotionTrackingEnv) -> None:
    space = TaughtSpace(env.action_space, find_teacher(None, "best", env), seed=0)
    actions, frame = torch.zeros(4, 80), env.frame
    space.listen(env.get_observations())
    assert torch.equal(space.excitation(actions, frame, 0), space.label)
    space.share = 0.0
    weak_tone = torch.sigmoid(torch.tensor(-2.5))
    assert torch.allclose(space.excitation(actions, frame, 0), weak_tone)
    assert (space.label - weak_tone).abs().max() > 0.1, "the teacher's opinion must not follow the student"


def test_episodes_start_as_the_muscles_are_in_the_movement(env: MotionTrackingEnv) -> None:
    assert torch.equal(env.sim.act.float(), env.scene.reference_activation(env.frame).float())
    assert env.sim.act.std() > 0.01


def test_schedules() -> None:
    agent = small_agent("dagger")
    assert agent.algorithm["hand_over_samples"] == 64
    student = torch.nn.Module()
    student.mlp = torch.nn.Linear(1, 1)
    values = {key: value for key, value in agent.algorithm.items() if key != "class_name"}
    alg = Dagger(student, student, **values | {"decay_samples": 100}, device="cpu")
    assert (alg.share, alg.learning_rate) == (1.0, 1e-3)
    alg._samples = 50
    assert alg.share == pytest.approx(14 / 64) and alg.learning_rate == pytest.approx(np.sqrt(1e-3 * 1e-4))
    alg._samples = 1000
    assert alg.share == 0.0 and alg.learning_rate == pytest.approx(1e-4)


def test_a_student_comes_to_do_what_the_teacher_does(env: MotionTrackingEnv, tmp_path: Path) -> None:
    """In states that the teacher reaches: its error is far below that of the mean excitation."""
    torch.manual_seed(0)
    agent = small_agent("dagger")
    agent.algorithm |= {"hand_over_samples": 10**6, "updates_per_step": 8, "batch_size": 128}
    agent.actor["hidden_dims"] = [64]
    runner = find_runner(agent)(env, agent, tmp_path, "cpu")
    runner.train(20, fresh=True)
    seen, label = runner.alg.replay.draw(400)
    error = (runner.alg._excitation(seen) - label).square().mean()
    assert error < 0.3 * (label - label.mean(0)).square().mean()


def test_a_run_of_another_action_space_as_teacher(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    teacher = RunFolder.open(train(TASK, replace(cfg, env=replace(cfg.env, action=JointCfg()), iterations=1)))
    options = DistillCfg(str(teacher.path), checkpoint="last", iterations=3, num_envs=3, runs_dir=str(tmp_path))
    run = RunFolder.open(command.distill(options))
    cfg = run.load_config()
    assert cfg.env.action == ExcitationCfg(start="reference")
    assert cfg.agent.algorithm["teacher"] == str(teacher.path.resolve())
    played, runner = open_policy(run, run.checkpoint("last"), 2, "cpu", 0)
    assert runner.policy()(played.get_observations()).shape == (2, 80)
    assert not isinstance(played.action_space, TaughtSpace)
    train(TASK, replace(cfg, iterations=1, resume=str(run.path)))
    assert run.next_iteration() == 4


def test_a_teacher_that_sees_more(env: MotionTrackingEnv, march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    teacher = train(TASK, replace(cfg, iterations=1))
    env._observations = env._observations.exclude("reference")
    with pytest.raises(MsemuError, match=r"numbers in the observation group 'reference', and the student's task has 0"):
        find_teacher(str(teacher), "last", env)
