"""Masses, centers and inertias of segments, against the table and MuJoCo's own sums over subtrees."""

import dataclasses
import os

import mujoco
import numpy as np
import pytest

from msemu.config import cfg_file, read_yaml
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.checks.body import check_body
from msemu.models.checks.segments import check_segments
from msemu.models.loader import make_body
from msemu.models.recipe import Recipe, load_recipe
from msemu.models.sources import read_mjcf

TABLE = read_yaml(cfg_file("anthropometry", "de_leva_1996"))
needs_ms_human_700 = pytest.mark.skipif(
    not os.environ.get("MSEMU_MS_HUMAN_700"), reason="MSEMU_MS_HUMAN_700 does not name a copy of MS-Human-700"
)
ALL = ["myofullbody", "myolegs", pytest.param("ms_human_700", marks=needs_ms_human_700)]
CHAINS = {"thigh": ("femur", "tibia", "hip", "knee"), "shank": ("tibia", "talus", "knee", "ankle")}


def made(recipe: Recipe) -> Body:
    spec, _ = read_mjcf(recipe.source.find()[0])
    return make_body("test", recipe, spec, {})


def neutral(body: Body) -> mujoco.MjData:
    data = mujoco.MjData(body.model)
    data.qpos = body.neutral_qpos
    mujoco.mj_forward(body.model, data)
    return data


def without_tree(model: mujoco.MjModel, data: mujoco.MjData, first: str, after: str) -> tuple[float, np.ndarray]:
    """Mass [kg] and center [m] of a body and what hangs on it, less another one and what hangs on that."""
    whole, rest = model.body(first).id, model.body(after).id
    masses = model.body_subtreemass[[whole, rest]]
    moment = masses[0] * data.subtree_com[whole] - masses[1] * data.subtree_com[rest]
    return masses[0] - masses[1], moment / (masses[0] - masses[1])


@pytest.mark.parametrize("sex", ["male", "female"])
def test_the_table_adds_up(sex):
    mass = {row: values["mass"] for row, values in TABLE[sex].items()}
    pairs = ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")
    assert mass["head"] + mass["trunk"] + 2 * sum(mass[part] for part in pairs) == pytest.approx(100, abs=0.02)
    assert mass["lower_trunk"] + mass["thorax_and_abdomen"] == pytest.approx(mass["trunk"], abs=1e-9)
    for row in TABLE[sex].values():
        if "radii" in row:  # of a real distribution of mass
            moments = np.square(row["radii"])
            assert (moments < moments.sum() - moments).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("row", CHAINS)
def test_a_segment_of_the_leg_is_that_of_the_table(name, row):
    first, after, proximal, distal = CHAINS[row]
    body = load_body(name)
    model, data, wanted = body.model, neutral(body), TABLE["male"][row]
    mass, center = without_tree(model, data, f"{first}_r", f"{after}_r")
    start, end = (data.site(f"landmark/{joint}_r").xpos for joint in (proximal, distal))
    length = np.linalg.norm(end - start)
    assert 100 * mass / 75 == pytest.approx(wanted["mass"], abs=0.01)
    assert 100 * (center - start) @ (end - start) / length**2 == pytest.approx(wanted["center"], abs=0.1)

    inertia = np.zeros((3, 3))
    for member in (f"{first}_r", "patella_r") if row == "thigh" else (f"{first}_r",):
        index = model.body(member).id
        rotation, arm = data.ximat[index].reshape(3, 3), data.xipos[index] - center
        inertia += rotation @ np.diag(model.body_inertia[index]) @ rotation.T
        inertia += model.body_mass[index] * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    radii = np.sqrt(np.diag(inertia) / mass) / length * 100  # the leg of the neutral pose is vertical to 1 degree
    np.testing.assert_allclose(radii, wanted["radii"], rtol=0.01)


@pytest.mark.parametrize("name", ALL)
def test_a_body_weighs_what_its_recipe_says(name):
    body = load_body(name)
    assert body.mass == pytest.approx(75, abs=0.005)
    model, data = body.model, neutral(body)
    pelvis_without_legs = sum(
        model.body_mass[index] for index in range(model.nbody) if model.body(index).name in ("sacrum", "pelvis")
    )
    assert 100 * pelvis_without_legs / 75 == pytest.approx(11.17, abs=0.05)
    assert {item.check for item in check_segments(body) if item.severity == "error"} == set()
    heel, toe = (body.recipe.place(point, data)[0] for point in ("heel_r", "toe_tip_r"))
    assert heel < data.subtree_com[0, 0] < toe  # it can stand


def test_a_finding_with_a_reason_is_no_error():
    recipe = load_recipe("myolegs")
    source = made(dataclasses.replace(recipe, segments={}))
    known = dataclasses.replace(recipe, reasons={"segment mass [hpt]*": "as it comes"})
    found = [item for item in check_body(dataclasses.replace(source, recipe=known)) if item.check == "segment mass"]
    assert {item.subject: item.severity for item in found}["pelvis"] == "warning"
    assert all(("as it comes" in item.message) == (item.subject[0] in "hpt") for item in found)
    assert {item.subject for item in found if item.severity == "error"} == {"upper_arm_r", "upper_arm_l"}


def test_another_person_is_two_values():
    woman = {name: _row(values) for name, values in TABLE["female"].items()}
    body = made(dataclasses.replace(load_recipe("myolegs"), mass_kg=62.0, proportions=woman))
    mass, _ = without_tree(body.model, neutral(body), "femur_l", "tibia_l")
    assert body.mass == pytest.approx(62, abs=0.005) and 100 * mass / 62 == pytest.approx(14.78, abs=0.01)


def _row(values: dict):
    row = next(iter(load_recipe("myolegs").proportions.values()))
    return dataclasses.replace(row, **{"center": 0.0, "radii": (0.0, 0.0, 0.0), **values})


def test_the_masses_of_the_source_would_be_found():
    recipe = load_recipe("myofullbody")
    source = made(dataclasses.replace(recipe, segments={}))
    found = check_segments(dataclasses.replace(source, recipe=recipe))
    heavy = {item.subject for item in found if item.check == "segment mass"}
    assert heavy == {"head", "pelvis", "trunk", "thigh_r", "thigh_l", "upper_arm_r", "upper_arm_l", "hand_r", "hand_l"}
    assert {item.severity for item in found if item.check == "segment mass"} == {"error"}
    assert "shank_r" in {item.subject for item in found if item.check == "segment inertia"}
    assert [item.severity for item in check_segments(source)] == ["note"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("proportions: men", "no 'men' in the table; known: male, female"),
        ("mass_kg: 0", "mass_kg is not positive"),
        ("segments: {head: {row: skull}}", "no 'skull' as the row of the segment 'head'"),
        ("segments: {head: {ends: [vertex, chin]}}", "no 'chin' as an end of the segment 'head'"),
        ("segments: {pelvis: {ends: [hip_r, hip_l]}}", "its row 'lower_trunk' has no center"),
        ("segments: {head: {parts: [torso]}}", "either a body or its parts"),
    ],
)
def test_recipes_that_do_not_fit_give_one_line(tmp_path, line, said):
    (tmp_path / "bad.yaml").write_text(f"base: {cfg_file('body', 'myolegs')}\n{line}\n")
    with pytest.raises(MsemuError) as caught:
        load_recipe(str(tmp_path / "bad.yaml"))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("segment", "said"), [({"body": "tail"}, "no body 'tail'"), ({"body": "", "parts": ("legs",)}, "a part 'legs'")]
)
def test_a_segment_that_the_model_lacks_is_named(segment, said):
    recipe = load_recipe("myolegs")
    head = dataclasses.replace(recipe.segments["head"], **segment)
    with pytest.raises(MsemuError, match=said):
        made(dataclasses.replace(recipe, segments={**recipe.segments, "head": head}))
