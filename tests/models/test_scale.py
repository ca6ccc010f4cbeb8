"""A body in another size, against what similarity asks for and against its own landmarks."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml
from walker import write_walker

from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.anatomy.draft import draft_recipe
from msemu.models.anatomy.person import fit_scale, measure_parts, stature
from msemu.models.anatomy.sizes import PARTS, ScaleCfg
from msemu.models.checks.body import check_body
from msemu.models.loader import make_body
from msemu.models.muscle_paths import moment_arms, muscle_lengths
from msemu.models.poses import at_pose, random_poses
from msemu.models.recipe import Recipe, load_recipe
from msemu.muscle.parameters import MuscleParameters


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of somebody's model, whose knees glide on polynomials."""
    folder = tmp_path_factory.mktemp("walker")
    path = folder / "walker.yaml"
    path.write_text(yaml.safe_dump(draft_recipe(write_walker(folder), "walker.xml", "Walker").values))
    return path


def scaled(recipe: Path | str, **scale) -> Body:
    return load_body(str(recipe), recipe=replace(load_recipe(str(recipe)), scale=ScaleCfg(**scale)))


def in_size(model: mujoco.MjModel, poses: np.ndarray, factor: float) -> np.ndarray:
    """The same poses of a body whose lengths are a factor longer."""
    is_slide = model.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    return poses * np.repeat(np.where(is_slide, factor, 1.0), np.where(model.jnt_type == 0, 7, 1))


def bias(model: mujoco.MjModel, pose: np.ndarray) -> np.ndarray:
    """Generalized forces of gravity."""
    data = mujoco.MjData(model)
    data.qpos[:] = pose
    mujoco.mj_forward(model, data)
    return data.qfrc_bias.copy()


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_a_body_of_another_size_is_similar(recipe: Path, factor: float) -> None:
    body, other = load_body(str(recipe)), scaled(recipe, length=factor)
    hinges = np.flatnonzero(np.append(np.zeros(6), body.is_hinge))
    poses = random_poses(body.model, 10, seed=4)
    images = in_size(body.model, poses, factor)
    assert np.abs(other.couplings.residual(images)).max() < 1e-12, "the knee must glide as far as it is long"
    lengths = muscle_lengths(body.model, poses)
    np.testing.assert_allclose(muscle_lengths(other.model, images), factor * lengths, rtol=1e-9)
    arms = moment_arms(body.model, poses)[:, :, hinges]
    np.testing.assert_allclose(moment_arms(other.model, images)[:, :, hinges], factor * arms, atol=1e-9)
    assert other.mass == pytest.approx(factor**3 * body.mass, rel=1e-12)
    np.testing.assert_allclose(other.model.body_inertia, factor**5 * body.model.body_inertia, rtol=1e-9)
    torque = bias(body.model, poses[0])[hinges]
    assert np.abs(torque).max() > 10
    np.testing.assert_allclose(bias(other.model, images[0])[hinges], factor**4 * torque, atol=1e-9)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_muscles_keep_their_normalized_lengths_and_their_strength_grows_with_the_mass(recipe: Path, factor) -> None:
    body = load_body(str(recipe))
    other = scaled(recipe, length=factor, mass_kg=1.2 * factor**3 * body.mass)
    before, after = MuscleParameters.of(body.model), MuscleParameters.of(other.model)
    normalized = [
        (muscle_lengths(each.model, each.neutral_qpos[None])[0] - table.tendon_slack_length)
        / table.optimal_fiber_length
        for each, table in ((body, before), (other, after))
    ]
    np.testing.assert_allclose(*normalized, atol=1e-9)
    strength = (1.2 * factor**3) ** (2 / 3)
    for column in ("max_isometric_force", "passive_max_isometric_force"):
        np.testing.assert_allclose(getattr(after, column), strength * getattr(before, column), rtol=1e-9)
    assert other.mass == pytest.approx(1.2 * factor**3 * body.mass, rel=1e-12)


def test_parts_have_their_own_size(recipe: Path) -> None:
    """Every piece of a part, and where the next one begins, grows with it; a mesh that two parts share, with each."""
    body, other = load_body(str(recipe)), scaled(recipe, length=1.0, parts={"thigh_r": 1.2, "head": 0.8})
    model, sized = body.model, other.model
    for name, factor in (("tibia_r", 1.2), ("tibia_l", 1.0), ("head", 1.0)):
        np.testing.assert_allclose(sized.body(name).pos, factor * model.body(name).pos, atol=1e-12)
    np.testing.assert_allclose(sized.geom("condyle_r").size, 1.2 * model.geom("condyle_r").size)
    np.testing.assert_allclose(sized.site("shin_back_r").pos, model.site("shin_back_r").pos)
    shifts = [each.jnt_range[each.joint("knee_shift_r").id] for each in (model, sized)]
    np.testing.assert_allclose(shifts[1], 1.2 * shifts[0])
    sizes = [np.ptp(corners(each.model, each.neutral_qpos, "head"), axis=0) for each in (body, other)]
    np.testing.assert_allclose(sizes[1], 0.8 * sizes[0], rtol=1e-5)
    sizes = [np.ptp(corners(each.model, each.neutral_qpos, "torso"), axis=0) for each in (body, other)]
    np.testing.assert_allclose(sizes[1], sizes[0], rtol=1e-5)
    assert stature(other) < stature(body) + 0.2 * 0.42


def corners(model: mujoco.MjModel, pose: np.ndarray, body: str) -> np.ndarray:
    """Corners of the mesh of a body in the world [m]."""
    data = at_pose(model, pose)
    of_body = (model.geom_bodyid == model.body(body).id) & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)
    geom = int(np.flatnonzero(of_body)[0])
    mesh = model.geom_dataid[geom]
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
    return vertices @ data.geom_xmat[geom].reshape(3, 3).T


def test_the_parts_of_a_person_are_found_again(recipe: Path) -> None:
    factors = {"thigh": 0.93, "shank": 0.97, "pelvis": 0.95, "torso": 1.04, "upper_arm": 1.05, "forearm": 0.9}
    person = scaled(
        recipe,
        parts={
            part: factors[part[:-2] if part[-2] == "_" else part]
            for part in PARTS
            if (part[:-2] in factors or part in factors)
        },
    )
    data = at_pose(person.model, person.neutral_qpos)
    points = {name: data.site(f"landmark/{name}").xpos for name in load_recipe(str(recipe)).landmarks}
    lengths = measure_parts(points)
    lengths["thigh"] = lengths["thigh"] * [1.01, 0.99]  # right and left are averaged
    found = fit_scale(load_body(str(recipe)), lengths)
    for part, factor in factors.items():
        for name in (part, f"{part}_r", f"{part}_l"):
            assert name not in PARTS or found.of(name) == pytest.approx(factor, abs=1e-4)
    assert found.of("head") == found.of("torso") and found.of("hand_l") == found.of("forearm_l")
    assert found.of("foot_r") == pytest.approx(0.95, abs=1e-4)


def test_a_scaled_body_of_msemu_has_its_height_its_mass_and_no_new_finding(legs: Body) -> None:
    """The segments keep their shares of the mass; the other bodies take minutes (docs/own_body.md)."""
    known = {(finding.check, finding.subject) for finding in check_body(legs)}
    other = scaled("myolegs", length=0.9, mass_kg=60.0)
    assert other.mass == pytest.approx(60.0, rel=1e-12)
    assert stature(other) == pytest.approx(0.9 * stature(legs), rel=1e-6)
    assert {(finding.check, finding.subject) for finding in check_body(other)} <= known


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ({"length": 2.5}, "scale: length: 2.5 is not between 0.5 and 2"),
        ({"parts": {"thigh_r": 0.4}}, "scale: parts.thigh_r: 0.4 is not between"),
        ({"parts": {"leg": 1.0}}, "there is no part 'leg'; known: pelvis, torso"),
        ({"mass_kg": 300}, "times its mass per cubed length; from 0.5 to 2 can be scaled"),
        ({"height": 1.7}, "unknown key 'height'"),
    ],
)
def test_a_size_that_nobody_has_is_one_line(recipe: Path, scale: dict, said: str) -> None:
    own = recipe.with_name("own.yaml")
    own.write_text(yaml.safe_dump({"base": "walker.yaml", "title": "Own", "scale": scale}))
    with pytest.raises(MsemuError, match=said) as caught:
        load_body(str(own))
    assert "\n" not in str(caught.value)


def test_a_constraint_without_a_size_is_named(recipe: Path) -> None:
    spec = mujoco.MjSpec.from_file(str(recipe.with_name("walker.xml")))
    spec.add_equality(name="ropes", type=mujoco.mjtEq.mjEQ_TENDON, name1="vasti_r", name2="vasti_l")
    own: Recipe = replace(load_recipe(str(recipe)), scale=ScaleCfg(1.1))
    with pytest.raises(MsemuError, match="'ropes' holds neither joints nor bodies"):
        make_body("walker", own, spec, {})
