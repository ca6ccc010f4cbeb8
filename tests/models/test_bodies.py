"""Bodies made by recipes, against the source models as MuJoCo itself loads them."""

import dataclasses
import os
from pathlib import Path

import mujoco
import musclemimic_models
import numpy as np
import pytest

from msemu.config import cfg_file
from msemu.errors import MsemuError
from msemu.models import Body, list_bodies, load_body
from msemu.models.engine_log import log_to
from msemu.models.loader import make_body
from msemu.models.poses import random_poses
from msemu.models.recipe import load_recipe
from msemu.models.sources import read_mjcf

MYOFULLBODY_XML = Path(musclemimic_models.get_xml_path("myofullbody"))
needs_ms_human_700 = pytest.mark.skipif(
    not os.environ.get("MSEMU_MS_HUMAN_700"), reason="MSEMU_MS_HUMAN_700 does not name a copy of MS-Human-700"
)
ALL = ["myofullbody", "myolegs", pytest.param("ms_human_700", marks=needs_ms_human_700)]
MYO = ["myofullbody", "myolegs"]


@pytest.fixture(scope="module")
def source() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(MYOFULLBODY_XML))


@pytest.fixture(scope="module")
def ms_source() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(load_recipe("ms_human_700").source.find()[0]))


def test_warnings_of_the_engine_are_written_where_they_are_wanted(
    legs: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blow_up() -> None:
        data = mujoco.MjData(legs.model)
        data.qvel[8] = np.nan
        mujoco.mj_step(legs.model, data)
        assert data.warning[mujoco.mjtWarning.mjWARN_BADQVEL].number == 1

    (tmp_path / "here").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    blow_up()
    log_to(Path("../run"))
    try:
        blow_up()
    finally:
        log_to(None)
    assert os.listdir() == [] and "QVEL" in (tmp_path / "run/MUJOCO_LOG.TXT").read_text()


ABDUCTORS = ("glmed", "glmin", "tfl")
MOVED_LEGS = (*ABDUCTORS, "glmax1", "glmax2", "bflh", "bfsh", "semimem", "gaslat", "gasmed")
"""Muscles of the legs whose paths the recipes move."""


def with_the_knee_of_the_source(name: str, **changes: object) -> Body:
    """Return a body whose knee turns about the axes of its source, with other changes of its recipe."""
    return load_body(name, recipe=dataclasses.replace(load_recipe(name), joint_positions={}, **changes))


def kinematics(model: mujoco.MjModel, qpos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos = qpos
    mujoco.mj_fwdPosition(model, data)
    return data


def by_joint_name(model: mujoco.MjModel, values: dict[str, float]) -> np.ndarray:
    qpos = model.qpos0.copy()
    for name, value in values.items():
        qpos[model.joint(name).qposadr[0]] = value
    return qpos


def joint_values(body: Body, qpos: np.ndarray) -> dict[str, float]:
    return dict(zip(body.joint_names, qpos[7:], strict=True))


def landmark_bodies(body: Body) -> list[str]:
    return [body.model.body(index).name for index in body.landmark_bodies]


def muscle_lengths(model: mujoco.MjModel, data: mujoco.MjData, names: tuple[str, ...]) -> np.ndarray:
    return np.array([data.actuator_length[model.actuator(name).id] for name in names])


# Sizes and identity


@pytest.mark.parametrize(
    ("name", "nq", "nv", "muscles", "independent", "inert", "regions"),
    [
        ("myofullbody", 129, 128, 414, 71, 2, 15),
        ("myolegs", 35, 34, 80, 14, 0, 9),
        pytest.param("ms_human_700", 86, 85, 700, 37, 194, 15, marks=needs_ms_human_700),
    ],
)
def test_sizes(name, nq, nv, muscles, independent, inert, regions):
    body = load_body(name)
    model = body.model
    assert (model.nq, model.nv, model.nu, body.num_muscles) == (nq, nv, muscles, muscles)
    assert (len(body.joint_names), len(body.independent_joints)) == (nq - 7, independent)
    assert len(body.inert_muscles) == inert
    assert [model.sensor(i).name for i in range(model.nsensor)] == [f"contact/{key}" for key in body.contact_regions]
    assert len(body.contact_regions) == regions
    assert model.opt.timestep == 0.002
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert model.opt.solver == mujoco.mjtSolver.mjSOL_NEWTON
    assert (model.actuator_ctrlrange == [0, 1]).all()
    assert list_bodies() == ["ms_human_700", "myofullbody", "myolegs"]


def test_inert_muscles_are_the_two_lines_within_the_rigid_thorax():
    body = load_body("myofullbody")
    assert [body.muscle_names[index] for index in body.inert_muscles] == ["LTpT_T1_r", "LTpT_T1_l"]


@pytest.mark.parametrize("name", MYO)
def test_provenance(name):
    provenance = load_body(name).provenance
    assert provenance["source"] == "musclemimic-models 1.0.6"
    assert "non-commercial" in provenance["license"]
    assert len(provenance["sha256"]) == 64


# Nothing but the intended edits


def test_reading_equals_mujocos_own_loader(source):
    spec, _ = read_mjcf(MYOFULLBODY_XML)
    model = spec.compile()
    fields = (
        "body_mass",
        "body_inertia",
        "body_pos",
        "geom_pos",
        "geom_size",
        "site_pos",
        "jnt_range",
        "eq_data",
    )
    for field in (
        *fields,
        "dof_damping",
        "dof_armature",
        "tendon_length0",
        "actuator_gainprm",
        "actuator_biasprm",
    ):
        np.testing.assert_array_equal(getattr(model, field), getattr(source, field), err_msg=field)


def test_phantom_inertia_is_removed():
    model = load_body("myofullbody").model
    data = kinematics(model, load_body("myofullbody").neutral_qpos)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    dof = model.joint("shoulder_elv_r").dofadr[0]
    # A hanging arm of 3.7 kg whose center of mass is 0.3 m below the shoulder: about 0.4 kg m^2.
    assert 0.3 < inertia[dof, dof] < 0.5


def test_myofullbody_moves_as_its_source(source):
    body = with_the_knee_of_the_source("myofullbody")
    for qpos in random_poses(body.model, 3, seed=5):
        ours, theirs = kinematics(body.model, qpos), kinematics(source, qpos)
        repaired = ("SUP", "TRIlong", "rect_abd", "BIClong", "DELT1", "TMAJ", "LAT3", "LTpT_T12_l", "Ps_")
        same = [not name.startswith((*MOVED_LEGS, *repaired)) for name in body.muscle_names]
        lengths = muscle_lengths(source, theirs, body.muscle_names)
        np.testing.assert_allclose(ours.actuator_length[same], lengths[same], atol=1e-12)
        np.testing.assert_allclose(ours.xpos, theirs.xpos, atol=1e-12)


def test_the_psoas_runs_from_the_spine_to_the_thigh_once(source):
    body = with_the_knee_of_the_source("myofullbody", wraps={}, kept_fibers=())
    lines = [name for name in body.muscle_names if name.startswith("Ps_")]
    assert len(lines) == 22 and not [name for name in body.muscle_names if name.startswith("psoas")]
    ours = np.array([body.model.actuator(name).gainprm[2] for name in lines])
    theirs = np.array([source.actuator(name).gainprm[2] for name in lines])
    assert ours.sum() == pytest.approx(source.actuator("psoas_r").gainprm[2] + source.actuator("psoas_l").gainprm[2])
    np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), rtol=1e-12)

    qpos = np.tile(body.neutral_qpos, (3, 1))
    hip, spine = (body.joint_names.index(joint) for joint in ("hip_flexion_r", "flex_extension"))
    qpos[1, 7 + hip] += 1e-3
    qpos[2, 7 + spine] += 1e-3
    qpos = body.couplings.project(qpos)
    right = [name for name in lines if name.endswith("_r")]
    lengths = np.array([muscle_lengths(body.model, kinematics(body.model, pose), right) for pose in qpos])
    by_hip, by_spine = (lengths[1:] - lengths[0]) / 1e-3
    posed = [kinematics(source, by_joint_name(source, joint_values(body, pose))) for pose in qpos[:2]]
    psoas = [muscle_lengths(source, data, ("psoas_r",))[0] for data in posed]
    np.testing.assert_allclose(by_hip, (psoas[1] - psoas[0]) / 1e-3, atol=1e-6)  # that of psoas_r, 19 mm
    assert (np.abs(by_spine) > 0.005).all()
    limits = np.array([body.model.actuator(name).lengthrange for name in right])
    given = source.actuator("psoas_r").lengthrange
    np.testing.assert_allclose((lengths[0] - limits[:, 0]), psoas[0] - given[0], atol=1e-9)
    np.testing.assert_allclose(np.diff(limits, axis=1), given[1] - given[0], atol=1e-9)


def test_myolegs_moves_as_the_whole_body_with_its_upper_body_held(source):
    legs = with_the_knee_of_the_source("myolegs")
    held = joint_values(whole := load_body("myofullbody"), whole.neutral_qpos)
    for qpos in random_poses(legs.model, 5, seed=6):
        qpos[:7] = [0.3, -0.2, 0.9, 0.5, 0.5, -0.5, 0.5]
        full = by_joint_name(source, {**held, **joint_values(legs, qpos)})
        full[:7] = qpos[:7]
        ours, theirs = kinematics(legs.model, qpos), kinematics(source, full)
        for name in landmark_bodies(legs):
            np.testing.assert_allclose(ours.body(name).xpos, theirs.body(name).xpos, atol=1e-9, err_msg=name)
            np.testing.assert_allclose(ours.body(name).xmat, theirs.body(name).xmat, atol=1e-9, err_msg=name)
        same = [not name.startswith((*MOVED_LEGS, "psoas")) for name in legs.muscle_names]
        lengths = muscle_lengths(source, theirs, legs.muscle_names)
        np.testing.assert_allclose(ours.actuator_length[same], lengths[same], atol=1e-9)


def test_myolegs_keeps_the_leg_muscles_only(source):
    legs = with_the_knee_of_the_source("myolegs", kept_fibers=())
    assert set(legs.muscle_names) - set(load_body("myofullbody").muscle_names) == {"psoas_r", "psoas_l"}
    assert {"psoas_r", "psoas_l", "soleus_r", "vasint_l"} < set(legs.muscle_names)
    assert not [name for name in legs.muscle_names if name.startswith("Ps_")]
    for name in legs.muscle_names:
        ours, theirs = legs.model.actuator(name), source.actuator(name)
        np.testing.assert_array_equal(ours.gainprm, theirs.gainprm)
        np.testing.assert_array_equal(ours.biasprm, theirs.biasprm)
        np.testing.assert_array_equal(ours.dynprm, theirs.dynprm)
        np.testing.assert_allclose(ours.lengthrange, theirs.lengthrange, rtol=1e-12)


@needs_ms_human_700
def test_free_root_of_ms_human_700_reaches_the_same_poses(ms_source):
    body = load_body("ms_human_700")
    root = {"pelvis_tz": 0.2, "pelvis_ty": 0.1, "pelvis_tx": -0.4, "pelvis_tilt": 0.7, "pelvis_list": -0.4}
    for qpos in random_poses(body.model, 3, seed=7):
        theirs = kinematics(
            ms_source, by_joint_name(ms_source, {**root, "pelvis_rotation": 1.1, **joint_values(body, qpos)})
        )
        qpos[:3], qpos[3:7] = theirs.body("pelvis").xpos, theirs.body("pelvis").xquat
        ours = kinematics(body.model, qpos)
        for name in landmark_bodies(body):
            np.testing.assert_allclose(ours.body(name).xpos, theirs.body(name).xpos, atol=1e-9, err_msg=name)
        repaired = {
            f"{muscle}_{side}"
            for muscle in (
                *("SUP", "DELT2", "TRIlong", "glmax1", "MF_m5s", "TR2", "TR3", "TR4", "TR5"),
                *("PECM1", "PECM2", "PECM3", "DELT3", "TMIN", "INFSP", "SUBSC", "CORB", "LTpT_T12", "EDCL"),
            )
            for side in "rl"
        }
        same = [name not in repaired and not name.startswith(ABDUCTORS) for name in body.muscle_names]
        np.testing.assert_allclose(ours.actuator_length[same], theirs.actuator_length[same], atol=1e-9)


# The neutral pose and the landmarks


# Contact


def test_explicit_pairs_are_kept_and_those_of_held_arms_are_not(source):
    assert load_body("myofullbody").model.npair == source.npair == 75
    assert load_body("myolegs").model.npair == 26


# Bad input


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("myofulbody", None, "did you mean myofullbody"),
        ("myofullbody", "/nonexistent", "no myofullbody.xml at /nonexistent"),
        ("ms_human_700", "/nonexistent", "no MS-Human-700.xml at /nonexistent"),
        ("ms_human_700", MYOFULLBODY_XML, "has no body"),
        ("myofullbody", Path(__file__), "cannot be read as MJCF"),
    ],
)
def test_bad_bodies_give_one_line(name, path, said):
    with pytest.raises(MsemuError) as caught:
        load_body(name, path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_ms_human_700_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("MSEMU_MS_HUMAN_700", raising=False)
    if load_recipe("ms_human_700").source.locate() is not None:
        pytest.skip("mujoco-menagerie is installed")
    with pytest.raises(MsemuError, match=r"MSEMU_MS_HUMAN_700.*mujoco-menagerie"):
        load_body("ms_human_700")
    monkeypatch.setenv("MSEMU_MS_HUMAN_700", "/nonexistent")
    with pytest.raises(MsemuError, match=r"no MS-Human-700\.xml at /nonexistent"):
        load_body("ms_human_700")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("color: red", "unknown key 'color'"),
        ("landmarks: {head: {bodi: head}}", "unknown key 'bodi'"),
        ("timestep_s: fast", "timestep_s: expected float"),
        ("contact_regions: {foot_r: {body: a, subtree: b}}", "either a body or a subtree"),
    ],
)
def test_bad_recipes_give_one_line(tmp_path, line, said):
    (tmp_path / "bad.yaml").write_text(f"base: {cfg_file('body', 'myofullbody')}\n{line}\n")
    with pytest.raises(MsemuError) as caught:
        load_recipe(str(tmp_path / "bad.yaml"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"neutral_joints": {"nose": 1.0}}, "'nose'"),
        ({"root_body": "hull"}, "'hull'"),
        ({"held": ("tail",)}, "'tail'"),
    ],
)
def test_recipes_that_do_not_fit_the_model_name_what_is_missing(change, said):
    spec, _ = read_mjcf(MYOFULLBODY_XML)
    with pytest.raises(MsemuError, match=said):
        make_body("test", dataclasses.replace(load_recipe("myofullbody"), **change), spec, {})


def test_a_body_under_another_gravity_leaves_the_one_that_others_use(legs: Body) -> None:
    """Bodies are shared, and the engine's form of them is kept: a slope must reach it, and no one else."""
    usual = legs.lean.model.opt.gravity.copy()
    turned = legs.under(np.array([-0.5, 0.0, -9.8]))
    for model in (turned.model, turned.lean.model):
        np.testing.assert_allclose(model.opt.gravity, [-0.5, 0.0, -9.8])
    for model in (legs.model, legs.lean.model):
        np.testing.assert_allclose(model.opt.gravity, usual)
    assert turned.mass == pytest.approx(legs.mass)
    np.testing.assert_allclose(turned.model.actuator_gainprm, legs.model.actuator_gainprm)
