"""Imitation on the student's own states: its memory, its schedules, who drives, and what comes out of the command."""

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import small_run
from small_agent import small_agent

from msemu.cli.options import DistillCfg
from msemu.cli.policy import distill as command
from msemu.cli.training import train
from msemu.config import cfg_file, load, load_named
from msemu.envs.action.space import ActionSpace, make_of_kind
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import find_runner, open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.distillation.dagger import Dagger
from msemu.rl.distillation.memory import Memory
from msemu.rl.distillation.teacher import TaughtSpace, Teacher, find_teacher, find_teachers
from msemu.rl.distillation.weights import ErrorWeights
from msemu.rl.run_folder import RunFolder
from msemu.schema import ActionCfg, ControllerCfg, ExcitationCfg, JointCfg, ObservationTermCfg, TaskCfg

TASK = "Msemu-Track-MyoLegs-v0"

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_memory_forgets_the_oldest() -> None:
    memory = Memory(5)
    for start in (0, 3, 6):
        rows = torch.arange(start, start + 3.0)[:, None]
        memory.add({"seen": rows, "label": 10 * rows.repeat(1, 2)})
    seen, label, _ = memory.draw(200)
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


def everybody_by_the_first() -> torch.Tensor:
    return torch.zeros(4, dtype=torch.long)


def test_who_drives(env: MotionTrackingEnv) -> None:
    space = TaughtSpace(env.action_space, [find_teacher(None, "best", env)], everybody_by_the_first, seed=0)
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
    seen, label, _ = runner.alg.replay.draw(400)
    error = (runner.alg._excitation(seen) - label).square().mean()
    assert error < 0.3 * (label - label.mean(0)).square().mean()


def test_a_run_of_another_action_space_as_teacher(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    teacher = RunFolder.open(train(TASK, replace(cfg, env=replace(cfg.env, action=JointCfg()), iterations=1)))
    options = DistillCfg((str(teacher.path),), checkpoint="last", iterations=3, num_envs=3, runs_dir=str(tmp_path))
    run = RunFolder.open(command.distill(options))
    cfg = run.load_config()
    assert cfg.env.action == ExcitationCfg(start="reference")
    assert cfg.agent.algorithm["teacher"] == str(teacher.path.resolve())
    played, runner = open_policy(run, run.checkpoint("last"), 2, "cpu", 0)
    assert runner.policy()(played.get_observations()).shape == (2, 80)
    assert not isinstance(played.action_space, TaughtSpace)
    train(TASK, replace(cfg, iterations=1, resume=str(run.path)))
    assert run.next_iteration() == 4


def test_a_teacher_that_adds_to_a_controller_is_distilled(march: MotionClip, tmp_path: Path) -> None:
    """The labels are its own excitations: what the action space makes of its actions, not the controller's alone."""
    cfg = small_run(march, tmp_path, "ppo")
    cfg.env.action = load_named(ActionCfg, "residual")
    teacher = train(TASK, replace(cfg, iterations=1))
    options = DistillCfg((str(teacher),), checkpoint="last", iterations=1, num_envs=3, runs_dir=str(tmp_path))
    run = RunFolder.open(command.distill(options))
    label = checkpoint.read(run.path / "replay.pt", "cpu")["replay"]["label"]
    assert label.shape == (72, 80) and 0.0 <= label.min() < label.max() <= 1.0 and label.std() > 0.01
    student = MotionTrackingEnv(run.load_config(), load_body("myolegs"), march)
    taught = find_teacher(str(teacher), "last", student)
    seen, frame = student.get_observations(), student.frame
    with torch.no_grad():
        own = taught.space.excitation(taught.actions(seen), frame, 0)
        assert (own - taught.space.excitation(torch.zeros(3, taught.space.num_actions), frame, 0)).abs().max() > 1e-4


def teacher_that_says(space: ActionSpace, action: float) -> Teacher:
    """A policy of one action, everywhere."""
    return Teacher(space, lambda seen: torch.full((seen.batch_size[0], space.num_actions), action))


def test_each_teaches_its_clip(env: MotionTrackingEnv) -> None:
    """Two of one action space and one of another; each body has the label of its own teacher, and no other's."""
    joint = make_of_kind(load(JointCfg, cfg_file("action", "joint")), env.scene)
    native = make_of_kind(ExcitationCfg(), env.scene)
    teachers = [teacher_that_says(joint, 0.0), teacher_that_says(native, 0.7), teacher_that_says(native, 0.3)]
    taught = torch.tensor([0, 2, 1, 0])
    space = TaughtSpace(env.action_space, teachers, lambda: taught, seed=0)
    space.listen(env.get_observations())
    space.excitation(torch.zeros(4, 80), env.frame, 0)
    wanted = make_of_kind(load(JointCfg, cfg_file("action", "joint")), env.scene).excitation(
        torch.zeros(4, joint.num_actions), env.frame, 0
    )
    assert torch.allclose(space.label[[0, 3]], wanted[[0, 3]], atol=1e-4)
    assert torch.allclose(space.label[2], torch.sigmoid(torch.tensor(1.0))) and space.label[2].std() < 1e-6
    assert torch.allclose(space.label[1], torch.sigmoid(torch.tensor(-1.0)))
    assert set(space.state_dict()) > {"generator"}


def test_a_generalist_of_two_teachers(march: MotionClip, tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        cfg = small_run(march, tmp_path / name, "ppo")
        runs.append(train(TASK, replace(cfg, iterations=1, run_name=name)))
    words = tuple(map(str, runs))
    options = DistillCfg(words, checkpoint="last", iterations=2, num_envs=4, runs_dir=str(tmp_path))
    run = RunFolder.open(command.distill(options))
    assert len(run.load_clips()) == 2 and len(run.load_config().motion) == 2
    assert run.load_config().agent.algorithm["teacher"] == [str(path.resolve()) for path in runs]
    train(TASK, replace(run.load_config(), iterations=1, resume=str(run.path)))
    assert run.next_iteration() == 3
    env = MotionTrackingEnv(cfg, load_body("myolegs"), march)
    with pytest.raises(MsemuError, match="the teachers follow 2 clips, and the student's task has 1; leave --motion"):
        find_teachers(words, ("last", "last"), env)


def test_options_say_how_the_student_learns_and_what_it_sees(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    teacher = train(TASK, replace(cfg, iterations=1))
    groups = ("proprioception", "muscle", "fiber", "reference")
    options = DistillCfg(
        (str(teacher),), checkpoint="last", iterations=1, num_envs=2, runs_dir=str(tmp_path), loss="activation",
        torque_weighted=True, noise=0.02, replay_size=5000, observations=groups,
    )  # fmt: skip
    run = RunFolder.open(command.distill(options))
    found = run.load_config()
    said = {name: found.agent.algorithm[name] for name in ("loss", "torque_weighted", "replay_size")}
    assert said == {"loss": "activation", "torque_weighted": True, "replay_size": 5000}
    assert found.agent.actor["distribution_cfg"]["init_std"] == 0.02
    assert found.agent.obs_groups["actor"] == found.agent.obs_groups["critic"] == [*groups]
    assert {*found.env.observations} == {*cfg.env.observations, "fiber"}
    state = checkpoint.read(run.path / "replay.pt", "cpu")["replay"]
    assert state["weight"].shape == state["label"].shape == (48, 80)
    with pytest.raises(MsemuError, match="the agent ppo does not learn from a teacher"):
        command.distill(replace(options, agent="ppo"))


def test_what_is_refused_leaves_no_run_behind(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path / "teachers", "ppo")
    teacher = train(TASK, replace(cfg, iterations=1))
    options = DistillCfg((str(teacher),), checkpoint="last", iterations=1, num_envs=2, runs_dir=str(tmp_path / "runs"))
    with pytest.raises(MsemuError, match=r"states fit well: msemu-distill --replay-size \d+"):
        command.distill(replace(options, replay_size=10**9))
    assert not (tmp_path / "runs" / TASK).exists()
    student = replace(cfg, agent=small_agent("dagger"), runs_dir=str(tmp_path / "runs"), iterations=1)
    student.env.action = ExcitationCfg(start="reference")
    student.agent.algorithm |= {"teacher": str(teacher), "checkpoint": str(teacher / "model_0.pt")}
    del student.env.observations["muscle"]
    student.agent.obs_groups = {network: ["proprioception", "reference"] for network in ("actor", "critic")}
    with pytest.raises(MsemuError, match="observation group 'muscle', and the student's task has 0"):
        train(TASK, student)
    assert not (tmp_path / "runs" / TASK).exists()


def test_a_student_gets_the_observations_that_any_of_its_teachers_has(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    plain = train(TASK, replace(cfg, iterations=1, run_name="plain"))
    seeing = deepcopy(cfg)
    seeing.env.observations["fiber"] = ObservationTermCfg()
    seeing.agent.obs_groups["actor"] = ["proprioception", "fiber", "reference"]
    other = train(TASK, replace(seeing, iterations=1, run_name="seeing"))
    options = DistillCfg((str(plain), str(other)), checkpoint="last", iterations=1, num_envs=2, runs_dir=str(tmp_path))
    found = RunFolder.open(command.distill(options)).load_config()
    assert "fiber" in found.env.observations and "fiber" not in found.agent.obs_groups["actor"]
    seeing.env.observations["reference"].scale = 2.0
    other = train(TASK, replace(seeing, iterations=1, run_name="otherwise"))
    with pytest.raises(MsemuError, match=r"see the observation 'reference' otherwise; teachers of one student"):
        command.distill(replace(options, run=(str(plain), str(other))))


def test_a_memory_of_another_loss_or_size_is_not_gone_on_with() -> None:
    memory = Memory(5)
    memory.add({"seen": torch.zeros(3, 2), "label": torch.zeros(3, 1)})
    state = memory.state_dict()
    assert memory.fits(state, 3) and memory.fits({"next": 0}, 3)
    weighted, larger, smaller = Memory(5), Memory(7), Memory(2)
    weighted.reserve({"seen": 2, "label": 1, "weight": 1}, torch.device("cpu"))
    for other in (larger, smaller):
        other.reserve({"seen": 2, "label": 1}, torch.device("cpu"))
    assert [other.fits(state, 3) for other in (weighted, larger, smaller)] == [False, True, False]
    memory.add({"seen": torch.zeros(3, 2), "label": torch.zeros(3, 1)})
    assert not larger.fits(memory.state_dict(), 3), "a ring that has gone round is in no order for a larger one"


def test_teachers_of_another_body_or_clip(env: MotionTrackingEnv, march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(replace(march, name="hop"), tmp_path, "ppo")
    run = train(TASK, replace(cfg, iterations=1))
    with pytest.raises(MsemuError, match="has learned hop, and the student's task follows march; leave --motion out"):
        find_teacher(str(run), "last", env)
    other = tmp_path / "other"
    shutil.copytree(run, other)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("  body: myolegs\n", "  body: myofullbody\n", 1))
    with pytest.raises(MsemuError, match=r"other moves the body 'myofullbody', and the student is 'myolegs'; leave"):
        find_teacher(str(other), "last", env)
    with pytest.raises(MsemuError, match=r"the body 'myolegs' and .*other 'myofullbody'; teachers of one"):
        command.distill(DistillCfg((str(run), str(other)), checkpoint="last", runs_dir=str(tmp_path)))
    with pytest.raises(MsemuError, match=r"the teacher .* is named twice"):
        command.distill(DistillCfg((str(run), str(run)), checkpoint="last", runs_dir=str(tmp_path)))
    with pytest.raises(MsemuError, match="wants a teacher"):
        command.distill(DistillCfg(()))


def test_a_checkpoint_is_one_of_its_teacher(march: MotionClip, tmp_path: Path) -> None:
    """One file would otherwise teach for all of them."""
    cfg = replace(small_run(march, tmp_path, "ppo"), iterations=1)
    one, other = (train(TASK, replace(cfg, run_name=name)) for name in ("one", "other"))
    options = DistillCfg((str(one), str(other)), iterations=1, num_envs=2, runs_dir=str(tmp_path))
    foreign = str(other / "model_0.pt")
    with pytest.raises(MsemuError, match=r"model_0\.pt is no checkpoint of the teacher .*one; give best, last"):
        command.distill(replace(options, checkpoint=foreign))
    found = RunFolder.open(command.distill(replace(options, checkpoint="model_0.pt"))).load_config()
    assert len(found.agent.algorithm["checkpoint"]) == 2


def test_a_teacher_that_follows_wanted_accelerations_teaches_its_own_clips(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    one = RunFolder.open(train(TASK, replace(cfg, iterations=1)))
    cfg.env.action = JointCfg(controller=ControllerCfg(feedforward=True))
    other = RunFolder.create(TASK, replace(cfg, run_name="other"), load_body("myolegs"), [march])
    shutil.copy(one.checkpoint("last"), other.path)
    with pytest.raises(MsemuError, match=r"follows what msemu-track has found, .* clips march, march of the other"):
        command.distill(DistillCfg((str(one.path), str(other.path)), checkpoint="last", runs_dir=str(tmp_path)))


def test_a_student_sees_no_preferences(march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    cfg.env.action, cfg.env.observations["preference"] = JointCfg(), ObservationTermCfg()
    cfg.agent.obs_groups["actor"] = [*cfg.agent.obs_groups["actor"], "preference"]
    run = train(TASK, replace(cfg, iterations=1))
    with pytest.raises(MsemuError, match=r"sees what its muscles prefer, .* without the observation 'preference'"):
        command.distill(DistillCfg((str(run),), checkpoint="last", runs_dir=str(tmp_path)))


def test_the_error_of_an_excitation_counts_as_that_of_the_activation(env: MotionTrackingEnv) -> None:
    """The engine says how far a muscle's activation goes within a control step of full and of no excitation."""
    start, reached = env.sim.state_dict(), []
    weights = ErrorWeights(of_activation=True, torque_weighted=False, scene=env.scene).now()
    for excitation in (0.0, 1.0):
        env.sim.load_state_dict(start)
        env.sim.step(torch.full((4, 80), excitation), 10)
        reached.append(env.sim.act.clone())
    assert torch.allclose(weights, (reached[1] - reached[0]).square().float(), atol=1e-4)
    assert weights.std() > 0.01


def test_errors_weighted_by_torque(env: MotionTrackingEnv) -> None:
    """Strong muscles with long arms count more: the gluteus beside the smallest of the foot's."""
    weights = ErrorWeights(of_activation=False, torque_weighted=True, scene=env.scene).now()
    assert weights.shape == (4, 80) and weights.mean() == pytest.approx(1.0)
    names = env.body.muscle_names
    soleus, tibialis = (weights[0, names.index(name)] for name in ("soleus_r", "fhl_r"))
    arm = 0.05  # m, soleus about the ankle
    model = env.body.model
    strength = model.actuator_gainprm[:, 2]
    assert soleus > 3 * tibialis
    assert torch.argmax(weights[0]) in np.argsort(strength)[-30:] and strength[names.index("soleus_r")] * arm > 100


@pytest.mark.parametrize(("loss", "torque_weighted"), [("activation", False), ("excitation", True)])
def test_a_weighted_loss_makes_the_weighted_error_least(
    env: MotionTrackingEnv, tmp_path: Path, loss: str, torque_weighted: bool
) -> None:
    torch.manual_seed(0)
    agent = small_agent("dagger")
    agent.algorithm |= {"loss": loss, "torque_weighted": torque_weighted, "updates_per_step": 4}
    runner = find_runner(agent)(env, agent, tmp_path, "cpu")
    runner.train(3, fresh=True)
    seen, label, weight = runner.alg.replay.draw(64)
    assert weight is not None and weight.std() > 0.01
    runner.alg._optimizers["actor"].zero_grad()
    errors = (runner.alg._excitation(seen) - label).square()
    before = (weight * errors).mean().item()
    for _ in range(30):
        runner.alg.update()
    after = (weight * (runner.alg._excitation(seen) - label).square()).mean().item()
    assert after < before


def test_a_teacher_that_sees_more(env: MotionTrackingEnv, march: MotionClip, tmp_path: Path) -> None:
    cfg = small_run(march, tmp_path, "ppo")
    teacher = train(TASK, replace(cfg, iterations=1))
    env._observations = env._observations.exclude("reference")
    with pytest.raises(MsemuError, match=r"numbers in the observation group 'reference', and the student's task has 0"):
        find_teacher(str(teacher), "last", env)
