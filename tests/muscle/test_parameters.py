"""The parameter table: read from MuJoCo models, overridden from files, checked."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from msemu.config import cfg_names, load_named
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.mirror import mirror_names
from msemu.models.poses import random_poses
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.overrides import override
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.muscle.validation import find_implausible, require_simulable
from msemu.schema import MuscleCfg

# One muscle over a hinge; {} is replaced by the actuator.
ARM = """
<mujoco>
  <worldbody>
    <site name="origin" pos="0 0 0.3"/>
    <body>
      <joint name="elbow" axis="0 1 0" range="-1 1" limited="true"/>
      <geom size="0.1" pos="0.2 0 0"/>
      <site name="insertion" pos="0.1 0 0"/>
    </body>
  </worldbody>
  <tendon><spatial name="path"><site site="origin"/><site site="insertion"/></spatial></tendon>
  <actuator>{}</actuator>
</mujoco>
"""


def arm(actuator: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(ARM.format(actuator))


def biceps(**attributes: str) -> mujoco.MjModel:
    given = {
        "name": "biceps",
        "tendon": "path",
        "lengthrange": "0.2 0.4",
        "range": "0.6 1.4",
        "force": "500",
    } | attributes
    return arm("<muscle " + " ".join(f'{name}="{value}"' for name, value in given.items()) + "/>")


def test_lengths_are_those_of_which_mujoco_knows_the_range() -> None:
    parameters = MuscleParameters.of(biceps())
    # A range of 0.8 optimal lengths is 0.2 m long, and at 0.2 m the fiber has 0.6 of its optimal length.
    np.testing.assert_allclose(parameters.optimal_fiber_length, 0.25)
    np.testing.assert_allclose(parameters.tendon_slack_length, 0.2 - 0.6 * 0.25)
    np.testing.assert_allclose(parameters.max_isometric_force, 500)
    assert parameters.names == ("biceps",)
    assert parameters.sources["max_isometric_force"][0] == "gainprm force"
    assert parameters.sources["tendon_slack_length"][0] == "lengthrange and gainprm range"


def test_a_force_that_is_not_given_is_derived_as_in_mujoco() -> None:
    model = biceps(force="-1", scale="150")
    parameters = MuscleParameters.of(model)
    np.testing.assert_allclose(parameters.max_isometric_force, 150 / model.actuator_acc0)
    assert parameters.sources["max_isometric_force"][0] == "gainprm scale over acc0"


def test_passive_parameters_come_from_the_bias() -> None:
    model = biceps()
    model.actuator_biasprm[0, :3] = [0.5, 1.5, 80.0]
    model.actuator_biasprm[0, 5] = 1.9
    model.actuator_biasprm[0, 7] = 0.7
    parameters = MuscleParameters.of(model)
    np.testing.assert_allclose(parameters.passive_optimal_fiber_length, 0.2)
    np.testing.assert_allclose(parameters.passive_tendon_slack_length, 0.1)
    np.testing.assert_allclose(parameters.passive_max_isometric_force, 80)
    assert (parameters.passive_lmax[0], parameters.fpmax[0]) == (1.9, 0.7)
    np.testing.assert_allclose(parameters.optimal_fiber_length, 0.25)


def test_a_body_without_muscles_is_refused() -> None:
    with pytest.raises(MsemuError, match="no muscles"):
        MuscleParameters.of(arm(""))
    with pytest.raises(MsemuError, match="actuator 'servo' is not a muscle"):
        MuscleParameters.of(arm('<motor name="servo" joint="elbow"/>'))


def test_a_muscle_without_lengthrange_is_named() -> None:
    model = biceps()
    model.actuator_lengthrange[:] = 0
    with pytest.raises(MsemuError, match=r"muscle 'biceps' has no lengthrange: .*compile"):
        MuscleParameters.of(model)


def test_a_muscle_without_force_is_named() -> None:
    model = biceps(force="-1")
    model.actuator_acc0[:] = 0
    with pytest.raises(MsemuError, match="muscle 'biceps' has no force"):
        MuscleParameters.of(model)


def test_every_value_of_a_body_has_a_source(legs: Body) -> None:
    parameters = MuscleParameters.of(legs.model)
    assert parameters.names == legs.muscle_names
    for column in COLUMNS:
        assert getattr(parameters, column).shape == (legs.num_muscles,)
        assert all(parameters.sources[column])


def test_a_yaml_file_overrides_by_name(tmp_path: Path, legs: Body) -> None:
    before = MuscleParameters.of(legs.model)
    file = tmp_path / "mine.yaml"
    file.write_text("soleus_r: {pennation_angle: 0.38, optimal_fiber_length: 0.044}\n")
    after = override(before, file)
    soleus = after.names.index("soleus_r")
    assert after.pennation_angle[soleus] == 0.38
    assert after.optimal_fiber_length[soleus] == after.passive_optimal_fiber_length[soleus] == 0.044
    assert after.sources["pennation_angle"][soleus] == "mine.yaml"
    others = np.arange(len(after)) != soleus
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(after, column)[others], getattr(before, column)[others])
    assert before.pennation_angle[soleus] == 0, "the table that was overridden has changed"


def test_a_csv_file_overrides_by_name(tmp_path: Path, legs: Body) -> None:
    before = MuscleParameters.of(legs.model)
    file = tmp_path / "mine.csv"
    file.write_text("muscle,pennation_angle,tendon_slack_length\nsoleus_r,0.38,\nsoleus_l,,0.25\n")
    after = override(before, file)
    right, left = (after.names.index(f"soleus_{side}") for side in "rl")
    assert after.pennation_angle[right] == 0.38
    assert after.tendon_slack_length[right] == before.tendon_slack_length[right]
    assert after.tendon_slack_length[left] == after.passive_tendon_slack_length[left] == 0.25
    assert after.pennation_angle[left] == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "solius_r: {pennation_angle: 0.1}", "no muscle 'solius_r'"),
        ("a.yaml", "soleus_r: {penation: 0.1}", "unknown column 'penation'"),
        ("a.yaml", "soleus_r: {pennation_angle: steep}", "must be a number, not 'steep'"),
        ("a.yaml", "soleus_r: {pennation_angle: .nan}", "must be a number"),
        ("a.yaml", "soleus_r: 3", "column: value"),
        ("a.csv", "soleus_r,0.1\n", "needs a header"),
        ("a.csv", "muscle,pennation_angle\nsoleus_r,x\n", "must be a number"),
        ("a.csv", "muscle,pennation_angle\nsoleus_r,0.1,0.2\n", r"unknown column '\(no header\)'"),
        ("a.csv", "muscle,pennation_angle\nsoleus_r,0.1\nsoleus_r,0.2\n", "two lines"),
        ("a.txt", "", "read from .yaml or .csv"),
        ("gone.yaml", None, r"no parameter file at .*gone\.yaml"),
        ("gone.csv", None, r"no parameter file at .*gone\.csv"),
    ],
)
def test_a_bad_override_is_refused(tmp_path: Path, legs: Body, name: str, text: str | None, message: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(MsemuError, match=message):
        override(MuscleParameters.of(legs.model), file)


def test_a_missing_override_file_is_refused(tmp_path: Path, legs: Body) -> None:
    for name in ("none.csv", "none.yaml"):
        with pytest.raises(MsemuError, match="none"):
            override(MuscleParameters.of(legs.model), tmp_path / name)


@pytest.mark.parametrize(
    ("column", "value"),
    [("optimal_fiber_length", -0.1), ("fiber_damping", 0.0), ("pennation_angle", 1.5), ("lmax", 0.9), ("lmin", 1.2)],
)
def test_parameters_without_equilibrium_are_refused_by_name(legs: Body, column: str, value: float) -> None:
    parameters = MuscleParameters.of(legs.model).replaced("soleus_r", {column: value}, "mine.yaml")
    with pytest.raises(MsemuError, match=rf"muscle 'soleus_r': {column} must .* \(from mine.yaml\); correct"):
        MuscleDynamics(parameters, 1, 0.002)


def muscle_lengths(body: Body) -> np.ndarray:
    data = mujoco.MjData(body.model)
    lengths = []
    for pose in random_poses(body.model, 30, seed=1):
        data.qpos = pose
        mujoco.mj_fwdPosition(body.model, data)
        lengths.append(data.actuator_length.copy())
    return np.array(lengths)


def test_implausible_parameters_are_named(legs: Body) -> None:
    lengths = muscle_lengths(legs)
    mirrored = mirror_names(legs.muscle_names)
    parameters = MuscleParameters.of(legs.model)
    require_simulable(parameters)
    found = find_implausible(parameters, lengths, mirrored)
    assert {finding.subject for finding in found if finding.check == "tendon slack length"} == {"glmax3_r", "glmax3_l"}
    assert not [finding for finding in found if finding.check in ("asymmetry", "equilibrium")]

    changed = parameters.replaced("soleus_l", {"tendon_slack_length": 1.0}, "mine.yaml")
    changed = changed.replaced("vasmed_r", {"tendon_slack_length": 0.0, "optimal_fiber_length": 0.1}, "mine.yaml")
    new = [finding for finding in find_implausible(changed, lengths, mirrored) if finding not in found]
    assert {(finding.subject, finding.check) for finding in new} == {
        ("soleus_l", "fiber length"),
        ("soleus_l", "equilibrium"),
        ("soleus_l", "asymmetry"),
        ("vasmed_r", "fiber length"),
        ("vasmed_r", "equilibrium"),
        ("vasmed_l", "asymmetry"),
    }
    messages = " ".join(finding.message for finding in new)
    assert "slack in every pose" in messages and "even at rest" in messages


def test_every_installed_configuration_loads() -> None:
    levels = {name: load_named(MuscleCfg, name).level for name in cfg_names("muscle")}
    assert levels["mujoco"] == "mujoco" and levels["rigid"] == "rigid" and levels["elastic"] == "elastic"
    assert load_named(MuscleCfg, "elastic_varied").fatigue is not None


def test_unknown_names_and_ranges_are_refused() -> None:
    with pytest.raises(MsemuError, match="did you mean elastic"):
        load_named(MuscleCfg, "elastik")
    with pytest.raises(MsemuError, match="time step"):
        MuscleDynamics(MuscleParameters.of(biceps()), 1, 0.0)
