"""The plausibility report: planted faults are found where they are, and the torques are those of statics."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from msemu.analysis.plausibility.check import check_clip
from msemu.analysis.plausibility.muscles import snapping_geom, tendon_jumps
from msemu.analysis.plausibility.strength import strength
from msemu.cli.motion.check import check as check_motion
from msemu.cli.motion.check import repair as repair_motion
from msemu.cli.motion.options import CheckCfg, RepairCfg
from msemu.console import findings_table
from msemu.findings import summary
from msemu.models import Body
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import landmark_path

FRAMES = 24


def standing(body: Body) -> MotionClip:
    qpos = np.repeat(body.neutral_qpos[None], FRAMES, axis=0)
    return MotionClip(body.name, body.joint_names, 50.0, qpos, np.zeros((FRAMES, body.model.nv)), name="stand")


def found(report, check: str) -> list:
    return [finding for finding in report.findings if finding.check == check]


def test_a_standing_body_is_plausible(legs: Body) -> None:
    report = check_clip(legs, standing(legs))
    assert not report.findings, summary(report.findings)


def test_joint_centers_out_of_reach_are_named_with_the_joints_at_their_limits(legs: Body) -> None:
    clip = standing(legs)
    knee = 7 + legs.joint_names.index("knee_angle_r")
    clip.qpos[9, knee] = legs.model.jnt_range[knee - 6, 1]
    clip.qpos = legs.couplings.project(clip.qpos)
    clip.joint_center_names = ("ankle_r",)
    clip.joint_centers = landmark_path(legs, clip.qpos)[0][:, [LANDMARKS.index("ankle_r")]]
    clip.joint_centers[9] += [0.0, 0.0, 0.15]
    (finding,) = found(check_clip(legs, clip), "joint centers")
    assert (finding.severity, finding.subject, finding.frame) == ("warning", "ankle_r", 9)
    assert finding.value == pytest.approx(15.0, abs=1e-6)
    assert "knee_angle_r 1" in finding.message
    assert "_l" not in finding.message


def test_the_recorded_person_may_be_fast(legs: Body) -> None:
    clip = standing(legs)
    clip.qvel[7, 6 + legs.joint_names.index("knee_angle_r")] = 40.0
    assert found(check_clip(legs, clip), "joint speed")
    clip.quality["source_speed_max_rad_s"] = 41.0
    assert not found(check_clip(legs, clip), "joint speed")


@pytest.mark.parametrize(("height", "severity"), [(0.03, "warning"), (2.0, "error")])
def test_a_hanging_body_lacks_its_weight(legs: Body, height: float, severity: str) -> None:
    clip = standing(legs)
    clip.qpos[:, 2] += height
    report = check_clip(legs, clip)
    (finding,) = found(report, "floating")
    assert finding.severity == severity
    assert finding.value == pytest.approx(100 * height, abs=0.01)
    assert "1.00 body weights" in finding.message and "a support of the recording is missing" in finding.message
    assert not found(report, "flight residual")


def test_planted_faults_are_found_where_they_are(legs: Body) -> None:
    clip = standing(legs)
    knee = legs.joint_names.index("knee_angle_r")
    clip.qpos[:, 7:] = legs.couplings.project(clip.qpos)[:, 7:]
    clip.qpos[9, 7 + knee] = legs.model.jnt_range[1 + knee, 1] + np.radians(35.0)
    clip.qvel[7, 6 + knee] = 40.0
    clip.qpos[15, 2] -= 0.03
    report = check_clip(legs, clip)
    limit = next(finding for finding in found(report, "joint limit") if finding.subject == "knee_angle_r")
    assert (limit.frame, limit.severity) == (9, "error")
    assert limit.value == pytest.approx(35.0, abs=1e-3)
    (speed,) = found(report, "joint speed")
    assert (speed.subject, speed.frame, speed.time_s) == ("knee_angle_r", 7, pytest.approx(0.14))
    assert {finding.frame for finding in found(report, "penetration")} == {15}
    assert found(report, "coupling")[0].frame == 9


@pytest.mark.parametrize(("speed", "severity"), [(12.0, "warning"), (16.0, "error")])
def test_nobody_is_as_fast_as_a_car(legs: Body, speed: float, severity: str) -> None:
    clip = standing(legs)
    clip.qvel[11, :2] = [0.6 * speed, 0.8 * speed]
    (finding,) = found(check_clip(legs, clip), "root speed")
    assert (finding.severity, finding.frame, finding.value) == (severity, 11, pytest.approx(speed))


def test_a_sliding_foot_skates(legs: Body) -> None:
    clip = standing(legs)
    clip.qpos[:, 0] += 2.0 * np.arange(FRAMES) / 50.0
    skating = found(check_clip(legs, clip), "foot skate")
    assert {finding.subject for finding in skating} == {"heel right", "heel left", "ball right", "ball left"}
    assert all(finding.value == pytest.approx(2.0, abs=1e-6) for finding in skating)


def test_a_body_close_above_the_floor_hovers(legs: Body) -> None:
    clip = standing(legs)
    clip.qpos[:, 2] += 0.014
    report = check_clip(legs, clip)
    (finding,) = found(report, "floating")
    assert finding.severity == "warning" and "1.4 cm" in finding.message
    assert not found(report, "flight residual")


def test_tendons_do_not_jump_where_they_move_smoothly(legs: Body, march_once: MotionClip) -> None:
    """The jump falls at least eightfold when the frames are twice as close, as a smooth curve's does."""
    coarse, fine = march_once.qpos[10:20:2], march_once.qpos[10:20]
    wide, close = (np.sort(tendon_jumps(legs, path).max(axis=0))[-10] for path in (coarse, fine))
    assert close < wide / 3.0


def test_a_tendon_that_snaps_is_the_bodys_fault_and_a_fast_joint_the_clips(legs: Body) -> None:
    """Beyond its range the knee carries the lateral vastus off its cylinder; the ankle only moves fast."""
    clip = standing(legs)
    knee, ankle = (7 + legs.joint_names.index(name) for name in ("knee_angle_r", "ankle_angle_r"))
    clip.qpos[10:, knee] = 2.75
    clip.qpos[:10, knee] = 2.65
    clip.qpos = legs.couplings.project(clip.qpos)
    jumps = {finding.subject: finding for finding in found(check_clip(legs, clip), "tendon jump")}
    assert "jumps over the geom 'KnExt_at_fem_r_wrap'" in jumps["vaslat_r"].message
    muscle, swung = legs.muscle_names.index("soleus_r"), legs.neutral_qpos.copy()
    swung[ankle] += 0.5
    assert snapping_geom(legs, muscle, legs.neutral_qpos, swung, 0.05) is None


def test_the_knee_of_a_hanging_leg_carries_the_shank(legs: Body) -> None:
    """In the air without acceleration apart from gravity's: every torque about the hanging vertical leg is small."""
    clip = standing(legs)
    clip.qpos[:, 2] += 1.0
    torques = strength(legs, clip.qpos, clip.fps)
    knee = torques.joint_names.index("knee_angle_r")
    assert np.abs(torques.required[:, knee]).max() < 5.0
    lifted = clip.qpos.copy()
    hip = 7 + legs.joint_names.index("hip_flexion_r")
    lifted[:, hip] = np.radians(90.0)
    lifted = legs.couplings.project(lifted)
    torque = strength(legs, lifted, clip.fps).required
    thigh = torques.joint_names.index("hip_flexion_r")
    # leg of 13 to 16 kg, center of mass 0.3 to 0.42 m from the hip
    assert 35.0 < abs(torque[:, thigh]).mean() < 80.0


def test_commands_write_what_they_say(legs: Body, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clip = standing(legs)
    clip.qpos[8:18, 2] += 0.08 * np.sin(np.linspace(0.1, np.pi - 0.1, 10))
    clip.save(tmp_path / "hop.npz")
    check_motion(CheckCfg(tmp_path / "hop.npz", html=tmp_path / "hop.html", png=tmp_path, json=tmp_path / "hop.json"))
    page = (tmp_path / "hop.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert {path.name for path in tmp_path.glob("*.png")} == {"floor.png", "flight.png", "strength.png", "joints.png"}
    repair_motion(RepairCfg(tmp_path / "hop.npz", out=tmp_path / "good.npz"))
    assert "original:" in capsys.readouterr().out
    assert MotionClip.load(tmp_path / "good.npz").quality["repair_flights"] == 1.0
    np.testing.assert_array_equal(MotionClip.load(tmp_path / "good.raw.npz").qpos, clip.qpos)


def test_the_exit_code_says_what_was_found(legs: Body, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clip = standing(legs)
    clip.save(tmp_path / "good.npz")
    check_motion(CheckCfg(tmp_path / "good.npz", strict=True))
    clip.qpos[:, 2] -= 0.03
    clip.save(tmp_path / "deep.npz")
    check_motion(CheckCfg(tmp_path / "deep.npz"))
    with pytest.raises(SystemExit) as leaving:
        check_motion(CheckCfg(tmp_path / "deep.npz", strict=True))
    assert leaving.value.code == 1
    clip.qpos[:, 2] -= 1.2
    clip.save(tmp_path / "buried.npz")
    with pytest.raises(SystemExit) as leaving:
        check_motion(CheckCfg(tmp_path / "buried.npz", json=tmp_path / "buried.json"))
    assert leaving.value.code == 1
    assert "try for penetration" in capsys.readouterr().out
    facts = json.loads((tmp_path / "buried.json").read_text())
    assert facts["findings"][0]["severity"] == "error" and "--retarget" in facts["try"][0]


def test_a_clip_without_flights_is_copied_by_the_repair(
    legs: Body, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    clip = standing(legs)
    clip.save(tmp_path / "stand.npz")
    repair_motion(RepairCfg(tmp_path / "stand.npz", out=tmp_path / "copy.npz"))
    clip.qpos[:, 2] += 0.5
    clip.save(tmp_path / "hang.npz")
    repair_motion(RepairCfg(tmp_path / "hang.npz", out=tmp_path / "hang_copy.npz"))
    out = capsys.readouterr().out
    assert "no flight phase; copy:" in out and "left alone" in out
    for name in ("copy", "hang_copy"):
        original = {"copy": "stand", "hang_copy": "hang"}[name]
        np.testing.assert_array_equal(
            MotionClip.load(tmp_path / f"{name}.npz").qpos, MotionClip.load(tmp_path / f"{original}.npz").qpos
        )


def test_the_table_shows_the_worst_first(legs: Body) -> None:
    clip = standing(legs)
    clip.qpos[15, 2] -= 1.2
    clip.qpos[9, 2] -= 0.03
    clip.qvel[7, 6 + legs.joint_names.index("knee_angle_r")] = 40.0
    console = Console(record=True, width=160)
    console.print(findings_table("stand", check_clip(legs, clip).findings))
    text = console.export_text()
    assert text.index("error") < text.index("penetration") < text.index("warning") < text.index("joint speed")
