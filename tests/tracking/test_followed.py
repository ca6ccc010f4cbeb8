"""The clip that a search follows, and the recording that errors are reported against."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.strength.sets import multiplied
from msemu.motion.clip import MotionClip
from msemu.motion.repair.paths import along
from msemu.tracking.environment import tracking_cfg
from msemu.tracking.reference import followed
from msemu.tracking.reference.followed import load_followed
from msemu.tracking.reference.within_strength import WithinStrength


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Puts a clip 1 cm higher in place of bringing it within a strength, and tells for which body."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = []

    def change(own: Body, strong: Body, clip: MotionClip, same: np.ndarray, on_step) -> WithinStrength:
        asked.append(f"{strong.model.actuator_gainprm[0, 2]:.0f}")
        higher = clip.qpos + 0.01 * np.eye(clip.qpos.shape[1])[2]
        return WithinStrength(along(own, clip, higher), same, None, None, 0.0, [])  # type: ignore[arg-type]

    monkeypatch.setattr(followed, "bring_within_strength", change)
    return asked


def test_a_clip_is_brought_within_a_strength_once(
    legs: Body, march_once: MotionClip, moved: list[str], tmp_path: Path
) -> None:
    march_once.save(tmp_path / "march.npz")
    cfg = tracking_cfg("myolegs", str(tmp_path / "march.npz"))
    for strength in (1.0, 1.0, 2.0):
        found = load_followed(cfg, legs, multiplied(legs, strength), "strength")
        assert found.recorded
        np.testing.assert_allclose(found.clip.qpos[:, 2] - march_once.qpos[:, 2], 0.01, atol=1e-7)
        np.testing.assert_array_equal(found.recorded.qpos, march_once.qpos)
    assert len(moved) == 2 and moved[0] != moved[1], "once for each strength"
    for file in (tmp_path / "cache").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    load_followed(cfg, legs, legs, "strength")
    assert len(moved) == 3, "what is damaged is made again"
    lower = along(legs, march_once, march_once.qpos - 0.02 * np.eye(march_once.qpos.shape[1])[2])
    lower.save(tmp_path / "march.raw.npz")
    found = load_followed(cfg, legs, legs, "strength")
    assert len(moved) == 4, "and so is what is told against another recording"
    assert found.recorded and np.array_equal(found.recorded.qpos, lower.qpos)


def test_a_repaired_file_is_followed_as_it_is_and_known_as_it_was(
    legs: Body, march_once: MotionClip, tmp_path: Path
) -> None:
    lower = along(legs, march_once, march_once.qpos - 0.02 * np.eye(march_once.qpos.shape[1])[2])
    file = tmp_path / "march.npz"
    march_once.save(file)
    cfg = tracking_cfg("myolegs", str(file))
    assert load_followed(cfg, legs, legs, "contact").recorded is None
    lower.save(tmp_path / "march.raw.npz")
    found = load_followed(cfg, legs, legs, "contact")
    assert found.recorded and np.array_equal(found.recorded.qpos, lower.qpos)
    assert np.array_equal(found.clip.qpos, march_once.qpos)
    replace(lower, qpos=lower.qpos[:-1], qvel=lower.qvel[:-1], joint_centers=None, joint_center_names=()).save(
        tmp_path / "march.raw.npz"
    )
    assert load_followed(cfg, legs, legs, "contact").recorded is None, "other frames say nothing about these"


def test_a_clip_of_another_body_is_refused_before_it_is_changed(
    legs: Body, march_once: MotionClip, moved: list[str], tmp_path: Path
) -> None:
    other = ("wing", *march_once.joint_names[1:])
    replace(march_once, body="bird", joint_names=other).save(tmp_path / "march.npz")
    with pytest.raises(MsemuError, match="bird"):
        load_followed(tracking_cfg("myolegs", str(tmp_path / "march.npz")), legs, legs, "strength")
    assert not moved


def test_errors_are_reported_against_the_recording_too(
    legs: Body, march_once: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    march_once.save(Path("march.npz"))
    joint = legs.independent_joints[3]
    turned = march_once.qpos + 0.1 * np.eye(march_once.qpos.shape[1])[7 + joint]
    replace(march_once, qpos=turned).save(Path("march.raw.npz"))
    small = ("--particles", "3", "--seconds", "0.2", "--passes", "1", "--threads", "1")
    done = run("track", "march.npz", "--body", "myolegs", *small, "--out", "a.npz", "--json", "a.json")
    assert done.returncode == 0, done.stderr
    assert "to the recording" in done.stdout
    found, simulated = json.loads(Path("a.json").read_text()), MotionClip.load(Path("a.clip.npz"))
    angles = simulated.qpos[1:, 7:][:, legs.independent_joints]
    for name, poses in (("", march_once.qpos), ("recorded_", turned)):
        error = np.degrees(np.abs(angles - poses[1 : len(angles) + 1, 7:][:, legs.independent_joints])).mean()
        assert found[f"{name}joint_angle_error_deg"] == pytest.approx(error, rel=1e-3)
    assert simulated.simulated and np.array_equal(simulated.simulated.recorded_qpos, turned[: len(simulated.qpos)])
