"""The verdict on a clip's figures: good, what to try, or refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import assert_one_clear_line, run
from motion_files import gait_angles, storage_text

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.checks.verdict import JUDGMENTS, judge, refuse_impossible, remedies
from msemu.motion.clip import MotionClip
from msemu.motion.flight import floating_height
from msemu.motion.quality import pose_figures
from msemu.motion.reference import ReferenceMotion


def test_every_judgment_says_what_to_try_and_leaves_room_between_good_and_impossible() -> None:
    figures = [figure for judgment in JUDGMENTS.values() for figure in judgment.figures]
    assert len(figures) == len(set(figures))
    assert all(judgment.remedy and 0 <= judgment.good < judgment.impossible for judgment in JUDGMENTS.values())


@pytest.mark.parametrize(
    ("figures", "severities"),
    [
        ({"error_mean_cm": 0.8, "penetration_max_cm": 0.4, "scale": 1e9}, []),
        ({"error_mean_cm": 9.96, "error_max_cm": 39.8}, ["warning", "warning"]),
        ({"stance_height_min_cm": -1.8, "stance_height_max_cm": 0.9}, ["warning"]),
        ({"limit_violation_max_deg": 31.0}, ["error"]),
        ({"root_speed_max_m_s": 16.0, "penetration_max_cm": 101.0}, ["error", "error"]),
        ({"joint_speed_max_rad_s": 40.0, "source_speed_max_rad_s": 41.0}, []),
        ({"joint_speed_max_rad_s": 40.0, "source_speed_max_rad_s": 20.0}, ["warning"]),
        ({"seam_pose_deg": 2.0, "inside_pose_deg": 6.5}, []),
        ({"seam_pose_deg": 15.0, "inside_pose_deg": 6.7}, ["warning"]),
        ({"error_mean_cm": math.nan}, ["error"]),
    ],
)
def test_figures_are_judged_by_their_size(figures: dict[str, float], severities: list[str]) -> None:
    found = judge(figures)
    assert [finding.severity for finding in found] == severities
    assert len(remedies(found, figures)) == len({JUDGMENTS[finding.check].remedy for finding in found})


@pytest.mark.parametrize("check", ["limit_violation_max_deg", "penetration_max_cm", "floating_max_cm"])
def test_what_is_retargeted_is_not_to_be_retargeted(check: str) -> None:
    angles, retargeted = {check: 2.0}, {check: 2.0, "error_mean_cm": 0.5}
    assert "--retarget" in remedies(judge(angles), angles)[0]
    assert "--retarget" not in remedies(judge(retargeted), retargeted)[0]


def test_the_refusal_is_one_line_with_file_figure_and_remedy() -> None:
    refuse_impossible({"error_max_cm": 50.0}, "mine.npz")
    with pytest.raises(
        MsemuError, match=r"^mine.npz is no human movement: .* 2.9e\+03 deg, impossible beyond 30; .*unit"
    ):
        refuse_impossible({"limit_violation_max_deg": 2900.0, "error_mean_cm": 4.0}, "mine.npz")


def changed(clip: MotionClip, **changes: float) -> MotionClip:
    qpos, qvel = clip.qpos.copy(), clip.qvel.copy()
    qpos[:, 2] += changes.get("height", 0.0)
    qpos[7, 7 + clip.joint_names.index("hip_flexion_r")] += changes.get("hip", 0.0)
    qvel[:, 1] += changes.get("speed", 0.0)
    return replace(clip, qpos=qpos, qvel=qvel)


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"height": -1.2}, "penetration 1[0-9]{2} cm"), ({"hip": 3.0}, "joint limit"), ({"speed": 16.0}, "root speed 16")],
)
def test_no_task_takes_an_impossible_clip(legs: Body, march: MotionClip, changes: dict, what: str) -> None:
    ReferenceMotion(march, legs, 50.0, torch.device("cpu"))
    with pytest.raises(MsemuError, match=f"the clip 'march' is no human movement: .*{what}"):
        ReferenceMotion(changed(march, **changes), legs, 50.0, torch.device("cpu"))


@pytest.mark.parametrize("angle", [110.0, 130.0])
def test_a_deep_knee_within_its_limit_is_no_violation(legs: Body, march: MotionClip, angle: float) -> None:
    qpos = march.qpos.copy()
    qpos[:, 7 + legs.joint_names.index("knee_angle_r")] = np.radians(angle)
    clip = replace(march, qpos=legs.couplings.project(qpos))
    assert pose_figures(legs, clip)["limit_violation_max_deg"] == 0.0


def test_floating_is_told_from_flying(legs: Body, standing) -> None:
    clip = standing(legs)
    assert floating_height(legs, clip) == 0.0
    clip.qpos[:, 2] += 0.03
    assert floating_height(legs, clip) == pytest.approx(0.03, abs=1e-6)
    time = np.arange(clip.num_frames) / clip.fps
    clip.qpos[:, 2] += 0.3 - 0.5 * 9.81 * (time - time.mean()) ** 2
    clip.qpos[:, 2] -= min(clip.qpos[:, 2].min() - legs.neutral_qpos[2] - 0.05, 0.0)
    assert floating_height(legs, clip) == 0.0


def test_an_import_shows_what_to_try_and_writes_nothing_impossible(tmp_path) -> None:
    angles = gait_angles(arms=False)
    good, wrong, out = tmp_path / "good.mot", tmp_path / "wrong.mot", tmp_path / "clip.npz"
    good.write_text(storage_text(angles, True))
    code, text, _ = run("motion", "import", good, "--body", "myolegs", "--out", out)
    assert code == 0 and "good" in text
    code, text, _ = run("motion", "info", out)
    assert code == 0 and "good" in text
    angles["knee_angle_r"] = angles["knee_angle_r"] + 140.0
    wrong.write_text(storage_text(angles, True))
    refused = run("motion", "import", wrong, "--body", "myolegs", "--out", tmp_path / "no.npz")
    assert_one_clear_line(refused, str(wrong), "joint limit", "impossible beyond 30", "--unit")
    assert not (tmp_path / "no.npz").exists()


def test_a_name_with_markup_is_shown_as_it_is(legs: Body, march: MotionClip, tmp_path) -> None:
    replace(march, name="[/red] walk [bold", source="[link=x]y").save(tmp_path / "clip.npz")
    code, text, _ = run("motion", "info", tmp_path / "clip.npz")
    assert code == 0 and "[/red] walk [bold" in text and "[link=x]y" in text
