"""The runner, checkpoints and run folders, with real rsl-rl."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from patience import PATIENCE_S
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from msemu.cli.training import train
from msemu.config import read_yaml
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import open_policy
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.rl.tracking_score import tracking_score_cm
from msemu.schema import TrainCfg
from msemu.sim import pick_device

TASK = "Msemu-Track-MyoLegs-v0"


def weights(path: Path) -> dict[str, torch.Tensor]:
    state = checkpoint.read(path, "cpu")
    return {
        f"{part}.{key}": value for part in ("actor", "critic") for key, value in state[f"{part}_state_dict"].items()
    }


@pytest.mark.parametrize("noise", [{}, {"class_name": "autoregressive_gaussian", "correlation": 0.9}])
def test_a_resumed_run_equals_an_uninterrupted_one(train_cfg: TrainCfg, noise: dict[str, Any]) -> None:
    train_cfg.agent.actor["distribution_cfg"] |= noise
    whole = RunFolder.open(train(TASK, replace(train_cfg, iterations=6, run_name="whole")))
    first = RunFolder.open(train(TASK, replace(train_cfg, iterations=3, run_name="halves")))
    train(TASK, replace(first.load_config(), iterations=3, resume=str(first.path)))
    assert [entry["iteration"] for entry in read_yaml(first.path / "provenance.yaml")["resumed"]] == [3]
    one, two = weights(whole.checkpoint("last")), weights(first.checkpoint("last"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    states = [checkpoint.read(run.checkpoint("last"), "cpu") for run in (whole, first)]
    assert states[0]["iter"] == states[1]["iter"] == 5
    for key in states[0]["env"]:
        assert torch.equal(states[0]["env"][key], states[1]["env"][key]), key
    assert states[0]["logger"]["tot_timesteps"] == states[1]["logger"]["tot_timesteps"] == 6 * 8 * 4
    assert states[0]["logger"]["rewbuffer"] == states[1]["logger"]["rewbuffer"]
    untrained = weights(whole.path / "model_0.pt")
    assert not all(torch.equal(one[key], untrained[key]) for key in one)


def test_a_time_out_is_bootstrapped_with_the_state_it_ends_in(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    env = MotionTrackingEnv(train_cfg, legs, march)
    algorithm = Runner(env, train_cfg.agent, None, "cpu").alg
    with torch.inference_mode():
        algorithm.act(env.get_observations())
        env.episode_length_buf[1] = env.max_episode_length - 1
        obs, rewards, dones, extras = env.step(torch.zeros(4, env.num_actions))
        assert extras["time_outs"].tolist() == [False, True, False, False]
        value = algorithm.critic(extras["terminal_observations"]).squeeze(1)
        algorithm.process_env_step(obs, rewards, dones, extras)
    wanted = (1.0 - algorithm.gamma) * rewards
    wanted[1] += algorithm.gamma * value[1]
    assert torch.allclose(algorithm.storage.rewards[0].squeeze(1), wanted)


def test_the_desired_divergence_grows_with_the_number_of_muscles(
    train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    train_cfg.agent.algorithm["desired_kl_per_action"] = 0.02
    runner = Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")
    assert runner.alg.desired_kl == pytest.approx(0.02 * 80)


def test_an_agent_with_an_unknown_value_is_refused(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.agent.algorithm["learning_speed"] = 1
    with pytest.raises(MsemuError, match="learning_speed"):
        Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")


def test_curves_hold_the_errors_of_every_iteration(train_cfg: TrainCfg) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    path = train(TASK, replace(train_cfg, iterations=3))
    curves = EventAccumulator(str(path)).Reload()
    for name in ("joint_angle_deg", "root_rotation_deg", "body_position_cm", "root_translation_cm"):
        events = curves.Scalars(f"Error/{name}")
        assert [event.step for event in events] == [0, 1, 2]
        assert all(np.isfinite(event.value) and event.value > 0 for event in events)


def test_a_run_folder_says_how_it_was_made(train_cfg: TrainCfg) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=1, seed=7)))
    stored = run.load_config()
    assert stored.seed == 7 and stored.agent == train_cfg.agent and stored.env == train_cfg.env
    provenance = (run.path / "provenance.yaml").read_text()
    assert "musclemimic-models" in provenance and "made up" in provenance and "sha256" in provenance
    assert RunFolder.latest(TASK, Path(train_cfg.runs_dir)).path == run.path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_mini_batches": 33}, "33 num_mini_batches want as many samples, and a rollout of 8 steps in 4 env"),
        ({"guidance": {"num_mini_batches": 40}}, "40 num_mini_batches want as many samples"),
        ({"learning_starts": 500, "replay_size": 499}, "the replay_size of 499 never holds the learning_starts of 500"),
    ],
)
def test_what_could_never_be_learned_is_refused_before_anything_starts(
    train_cfg: TrainCfg, values: dict, message: str
) -> None:
    train_cfg.agent.algorithm |= values
    with pytest.raises(MsemuError, match=message):
        train(TASK, train_cfg)
    assert not Path(train_cfg.runs_dir).exists()


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty", "pickle", "missing", "other network"])
def test_a_bad_checkpoint_is_named(train_cfg: TrainCfg, tmp_path: Path, damage: str) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=1)))
    good, bad = run.checkpoint("last"), tmp_path / "bad.pt"
    if damage == "truncated":
        bad.write_bytes(good.read_bytes()[:5000])
    elif damage == "foreign":
        torch.save({"model": torch.zeros(3)}, bad)
    elif damage == "empty":
        bad.write_bytes(b"")
    elif damage == "pickle":
        torch.save({"format": checkpoint.FORMAT, "code": os.system}, bad)
    elif damage == "other network":
        state = checkpoint.read(good, "cpu")
        state["actor_state_dict"]["mlp.0.weight"] = torch.zeros(3, 3)
        torch.save(state, bad)
    with pytest.raises(MsemuError, match=str(bad)):
        open_policy(run, bad, 1, "cpu", seed=0)


def test_a_checkpoint_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    checkpoint.write(path, {"value": 1})

    class Unwritable:
        def __reduce__(self):
            raise RuntimeError("cannot be saved")

    with pytest.raises(RuntimeError, match="cannot be saved"):
        checkpoint.write(path, {"value": Unwritable()})
    assert checkpoint.read(path, "cpu")["value"] == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_usable_checkpoint(train_cfg: TrainCfg, number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "msemu.cli.train",
        TASK,
        "--motion",
        train_cfg.motion,
        "--num-envs",
        "2",
        "--agent",
        "ppo",
    ]
    command += ["--runs-dir", train_cfg.runs_dir, "--device", "cpu", "--agent.num-steps-per-env", "4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    runs = Path(train_cfg.runs_dir) / TASK
    deadline = time.monotonic() + PATIENCE_S
    while not list(runs.glob("*/model_0.pt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and "saved:" in output, output
    run = RunFolder.latest(TASK, Path(train_cfg.runs_dir))
    assert len(run.checkpoints()) > 1
    env, _ = open_policy(run, run.checkpoint("last"), 1, "cpu", seed=0, timestep_s=0.004)
    assert env.sim.model.opt.timestep == 0.004


def test_the_tracking_score_counts_failed_time() -> None:
    assert tracking_score_cm(4.0, 0.0, 500, 30.0) == 4.0
    # Independent count: alive at the start of step t with probability (1 - p)^t.
    p, steps = 0.01, 500
    alive = np.mean((1 - p) ** np.arange(steps))
    assert tracking_score_cm(4.0, p, steps, 30.0) == pytest.approx(alive * 4.0 + (1 - alive) * 30.0)


def test_devices_that_are_not_there_are_named() -> None:
    assert pick_device("auto") in ("cpu", "cuda:0")
    with pytest.raises(MsemuError, match="unknown device 'gpu0'"):
        pick_device("gpu0")
    if not torch.cuda.is_available():
        with pytest.raises(MsemuError, match="no CUDA device for 'cuda'"):
            pick_device("cuda")


def test_curves_go_to_a_service_offline(train_cfg: TrainCfg, monkeypatch: pytest.MonkeyPatch) -> None:
    """To rsl-rl's writer for Weights & Biases, with its package replaced."""
    told: dict[str, Any] = {"log": []}
    service = SimpleNamespace(
        init=lambda **about: told.update(about, mode=os.environ["WANDB_MODE"], folder=os.environ["WANDB_DIR"]),
        log=lambda values, step: told["log"].append((step, *values)),
        config={},
        save=lambda *_, **__: None,
        finish=lambda: told.update(finished=True),
    )
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_SILENT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("rsl_rl.utils.wandb_log_writer.wandb", service)
    monkeypatch.setattr("msemu.rl.progress.find_spec", lambda name: name)
    train_cfg.agent.logger, train_cfg.agent.project_name, train_cfg.iterations = "wandb", "walks", 2
    run = train(TASK, train_cfg)
    assert (told["project"], told["mode"], told["folder"], told["name"]) == ("walks", "offline", str(run), run.name)
    assert {(0, "Error/joint_angle_deg"), (1, "Error/joint_angle_deg"), (1, "Error/tracking_score_cm")} <= set(
        told["log"]
    )
    assert told["finished"] and service.config["env_cfg"]["body"] == "myolegs"
    assert EventAccumulator(str(run)).Reload().Scalars("Error/joint_angle_deg")  # TensorBoard's are there as well


def test_a_service_that_copies_the_console_gives_it_back(
    train_cfg: TrainCfg, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neptune, with its package replaced, puts itself in the place of stdout until it is stopped."""
    told: dict[str, Any] = {}

    class Service(dict):
        def __init__(self, project: str, api_token: str):
            told.update(project=project, mode=os.environ["NEPTUNE_MODE"], console=sys.stdout)
            self.copied, sys.stdout = sys.stdout, SimpleNamespace(write=sys.stdout.write, flush=sys.stdout.flush)

        def __missing__(self, key: str) -> SimpleNamespace:
            return SimpleNamespace(log=lambda *_, **__: None, upload=lambda path: None)

        def stop(self) -> None:
            sys.stdout = self.copied
            print("stopped")

    for name in ("NEPTUNE_MODE", "NEPTUNE_API_TOKEN", "NEPTUNE_USERNAME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("rsl_rl.utils.neptune_log_writer.neptune", SimpleNamespace(init_run=Service))
    monkeypatch.setattr("msemu.rl.progress.find_spec", lambda name: name)
    train_cfg.agent.logger, train_cfg.agent.project_name, train_cfg.iterations = "neptune", "walks", 1
    train(TASK, train_cfg)
    assert (told["project"], told["mode"]) == ("offline/walks", "offline")
    assert sys.stdout is told["console"]
    assert "iteration 0" in capsys.readouterr().out.partition("stopped")[0]


@pytest.mark.parametrize(("name", "remedy"), [("wandb", r"'msemu\[wandb\]'"), ("neptune", "neptune")])
def test_a_logger_that_is_not_installed_is_one_line(
    train_cfg: TrainCfg, name: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msemu.rl.progress.find_spec", lambda name: None)
    train_cfg.agent.logger = name
    with pytest.raises(MsemuError, match=f"the logger {name} needs its package: pip install {remedy}$"):
        train(TASK, train_cfg)
    assert not Path(train_cfg.runs_dir).exists()
