"""``msemu-motion`` as people run it."""

import json
from functools import partial

import command_line
import pytest
from motion_files import bvh_text, gait_angles, storage_text, walking_rows

from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import read_storage


@pytest.fixture
def run():
    return partial(command_line.run, "motion")


@pytest.fixture
def recording(tmp_path):
    identity = [1.0, 0.0, 0.0, 0.0]
    rows = [
        [1 / 30, 0.02 * i, 0.88, 0.0, *identity * 4, -0.1, *identity * 2, 0.2, *identity, -0.1, *identity * 2, 0.2]
        for i in range(12)
    ]
    path = tmp_path / "mine.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": rows}))
    return path


def test_import_then_info(run, recording, tmp_path):
    out = tmp_path / "clip.npz"
    code, text, _ = run(
        "import", recording, "--body", "myolegs", "--out", out, "--name", "shuffle", "--json", tmp_path / "i.json"
    )
    assert code == 0
    assert "shuffle" in text and "joint centers" in text
    clip = MotionClip.load(out)
    assert (clip.name, clip.body, clip.cyclic) == ("shuffle", "myolegs", False)

    code, text, _ = run("info", out, "--json", tmp_path / "info.json")
    assert code == 0
    figures = json.loads((tmp_path / "info.json").read_text())
    assert figures == json.loads((tmp_path / "i.json").read_text())
    assert figures["num_frames"] == clip.num_frames
    assert figures["quality"]["error_mean_cm"] == clip.quality["error_mean_cm"]


def test_joint_angles_are_imported_and_exported(run, tmp_path):
    recording = tmp_path / "trial.mot"
    recording.write_text(storage_text(gait_angles(arms=False), True))
    out = tmp_path / "clip.npz"
    code, text, _ = run("import", recording, "--body", "myolegs", "--out", out, "--fps", "100")
    assert code == 0 and "trial" in text
    for kind in ("mot", "sto", "trc", "csv", "npz"):
        code, text, _ = run("export", out, "--format", kind)
        assert code == 0
        path = tmp_path / ("clip.qpos.npz" if kind == "npz" else f"clip.{kind}")
        assert str(path) in text and path.stat().st_size > 1000
    back = read_storage(tmp_path / "clip.mot").columns["knee_angle_r"]
    assert abs(back - gait_angles()["knee_angle_r"]).max() < 0.01

    code, _, _ = run("import", recording, "--body", "myolegs", "--out", tmp_path / "fit.npz", "--retarget")
    assert code == 0
    assert "error_mean_cm" in MotionClip.load(tmp_path / "fit.npz").quality


def test_what_a_file_does_not_say_is_given_as_options(run, tmp_path):
    recording, out = tmp_path / "trial.bvh", tmp_path / "clip.npz"
    recording.write_text(bvh_text("cmu", walking_rows()))
    importing = ["import", recording, "--body", "myolegs", "--out", out]
    code, _, errors = run(*importing, "--up", "-y", "--start", "0.2", "--end", "9")
    assert code == 2 and "--start 0.2 to --end 9 is not within it" in errors
    code, _, errors = run(*importing, "--up", "-w")
    assert code == 2 and "--up" in errors
    code, _, errors = run(*importing, "--fps", "nan")
    assert code == 2 and "--fps" in errors
    code, _, errors = run("import", "walk", "--body", "myolegs", "--out", out, "--unit", "cm")
    assert code == 2 and ("does not apply" in errors or "cannot" in errors)


def test_a_part_of_a_recording_is_imported(run, tmp_path):
    recording, out = tmp_path / "trial.bvh", tmp_path / "clip.npz"
    recording.write_text(bvh_text("cmu", walking_rows()))
    code, text, _ = run("import", recording, "--body", "myolegs", "--out", out, "--start", "0.5", "--end", "1")
    assert code == 0 and "from 0.5 s to 1 s of it" in " ".join(text.split())
    assert MotionClip.load(out).num_frames == 25


def test_the_catalogue_is_listed(run):
    code, text, _ = run("fetch")
    assert code == 0
    assert "walk" in text and "pybullet" in text and "Apache-2.0" in text and "acrobatics" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "nothing.txt", "--body", "myolegs", "--out", "c.npz"], "no file nothing.txt"),
        (["import", "{recording}", "--body", "nobody", "--out", "c.npz"], "unknown body"),
        (["import", "{recording}", "--body", "myolegs", "--out", "c.txt"], "must end in .npz"),
        (
            ["import", "{recording}", "--body", "myolegs", "--out", "c.npz", "--fps", "0"],
            "--fps: 0 is not between 5 and 1000",
        ),
        (["import", "{recording}", "--body", "myolegs", "--out", "c.npz", "--cyclic"], "lasts less than"),
        (["import", "{recording}", "--body", "myolegs", "--out", "c.npz", "--cyclic", "--no-cyclic"], "exclude"),
        (["import", "{recording}", "--body", "myolegs", "--out", "/proc/c.npz"], "cannot write"),
        (["export", "{recording}", "--format", "mot"], "not an msemu clip"),
        (["info", "{recording}"], "not an msemu clip"),
        (["info", "none.npz"], "no clip at"),
        (["play", "none.npz"], "no clip at"),
        (["fetch", "wlak"], "no clip 'wlak'"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(run, recording, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(*(str(recording) if item == "{recording}" else item for item in arguments))
    assert code == 2
    lines = errors.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert not (tmp_path / "c.npz").exists()


def test_a_clip_of_another_body_is_not_played(run, march, tmp_path):
    march.joint_names, names = ("hip", *march.joint_names[1:]), march.joint_names
    march.save(tmp_path / "other.npz")
    march.joint_names = names
    code, _, errors = run("play", tmp_path / "other.npz")
    assert code == 2 and "missing 1: hip_flexion_r" in errors
