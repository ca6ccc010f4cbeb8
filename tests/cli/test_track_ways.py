"""``msemu-track`` by command: what is seen, what a result needed, a clip that gives way, and what takes the result."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.analysis.evaluation import Evaluation
from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.tracking.climb.climb import Climb
from msemu.tracking.particles import Particles, Trial

SMALL = ("--body", "myolegs", "--particles", "3", "--seconds", "0.2", "--passes", "1", "--threads", "1")


@pytest.fixture
def clip(march_once: MotionClip, tmp_path: Path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    march_once.save(Path("march.npz"))
    return "march.npz"


@pytest.fixture
def fail_from(monkeypatch: pytest.MonkeyPatch):
    """Lets all bodies fail in windows that begin at a frame or later."""

    def begin(frame: int) -> None:
        own = Particles.advance

        def advance(self: Particles, *arguments) -> Trial:
            is_there = bool((self.env.frame >= frame).all())
            trial = own(self, *arguments)
            trial.failed |= is_there and self.env.num_envs > 1
            return trial

        monkeypatch.setattr(Particles, "advance", advance)

    return begin


def test_errors_and_the_time_that_is_left_are_shown(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msemu.cli.tracking.progress._LINE_EVERY_S", -1.0)
    monkeypatch.setattr("msemu.cli.tracking.progress._ERRORS_EVERY_S", -1.0)
    monkeypatch.setattr("msemu.tracking.climb.climb.smooth", lambda particles, path, cfg: (path, []))
    code, out, err = run("track", clip, *SMALL, "--json", "a.json")
    assert code == 0, out + err
    assert re.search(r"^pass 1/1: 0\.10 of 0\.20 s; best [\d.]+ deg, [\d.]+ cm; *$", out, re.MULTILINE)
    assert re.search(r"^pass 1/1: 0\.20 of 0\.20 s; best .* cm; about 0:00 min left in the pass$", out, re.MULTILINE)
    said = (
        r"^pass 1 has reached 0\.20 of 0\.20 s; best so far 0\.20 s, ([\d.]+) deg, ([\d.]+) cm; 30 environment steps, "
    )
    found, line = json.loads(Path("a.json").read_text()), re.search(said, out, re.MULTILINE)
    assert line and float(line[1]) == pytest.approx(found["joint_angle_error_deg"], abs=0.051)
    assert float(line[2]) == pytest.approx(found["body_position_error_cm"], abs=0.051)


def test_the_figures_are_those_of_an_evaluation(clip: str) -> None:
    assert run("track", clip, *SMALL, "--json", "a.json").returncode == 0
    found = json.loads(Path("a.json").read_text())
    asked = {"completed", "strength", "environment_steps", "wall_s", "needed", "lacks", "adapted"}
    assert set(found) >= {field.name for field in fields(Evaluation)} | asked


@pytest.mark.parametrize(
    ("option", "begin", "name"),
    [
        ("--begin-strength", 1.25, "strength"),
        ("--begin-speed", 0.75, "speed"),
        ("--begin-gravity", 0.75, "gravity"),
        ("--begin-assist-bw", 0.25, "assist_bw"),
    ],
)
def test_what_a_result_needed_is_printed_and_stored(clip: str, option: str, begin: float, name: str) -> None:
    code, out, err = run("track", clip, *SMALL, option, str(begin), "--out", "a.npz", "--json", "a.json")
    assert code == 0, out + err
    found, stated = json.loads(Path("a.json").read_text()), 0.0 if name == "assist_bw" else 1.0
    assert found[name] == stated and [stage[name] for stage in found["needed"]] == [begin, stated]
    assert re.search(r"needed: strength .*: 1 pass\(es\); strength 1 \(own\): 1 pass\(es\)$", out, re.MULTILINE)
    assert "what is kept is not what was asked for" not in out
    stored = json.loads(str(np.load("a.npz", allow_pickle=False)["track"]))
    assert stored["needed"] == found["needed"]
    simulated = MotionClip.load(Path("a.clip.npz")).simulated
    assert simulated and simulated.aids == ""


def test_what_was_found_with_help_alone_says_so(clip: str, fail_from) -> None:
    """Bodies fail in the first condition already, with a way of half the clip."""
    fail_from(5)
    help_ = ("--begin-assist-bw", "0.25", "--begin-strength", "1.25")
    code, out, err = run("track", clip, *SMALL, *help_, "--out", "a.npz", "--json", "a.json")
    assert code == 0, out + err
    said = "strength 1.25 (own), root assisted by up to 0.25 body weights"
    assert f"what is kept is not what was asked for: it was found at {said}" in out
    found = json.loads(Path("a.json").read_text())
    assert (found["strength"], found["assist_bw"], found["completed"]) == (1.25, 0.25, 0.5)
    simulated = MotionClip.load(Path("a.clip.npz")).simulated
    assert simulated and simulated.aids == said


def test_a_clip_gives_way_by_command(clip: str, march_once: MotionClip) -> None:
    allowed = ("--adapt-cm", "1", "--adapt-deg", "2", "--adapt-ms", "20")
    code, out, err = run("track", clip, *SMALL, *allowed, "--out", "a.npz", "--json", "a.json")
    assert code == 0, out + err
    said = re.search(r"has given way by ([\d.]+) cm, ([\d.]+) deg, (\d+) ms; errors are those against the clip", out)
    found, changed = json.loads(Path("a.json").read_text()), MotionClip.load(Path("a.adapted.npz"))
    assert said and "clip that has given way: a.adapted.npz" in out
    for name, most, text in zip(("cm", "deg", "ms"), (1.0, 2.0, 20.0), said.groups(), strict=True):
        assert 0.0 < changed.quality[f"adapted_{name}"] == found["adapted"][name] <= most + 1e-9
        assert float(text) == pytest.approx(found["adapted"][name], abs=0.51 if name == "ms" else 0.051)
    rollout = Rollout.load(Path("a.npz"))
    assert np.allclose(rollout.qpos[0], changed.qpos[0], atol=1e-6)
    simulated = MotionClip.load(Path("a.clip.npz")).simulated
    assert simulated and np.array_equal(simulated.recorded_qpos, march_once.qpos[:11])
    joints = [march_once.joint_names.index(name) for name in found["joint_angle_error_deg_by_joint"]]
    away = np.degrees(np.abs(rollout.qpos[1:, 7:] - march_once.qpos[1:11, 7:]))[:, joints].mean()
    assert found["joint_angle_error_deg"] == pytest.approx(away, rel=1e-3)
    code, out, err = run("motion", "info", "a.adapted.npz")
    assert code == 0, out + err


def test_what_was_found_is_taken_everywhere(clip: str) -> None:
    assert run("track", clip, *SMALL, "--out", "a.npz").returncode == 0
    for words, made in (
        (("play", "a.npz", "--video", "a.mp4", "--renderer", "lines"), "a.mp4"),
        (("report", "a.npz", "--out", "a.html"), "a.html"),
        (("analyze", "export", "a.npz", "--out", "opensim"), "opensim/motion.mot"),
        (("analyze", "export", "a.npz", "--format", "csv", "--out", "csv"), "csv"),
        (("analyze", "mechanics", "a.npz", "--json", "a.json"), "a.json"),
        (("analyze", "static-optimization", "a.npz", "--body", "myolegs", "--json", "b.json"), "b.json"),
        (("motion", "export", "a.clip.npz", "--format", "mot", "--out", "a.mot"), "a.mot"),
        (("motion", "info", "a.clip.npz"), "a.clip.npz"),
    ):
        code, out, err = run(*words) if words[0] in ("play", "report") else run(" ".join(words[:2]), *words[2:])
        assert code == 0 and Path(made).exists(), (words, out + err)
    code, out, err = run("motion check", "a.clip.npz")
    assert "recorded clip" in out and "simulated" in out, out + err


def test_a_search_that_stalls_says_at_which_window_and_why(clip: str, fail_from) -> None:
    fail_from(5)
    code, out, err = run("track", clip, *SMALL[:-4], "--passes", "8", "--starts", "2", "--threads", "1")
    assert code == 0, out + err
    said = (
        r"bodies fail after frame 5 of 10 \(0\.10 s\), in window 2 of 2, in each of 4 pass\(es\); .*(asked for|missing)"
    )
    assert re.search(said, out) and out.count("what the body lacks for the clip: ") == 1
    assert Rollout.load(Path("track/march_myolegs.npz")).num_frames == 6


def test_where_no_body_comes_through_the_first_window_is_one_line(clip: str, fail_from) -> None:
    fail_from(0)
    code, out, err = run("track", clip, *SMALL, "--strength", "0.1")
    assert re.search(r"asked for .*times what its muscles give there in frame \d+", out)
    assert_one_clear_line(
        (outcome := run("track", clip, *SMALL, "--strength", "0.1")), "first 5 control steps", "asked for"
    )
    assert code == outcome.returncode and not Path("track/march_myolegs.npz").exists(), err


def test_the_best_is_kept_where_the_search_cannot_be_saved(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full in the middle of the search, and the rollout is smaller than the search is."""

    def full(self: Climb) -> None:
        if self.search.best:
            raise MsemuError("cannot write a.search.npz: No space left on device; give another path")

    monkeypatch.setattr(Climb, "save", full)
    monkeypatch.setattr("msemu.tracking.climb.climb._SAVE_EVERY_S", -1.0)
    outcome = run("track", clip, *SMALL, "--out", "a.npz")
    assert_one_clear_line(outcome, "a.search.npz", "No space left")
    assert Rollout.load(Path("a.npz")).num_frames == 6 and not Path("a.search.npz").exists()


def test_wrong_input_is_one_line(clip: str, march_once: MotionClip) -> None:
    replace(march_once, fps=60.0).save(Path("fast.npz"))
    replace(march_once, qpos=march_once.qpos[:2], qvel=march_once.qvel[:2]).save(Path("short.npz"))
    Path("folder.npz").mkdir()
    Path("note.npz").write_text("no clip")
    for arguments, words in (
        (("fast.npz", *SMALL), ("60 frames per second",)),
        (("short.npz", *SMALL), ("short.npz",)),
        (("note.npz", *SMALL), ("note.npz",)),
        ((clip, *SMALL, "--out", "folder.npz"), ("folder.npz",)),
        ((clip, *SMALL, "--out", "note.npz/a.npz"), ("note.npz",)),
        ((clip, *SMALL, "--json", "/proc/a.json"), ("/proc",)),
        ((clip, *SMALL, "--adapt-cm", "-1"), ("adapt",)),
        ((clip, *SMALL, "--begin-speed", "0"), ("begin",)),
        (("wlak", *SMALL), ("walk",)),
    ):
        assert_one_clear_line(run("track", *arguments), *words)
    assert not Path("track").exists()
