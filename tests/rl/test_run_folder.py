"""A run holds what it depends on, and a command that resumes it starts from that."""

from pathlib import Path

import pytest

from msemu.cli.train import parse
from msemu.config import load_named, read_yaml
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.muscle.overrides import configured_parameters
from msemu.rl.run_folder import RunFolder
from msemu.schema import ActionCfg, MuscleCfg, TrainCfg
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
    moved.note_resumption(moved.load_config())
    assert force(legs, moved.load_config(), "soleus_r") == 3000.0


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
    run.note_resumption(cfg)
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
