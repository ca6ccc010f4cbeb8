"""The atlas of solutions against closed forms, and the command msemu-study."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import assert_one_clear_line, run

from msemu.analysis.study import perturbations
from msemu.analysis.study.atlas import Atlas, Tolerances
from msemu.analysis.study.course import Courses, follow, start_frames
from msemu.analysis.study.loads import JointLoads
from msemu.analysis.study.perturbations import Perturbation, _recovery, perturb, standard
from msemu.analysis.study.solutions import Subject, random_preferences
from msemu.analysis.study.tables import figures_of
from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import JointCfg, PreferenceCfg, TaskCfg, TrainCfg

BINS, MUSCLES = 5, 3
LOADS = JointLoads(
    bearing=("hip_r",),
    inertial=np.zeros((BINS, 1, 3)),
    pull=np.tile([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, -2.0, 0.0]], (BINS, 1, 1, 1)),
    carries=np.array([[1.0, 0.0]]),
    active=np.full((BINS, MUSCLES), 100.0),
    passive=np.zeros((BINS, MUSCLES)),
    stiff=("hip_flexion_r",),
    active_stiffness=np.tile([10.0, 20.0, 0.0], (BINS, 1, 1)),
    passive_stiffness=np.full((BINS, 1), 3.0),
    weight=100.0,
)
"""A hip whose muscles pull with one and two body weights; the right foot is beyond it."""


def made_up(activation: list[list[float]], **values: list[float]) -> Courses:
    """Solutions with constant activations; what is not given is of a body that follows well."""
    count = len(activation)
    usual = {each.name: np.zeros(count) for each in fields(Courses)} | {"survived": np.ones(count)}
    courses = usual | {name: np.array(each) for name, each in values.items()}
    courses["activation"] = np.repeat(np.array(activation)[:, None], BINS, axis=1)
    courses["angle_deg"] = np.zeros((count, BINS, 2))
    ground = np.zeros((count, BINS, 2, 3))
    ground[:, :, :, 2] = np.array(values.get("vertical", np.zeros(count)))[:, None, None]
    courses.pop("vertical", None)
    return Courses(**{**courses, "ground_bw": ground})


def atlas_of(courses: Courses, matrix: list[list[float]] | None = None) -> Atlas:
    count = len(courses.activation)
    torque = np.repeat(np.array(matrix or [[1.0, 1.0, 0.0]])[None], BINS, axis=0)
    names = ("base", *(f"other {place}" for place in range(1, count)))
    return Atlas(names, courses, torque, LOADS, Tolerances())


def test_what_is_within_the_spread_of_one_policy_is_not_distinct() -> None:
    near, far = [0.1 * np.sqrt(3), 0, 0], [0, 0.5, 0]
    atlas = atlas_of(made_up([[0, 0, 0], near, far], activation_variance=[0.02, 0.0, 0.0]))
    np.testing.assert_allclose(atlas.spread, [0.2, 0, 0])
    np.testing.assert_allclose(atlas.distances[0], [0, 0.1, 0.5 / np.sqrt(3)], atol=1e-9)
    assert atlas.distinct.tolist() == [0, 2]
    assert atlas_of(made_up([[0, 0, 0], near, far])).distinct.tolist() == [0, 1, 2]
    figures = figures_of(atlas)
    assert (figures["solutions"], figures["distinct_solutions"]) == (3, 2)
    assert figures["median_activation_distance"] == pytest.approx(0.5 / np.sqrt(3))


def test_other_movements_are_left_out_with_the_reason() -> None:
    courses = made_up(
        [[0.1, 0, 0]] * 5,
        error_deg=[2.0, 2.4, 2.6, 2.0, 2.0],
        vertical=[1.0, 1.0, 1.0, 1.15, 1.05],
        survived=[1.0, 1.0, 1.0, 1.0, 0.5],
    )
    atlas = atlas_of(courses)
    assert atlas.reasons == ("", "", "kinematics", "ground force", "falls")
    np.testing.assert_allclose(atlas.ground_difference, [0, 0, 0, 0.15, 0.05])
    assert figures_of(atlas)["left_out"] == {"falls": 1, "kinematics": 1, "ground force": 1}


def test_a_movement_is_beside_the_base_and_beside_its_own_cycles() -> None:
    courses = made_up([[0.1, 0, 0]] * 3, angle_variance=[0.5, 2.0, 8.0], ground_variance=[0.0, 0.02, 0.5])
    swing, step = np.array([-1.0, 0.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0, -1.0])
    angle = np.stack([swing, 2.0 * swing + 3.0, -swing])[:, :, None] * [1.0, 0.0]
    ground = np.zeros((3, BINS, 2, 3))
    ground[:, :, 0, 2] = 1.0 + 0.1 * np.stack([step, step, step + swing])
    _, other, mirrored = figures_of(atlas_of(replace(courses, angle_deg=angle, ground_bw=ground)))["table"]
    assert [other["angle_r"], mirrored["angle_r"]] == pytest.approx([1.0, -1.0])
    assert [other["ground_r"], mirrored["ground_r"]] == pytest.approx([1.0, 3.0 / np.sqrt(2.0 * 6.0)])
    assert mirrored["angle_difference_deg"] == pytest.approx(np.sqrt(8.0 / (2 * BINS)))
    assert [other["angle_spread_deg"], mirrored["angle_spread_deg"]] == pytest.approx([2.0, 4.0])
    assert [other["ground_spread_bw"], mirrored["ground_spread_bw"]] == pytest.approx([0.2, 1.0])


def test_differences_that_no_joint_shows_are_in_the_null_space() -> None:
    atlas = atlas_of(made_up([[0.2, 0.2, 0.0], [0.4, 0.0, 0.3], [0.4, 0.4, 0.0], [0.4, 0.2, 0.2]]))
    shares = [atlas.null_share(place) for place in (1, 2, 3)]
    np.testing.assert_allclose(shares, [1.0, 0.0, (0.02 + 0.04) / (0.04 + 0.04)], atol=1e-9)


def test_solutions_load_joints_by_what_they_prefer() -> None:
    courses = made_up([[0.1, 0.1, 0.5], [0.5, 0.5, 0.5], [0.2, 0.2, 0.0]], vertical=[1.0, 1.0, 1.05])
    figures = figures_of(atlas_of(courses))
    rows = figures["table"]
    assert [row["joint_reaction_peak_bw"]["hip_r"] for row in rows] == pytest.approx([1.3, 2.5, 1.65])
    assert [row["joint_stiffness_nm_rad"]["hip_flexion_r"] for row in rows] == pytest.approx([6.0, 18.0, 9.0])
    assert figures["joint_reaction_peak_bw"]["hip_r"] == pytest.approx({"least": 1.3, "median": 1.65, "most": 2.5})
    assert figures["joint_stiffness_nm_rad"]["hip_flexion_r"]["most"] == pytest.approx(18.0)


def test_without_any_solution_there_are_figures_and_a_map() -> None:
    atlas = atlas_of(made_up([[0.1, 0, 0]], survived=[0.0]))
    figures = figures_of(atlas)
    assert (figures["solutions"], figures["median_activation_distance"], figures["survival"]) == (0, None, None)
    assert atlas.map()[0].shape == (0, 2)


def test_recovery_is_the_last_moment_of_a_large_error() -> None:
    error = np.array([[1.0, 1.0], [5.0, 1.2], [3.0, 1.0], [1.5, 1.0]])
    usual = np.ones_like(error)
    assert _recovery(error, usual) == pytest.approx((3 + 0) / 2)
    assert np.isnan(_recovery(error[:, :0], usual[:, :0]))
    usual[:, 0] = [1.0, 3.9, 2.5, 1.0]  # the undisturbed one is as far off where feet land
    assert _recovery(error, usual) == pytest.approx((2 + 0) / 2)


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


def test_the_command_writes_an_atlas(joint_run: Path, tmp_path: Path) -> None:
    options = ("--names", "no_gastrocnemius", "--randoms", "2", "--starts", "2", "--seconds", "0.6", "--batch", "2")
    loose = ("--angle-deg", "30", "--ground-bw", "3", "--survival", "0", "--perturbed", "1", "--checkpoint", "last")
    result = run(
        "study", "solutions", joint_run, *options, *loose, "--out", tmp_path / "atlas", "--json", tmp_path / "s.json"
    )
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "s.json").read_text())
    wanted = {"solutions", "distinct_solutions", "tolerances", "median_activation_distance", "null_space_share"}
    assert wanted | {"survival", "table", "perturbations"} <= figures.keys()
    assert figures["tried"] == 4 and [row["name"] for row in figures["table"]][:2] == ["base", "no_gastrocnemius"]
    names = [row["perturbation"] for row in figures["perturbations"]]
    lost = next(name for name in names if name.endswith("lost"))
    assert names == [each.name for each in standard(lost.removesuffix(" lost"))]
    with np.load(tmp_path / "atlas" / "atlas.npz", allow_pickle=False) as arrays:
        assert arrays["activation"].shape[0] == 4 and arrays["spread_over_solutions"].shape == (80,)
    page = (tmp_path / "atlas" / "atlas.html").read_text()
    assert page.count("<svg") == 3 and "no_gastrocnemius" in page


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--names", "cubd"), "cubed"),
        (("--ground-bw", "-1"), "--ground-bw"),
    ],
)
def test_what_cannot_be_studied_is_one_line(
    joint_run: Path, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
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
