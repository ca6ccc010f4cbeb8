"""Runs of release 0.1.0 are read: class paths by their short names, named files by their values, with a note."""

from pathlib import Path

import pytest
import yaml

from msemu.errors import MsemuError
from msemu.rl import run_folder
from msemu.rl.pretrained import PretrainedRun
from msemu.rl.run_folder import RunFolder
from msemu.schema import JointCfg, MuscleCfg

EARLIER = sorted((Path(__file__).parent / "earlier_runs").glob("*.yaml"))


def write_run(folder: Path, config: Path, change: tuple[str, str] = ("", "")) -> RunFolder:
    text = config.read_text()
    assert change[0] in text
    (folder / "config.yaml").write_text(text.replace(*change))
    return RunFolder.open(folder)


@pytest.mark.parametrize("config", EARLIER, ids=lambda path: path.stem)
def test_the_earlier_form_means_what_todays_does(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder._tell.cache_clear()
    old = write_run(tmp_path, config).load_config()
    assert old == PretrainedRun.of(config.stem).load_config()
    assert isinstance(old.env.action, JointCfg) and isinstance(old.sim.muscle, MuscleCfg)
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2 and all(note.startswith("note: ") and str(tmp_path) in note for note in notes)
    assert f"offset_rad: {old.env.action.offset_rad}" in notes[0] and "level: mujoco" in notes[1]


def test_shipped_policies_hold_no_class_path_and_no_name_of_a_file() -> None:
    for config in EARLIER:
        train = yaml.safe_load((PretrainedRun.of(config.stem).path / "config.yaml").read_text())["train"]
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
