"""``msemu-bench``: rounds and quartiles, the figures of ``train`` and ``step``, their definitions and wrong input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run

from msemu.bench.step import ENV_STAGES, PHYSICS_STAGES, StageClock, chrome_trace, measure_step
from msemu.bench.timing import in_rounds, named_summary
from msemu.bench.train import DEFINITIONS, TrainingClock
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.registry import get_task
from msemu.rl.runner import Runner
from msemu.schema import TaskCfg


@pytest.fixture(scope="module")
def clip_path(march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "march.npz"
    march.save(path)
    return path


def test_the_first_round_is_dropped_and_quartiles_are_of_the_others() -> None:
    figures = in_rounds(lambda number: (number, 2.0 * number), 5)
    assert figures.tolist() == [[1, 2], [2, 4], [3, 6], [4, 8], [5, 10]]
    assert named_summary(ratio=figures[:, 1]) == {"ratio": 6.0, "ratio_quartiles": [4.0, 8.0]}


def test_bench_train(clip_path: Path, tmp_path: Path) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "plots" / "train.png"
    arguments = ("--motion", clip_path, "--agent", "ppo", "flow", "--num-envs", "2", "4", "--iterations", "2")
    result = run(
        "bench", "train", *arguments, "--device", "cpu", "--engine", "mujoco", "--json", figures, "--plot", plot
    )
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in DEFINITIONS)
    measured = json.loads(figures.read_text())
    assert measured["definitions"] == DEFINITIONS and measured["seed"] == 1
    assert measured["versions"]["mujoco"] and measured["machine"]["cores"] >= 1
    assert [(row["agent"], row["num_envs"]) for row in measured["results"]] == [
        ("ppo", 2), ("ppo", 4), ("flow", 2), ("flow", 4)
    ]  # fmt: skip
    assert measured["training_physics_ratio"] == measured["results"][0]["training_physics_ratio"]
    for row in measured["results"]:
        assert (row["body"], row["engine"], row["muscles"]) == ("myolegs", "mujoco", 80)
        assert 0 < row["training_physics_ratio"] < 1 and 0 < row["learning_share"] < 1
        assert row["training_steps_per_s"] < row["physics_only_steps_per_s"]
        assert 100 < row["peak_memory_mb"] < 100_000
        assert sum(row["stage_shares"].values()) == pytest.approx(1.0)
        assert row["stage_shares"].keys() >= {"physics", "controller", "observations", "rewards", "policy", "update"}
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--bodies", "centaur"), "unknown body 'centaur'"),
        (("train", "--num-envs", "0"), "--num-envs: 0 is not between"),
        (("train", "--iterations", "0"), "--iterations: 0 is not between"),
        (("train", "--agent", "oracle"), "unknown agent 'oracle'"),
        (("train", "--bodies", "myolegs", "myofullbody", "--body-path", "x"), "--body-path is for a single body"),
        (("step", "--body", "centaur"), "unknown body 'centaur'"),
        (("step", "--steps", "0"), "--steps: 0 is not between"),
    ],
)
def test_mistakes_end_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = run("bench", *arguments)
    assert result.returncode == 2 and said in result.stderr and result.stderr.count("\n") == 1


def test_timing_the_physics_leaves_the_training_as_it_was(
    legs: Body, march: MotionClip, tracking_cfg: TaskCfg, tmp_path: Path
) -> None:
    agent = get_task("Msemu-Track-MyoLegs-v0").load_agent()
    agent.num_steps_per_env = 4
    weights = []
    for timed in (False, True):
        torch.manual_seed(0)
        env = MotionTrackingEnv(tracking_cfg, legs, march)
        runner = Runner(env, agent, tmp_path / str(timed), "cpu")
        if timed:
            runner.logger.show = clock = TrainingClock(env, runner)
        runner.train(2, fresh=True)
        weights.append(runner.alg.actor.mlp[0].weight)
    assert torch.equal(*weights)
    training, physics = np.array(clock.seconds).T
    assert len(training) == 2 and (training > physics).all() and (physics > 0).all()


def test_bench_step(clip_path: Path, tmp_path: Path) -> None:
    figures, trace = tmp_path / "figures.json", tmp_path / "trace.json"
    arguments = ("--motion", clip_path, "--num-envs", "2", "--rounds", "2", "--steps", "3", "--device", "cpu")
    result = run("bench", "step", *arguments, "--json", figures, "--trace", trace)
    assert result.returncode == 0, result.stderr
    measured = json.loads(figures.read_text())
    assert list(measured["env_stages"]) == [stage for stage, _ in ENV_STAGES]
    assert list(measured["physics_stages"]) == [stage for stage, _ in PHYSICS_STAGES]
    assert sum(measured["env_stages"].values()) == pytest.approx(1, abs=0.2), "medians of shares"
    assert measured["env_stages"]["physics"] > 0.1 and measured["physics_stages"]["position: tendon paths"] > 0.05
    events = json.loads(trace.read_text())["traceEvents"]
    assert sum(event["name"] == "physics" for event in events) == 3
    assert min(event["ts"] for event in events) == 0 and all(event["dur"] >= 0 for event in events)


def test_a_stage_does_not_count_what_another_one_takes() -> None:
    clock = StageClock(torch.device("cpu"))
    now = iter((0.0, 1.0, 4.0, 10.0))
    clock._now = lambda: next(now)
    inner = clock.time("inner", lambda: "value")
    assert clock.time("outer", lambda: inner())() == "value"
    assert clock.own_seconds == {"inner": 3.0, "outer": 7.0}
    assert chrome_trace(clock.events)["traceEvents"] == [
        {"name": "outer", "ph": "X", "pid": 0, "tid": 0, "ts": 0.0, "dur": 10e6},
        {"name": "inner", "ph": "X", "pid": 0, "tid": 0, "ts": 1e6, "dur": 3e6},
    ]


def test_the_stages_of_the_environment_are_given_back(legs: Body, march: MotionClip, tracking_cfg: TaskCfg) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    before = (set(vars(env)), set(vars(env.sim)), env._reward)
    measure_step(env, 1, 2)
    assert (set(vars(env)), set(vars(env.sim)), env._reward) == before


def test_the_physics_stages_are_a_physics_step(legs: Body) -> None:
    import mujoco

    whole, singly = mujoco.MjData(legs.model), mujoco.MjData(legs.model)
    for data in (whole, singly):
        data.qpos, data.ctrl = legs.neutral_qpos, 0.3
    mujoco.mj_step(legs.model, whole)
    mujoco.mj_forward(legs.model, singly)
    for _, run_stage in PHYSICS_STAGES:
        run_stage(legs.model, singly)
    assert np.allclose(singly.qvel, whole.qvel, rtol=0, atol=1e-8)
