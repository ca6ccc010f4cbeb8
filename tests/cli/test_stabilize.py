"""``msemu-stabilize``: from what a search has found to a clip with a feedback, and to a policy."""

import json
from pathlib import Path

import pytest
from command_line import assert_one_clear_line, run

from msemu.motion.clip import MotionClip

TRACK = ("--body", "myolegs", "--particles", "3", "--seconds", "0.2", "--passes", "1", "--threads", "1")
FEW = ("--led", "hip_flexion_*", "knee_*", "--bodies", "32", "--rounds", "2", "--threads", "1")


@pytest.fixture
def found(march_once: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    march_once.save(Path("march.npz"))
    assert run("track", "march.npz", *TRACK, "--out", "a.npz").returncode == 0
    return "a.npz"


def test_what_was_found_gets_a_feedback_that_a_training_takes(found: str) -> None:
    code, out, err = run("stabilize", found, *FEW, "--json", "a.json")
    assert code == 0 and "with the feedback of round" in out, out + err
    figures = json.loads(Path("a.json").read_text())
    joints = ["hip_flexion_r", "knee_angle_r", "hip_flexion_l", "knee_angle_l"]
    assert figures["joint_names"] == joints and figures["control_steps"] == (8 + 1) * 32 * 9
    assert 0.0 <= figures["without"]["survival"] <= 1.0 and figures["survival_time_s"] > 0.0
    clip, before = MotionClip.load(Path("a.stable.npz")), MotionClip.load(Path("a.clip.npz"))
    feedback = clip.simulated and clip.simulated.feedback
    assert feedback and feedback.gain.shape == (3, 10, 20) and feedback.gain.any()
    assert (clip.qpos == before.qpos).all()
    small = ("--num-envs", "2", "--iterations", "1", "--agent.num-steps-per-env", "4", "--sim.num-threads", "1")
    few = ("--agent.algorithm.num-mini-batches", "1", "--agent.algorithm.num-learning-epochs", "1")
    code, out, err = run("train", "Msemu-Track-MyoLegs-v0", "--from-track", "a.stable.npz", *small, *few)
    assert code == 0, out + err
    (folder,) = Path("runs/Msemu-Track-MyoLegs-v0").iterdir()
    assert "feedback: true" in (folder / "config.yaml").read_text()
    followed = MotionClip.load(folder / "motion.npz").simulated
    assert followed and followed.feedback


def test_what_cannot_be_stabilized_is_said_in_a_line(found: str) -> None:
    for arguments, words in (
        (("march.npz",), ("nobody simulated", "msemu-track")),
        ((found, *FEW[3:], "--led", "hop_*"), ("hop_*",)),
        (("b.npz",), ("b.npz",)),
        ((found, *FEW, "--out", found), ("is read as",)),
        ((found, *FEW, "--out", "a.clip.npz"), ("a.clip.npz is read as",)),
    ):
        assert_one_clear_line(run("stabilize", *arguments), *words)
    assert not Path("a.stable.npz").exists()
