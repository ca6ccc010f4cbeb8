"""Every command that takes a rollout, on one that msemu-eval has written."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from conftest import make_marching_clip
from small_agent import small_agent

from msemu.analysis.mechanics.export import formats
from msemu.models import Body
from msemu.motion.formats.opensim_storage import read_storage
from msemu.motion.formats.trc import read_trc
from msemu.motion.rollout import Rollout
from msemu.registry import get_task
from msemu.rl.assemble import make_env
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg

TASK = "Msemu-Track-MyoLegs-v0"


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory, legs: Body) -> Path:
    """A fifth of a second of a policy that has learned nothing."""
    folder = tmp_path_factory.mktemp("untrained")
    clip = make_marching_clip(legs)
    clip.save(folder / "march.npz")
    cfg = TrainCfg(**vars(get_task(TASK).load_config()), device="cpu", agent=small_agent("ppo"))
    cfg.motion, cfg.runs_dir, cfg.num_envs = str(folder / "march.npz"), str(folder / "runs"), 1
    made = RunFolder.create(TASK, cfg, legs, [clip])
    Runner(make_env(TASK, cfg, legs, clip, 1), cfg.agent, made.path, "cpu").save(str(made.path / "model_0.pt"))
    path = folder / "rollout.npz"
    options = ("--checkpoint", "last", "--episodes", "1", "--seconds", "0.2", "--plots", folder / "plots")
    code, _, error = run("eval", made.path, *options, "--rollout", path)
    assert code == 0, error
    return path


def test_eval_writes_a_rollout(rollout: Path, legs: Body) -> None:
    read = Rollout.load(rollout)
    assert read.muscle_names == legs.muscle_names and read.num_frames >= 10 and read.episode_start[0]
    np.testing.assert_allclose(read.qpos[0], read.reference_qpos[0], atol=1e-5)


def test_mechanics_of_a_rollout(rollout: Path, tmp_path: Path) -> None:
    code, out, error = run("analyze", "mechanics", rollout, "--json", tmp_path / "m.json")
    assert code == 0, error
    figures = json.loads((tmp_path / "m.json").read_text())
    assert figures["provenance"] == {"source": f"rollout {rollout}"}
    assert figures["frames"] == Rollout.load(rollout).num_frames and figures["work_per"] == "second"
    seconds = figures["all_muscles_work_j"]["positive"]
    assert seconds == pytest.approx(figures["positive_muscle_power_w"]) and "J per second" in out
    assert figures["reference_smoothness"] is not None and figures["gait"] is None
    assert figures["co_contraction"]["ankle_angle_r"]["rudolph"] >= 0.0


@pytest.mark.parametrize("form", ["sto", "trc", "c3d", "csv"])
def test_export_writes_each_format(rollout: Path, tmp_path: Path, form: str) -> None:
    if form == "c3d":
        pytest.importorskip("ezc3d")
    listed, out = tmp_path / "e.json", tmp_path / "e"
    code, _, error = run("analyze", "export", rollout, "--format", form, "--out", out, "--json", listed)
    assert code == 0, error
    about = json.loads(listed.read_text())
    assert (about["format"], about["frames"]) == (form, Rollout.load(rollout).num_frames)
    files = {entry["file"]: entry["columns"] for entry in about["files"]}
    assert {path.name for path in out.iterdir()} == set(files)
    for name, columns in files.items():
        if name.endswith((".sto", ".mot")):
            stored = read_storage(out / name)
            assert list(stored.columns) == columns and len(stored.time) == about["frames"]
    if form == "csv":
        assert (out / "mechanics.csv").read_text().splitlines()[0].split(",") == files["mechanics.csv"]
    if form == "trc":
        assert set(read_trc(out / "markers.trc").markers) == set(files["markers.trc"])
    if form == "c3d":
        assert {"pelvis", "foot_r_Fz"} <= set(files["markers.c3d"])


def test_the_page_of_a_rollout_shows_how_it_follows(rollout: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, _, error = run("report", rollout, "--out", page, "--json", tmp_path / "page.json")
    assert code == 0, error
    (movement,) = json.loads((tmp_path / "page.json").read_text())["movements"]
    assert movement["tracking_error_deg"] > 0.0
    assert "nothing that was to be followed" not in page.read_text()


def test_a_rollout_of_another_body_is_one_line(rollout: Path) -> None:
    for command in (("analyze", "mechanics"), ("analyze", "export")):
        assert_one_clear_line(run(*command, rollout, "--body", "myofullbody"), "another 'myolegs'")


def test_a_format_whose_package_is_missing_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the source is looked at."""
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    for form, packages in (("parquet", "pandas pyarrow"), ("c3d", "ezc3d")):
        result = run("analyze", "export", "nowhere.npz", "--format", form, "--out", tmp_path / "new")
        assert_one_clear_line(result, f"pip install {packages}")
    assert not (tmp_path / "new").exists()
