"""Repaired wrapping surfaces: nothing jumps any more, and what did not jump before stays as it was."""

import dataclasses
import os

import mujoco
import numpy as np
import pytest

from msemu.analysis.plausibility.muscles import tendon_jumps
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.checks import wraps
from msemu.models.loader import make_body
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import random_poses
from msemu.models.recipe import JoinCfg, load_recipe
from msemu.models.sources import read_mjcf
from msemu.muscle.parameters import MuscleParameters

NO_REPAIR = {
    "joint_positions": {},
    "site_positions": {},
    "wraps": {},
    "wrap_positions": {},
    "kept_fibers": (),
    "wrap_radii": {},
    "wrap_quaternions": {},
    "freed_sides": (),
    "replaced_wraps": (),
    "straightened_wraps": (),
}


def without_repair(name: str) -> Body:
    """Return a body whose wraps are those of its source."""
    recipe = load_recipe(name)
    spec, _ = read_mjcf(recipe.source.find()[0])
    return make_body(name, dataclasses.replace(recipe, **NO_REPAIR), spec, {})


def largest_jump(body: Body, muscle: str, joint: str, bent: str | None = None) -> float:
    """Return the largest change of a muscle's length between 400 poses across the range of a joint, over its fiber.

    Meanwhile the joint ``bent`` stands at its lower limit.
    """
    model, data = body.model, mujoco.MjData(body.model)
    index, column = body.muscle_names.index(muscle), body.joint_names.index(joint)
    lengths = []
    for angle in np.linspace(*model.jnt_range[1 + column], 400):
        data.qpos[:] = body.neutral_qpos
        data.qpos[7 + column] = angle
        if bent:
            other = body.joint_names.index(bent)
            data.qpos[7 + other] = model.jnt_range[1 + other, 0]
        data.qpos[:] = body.couplings.project(data.qpos)
        mujoco.mj_fwdPosition(model, data)
        lengths.append(data.actuator_length[index])
    return np.abs(np.diff(lengths)).max() / MuscleParameters.of(model).optimal_fiber_length[index]


def poses_of(body: Body, angles_deg: dict[str, list[float]]) -> np.ndarray:
    """Return poses in which some joints have the given angles and the others those of the neutral pose."""
    poses = np.repeat(body.neutral_qpos[None], len(next(iter(angles_deg.values()))), axis=0)
    for joint, angles in angles_deg.items():
        poses[:, 7 + body.joint_names.index(joint)] = np.radians(angles)
    return body.couplings.project(poses)


def lengths_of(body: Body, muscle: str, angles_deg: dict[str, list[float]]) -> np.ndarray:
    """Return the lengths of a muscle in the poses of `poses_of` [m]."""
    data, lengths = mujoco.MjData(body.model), []
    for pose in poses_of(body, angles_deg):
        data.qpos[:] = pose
        mujoco.mj_fwdPosition(body.model, data)
        lengths.append(data.actuator_length[body.muscle_names.index(muscle)])
    return np.array(lengths)


def unexplained(body: Body, muscle: str, angles_deg: dict[str, list[float]]) -> float:
    """Return the largest jump of a muscle between the poses of `poses_of`, in shares of its fiber."""
    return tendon_jumps(body, poses_of(body, angles_deg))[:, body.muscle_names.index(muscle)].max()


MYOFULLBODY = [
    ("SUP", "pro_sup_r"),
    ("SUP_left", "pro_sup_l"),
    ("gaslat_r", "knee_angle_r"),
    ("gaslat_l", "knee_angle_l"),
]


@pytest.mark.parametrize(("muscle", "joint"), MYOFULLBODY)
def test_repaired_muscles_of_myofullbody_do_not_jump(muscle, joint):
    assert largest_jump(load_body("myofullbody"), muscle, joint) < 0.03
    assert largest_jump(without_repair("myofullbody"), muscle, joint) > 0.1


@pytest.mark.parametrize(("muscle", "side"), [("TRIlong", "r"), ("TRIlong_left", "l")])
def test_the_points_of_the_triceps_keep_clear_of_each_other(muscle, side):
    """The shoulder turns as in five frames of a spin."""
    angles = {
        f"elv_angle_{side}": [-27.8, -10.0, -9.1, -22.4, -33.3],
        f"shoulder_elv_{side}": [33.1, 36.9, 45.4, 52.6, 49.4],
        f"shoulder_rot_{side}": [-27.5, -24.2, -14.2, -6.2, -14.3],
    }
    repaired, source = (
        unexplained(body, muscle, angles) for body in (load_body("myofullbody"), without_repair("myofullbody"))
    )
    assert repaired < 0.025
    assert source > 0.028


@pytest.fixture(scope="module")
def source_wraps() -> Body:
    """MyoFullBody with the wraps of its source."""
    return without_repair("myofullbody")


@pytest.fixture(scope="module")
def ms_human_700() -> tuple[Body, Body]:
    """The body, and the body with the wraps of its source."""
    if not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    return load_body("ms_human_700"), without_repair("ms_human_700")


@pytest.mark.parametrize("side", "rl")
def test_the_supinator_of_ms_human_700_does_not_jump(ms_human_700, side):
    repaired, source = ms_human_700
    assert largest_jump(repaired, f"SUP_{side}", f"pro_sup_{side}") < 0.03
    assert largest_jump(source, f"SUP_{side}", f"pro_sup_{side}") > 0.03


@pytest.mark.parametrize("side", "rl")
def test_the_middle_deltoid_lifts_an_arm_that_is_turned_outwards(ms_human_700, side):
    lengths = []
    for body in ms_human_700:
        model, data = body.model, mujoco.MjData(body.model)
        muscle, lift = body.muscle_names.index(f"DELT2_{side}"), body.joint_names.index(f"shoulder_elv_{side}")
        data.qpos[:] = body.neutral_qpos
        data.qpos[7 + body.joint_names.index(f"elv_angle_{side}")] = np.radians(94)
        data.qpos[7 + body.joint_names.index(f"shoulder_rot_{side}")] = np.radians(91)
        lengths.append([])
        for angle in np.radians(np.linspace(25, 45, 100)):
            data.qpos[7 + lift] = angle
            data.qpos[:] = body.couplings.project(data.qpos)
            mujoco.mj_fwdPosition(model, data)
            lengths[-1].append(data.actuator_length[muscle])
    steps = np.diff(lengths, axis=1)
    assert (steps[0] < 0).all() and steps[0].min() > -1e-3
    assert np.abs(steps[1]).max() > 0.05


@pytest.mark.parametrize("side", "rl")
def test_the_long_head_of_the_triceps_lowers_an_arm_that_is_turned_inwards(ms_human_700, side):
    lift = np.linspace(125, 95, 200)
    angles = {f"elv_angle_{side}": np.full(200, 90), f"shoulder_rot_{side}": np.full(200, 78.3)}
    repaired, source = (
        np.diff(lengths_of(body, f"TRIlong_{side}", angles | {f"shoulder_elv_{side}": lift})) for body in ms_human_700
    )
    assert (repaired < 0).all() and repaired.min() > -1e-3
    assert np.abs(source).max() > 0.02


@pytest.mark.parametrize("side", "rl")
def test_the_upper_gluteus_maximus_stays_on_its_cylinder_in_a_crouch(ms_human_700, side):
    turn = np.linspace(5, 35, 200)
    angles = {f"hip_flexion_{side}": np.full(200, 113), f"hip_adduction_{side}": np.full(200, -12)}
    repaired, source = (
        np.abs(np.diff(lengths_of(body, f"glmax1_{side}", angles | {f"hip_rotation_{side}": turn}))).max()
        for body in ms_human_700
    )
    assert repaired < 1e-3
    assert source > 0.015


@pytest.mark.parametrize(("side", "mirror"), [("l", 1.0), ("r", -1.0)])
def test_the_ends_of_the_lowest_multifidus_keep_clear_of_each_other(ms_human_700, side, mirror):
    """The segment bends and twists as in five frames of a crawl."""
    angles = {
        "L5_S1_FE": np.array([28.4, 26.7, 24.4, 22.3, 20.7]),
        "L5_S1_LB": mirror * np.array([-3.0, -1.2, 1.6, 3.8, 2.6]),
        "L5_S1_AR": mirror * np.array([2.7, 0.0, -5.7, -12.3, -16.7]),
    }
    repaired, source = (unexplained(body, f"MF_m5s_{side}", angles) for body in ms_human_700)
    assert repaired < 0.02
    assert source > 0.03


def test_points_on_the_arc_keep_lengths_and_moment_arms_of_the_neutral_pose(ms_human_700):
    repaired, source = ms_human_700
    names = [f"TR{number}_{side}" for number in (2, 3, 4) for side in "rl"]
    muscles = [repaired.muscle_names.index(name) for name in names]
    assert repaired.muscle_names == source.muscle_names
    found = []
    for body in ms_human_700:
        model, data = body.model, mujoco.MjData(body.model)
        data.qpos[:] = body.neutral_qpos
        mujoco.mj_fwdPosition(model, data)
        arms = np.zeros((model.nu, model.nv))
        mujoco.mju_sparse2dense(arms, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
        found.append((data.actuator_length[muscles] - model.actuator_lengthrange[muscles, 0], arms[muscles]))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-9)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-9)
    assert np.abs(found[1][1]).max() > 0.05


@pytest.mark.parametrize("side", "rl")
def test_a_bent_spine_makes_no_muscle_jump(ms_human_700, side):
    repaired, source = ms_human_700
    assert largest_jump(repaired, f"TR2_{side}", "L5_S1_LB", bent="L5_S1_FE") < 0.03
    assert largest_jump(source, f"TR2_{side}", "L5_S1_LB", bent="L5_S1_FE") > 0.3


@pytest.mark.parametrize("side", "rl")
def test_a_muscle_with_both_ends_on_the_pelvis_keeps_its_length(ms_human_700, side):
    repaired, source = ms_human_700
    assert largest_jump(repaired, f"TR5_{side}", "L5_S1_LB", bent="L5_S1_FE") < 1e-6
    assert largest_jump(source, f"TR5_{side}", "L5_S1_LB", bent="L5_S1_FE") > 0.03
    fiber = []
    for body in ms_human_700:
        model, data = body.model, mujoco.MjData(body.model)
        data.qpos[:] = body.neutral_qpos
        mujoco.mj_fwdPosition(model, data)
        muscle = body.muscle_names.index(f"TR5_{side}")
        fiber.append(data.actuator_length[muscle] - model.actuator_lengthrange[muscle, 0])
    assert fiber[0] == pytest.approx(fiber[1], abs=1e-9)


def jump_in_random_poses(body: Body, muscle: str, joint: str) -> float:
    """Return by how much a muscle changes at most within 1/400 of a joint's range [m], in three poses of the rest."""
    model, column = body.model, body.joint_names.index(joint)
    poses = np.repeat(random_poses(model, 3, seed=3), 400, axis=0)
    poses[:, 7 + column] = np.tile(np.linspace(*model.jnt_range[1 + column], 400), 3)
    lengths = muscle_lengths(model, body.couplings.project(poses))[:, body.muscle_names.index(muscle)]
    return float(np.abs(np.diff(lengths.reshape(3, 400), axis=1)).max())


@pytest.mark.parametrize(
    ("muscle", "joint"),
    [
        ("TMAJ", "elv_angle_r"),
        ("LAT3", "shoulder_rot_r"),
        ("BIClong", "elv_angle_r"),
        ("DELT1_left", "shoulder_elv_l"),
    ],
)
def test_arm_muscles_of_myofullbody_go_the_short_way(source_wraps, muscle, joint):
    assert jump_in_random_poses(load_body("myofullbody"), muscle, joint) < 0.003
    assert jump_in_random_poses(source_wraps, muscle, joint) > 0.006


@pytest.mark.parametrize(
    ("muscle", "joint", "jump"),
    [
        ("DELT3_r", "shoulder_rot_r", 0.17),
        ("TMIN_r", "elv_angle_r", 0.05),
        ("SUBSC_r", "elv_angle_r", 0.02),
        ("PECM1_r", "shoulder_elv_r", 0.01),
        ("PECM3_r", "elv_angle_r", 0.01),
        ("CORB_l", "shoulder_elv_l", 0.005),
    ],
)
def test_arm_muscles_of_ms_human_700_go_the_short_way(ms_human_700, muscle, joint, jump):
    repaired, source = ms_human_700
    assert jump_in_random_poses(repaired, muscle, joint) < 0.003
    assert jump_in_random_poses(source, muscle, joint) > jump


def test_the_check_names_what_jumps(source_wraps, monkeypatch):
    """In the neutral pose, which is all that is swept here."""
    monkeypatch.setattr(wraps, "_NUM_POSES", 0)
    found = {item.subject: item for item in wraps.check_wraps(source_wraps)}
    assert set(found) == {"rect_abd_r", "rect_abd_l", "SUP", "SUP_left", "gaslat_r", "gaslat_l"}
    assert {item.severity for item in found.values()} == {"error"}
    assert "flex_extension -47 deg of the neutral pose" in found["rect_abd_r"].message
    fiber = MuscleParameters.of(source_wraps.model).optimal_fiber_length[source_wraps.muscle_names.index("rect_abd_r")]
    assert found["rect_abd_r"].value == pytest.approx(
        fiber * largest_jump(source_wraps, "rect_abd_r", "flex_extension"), rel=0.3
    )
    assert wraps.check_wraps(load_body("myofullbody")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"freed_sides": ("nowhere",)},
        {"joined_muscles": (JoinCfg("nowhere", "psoas_r-P2", ("Ps_L1_VB_r",)),)},
        {"joined_muscles": (JoinCfg("psoas_r", "psoas_r-P2", ("nowhere",)),)},
        {"site_positions": {"nowhere": (0.0, 0.0, 0.0)}},
        {"wrap_radii": {"nowhere": 0.1}},
        {"wrap_quaternions": {"nowhere": (1.0, 0.0, 0.0, 0.0)}},
        {"joint_ranges": {"nowhere": (0, 1)}},
        {"replaced_wraps": ("nowhere",)},
        {"replaced_wraps": ("soleus_r_tendon",)},
        {"straightened_wraps": ("nowhere",)},
        {"straightened_wraps": ("gaslat_r_tendon",)},
    ],
)
def test_a_recipe_for_another_model_is_refused(change):
    recipe = load_recipe("myofullbody")
    spec, _ = read_mjcf(recipe.source.find()[0])
    with pytest.raises(MsemuError, match="another model"):
        make_body("myofullbody", dataclasses.replace(recipe, **change), spec, {})
