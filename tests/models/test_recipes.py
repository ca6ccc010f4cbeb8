"""A body from one file of the user's own, by path; the registry's bodies are in tests/package/test_registry.py."""

import os
import sys
from pathlib import Path

import mujoco
import musclemimic_models
import numpy as np
import pytest
import torch
import yaml

from msemu.config import build
from msemu.errors import MsemuError
from msemu.models import LANDMARKS, load_body
from msemu.models.recipe import Recipe, load_recipe, recipe_values
from msemu.models.sources import Source, pack_mjcf, read_mjcf
from msemu.schema import SimCfg
from msemu.sim import make_simulation

MYOFULLBODY_XML = Path(musclemimic_models.get_xml_path("myofullbody"))

STICK_XML = """
<mujoco model="stick">
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 0.1"/>
    <body name="pelvis" pos="0 0 3">
      <geom size="0.1" mass="10"/>
      <site name="front_r" pos="0.1 -0.1 0"/>
      <site name="front_l" pos="0.1 0.1 0"/>
      <body name="leg_r" pos="0 -0.1 0">
        <joint name="hip_r" axis="0 -1 0" range="-1 1"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.9" size="0.05" mass="2"/>
        <site name="shin_r" pos="0.05 0 -0.3"/>
      </body>
      <body name="leg_l" pos="0 0.1 0">
        <joint name="hip_l" axis="0 -1 0" range="-1 1"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.9" size="0.05" mass="2"/>
        <site name="shin_l" pos="0.05 0 -0.3"/>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="flexor_r"><site site="front_r"/><site site="shin_r"/></spatial>
    <spatial name="flexor_l"><site site="front_l"/><site site="shin_l"/></spatial>
  </tendon>
  <actuator>
    <muscle name="flexor_r" tendon="flexor_r" lengthrange="0.1 0.5" force="500"/>
    <muscle name="flexor_l" tendon="flexor_l" lengthrange="0.1 0.5" force="500"/>
  </actuator>
</mujoco>
"""
LEGS = {name: f"leg_{name[-1]}" for name in LANDMARKS if name[-2:] in ("_r", "_l")}
STICK = {
    "title": "Stick",
    "description": "Two legs.",
    "source": {"path": "models/stick.xml", "license": "CC0"},
    "timestep_s": 0.002,
    "root_body": "pelvis",
    "root_quaternion": [1, 0, 0, 0],
    "landmarks": {name: {"body": LEGS.get(name, "pelvis")} for name in LANDMARKS},
    "contact_regions": {"foot_r": {"body": "leg_r"}, "foot_l": {"body": "leg_l"}},
}


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """The recipe of a body that no package knows, and its model beside it."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "stick.xml").write_text(STICK_XML)
    (tmp_path / "stick.yaml").write_text(yaml.safe_dump(STICK))
    return tmp_path / "stick.yaml"


def test_a_body_of_ones_own(stick: Path) -> None:
    body = load_body(str(stick))
    assert (body.name, body.muscle_names, body.joint_names) == ("stick", ("flexor_r", "flexor_l"), ("hip_r", "hip_l"))
    assert body.provenance["source"] == f"path {stick.parent / 'models' / 'stick.xml'}"
    assert body.provenance["license"] == "CC0"
    assert body.neutral_qpos[2] == pytest.approx(0.95)  # a leg of 0.9 m with a cap of 0.05 m stands on the floor
    assert body.mass == pytest.approx(14)
    sim = make_simulation(body.model, 2, SimCfg(device="cpu"))
    qpos = torch.from_numpy(body.neutral_qpos[None]).repeat(2, 1)
    sim.reset(torch.ones(2, dtype=torch.bool), qpos, torch.zeros(2, body.model.nv), torch.zeros(2, 2))
    sim.step(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 10)
    assert sim.qpos[0, 7] > 0.05 > 0.01 > abs(sim.qpos[1, 7]), "the flexor must bend the hip"


def test_a_recipe_over_another_one(tmp_path: Path, legs) -> None:
    """A brace, on the same model by its path."""
    own = tmp_path / "braced.yaml"
    path = os.path.relpath(MYOFULLBODY_XML, tmp_path)
    values = {"base": "body/myolegs.yaml", "title": "Braced", "source": {"path": path}}
    own.write_text(yaml.safe_dump(values | {"joint_ranges": {"ankle_angle_r": [-0.1, 0.2]}}))
    body = load_body(str(own))
    assert body.model.joint("ankle_angle_r").range.tolist() == [-0.1, 0.2]
    assert body.provenance["sha256"] == legs.provenance["sha256"]
    assert body.muscle_names == legs.muscle_names and body.name == "braced"


def test_the_values_of_a_recipe_make_the_same_body_when_the_file_is_gone(stick: Path) -> None:
    values = yaml.safe_load(yaml.safe_dump(recipe_values(str(stick))))
    body = load_body(str(stick))
    stick.unlink()
    assert load_body(str(stick), recipe=build(Recipe, values, "run")) is body
    changed = values | {"joint_ranges": {"hip_r": [-0.5, 0.5]}}
    assert load_body("stick", recipe=build(Recipe, changed, "run")).model.joint("hip_r").range[1] == 0.5
    assert load_body("myolegs", recipe=build(Recipe, recipe_values("myolegs"), "run")) is load_body("myolegs")


def test_a_model_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody installed under its name, so that its version is unknown."""
    (tmp_path / "stick_models" / "xml").mkdir(parents=True)
    (tmp_path / "stick_models" / "__init__.py").touch()
    (tmp_path / "stick_models" / "xml" / "stick.xml").write_text(STICK_XML)
    source = Source(package="stick_models", file="xml/stick.xml", remedy="pip install stick")
    assert source.locate() is None
    with pytest.raises(MsemuError, match=r"stick\.xml is not installed; pip install stick"):
        source.find()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert source.find() == (tmp_path / "stick_models" / "xml" / "stick.xml", "package stick_models")
    with pytest.raises(MsemuError, match=r"no other\.xml at .*stick_models/xml/other\.xml"):
        Source(package="stick_models", file="xml/other.xml").find()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": None}, "title: expected str"),
        ({"source": "musclemimic_models"}, "source: expected 'key: value' lines"),
        ({"source": {"licence": "CC0"}}, "unknown key 'licence'; did you mean license"),
        ({"source": {"license": "CC0"}}, "path of a file, or a file of a package"),
        ({"source": {"path": "stock.xml"}}, "no stock.xml at"),
        ({"landmarks": {"pelvis": {"body": "pelvis"}}}, "lacks the landmarks thorax, head, hip_r"),
        ({"contact_regions": {"foot_r": {"body": "leg_r"}}}, "lacks the contact regions foot_l"),
        ({"root_body": "pelvic"}, "the model 'stick' has no body 'pelvic'; did you mean pelvis"),
        ({"held": ["tail"]}, "has no body 'tail'; it has 4, such as world, pelvis, leg_r"),
        ({"joint_ranges": {"hip": [0, 1]}}, "has no joint 'hip'; did you mean hip_r or hip_l"),
        ({"site_positions": {"shin": [0, 0, 0]}}, "has no site 'shin'; did you mean shin_r or shin_l"),
        ({"wrap_radii": {"flor": 1.0}}, "has no geom 'flor'; did you mean floor"),
        ({"replaced_wraps": ["flexor"]}, "has no tendon 'flexor'; did you mean flexor_r or flexor_l"),
        ({"neutral_joints": {"hip": 0.1}}, "no joint 'hip' for the neutral pose; did you mean hip_r or hip_l"),
    ],
)
def test_mistakes_give_one_line(stick: Path, change: dict, said: str) -> None:
    stick.write_text(yaml.safe_dump(STICK | change))
    with pytest.raises(MsemuError) as caught:
        load_body(str(stick))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_gives_one_line(stick: Path) -> None:
    with pytest.raises(MsemuError, match=r"no configuration file at .*stack\.yaml"):
        load_body(str(stick.with_name("stack.yaml")))
    stick.write_text(yaml.safe_dump({key: value for key, value in STICK.items() if key != "title"}))
    with pytest.raises(MsemuError, match=r"stick\.yaml: the key 'title' is missing"):
        load_recipe(str(stick))


@pytest.mark.parametrize("floor", ['<geom name="ground" type="plane" size="1 1 1" pos="0 0 1"/>', ""])
def test_a_model_without_a_floor_gets_one(stick: Path, floor: str) -> None:
    file = stick.parent / "models" / "stick.xml"
    file.write_text(STICK_XML.replace('<geom name="floor" type="plane" size="5 5 0.1"/>', floor))
    model = load_body(str(stick)).model
    planes = [model.geom(index).name for index in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE)]
    assert planes == ["floor"] and model.geom("floor").pos[2] == 0


def test_a_recipe_that_is_based_on_itself_is_one_line(stick: Path) -> None:
    stick.write_text(yaml.safe_dump(STICK | {"base": "other.yaml"}))
    stick.with_name("other.yaml").write_text("base: stick.yaml")
    with pytest.raises(MsemuError, match=r"stick\.yaml is based on itself"):
        load_body(str(stick))


def test_the_path_of_a_model_is_that_of_the_recipe_which_says_it(stick: Path) -> None:
    (stick.parent / "others").mkdir()
    other = stick.parent / "others" / "narrow.yaml"
    other.write_text("base: ../stick.yaml\ntitle: Narrow\nsource: {license: mine}\n")
    assert load_recipe(str(other)).source.path == str(stick.parent / "models" / "stick.xml")
    assert load_body(str(other)).provenance["license"] == "mine"


def test_a_packed_model_is_the_same_model(tmp_path: Path) -> None:
    """Meshes by their files' names, in a folder for all assets, one of them in an included file."""
    (tmp_path / "assets" / "deep").mkdir(parents=True)
    corners = "\n".join(f"v {x} {y} {z}" for x, y, z in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
    faces = "f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    for name in ("bone.obj", "deep/bone2.obj"):
        (tmp_path / "assets" / name).write_text(f"{corners}\n{faces}")
    (tmp_path / "more.xml").write_text('<mujoco><asset><mesh file="deep/bone2.obj"/></asset></mujoco>')
    geoms = '<geom type="mesh" mesh="bone"/><geom type="mesh" mesh="bone2"/>'
    (tmp_path / "whole.xml").write_text(
        '<mujoco><compiler assetdir="assets"/><include file="more.xml"/><asset><mesh file="bone.obj"/></asset>'
        f"<worldbody><body>{geoms}</body></worldbody></mujoco>"
    )
    wanted = read_mjcf(tmp_path / "whole.xml")[0].compile()
    content, assets = pack_mjcf(tmp_path / "whole.xml")
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "whole.xml").write_bytes(content)
    for name, path in assets.items():
        (packed / name).write_bytes(path.read_bytes())
    found = read_mjcf(packed / "whole.xml")[0].compile()
    assert found.nmesh == 2 and np.array_equal(found.mesh_vert, wanted.mesh_vert)
    assert np.array_equal(found.geom_dataid, wanted.geom_dataid)
