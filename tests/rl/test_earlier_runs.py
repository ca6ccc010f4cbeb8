"""Runs of release 0.1.0 are read: class paths by their short names, named files by their values, with a note."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from msemu.config import build, to_dict
from msemu.errors import MsemuError
from msemu.rl.earlier_runs import translate
from msemu.rl.pretrained import FOLDER
from msemu.rl.progress import note_once
from msemu.rl.run_folder import RunFolder
from msemu.schema import JointCfg, MuscleCfg, TrainCfg

EARLIER = sorted((Path(__file__).parent / "earlier_runs").glob("*.yaml"))


OLD = """
body: myolegs
env:
  future_frames: [2, 4]
  termination: {body_position_deviation_m: 0.5, fall_value: -1.0, allowed_contacts: [foot, hand_r]}
  rewards: {effort: {weight: -0.02, sensitivity: 0.0, function: ''}, emg: {weight: -0.1}}
  emg: {file: emg.csv, muscles: {GM: [gasmed_r]}, peak_activation: 0.6, clip_start: null, delay_s: 0.04}
agent:
  obs_groups: {actor: [proprioception, fiber], critic: [muscle]}
  algorithm: {regularizers: {emg: {weight: -2.0}}}
"""
EMG = {"file": "emg.csv", "muscles": {"GM": ["gasmed_r"]}, "peak_activation": 0.6, "clip_start": None, "delay_s": 0.04}


def write_run(folder: Path, config: Path, change: tuple[str, str] = ("", "")) -> RunFolder:
    text = config.read_text()
    assert change[0] in text
    (folder / "config.yaml").write_text(text.replace(*change))
    return RunFolder.open(folder)


@pytest.mark.parametrize("config", EARLIER, ids=lambda path: path.stem)
def test_the_earlier_form_means_what_todays_does(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_once.cache_clear()
    old = write_run(tmp_path, config).load_config()
    assert old.sim.paths == "engine", "a run keeps the paths that it began on"
    (tmp_path / "today").mkdir()
    today = write_run(tmp_path / "today", config.parent / "todays_form" / config.name).load_config()
    assert replace(old, sim=replace(old.sim, paths="exact")) == today
    assert isinstance(old.env.action, JointCfg) and isinstance(old.sim.muscle, MuscleCfg)
    controller = old.env.action.controller
    assert (controller.decoder.objective, controller.translation, controller.reach) == ("torque", "root", 0.0)
    assert controller.contact_regions == ("foot_r", "foot_l"), "hands were not there to push with"
    assert controller.foot_placement.max_lift_m == controller.decoder.joint_inertia_kg_m2 == 0.0
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2 and all(note.startswith("note: ") and str(tmp_path) in note for note in notes)
    assert f"offset_rad: {old.env.action.offset_rad}" in notes[0] and "level: mujoco" in notes[1]


def test_shipped_policies_hold_no_class_path_and_no_name_of_a_file() -> None:
    for config in sorted(FOLDER.glob("*/config.yaml")):
        train = yaml.safe_load(config.read_text())["train"]
        assert "/" not in train["runs_dir"]
        assert "msemu." not in str(train) and isinstance(train["env"]["action"], dict)
        assert isinstance(train["sim"]["muscle"], dict)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "msemu.rl.ppo:PPO",
            "msemu.rl.ppo:PPA",
            "no class msemu.rl.ppo:PPA in this release; did you mean msemu.rl.ppo:PPO",
        ),
        ("msemu.rl.policy:PolicyNetwork", "msemu.nets:Wide", "no class msemu.nets:Wide in this release"),
        ("action: joint", "action: torque", "unknown action 'torque'; known: excitation, joint"),
        ("muscle: mujoco", "muscle: /gone/mine.yaml", "no configuration file at /gone/mine.yaml"),
    ],
)
def test_what_this_release_does_not_have_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    config = next(path for path in EARLIER if "Walk-MyoLegs" in path.stem)
    with pytest.raises(MsemuError, match=message) as caught:
        write_run(tmp_path, config, (old, new)).load_config()
    assert "\n" not in str(caught.value)


@pytest.fixture
def old() -> dict:
    return yaml.safe_load(OLD)


def test_the_words_of_earlier_releases_become_terms(old: dict) -> None:
    assert translate(old, "the run") == []
    cfg = build(TrainCfg, old, "the run")
    assert list(cfg.env.observations) == ["proprioception", "muscle", "reference", "fiber"]
    assert cfg.env.observations["reference"].options == {"future_frames": [2, 4]}
    assert cfg.env.terminations["body_position_deviation"].limit == 0.5
    assert cfg.env.terminations["forbidden_contact"].options == {"allowed": ["foot", "hand_r"]}
    assert cfg.env.fall_value == -1.0
    assert cfg.env.rewards["emg"].options == cfg.agent.algorithm["regularizers"]["emg"]["options"] == EMG
    assert cfg.env.rewards["effort"].options == {}


def test_an_environment_without_measurement_has_none(old: dict) -> None:
    old["env"]["emg"], old["env"]["rewards"], old["agent"] = {"file": None, "muscles": {}}, {}, {}
    translate(old, "the run")
    cfg = build(TrainCfg, old, "the run")
    assert cfg.env.rewards == {} and "fiber" not in cfg.env.observations


def test_what_is_of_today_stays_as_it_is(train_cfg: TrainCfg) -> None:
    saved = yaml.safe_load(yaml.safe_dump(to_dict(replace(train_cfg))))
    again = yaml.safe_load(yaml.safe_dump(saved))
    translate(again, "the run")
    assert again == saved


@pytest.mark.parametrize(
    "prior", [{"kind": "controller", "controller": {"decoder": {"effort": 1e-3}}}, {"kind": "reflex"}]
)
def test_a_prior_keeps_its_controller_and_a_choice_stays(prior: dict[str, Any]) -> None:
    train = {"env": {"action": {"kind": "residual", "prior": prior}}}
    translate(train, "here")
    kept = train["env"]["action"]["prior"]
    assert kept["kind"] == "reflex" or kept["controller"]["decoder"]["objective"] == "torque"
    controller = {"decoder": {"objective": "acceleration"}, "reach": 2.0, "translation": "center_of_mass"}
    chosen = {"env": {"action": {"kind": "joint", "controller": controller}}}
    translate(chosen, "here")
    assert controller["decoder"] == {"objective": "acceleration", "iterations": 12, "joint_inertia_kg_m2": 0.0}
    assert controller["foot_placement"] == {"max_lift_m": 0.0}, "feet were not lifted before there was a choice"
    assert (controller["reach"], controller["translation"]) == (2.0, "center_of_mass")
