"""``msemu-train TASK --init RUN``: every agent goes on with a distilled policy, and does not lose it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_marching_clip, small_run
from small_agent import small_agent

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import cfg_names
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import find_runner, open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.flow.guided import GuidedFlowPPO
from msemu.rl.initial.values import begin_values
from msemu.rl.memory.transitions import transitions_of
from msemu.rl.off_policy.runner import OffPolicyRunner
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import ExcitationCfg, JointCfg, ObservationTermCfg, TrainCfg
from msemu.sim.warp_simulation import WarpSimulation

TASK = "Msemu-Track-MyoLegs-v0"
AGENTS = [name for name in cfg_names("agent") if name != "dagger"]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def distilled(march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was taught by the muscle controller for a moment, so that its policy is one of its own."""
    cfg = small_run(march, tmp_path_factory.mktemp("runs"), "dagger")
    cfg.env.action = ExcitationCfg(start="reference")
    cfg.agent.algorithm["updates_per_step"] = 4
    return RunFolder.open(train(TASK, replace(cfg, iterations=4)))


def begun(distilled: RunFolder, agent: str) -> TrainCfg:
    """Values of a new run of an agent that begins with it."""
    own = distilled.load_config()
    cfg = begin_values(replace(own, agent=small_agent(agent)), own, same_task=True)
    cfg.agent.num_steps_per_env = 8
    cfg.agent.algorithm["anchor"] |= {"hold_iterations": 2, "fade_iterations": 2}
    return replace(cfg, init=str(distilled.path), checkpoint=str(distilled.checkpoint("last")))


@pytest.fixture
def make_runner(distilled: RunFolder, legs: Body, march: MotionClip, tmp_path: Path) -> Callable[[str], Runner]:
    def make(agent: str) -> Runner:
        cfg = begun(distilled, agent)
        runner = find_runner(cfg.agent)(MotionTrackingEnv(cfg, legs, march), cfg.agent, tmp_path, "cpu")
        runner.begin_with(distilled, distilled.checkpoint("last"))
        return runner

    return make


@pytest.mark.parametrize("agent", AGENTS)
def test_any_agent_does_what_the_student_did_with_as_much_noise(
    agent: str, distilled: RunFolder, make_runner: Callable[[str], Runner]
) -> None:
    env, student = open_policy(distilled, distilled.checkpoint("last"), 4, "cpu", 0)
    seen = env.get_observations()
    runner = make_runner(agent)
    wanted, found = student.policy()(seen).detach(), runner.policy()(seen).detach()
    limit = getattr(runner.alg.get_policy().distribution, "action_limit", None)
    assert torch.allclose(found, wanted if limit is None else limit * (wanted / limit).tanh(), atol=1e-5)
    assert wanted.std() > 0.01
    torch.manual_seed(0)
    with torch.no_grad():
        drawn = [runner.alg.get_policy()(seen, stochastic_output=True)[:, -80:] for _ in range(200)]
    assert (torch.stack(drawn) - found).square().mean().sqrt() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("agent", ["ppo", "flow_guided", "qflex"])
def test_the_policy_is_held_while_the_critic_learns(agent: str, distilled: RunFolder) -> None:
    run = RunFolder.open(train(TASK, replace(begun(distilled, agent), iterations=3)))
    first, last = (checkpoint.read(run.path / f"model_{number}.pt", "cpu") for number in (0, 2))
    start = checkpoint.read(distilled.checkpoint("last"), "cpu")

    def weights(state: dict, part: str) -> list[torch.Tensor]:
        return [value for name, value in state[f"{part}_state_dict"].items() if name.endswith("weight")]

    if agent == "ppo":
        assert all(map(torch.equal, weights(first, "actor"), weights(start, "actor")))
    assert all(
        torch.equal(value, first["anchor"]["first_state_dict"][name])
        for name, value in first["actor_state_dict"].items()
    )
    assert not all(map(torch.equal, weights(last, "actor"), weights(first, "actor")))
    assert not all(map(torch.equal, weights(last, "critic"), weights(first, "critic")))


def test_a_run_that_began_so_resumes_to_the_bit(distilled: RunFolder) -> None:
    cfg = begun(distilled, "ppo")
    whole = RunFolder.open(train(TASK, replace(cfg, iterations=4)))
    halves = RunFolder.open(train(TASK, replace(cfg, iterations=1)))  # while the policy is held
    train(TASK, replace(halves.load_config(), iterations=3, resume=str(halves.path)))
    one, two = (checkpoint.read(run.path / "model_3.pt", "cpu") for run in (whole, halves))
    for part in ("actor_state_dict", "critic_state_dict"):
        assert all(torch.equal(value, two[part][name]) for name, value in one[part].items())


def test_the_first_step_after_the_hold_is_no_leap(distilled: RunFolder) -> None:
    """Adam that knows no gradient moves each weight by the whole rate; one that has watched does not."""
    moved = {}
    for hold in (0, 6):
        cfg = begun(distilled, "ppo")
        cfg.agent.algorithm |= {"learning_rate": 1e-4, "schedule": "fixed", "num_learning_epochs": 1}
        cfg.agent.algorithm["num_mini_batches"] = 1
        cfg.agent.algorithm["anchor"] |= {"hold_iterations": hold, "weight": 0.0}
        run = RunFolder.open(train(TASK, replace(cfg, iterations=hold + 1)))
        found = checkpoint.read(run.checkpoint("last"), "cpu")
        first, last = found["anchor"]["first_state_dict"]["mlp.0.weight"], found["actor_state_dict"]["mlp.0.weight"]
        moved[hold] = (last - first).abs().mean().item() / 1e-4
    assert moved[0] > 0.8 and 0.0 < moved[6] < 0.6


def test_ten_iterations_keep_what_the_student_does(distilled: RunFolder) -> None:
    """Large steps of PPO go astray on their own, and do not with the anchor."""
    seen = open_policy(distilled, distilled.checkpoint("last"), 4, "cpu", 0)[0].get_observations()
    student = open_policy(distilled, distilled.checkpoint("last"), 1, "cpu", 0)[1].policy()(seen)
    moved = {}
    for weight in (0.0, 1e4):
        cfg = begun(distilled, "ppo")
        cfg.agent.algorithm |= {"learning_rate": 0.003, "schedule": "fixed"}
        cfg.agent.algorithm["anchor"] |= {"weight": weight, "fade_iterations": 100}
        run = RunFolder.open(train(TASK, replace(cfg, iterations=10)))
        policy = open_policy(run, run.checkpoint("last"), 1, "cpu", 0)[1].policy()
        moved[weight] = (policy(seen) - student).square().mean().sqrt().item()
    assert moved[1e4] < 0.3 * moved[0.0] and moved[0.0] > 0.02


def test_the_anchor_keeps_the_noise_that_entropy_would_let_grow(distilled: RunFolder) -> None:
    """Its size depends on the state and is learned; nothing else bounds it."""
    noise = {}
    for weight in (0.0, 1e4):
        cfg = begun(distilled, "crossq")
        cfg.agent.algorithm |= {"learning_rate": 0.001, "policy_delay": 1}
        cfg.agent.algorithm["entropy"] = {"init_temperature": 0.1, "target_per_action": 0.0}
        cfg.agent.algorithm["anchor"] |= {"hold_iterations": 0, "weight": weight, "fade_iterations": 1000}
        run = RunFolder.open(train(TASK, replace(cfg, iterations=6)))
        env, runner = open_policy(run, run.checkpoint("last"), 4, "cpu", 0)
        actor = runner.alg.get_policy()
        actor(env.get_observations(), stochastic_output=True)
        noise[weight] = actor.distribution.action_limit * actor.output_std.mean().item()
    assert noise[0.0] > 0.08 and noise[1e4] == pytest.approx(0.05, rel=0.2)


def test_transitions_of_a_memory() -> None:
    """Three environments; the second fails in the first step, the third is cut off by time in the second."""
    steps = torch.arange(9.0)[:, None]
    memory = {"seen": torch.cat((steps, -steps), 1), "action": 10 * steps, "reward": 100 * steps, "env": steps % 3}
    memory |= {"failed": (steps == 1).float(), "ended": ((steps == 1) | (steps == 5)).float()}
    shifted = {name: values.roll(4, 0) for name, values in memory.items()}
    for state in (memory | {"next": 9}, shifted | {"next": 4}):
        found = transitions_of(state, {"one": 1, "two": 1})
        assert found["observations.one"].flatten().tolist() == [0, 1, 2, 3, 4]
        assert found["next_observations.two"].flatten().tolist() == [-3, -4, -5, -6, -7]
        assert found["actions"].flatten().tolist() == [0, 10, 20, 30, 40]
        assert found["failed"].tolist() == [False, True, False, False, False] and found["ended"].all()
        assert found["rewards"].tolist() == [0, 100, 200, 300, 400]


def test_a_memory_begins_with_what_teacher_and_student_have_done(
    distilled: RunFolder, make_runner: Callable[[str], Runner], capsys: pytest.CaptureFixture[str]
) -> None:
    runner = make_runner("crossq")
    assert isinstance(runner, OffPolicyRunner) and "memory" not in capsys.readouterr().err
    assert 80 < len(runner.alg.replay) <= 4 * 8 * 4
    batch = runner.alg.replay.draw(50)
    assert batch.returns.std() > 0 and batch.actions.std() > 0.1
    assert set(batch.discounts.flatten().tolist()) <= {0.0, np.float32(0.99)}


def test_the_qs_of_guidance_are_taught_by_what_teacher_and_student_have_done(
    distilled: RunFolder, make_runner: Callable[[str], Runner], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first step there is a memory to learn from; what it says of an action is finite and varies."""
    runner = make_runner("flow_guided")
    assert isinstance(runner.alg, GuidedFlowPPO) and "memory" not in capsys.readouterr().err
    assert 80 < len(runner.alg.replay) <= 4 * 8 * 4
    seen, noise, worth = runner.alg._remembered(runner.alg.replay, 50, torch.tensor(1.0))
    assert seen.shape == (50, runner.alg.critic.obs_dim) and noise.shape == (50, 80) and worth.shape == (50, 1)
    assert noise.isfinite().all() and noise.abs().max() > 5.0, "the teacher acts outside the student's noise"
    assert worth.isfinite().all() and worth.std() > 0


def test_a_memory_that_was_rewarded_otherwise(
    distilled: RunFolder, legs: Body, march: MotionClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = begun(distilled, "crossq")
    cfg.env.rewards["effort"].weight = -0.5
    runner = OffPolicyRunner(MotionTrackingEnv(cfg, legs, march), cfg.agent, tmp_path, "cpu")
    runner.begin_with(distilled, distilled.checkpoint("last"))
    assert "was rewarded otherwise" in capsys.readouterr().err and len(runner.alg.replay) == 0


def test_the_command_line(distilled: RunFolder, tmp_path: Path) -> None:
    cfg = parse(TASK, ["--init", str(distilled.path), "--agent", "lattice", "--seed", "7", "--checkpoint", "last"])
    own = distilled.load_config()
    assert (cfg.env, cfg.motion, cfg.seed) == (own.env, own.motion, 7) and cfg.agent.actor["hidden_dims"] == [32]
    assert cfg.agent.actor["distribution_cfg"]["latent_dim"] == 32 and cfg.checkpoint.endswith("model_3.pt")
    other = parse("Msemu-Run-MyoLegs-v0", ["--init", str(distilled.path), "--agent.algorithm.anchor.weight", "3"])
    assert (
        other.env.action == own.env.action and other.motion == "run" and other.agent.algorithm["anchor"]["weight"] == 3
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--env.action", "joint"],
            "acts in the space 'excitation', and this run would act in 'joint'; leave --env.action out",
        ),
        (["--env.action.slope", "2"], "acts with slope of its own, .* leave --env.action.slope out"),
        (["--env.observations.reference", "{}"], "sees the observation 'reference' otherwise"),
        (["--env.observations.muscle.scale", "2"], "sees the observation 'muscle' otherwise"),
        (["--body", "myofullbody"], "is a run of the body 'myolegs', not of 'myofullbody'"),
        (["--resume", "latest"], "leave one of both out"),
    ],
)
def test_what_does_not_fit_is_one_line(distilled: RunFolder, words: list[str], said: str) -> None:
    with pytest.raises(MsemuError, match=said) as caught:
        parse(TASK, ["--init", str(distilled.path), *words])
    assert "\n" not in str(caught.value)


def test_heads_that_start_no_other(distilled: RunFolder, legs: Body, march: MotionClip, tmp_path: Path) -> None:
    run = RunFolder.open(train(TASK, replace(begun(distilled, "flow"), iterations=1)))
    cfg = begin_values(replace(run.load_config(), agent=small_agent("qflex")), run.load_config(), same_task=True)
    runner = OffPolicyRunner(MotionTrackingEnv(cfg, legs, march), cfg.agent, tmp_path, "cpu")
    with pytest.raises(
        MsemuError, match="the action head FlowDistribution, which does not start one with SquashedFlow"
    ):
        runner.begin_with(run, run.checkpoint("last"))


def test_a_run_of_another_action_space(distilled: RunFolder, legs: Body, tmp_path: Path) -> None:
    """A policy of the controller's targets starts another one of those, and none of excitations."""
    clip = make_marching_clip(legs)
    cfg = small_run(clip, tmp_path, "ppo")
    cfg.env.action = JointCfg()
    run = RunFolder.open(train(TASK, replace(cfg, iterations=1)))
    assert parse(TASK, ["--init", str(run.path), "--checkpoint", "last"]).env.action == JointCfg()
    with pytest.raises(MsemuError, match="first teach it that one with msemu-distill"):
        parse(TASK, ["--init", str(run.path), "--checkpoint", "last", "--env.action", "excitation"])
    with pytest.raises(MsemuError, match="body 'myolegs'"):
        parse(TASK, ["--init", str(run.path), "--checkpoint", "last", "--body", "ms_human_700"])
    assert ObservationTermCfg() == run.load_config().env.observations["muscle"]


def test_the_other_engine_goes_on_with_it(distilled: RunFolder) -> None:
    """On Warp's own device: fine-tuning begins with the student's actions there, and its policy acts on both."""
    cfg = begun(distilled, "ppo")
    cfg.sim = replace(cfg.sim, engine="warp", device="cpu")
    run = RunFolder.open(train(TASK, replace(cfg, num_envs=2, iterations=1)))
    env, runner = open_policy(run, run.checkpoint("last"), 2, "cpu", 0)
    assert isinstance(env.sim, WarpSimulation)
    student = open_policy(distilled, distilled.checkpoint("last"), 2, "cpu", 0)[1].policy()
    seen = env.get_observations()
    assert torch.allclose(runner.policy()(seen), student(seen), atol=0.1)
    following, rewards, _, _ = env.step(runner.policy()(seen).detach())
    assert rewards.isfinite().all() and all(values.isfinite().all() for values in following.values())
