"""Courses, preferences and perturbations of a study, and the command msemu-study."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import assert_one_clear_line, run

from msemu.analysis.study import perturbations
from msemu.analysis.study.course import follow, start_frames
from msemu.analysis.study.perturbations import Perturbation, _recovery, perturb, standard
from msemu.analysis.study.solutions import Subject, random_preferences
from msemu.cli.analyze import study
from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import JointCfg, PreferenceCfg, TaskCfg, TrainCfg


def test_recovery_is_the_last_moment_of_a_large_error() -> None:
    error = np.array([[1.0, 1.0], [5.0, 1.2], [3.0, 1.0], [1.5, 1.0]])
    usual = np.ones_like(error)
    assert _recovery(error, usual) == pytest.approx((3 + 0) / 2)
    assert np.isnan(_recovery(error[:, :0], usual[:, :0]))
    usual[:, 0] = [1.0, 3.9, 2.5, 1.0]  # the undisturbed one is as far off where feet land
    assert _recovery(error, usual) == pytest.approx((2 + 0) / 2)


def test_pushes_go_to_both_sides_and_both_ways() -> None:
    found = standard("soleus_r")
    pushes = np.array([each.push_n for each in found if any(each.push_n)])
    assert {tuple(row) for row in np.sign(pushes)} == {(0, 1), (0, -1), (1, 0), (-1, 0)}
    assert found[0] == Perturbation("none") and [each.lost for each in found if each.lost] == ["soleus_r"]
    assert len({each.name for each in found}) == len(found)


def test_random_preferences_differ_and_repeat() -> None:
    one, other = (dict(zip(range(4), random_preferences(5.0, 0.1, 3), strict=False)) for _ in range(2))
    assert one == other
    assert len({preference.seed for _, preference in one.values()}) == 4
    assert [preference.tone_spread for _, preference in one.values()] == [0.0, 0.1, 0.0, 0.1]


@pytest.fixture
def joint_env(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> MotionTrackingEnv:
    tracking_cfg.env.action = JointCfg()
    return MotionTrackingEnv(tracking_cfg, legs, march)


def test_courses_are_the_means_of_episodes_without_a_fall(joint_env: MotionTrackingEnv, legs: Body) -> None:
    env, steps, starts = joint_env, 12, 2

    def policy(observations: object) -> torch.Tensor:
        return torch.zeros(env.num_envs, env.num_actions)

    subject = Subject.of(env, policy, starts, steps / 50.0)
    subject.prefer([PreferenceCfg(), PreferenceCfg(tone=0.2)])
    matrix = subject.matrix("mujoco")
    found = follow(env, policy, starts, steps, matrix)
    seen = []
    with torch.inference_mode():
        env.restart(start_frames(env, starts))
        for _ in range(steps):
            env.step(torch.zeros(env.num_envs, env.num_actions))
            seen.append((env.reference.row(env.frame).clone(), env.sim.act.clone()))
    assert found.survived.tolist() == [1.0, 1.0]
    for solution in (0, 1):
        rows = torch.stack([row[2 * solution : 2 * solution + 2] for row, _ in seen[steps // 2 :]]).flatten()
        activation = torch.stack([act[2 * solution : 2 * solution + 2] for _, act in seen[steps // 2 :]]).flatten(0, 1)
        for row in rows.unique():
            np.testing.assert_allclose(
                found.activation[solution, row], activation[rows == row].mean(0), rtol=1e-4, atol=1e-5
            )
        assert np.isnan(found.activation[solution][np.setdiff1d(np.arange(len(matrix)), rows)]).all()
        assert found.effort[solution] == pytest.approx(float(activation.square().sum(1).mean()), rel=1e-4)
    assert found.effort[1] > found.effort[0]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_solutions_that_all_fall_have_no_course(
    joint_env: MotionTrackingEnv, legs: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = joint_env
    subject = Subject.of(env, lambda observations: torch.zeros(env.num_envs, env.num_actions), 2, 0.1)
    subject.prefer([PreferenceCfg(), PreferenceCfg(tone=0.2)])
    monkeypatch.setattr(env, "_terminate", lambda transition: torch.ones(env.num_envs, dtype=torch.bool))
    found = follow(env, subject.policy, 2, 5, subject.matrix("mujoco"))
    assert not found.survived.any() and np.isnan(found.error_deg).all() and np.isnan(found.power_w).all()


def test_a_study_wants_muscles_that_prefer(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    with pytest.raises(MsemuError, match="excitation"):
        Subject.of(env, lambda observations: observations, 2, 1.0)


@pytest.fixture
def joint_run(train_cfg: TrainCfg, one_thread: None) -> Path:
    train_cfg.env.action, train_cfg.iterations = JointCfg(), 1
    return train("Msemu-Track-MyoLegs-v0", train_cfg)


def test_the_command_writes_an_atlas(joint_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_PERTURBED_S", 0.2)
    some = Perturbation("none"), Perturbation("slope 3 deg up", slope_deg=3.0)
    monkeypatch.setattr(study, "standard", lambda strongest: some)
    options = ("--names", "no_gastrocnemius", "--randoms", "2", "--starts", "2", "--seconds", "0.6", "--batch", "2")
    loose = ("--angle-deg", "30", "--ground-bw", "3", "--survival", "0", "--perturbed", "1", "--checkpoint", "last")
    result = run(
        "study", "solutions", joint_run, *options, *loose, "--out", tmp_path / "atlas", "--json", tmp_path / "s.json"
    )
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "s.json").read_text())
    assert not figures["is_plausible"] and figures["muscle_mass_kg"] > 40.0
    wanted = {
        "determined",
        "solutions",
        "distinct_solutions",
        "tolerances",
        "median_activation_distance",
        "null_space_share",
    }
    assert wanted | {"survival", "table", "perturbations"} <= figures.keys()
    assert figures["tried"] == 4 and [row["name"] for row in figures["table"]][:2] == ["base", "no_gastrocnemius"]
    assert [row["perturbation"] for row in figures["perturbations"]] == ["none", "slope 3 deg up"]
    with np.load(tmp_path / "atlas" / "atlas.npz", allow_pickle=False) as arrays:
        assert arrays["activation"].shape[0] == 4 and arrays["spread_over_solutions"].shape == (80,)
    page = (tmp_path / "atlas" / "atlas.html").read_text()
    assert page.count("<svg") == 3 and "no_gastrocnemius" in page
    assert ("synergies for 90 %" in page) == bool(figures["synergies"]["solutions"])
    assert "principal_angles_deg" in figures["table"][0]


def test_what_cannot_be_studied_is_one_line(joint_run: Path, tmp_path: Path) -> None:
    twice = ("--names", "cubed", "emg", "cubed")
    for options, named in (
        (("--names", "cubd"), "cubed"),
        (twice, "preference cubed is named twice; name it once"),
        (("--ground-bw", "-1"), "--ground-bw"),
    ):
        result = run("study", "solutions", joint_run, *options, "--out", tmp_path / "atlas")
        assert_one_clear_line(result, named)


def test_a_muscle_is_lost_in_every_part_of_a_control_step_and_a_push_is_felt(
    joint_env: MotionTrackingEnv, legs: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def policy(observations: object) -> torch.Tensor:
        return torch.zeros(joint_env.num_envs, joint_env.num_actions)

    subject = Subject.of(joint_env, policy, 4, 0.3)
    none, lost = Perturbation("none"), Perturbation("soleus_r lost", lost="soleus_r")
    seen: dict[str, float] = {}

    def subject_for(perturbation: Perturbation) -> Subject:
        joint_env.before_reset = lambda: seen.update({perturbation.name: joint_env.sim.act[:, soleus].max().item()})
        return subject

    soleus = legs.muscle_names.index("soleus_r")
    rows = perturb({"base": PreferenceCfg()}, (none, lost), subject_for)
    assert [row["perturbation"] for row in rows] == ["none", "soleus_r lost"]
    assert seen["soleus_r lost"] < 0.02 < seen["none"]
    assert rows[0]["effort_ratio"] == 1.0 != rows[1]["effort_ratio"]
    monkeypatch.setattr(perturbations, "_BEGIN_S", 0.0)
    still, pushed = perturb({"base": PreferenceCfg()}, (none, Perturbation("push", (-200.0, 0.0))), lambda _: subject)
    assert pushed["error_deg"] > still["error_deg"]
    assert not joint_env.sim.root_force.any()
