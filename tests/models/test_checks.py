"""The validator finds planted and known faults, by name."""

import dataclasses
import os

import mujoco
import numpy as np
import pytest

from msemu.findings import Finding
from msemu.models import Body, load_body
from msemu.models.checks.body import check_body
from msemu.models.checks.muscles import check_muscles
from msemu.models.checks.symmetry import check_symmetry
from msemu.models.loader import make_body
from msemu.models.mirror import mirror_names
from msemu.models.recipe import load_recipe
from msemu.models.sources import read_mjcf

needs_ms_human_700 = pytest.mark.skipif(
    not os.environ.get("MSEMU_MS_HUMAN_700"), reason="MSEMU_MS_HUMAN_700 does not name a copy of MS-Human-700"
)


def subjects(findings: list[Finding], severity: str, check: str) -> set[str]:
    return {item.subject for item in findings if (item.severity, item.check) == (severity, check)}


@pytest.fixture
def legs() -> Body:
    """The legs, to be spoiled: a body of its own with a specification of its own."""
    body = load_body("myolegs")
    return dataclasses.replace(body, spec=body.spec.copy())


def recompiled(body: Body) -> Body:
    return dataclasses.replace(body, model=body.spec.compile())


def test_legs_have_no_errors():
    assert not [item for item in check_body(load_body("myolegs")) if item.severity == "error"]


def test_displaced_path_point(legs):
    site = legs.spec.site("soleus_l-P1")
    site.pos += np.array([0.02, 0, 0])
    assert subjects(check_body(recompiled(legs)), "error", "muscle path") == {"soleus_l-P1"}


def test_path_point_on_the_wrong_side(legs):
    """A tibialis anterior whose path runs on the lateral side turns the foot the wrong way."""
    for site in legs.spec.sites:
        if site.name.startswith("tibant_l-P"):
            site.pos = site.pos * [1, 1, -1] + [0, 0, 0.04 if site.pos[2] < 0 else -0.04]
    findings = check_body(recompiled(legs))
    assert {"tibant_l-P1", "tibant_l-P2"} <= subjects(findings, "error", "muscle path")
    assert "tibant_l" in subjects(findings, "error", "moment arm")


def test_unequal_muscles_masses_and_ranges(legs):
    legs.spec.actuator("recfem_l").gainprm[2] *= 1.1
    legs.spec.body("femur_l").mass *= 1.2
    legs.spec.joint("ankle_angle_l").range = [-0.3, 0.5]
    findings = check_body(recompiled(legs))
    assert subjects(findings, "warning", "asymmetry") == {"recfem_l"}
    assert subjects(findings, "warning", "mass") == {"femur_l"}
    assert subjects(findings, "warning", "joint range") == {"ankle_angle_l"}


def test_tilted_joint_axis(legs):
    legs.spec.joint("hip_flexion_l").axis = [0, 0.1, 1]
    assert subjects(check_body(recompiled(legs)), "error", "joint axis") == {"hip_flexion_l"}


def test_implausible_fiber_length(legs):
    legs.spec.actuator("soleus_r").lengthrange = legs.model.actuator("soleus_r").lengthrange + 0.1
    assert "soleus_r" in subjects(check_body(recompiled(legs)), "warning", "fiber length")


def test_coupling_beyond_the_range(legs):
    joint = legs.spec.joint("knee_angle_rotation3_r")
    joint.range, joint.limited = [0.0, 0.1], mujoco.mjtLimited.mjLIMITED_TRUE
    assert subjects(check_body(recompiled(legs)), "warning", "coupling") == {"knee_angle_rotation3_r"}


def test_couplings_of_the_source_lead_beyond_its_ranges():
    recipe = dataclasses.replace(load_recipe("myolegs"), dependent_limits=True)
    spec, _ = read_mjcf(recipe.source.find()[0])
    beyond = subjects(check_body(make_body("test", recipe, spec, {})), "warning", "coupling")
    assert {"knee_angle_beta_rotation1_r", "knee_angle_beta_translation1_r"} < beyond  # those of the patella


def test_total_mass(legs):
    legs.spec.body("torso").mass = 150
    assert subjects(check_body(recompiled(legs)), "warning", "mass") == {"total mass"}


def test_phantom_inertia_of_the_source_would_be_found():
    recipe = dataclasses.replace(load_recipe("myofullbody"), rotational_inertia={})
    spec, _ = read_mjcf(recipe.source.find()[0])
    errors = subjects(check_body(make_body("test", recipe, spec, {})), "error", "inertia")
    assert errors == set(load_recipe("myofullbody").rotational_inertia) - {"thorax"}  # which is joined to the torso


def test_the_source_of_myofullbody_has_a_longissimus_on_the_wrong_side():
    recipe = dataclasses.replace(load_recipe("myofullbody"), site_positions={})
    spec, _ = read_mjcf(recipe.source.find()[0])
    body = make_body("test", recipe, spec, {})
    wrong = subjects(check_symmetry(body), "error", "muscle path")
    assert len(wrong) == 5
    assert all(name.startswith("LTpT_T12_l") for name in wrong)
    assert subjects(check_muscles(body), "error", "moment arm") == {"LTpT_T12_l"}


@pytest.mark.parametrize("name", ["myofullbody", pytest.param("ms_human_700", marks=needs_ms_human_700)])
def test_whole_bodies_have_no_errors(name):
    findings = check_body(load_body(name))
    severities = [item.severity for item in findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert set(severities) == {"warning", "note"}
    assert len(subjects(findings, "note", "inert muscle")) == {"myofullbody": 2, "ms_human_700": 194}[name]


@pytest.mark.parametrize("name", ["myofullbody", "myolegs", pytest.param("ms_human_700", marks=needs_ms_human_700)])
def test_every_muscle_has_a_partner(name):
    names = load_body(name).muscle_names
    pairs = mirror_names(names)
    assert set(pairs) == set(names)
    assert all(pairs[pairs[muscle]] == muscle != pairs[muscle] for muscle in names)


def test_names_of_sides():
    names = [
        "a_r",
        "a_l",
        "knee_r_slide",
        "knee_l_slide",
        "DELT1",
        "DELT1_left",
        "trap",
        "trap_L",
        "rib1_R",
        "rib1_L",
    ]
    pairs = mirror_names([*names, "sacrum", "only_r"])
    assert pairs == {name: names[index ^ 1] for index, name in enumerate(names)}
