"""A run holds what it depends on, and a command that resumes it starts from that."""

import hashlib
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from msemu.cli.train import parse
from msemu.cli.training import train
from msemu.config import load_named, read_yaml
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.strength import sets
from msemu.motion.clip import MotionClip
from msemu.muscle.overrides import configured_parameters
from msemu.rl.checkpoints import checkpoint
from msemu.rl.run_folder import RunFolder
from msemu.schema import ActionCfg, JointCfg, MuscleCfg, TrainCfg
from msemu.schema.muscle import FatigueCfg

TASK = "Msemu-Track-MyoLegs-v0"


def force(body: Body, cfg: TrainCfg, muscle: str) -> float:
    """Greatest isometric force that a muscle has in a configuration [N]."""
    parameters = configured_parameters(body.model, cfg.sim.muscle)
    return float(parameters.max_isometric_force[parameters.names.index(muscle)])


@pytest.mark.parametrize(
    "text", ["muscle,max_isometric_force\nsoleus_r,3000\n", "soleus_r: {max_isometric_force: 3000}"]
)
def test_parameters_of_the_users_file_stay_in_the_run(
    text: str, train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    file = tmp_path / ("mine.csv" if text.startswith("muscle") else "mine.yaml")
    file.write_text(text)
    train_cfg.sim.muscle = MuscleCfg(level="rigid", parameter_file=file)
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    file.unlink()
    moved = RunFolder.open(run.path.rename(tmp_path / "elsewhere"))
    assert force(legs, moved.load_config(), "soleus_r") == 3000.0
    moved.note_resumption(moved.load_config(), legs)
    assert force(legs, moved.load_config(), "soleus_r") == 3000.0


def test_calibrated_parameters_stay_in_the_run(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    train_cfg.sim.muscle = load_named(MuscleCfg, "calibrated")
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    kept = run.load_config().sim.muscle
    assert kept.parameter_file == run.path / "files/myolegs.csv" and kept.level == "elastic"
    assert force(legs, run.load_config(), "soleus_r") == force(legs, train_cfg, "soleus_r")


def test_options_of_a_command_that_resumes_go_over_the_runs_values(
    train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    train_cfg.env.action = load_named(ActionCfg, "joint")
    train_cfg.sim.muscle = load_named(MuscleCfg, "elastic_varied")
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    changes = ("--env.action.offset-rad", "0.4", "--sim.muscle.fatigue.recovery-rate", "0.5")
    cfg = parse(TASK, ["--resume", str(run.path), *changes])
    assert cfg.resume == str(run.path)
    assert cfg.env.action.offset_rad == 0.4 and cfg.sim.muscle.fatigue.recovery_rate == 0.5
    recipe = read_yaml(run.path / "config.yaml")["recipe"]
    run.note_resumption(cfg, legs)
    assert read_yaml(run.path / "config.yaml")["recipe"] == recipe
    assert run.load_config().env == cfg.env and run.load_config().sim == cfg.sim
    assert run.load_config().resume is None


def test_an_option_of_fatigue_makes_muscles_tire() -> None:
    assert parse(TASK, []).sim.muscle.fatigue is None
    assert parse(TASK, ["--sim.muscle.fatigue.recovery-rate", "0.5"]).sim.muscle.fatigue == FatigueCfg(
        recovery_rate=0.5
    )
    with pytest.raises(MsemuError, match=r"no value 'fatigue.rate'; .* fatigue.fatigue-rate"):
        parse(TASK, ["--sim.muscle.fatigue.rate", "0.5"])


def test_a_run_is_called_by_one_word() -> None:
    with pytest.raises(MsemuError, match=r"run_name .* not 'a/b'"):
        parse(TASK, ["--run-name", "a/b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--motion", "walk"], "keeps the clips .* leave --motion out"),
        (["--agent", "add"], "keeps the agent .* leave --agent out"),
        (["--env.action", "residual"], "keeps its action space, .* leave --env.action out"),
        (["--env.action.slope", "3", "--env.action", "joint"], "'joint' has no value 'slope'"),
    ],
)
def test_what_a_run_keeps_is_named(
    options: list[str], message: str, train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    with pytest.raises(MsemuError, match=message):
        parse(TASK, ["--resume", str(run.path), *options])


def test_a_run_keeps_the_joints_that_its_policy_leads(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    """Others may be as many: then the checkpoint would fit, and move other joints."""
    train_cfg.env.action = JointCfg(led=["knee*"])
    run = RunFolder.create(TASK, train_cfg, legs, [march])
    assert parse(TASK, ["--resume", str(run.path), "--seed", "3"]).env.action.led == ["knee*"]
    for other in (["knee_angle*"], ["hip_flexion*", "knee_angle_r"]):
        with pytest.raises(MsemuError, match=r"keeps the joints that its policy leads; leave --env\.action\.led out"):
            parse(TASK, ["--resume", str(run.path), "--env.action.led", *other])


def test_a_run_says_what_processor_time_its_trainings_took(train_cfg: TrainCfg) -> None:
    path = train(TASK, replace(train_cfg, iterations=1))
    first = read_yaml(path / "provenance.yaml")["cpu_hours"]
    assert 0.0 < first < 0.1
    RunFolder.open(path).note_cpu(1800.0)
    assert read_yaml(path / "provenance.yaml")["cpu_hours"] == pytest.approx(first + 0.5, abs=1e-3)


def test_runs_that_start_in_the_same_second_get_folders_of_their_own(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr("msemu.rl.run_folder.datetime", Clock)
    runs = [RunFolder.create(TASK, train_cfg, legs, [march]) for _ in range(3)]
    name = "2026-01-02_03-04-05_run"
    assert [run.path.name for run in runs] == [name, f"{name}_2", f"{name}_3"]
    assert all(run.load_config().run_name == "run" for run in runs)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "../x", "/tmp/x", "a/b", "a\nb", "\x1b[2J", "a\0b", "x" * 101, "x."]
)
def test_names_stay_within_the_folder_of_the_runs(
    name: str, train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    with pytest.raises(MsemuError, match="run_name") as caught:
        parse(TASK, [f"--run-name={name}"])
    assert str(caught.value).isprintable()
    with pytest.raises(MsemuError, match="task's id"):
        RunFolder.create(name, train_cfg, legs, [march])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"task": name}))
    with pytest.raises(MsemuError, match="task's id"):
        RunFolder.open(tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_file_where_the_runs_should_be_is_named(train_cfg: TrainCfg, legs: Body, march: MotionClip) -> None:
    Path(train_cfg.runs_dir).touch()
    with pytest.raises(MsemuError, match=r"cannot write the run folder .* choose another --runs-dir"):
        RunFolder.create(TASK, train_cfg, legs, [march])


def test_a_run_goes_on_from_any_checkpoint_with_any_number_of_environments(train_cfg: TrainCfg) -> None:
    train_cfg.agent.save_interval = 1
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=3)))
    (run.path / "model_good.pt").write_text("the user's own")
    later = {name: (run.path / name).read_bytes() for name in ("model_1.pt", "model_2.pt")}
    before = checkpoint.read(run.path / "model_0.pt", "cpu")
    cfg = parse(TASK, ["--resume", str(run.path), "--checkpoint", "model_0.pt", "--num-envs", "6", "--keep", "2"])
    train(TASK, replace(cfg, iterations=3, device="cpu"))
    assert [path.name for path in run.checkpoints()] == ["model_2.pt", "model_3.pt"], "the newest two"
    assert {path.name: path.read_bytes() for path in (run.path / "set_aside").iterdir()} == later
    after = checkpoint.read(run.checkpoint("last"), "cpu")
    assert len(after["env"]["frame"]) == 6 and after["control_steps"] == before["control_steps"] + 3 * 8
    assert run.load_config().num_envs == 6 and run.load_config().checkpoint is None
    assert read_yaml(run.path / "provenance.yaml")["resumed"][0]["iteration"] == 1
    assert (run.path / "model_good.pt").read_text() == "the user's own"


def test_a_run_goes_on_on_another_engine_with_new_episodes(
    train_cfg: TrainCfg, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder.open(train(TASK, replace(train_cfg, iterations=1)))
    content = checkpoint.read(run.checkpoint("last"), "cpu")
    content["env"]["sim.of_another_engine"] = content["env"].pop("sim.state")
    checkpoint.write(run.checkpoint("last"), content)
    train(TASK, replace(train_cfg, iterations=1, resume=str(run.path)))
    assert "model_0.pt is of another engine: all start new episodes" in capsys.readouterr().err.replace("\n", " ")
    assert [path.name for path in run.checkpoints()] == ["model_0.pt", "model_1.pt"]


def test_a_new_run_says_which_checkpoint_it_began_with(train_cfg: TrainCfg) -> None:
    first = RunFolder.open(train(TASK, replace(train_cfg, iterations=1)))
    start = first.checkpoint("last")
    second = RunFolder.open(train(TASK, replace(train_cfg, iterations=1, checkpoint=str(start))))
    origin = read_yaml(second.path / "provenance.yaml")["started_from"]
    assert origin == {"checkpoint": str(start), "sha256": hashlib.sha256(start.read_bytes()).hexdigest()}
    folders = list(second.path.parent.iterdir())
    with pytest.raises(MsemuError, match=r"no checkpoint at nowhere\.pt"):
        train(TASK, replace(train_cfg, iterations=1, checkpoint="nowhere.pt"))
    assert list(second.path.parent.iterdir()) == folders, "no folder is left behind"


def test_a_run_holds_its_strength_whatever_the_set_says_later(
    train_cfg: TrainCfg, legs: Body, march: MotionClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forces are those of the first training, also after the set was edited and after the run went on."""
    train_cfg.sim.muscle = MuscleCfg(strength_set="athlete")
    factors = np.linspace(1.0, 2.0, legs.num_muscles)
    monkeypatch.setattr(sets, "strength_factors", lambda *_: factors)
    run = RunFolder.create(TASK, train_cfg, sets.with_strength(legs, "athlete"), [march])
    monkeypatch.setattr(sets, "strength_factors", lambda *_: factors**2)
    cfg = run.load_config()
    for _ in range(2):
        body = sets.with_strength(run.load_body(cfg), "athlete")
        given = body.model.actuator_gainprm[:, 2] / legs.model.actuator_gainprm[:, 2]
        np.testing.assert_allclose(given, factors, rtol=1e-12)
        run.note_resumption(cfg, body)
    own = replace(cfg, sim=replace(cfg.sim, muscle=MuscleCfg()))
    assert run.load_body(own).strength_set == "own"
    assert "strength" not in read_yaml(RunFolder.create(TASK, own, legs, [march]).path / "config.yaml")


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ("strong", "strength is 'strong' in place of strength sets"),
        ({"athlete": {"soleus_r": 2.0}}, "athlete does not name the 80 muscles of myolegs"),
        ({"athlete": [1.0] * 80}, "athlete does not name the 80 muscles of myolegs"),
        ({"athlete": {"soleus_r": 60.0}}, "athlete: soleus_r has '60.0' in place of a factor above 0 and at most 6"),
        ({"athlete": {"soleus_r": "strong"}}, "athlete: soleus_r has 'strong' in place of a factor"),
        ({"athlete": {"soleus_r": float("nan")}}, "athlete: soleus_r has 'nan' in place of a factor"),
    ],
)
def test_a_damaged_strength_is_refused_in_one_line(
    held: Any, words: str, train_cfg: TrainCfg, legs: Body, march: MotionClip
) -> None:
    train_cfg.sim.muscle = MuscleCfg(strength_set="athlete")
    run = RunFolder.create(TASK, train_cfg, sets.with_strength(legs, "athlete"), [march])
    file = run.path / "config.yaml"
    values = read_yaml(file)
    whole = isinstance(held, str) or "does not name" in words
    values["strength"] = held if whole else {"athlete": values["strength"]["athlete"] | held["athlete"]}
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(MsemuError, match=words) as caught:
        run.load_body(run.load_config())
    assert "\n" not in str(caught.value)
