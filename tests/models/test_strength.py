"""Moments of muscles, published figures and strength sets, on a leg whose figures follow from a closed form."""

import dataclasses
import os

import mujoco
import numpy as np
import pytest
import scipy.optimize
import torch

from msemu.config import cfg_file, read_yaml
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.checks.strength import check_strength
from msemu.models.simulated import simulate
from msemu.models.strength import moments, sets
from msemu.models.strength.published import Movement, TorqueCurve, arm_table, strength_table
from msemu.muscle.overrides import configured_parameters
from msemu.schema import MuscleCfg, SimCfg

FORCE_N, ARM_M = 1000.0, 0.04
WHOLE_BODIES = [
    "myofullbody",
    pytest.param(
        "ms_human_700",
        marks=pytest.mark.skipif("MSEMU_MS_HUMAN_700" not in os.environ, reason="needs MSEMU_MS_HUMAN_700"),
    ),
]
CURVE = TorqueCurve(share=0.1, sd=0.02, width=1.0, optimum_rad=0.5)
EXTENSION = Movement(joints={"knee_angle_r": -1}, angles_deg=(30.0,), men=CURVE)


@pytest.fixture(scope="module")
def body() -> Body:
    """MyoLegs."""
    return load_body("myolegs")


def test_a_curve_has_its_peak_at_its_optimum_and_falls_as_a_cosine():
    weight_height = 80 * 9.81 * 1.7
    torque = CURVE.torque(np.degrees([0.5, 0.5 + np.pi / 3]), 80, 1.7)
    np.testing.assert_allclose(torque, [0.1 * weight_height, 0.05 * weight_height])
    assert CURVE.torque(np.degrees(np.array([0.5])), 80, 1.7, 2) == pytest.approx(0.14 * weight_height)


def one_joint() -> Body:
    """A hinge with a muscle at a constant moment arm: its tendon runs round a cylinder on the hinge's axis."""
    spec = mujoco.MjSpec.from_string(f"""
        <mujoco><worldbody><body name="thigh"><freejoint/><geom size="0.05" mass="1"/>
          <geom name="pulley" type="cylinder" size="{ARM_M} 0.05" euler="90 0 0" contype="0" conaffinity="0"/>
          <site name="front" pos="0.2 0 0"/><site name="top" pos="0.01 0 0.3"/>
          <body name="shank"><joint name="knee_angle_r" axis="0 1 0" range="-30 30"/><geom size="0.05" mass="1"/>
          <site name="low" pos="0.01 0 -0.3"/></body></body></worldbody>
        <tendon><spatial name="t"><site site="top"/><geom geom="pulley" sidesite="front"/><site site="low"/></spatial>
        </tendon>
        <actuator><muscle name="m_r" tendon="t" force="{FORCE_N}" range="0.75 1.05" lengthrange="0.1 1.1"/></actuator>
        </mujoco>""")
    model, legs = spec.compile(), load_body("myolegs")
    return dataclasses.replace(
        legs,
        model=model,
        spec=spec,
        neutral_qpos=model.qpos0.copy(),
        joint_names=("knee_angle_r",),
        independent_joints=np.array([0]),
        couplings=type(legs.couplings).of(model),
        muscle_names=("m_r",),
    )


def test_the_moment_of_one_muscle_is_force_times_radius_times_its_curve():
    single = one_joint()
    poses = moments.poses_at(single, "knee_angle_r", np.array([0.0, 10.0, 20.0]), {})
    arms, forces = moments.arms_and_forces(single, poses, "knee_angle_r")
    np.testing.assert_allclose(np.abs(arms), ARM_M, atol=1e-6)
    data = mujoco.MjData(single.model)
    for pose, force in zip(poses, forces[:, 0], strict=True):
        data.qpos[:], data.act[:] = pose, 1.0
        mujoco.mj_forward(single.model, data)
        passive = mujoco.mju_muscleBias(
            data.actuator_length[0],
            single.model.actuator_lengthrange[0],
            single.model.actuator_acc0[0],
            single.model.actuator_biasprm[0, :9],
        )
        assert force == pytest.approx(-(data.actuator_force[0] - passive), rel=1e-9)
    sign = int(np.sign(arms[0, 0]))
    toward = dataclasses.replace(EXTENSION, joints={"knee_angle_r": sign})
    away = dataclasses.replace(EXTENSION, joints={"knee_angle_r": -sign})
    angles = np.array([0.0, 10.0, 20.0])
    np.testing.assert_allclose(moments.muscle_moments(single, toward, angles), np.abs(arms) * forces)
    assert not moments.muscle_moments(single, away, angles).any()


def test_moment_arms_are_what_the_length_changes_by(body):
    angles = np.array([20.0, 60.0, 100.0])
    arms, _ = moments.arms_and_forces(body, moments.poses_at(body, "knee_angle_r", angles, {}), "knee_angle_r")
    step = np.degrees(1e-4)
    lengths = [
        np.stack([length for length, _ in moments.paths_along(body.model, poses)])
        for poses in (moments.poses_at(body, "knee_angle_r", angles + sign * step, {}) for sign in (-1, 1))
    ]
    np.testing.assert_allclose(arms, (lengths[0] - lengths[1]) / 2e-4, atol=2e-6)


def test_every_published_muscle_and_joint_is_in_the_body(body):
    table = arm_table().arms_mm
    assert set(table) <= set(body.joint_names)
    assert all(muscle in body.muscle_names for muscles in table.values() for muscle in muscles)
    assert len(moments.arm_figures(body)) == sum(len(row) for muscles in table.values() for row in muscles.values())


def test_the_check_names_a_moment_arm_and_a_strength_that_are_unlike_those_of_adults(body):
    spec = body.spec.copy()
    spec.site("glmin1_r-P1").pos += np.array([-0.05, 0.0, 0.0])
    for muscle in spec.actuators:
        if muscle.name.startswith("vas") or muscle.name.startswith("recfem"):
            muscle.gainprm[2] *= 0.1
    findings = check_strength(dataclasses.replace(body, spec=spec, model=spec.compile()))
    said = {(finding.check, finding.subject): finding.message for finding in findings}
    assert "glmin1_r -" in said["moment arm", "hip_flexion_r"]
    assert "glmin1_r" not in "".join(finding.message for finding in check_strength(body))
    value, low = (
        said["strength", "knee extension"].split(" N m")[0],
        strength_table().range("knee extension", np.array([60.0]), 75),
    )
    assert float(value) < low[0]


def test_a_set_makes_what_is_weak_as_strong_as_it_says_and_leaves_the_rest(body, monkeypatch):
    own = {
        figure.angle_deg: figure.value
        for figure in moments.strength_figures(body)
        if figure.subject == "knee extension"
    }
    peaks = {"knee extension": 2 * max(own.values()) / body.mass, "ankle dorsiflexion": 0.1}
    monkeypatch.setattr(sets, "read_yaml", lambda path: peaks)
    strong = sets.with_strength(body, "athlete")
    reached = [figure.value for figure in moments.strength_figures(strong) if figure.subject == "knee extension"]
    np.testing.assert_allclose(reached, 2 * np.array(list(own.values())), rtol=1e-6)
    factor = strong.model.actuator_gainprm[:, 2] / body.model.actuator_gainprm[:, 2]
    np.testing.assert_allclose(factor, strong.model.actuator_biasprm[:, 2] / body.model.actuator_biasprm[:, 2])
    by_name = dict(zip(body.muscle_names, factor, strict=True))
    assert [by_name[name] for name in ("vaslat_l", "recfem_r")] == pytest.approx([by_name["vaslat_r"]] * 2)
    assert by_name["vaslat_r"] == pytest.approx(2.0)
    assert by_name["tibant_r"] == by_name["soleus_r"] == 1.0


def test_forces_of_a_parameter_file_grow_alike(body, monkeypatch, tmp_path):
    monkeypatch.setattr(sets, "strength_factors", lambda body, name: np.linspace(1.0, 2.0, body.num_muscles))
    strong = sets.with_strength(body, "athlete")
    file = tmp_path / "mine.yaml"
    file.write_text("vaslat_l: {max_isometric_force: 3000}\nvasmed_l: {optimal_fiber_length: 0.1}\n")
    found = configured_parameters(strong.model, MuscleCfg(parameter_file=file)).max_isometric_force
    factors = dict(zip(body.muscle_names, np.linspace(1.0, 2.0, body.num_muscles), strict=True))
    by_name = dict(zip(body.muscle_names, found, strict=True))
    own = dict(zip(body.muscle_names, body.model.actuator_gainprm[:, 2], strict=True))
    assert by_name["vaslat_l"] == pytest.approx(3000 * factors["vaslat_l"])
    assert by_name["vasmed_l"] == pytest.approx(own["vasmed_l"] * factors["vasmed_l"])


@pytest.mark.parametrize("level", ["mujoco", "rigid", "elastic"])
def test_the_muscles_of_a_simulation_pull_as_the_set_says(body, monkeypatch, level):
    monkeypatch.setattr(sets, "strength_factors", lambda body, name: np.full(body.num_muscles, 1.5))
    forces = []
    for name in ("own", "athlete"):
        cfg = SimCfg(device="cpu", muscle=MuscleCfg(level=level, strength_set=name))
        sim = simulate(body, 1, cfg)
        standing = torch.from_numpy(body.neutral_qpos[None])
        still, full = torch.zeros(1, body.model.nv), torch.full((1, body.num_muscles), 0.5)
        sim.reset(torch.ones(1, dtype=torch.bool), standing, still, full)
        forces.append(sim.read_muscles().active_force[0].numpy().copy())
    pulling = forces[0] > 1.0
    assert pulling.sum() > 40
    np.testing.assert_allclose(forces[1][pulling], 1.5 * forces[0][pulling], rtol=1e-4)


def test_the_own_set_is_the_body_and_an_unknown_one_is_named(body):
    assert sets.with_strength(body, "own") is body
    with pytest.raises(MsemuError, match=r"no strength set 'athlet'.*athlete"):
        sets.with_strength(body, "athlet")
    strong = dataclasses.replace(body, strength_set="athlete")
    assert sets.with_strength(strong, "athlete") is strong
    with pytest.raises(MsemuError, match="has the strength set 'athlete' already"):
        sets.with_strength(strong, "own")


def the_nearest(torque: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Factors of at least 1, nearest to it by each muscle's greatest moment, with which the torques are reached."""
    weight = moments.max(axis=0)
    reached = scipy.optimize.LinearConstraint(moments, torque, np.inf)
    start = np.full(len(weight), 5.0)
    bounds = scipy.optimize.Bounds(1.0, sets.GREATEST_FACTOR)
    return scipy.optimize.minimize(
        lambda x: weight @ (x - 1) ** 2, start, constraints=reached, bounds=bounds, method="SLSQP", tol=1e-12
    ).x


def test_factors_are_the_nearest_to_one_with_which_all_torques_are_reached(body, monkeypatch):
    rng = np.random.default_rng(4)
    moments = rng.uniform(0, 30, (5, body.num_muscles)) * (rng.random((5, body.num_muscles)) < 0.4)
    moments[:, moments.max(axis=0) < 0.01] = 1.0
    torque = moments.sum(axis=1) * np.array([1.5, 0.8, 2.5, 1.2, 1.0])
    asked = sets.Asked(tuple("abcde"), torque, moments)
    monkeypatch.setattr(sets, "_asked", lambda body, name: asked)
    monkeypatch.setattr(sets, "_images", lambda body: list(range(body.num_muscles)))
    found = sets.strength_factors(body, "athlete")
    np.testing.assert_allclose(found, the_nearest(torque, moments), atol=2e-3)
    assert found.min() == 1.0
    assert all(figure.given >= 0.999 * figure.asked for figure in sets.set_figures(body, "athlete"))


def test_a_torque_out_of_reach_asks_no_muscle_for_more_than_the_greatest_factor(body, monkeypatch):
    moments = np.zeros((2, body.num_muscles))
    moments[0, :10], moments[1, 5:20] = 2.0, 4.0
    asked = sets.Asked(("weak", "strong"), np.array([2000.0, 30.0]), moments)
    monkeypatch.setattr(sets, "_asked", lambda body, name: asked)
    monkeypatch.setattr(sets, "_images", lambda body: list(range(body.num_muscles)))
    found = sets.strength_factors(body, "athlete")
    # Five muscles give half of their greatest moment to it, so that they take half of what it adds to one.
    np.testing.assert_allclose(found[:10], [sets.GREATEST_FACTOR] * 5 + [1 + 0.5 * (sets.GREATEST_FACTOR - 1)] * 5)
    np.testing.assert_allclose(found[10:], 1.0)
    weak = sets.set_figures(body, "athlete")[0]
    assert (weak.own, weak.given) == pytest.approx((20.0, 2 * found[:10].sum()))


def work(body: Body, joint: str, pose: np.ndarray, sign: int) -> float:
    """Torque of all muscles that move a joint one way at full activation, by the work along it and MuJoCo's forces."""
    step, data = 1e-4, mujoco.MjData(body.model)
    at = pose[7 + body.joint_names.index(joint)]
    forces, lengths = [], []
    for activation in (0.0, 1.0):
        data.qpos[:], data.act[:] = pose, activation
        mujoco.mj_forward(body.model, data)
        forces.append(data.actuator_force.copy())
    for end in body.poses({joint: np.array([at - step, at + step])}, pose):
        data.qpos[:] = end
        mujoco.mj_forward(body.model, data)
        lengths.append(data.actuator_length.copy())
    pull = (forces[0] - forces[1]) * (lengths[0] - lengths[1]) / (2 * step)
    return np.maximum(sign * pull, 0.0).sum()


@pytest.mark.parametrize("name", WHOLE_BODIES)
def test_an_athlete_has_the_torques_of_the_set_in_all_his_joints(name):
    own = load_body(name)
    strong = sets.with_strength(own, "athlete")
    asked = {figure.movement: figure for figure in sets.set_figures(own, "athlete")}
    assert set(asked) == read_yaml(cfg_file("strength", "athlete")).keys()
    for movement in ("shoulder flexion", "shoulder horizontal abduction", "elbow extension", "wrist ulnar deviation"):
        known = strength_table().movements[movement]
        joint = moments.joint_of(own, known)
        angles = moments.within(own, joint, np.array(known.angles_deg, float))
        poses = moments.poses_at(own, joint, angles, known.posture_deg)
        sign = moments.sign_of(own, known, joint)
        before, after = (np.array([work(body, joint, pose, sign) for pose in poses]) for body in (own, strong))
        best, peak = before.argmax(), read_yaml(cfg_file("strength", "athlete"))[movement] * own.mass
        assert asked[movement].own == pytest.approx(before[best], rel=1e-3)
        assert asked[movement].given == pytest.approx(after[best], rel=1e-3)
        assert after[best] >= 0.99 * peak > before[best]


@pytest.mark.parametrize("name", WHOLE_BODIES)
def test_limbs_go_where_the_movement_says(name):
    """The body faces x with its left at y; its right hand hangs with the thumb in front."""
    body = load_body(name)
    hand = {"myofullbody": "secondmc_r", "ms_human_700": "hand_r"}[name]
    data = mujoco.MjData(body.model)
    toward = {
        ("hip adduction", "calcn_r"): (0, 1, 0),
        ("shoulder flexion", hand): (1, 0, 0),
        ("shoulder horizontal adduction", hand): (1, 1, 0),
        ("shoulder internal rotation", hand): (0, 1, 0),
        ("elbow flexion", hand): (1, 0, 1),
    }
    around = {
        ("forearm pronation", hand): (0, 0, 1),
        ("wrist flexion", hand): (1, 0, 0),
        ("wrist radial deviation", hand): (0, -1, 0),
    }
    for (movement, part), way in (toward | around).items():
        known = strength_table().movements[movement]
        joint = moments.joint_of(body, known)
        start = moments.poses_at(body, joint, np.array([10.0]), known.posture_deg)[0]
        if movement.startswith(("forearm", "wrist")):
            start = moments.poses_at(body, joint, np.array([0.0]), {})[0]
        end = start[7 + body.joint_names.index(joint)] + 0.1 * moments.sign_of(body, known, joint)
        places, turns = [], []
        for pose in (start, body.poses({joint: end}, start)[0]):
            data.qpos[:] = pose
            mujoco.mj_kinematics(body.model, data)
            places.append(data.body(part).xpos.copy())
            turns.append(data.body(part).xmat.reshape(3, 3).copy())
        turned = turns[1] @ turns[0].T
        axis = np.array([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]])
        gone = axis if (movement, part) in around else places[1] - places[0]
        assert gone @ np.array(way, float) > 0.6 * np.linalg.norm(gone) * np.linalg.norm(way), movement


def test_a_movement_without_a_curve_of_men_is_shown_and_not_judged(body):
    found = [figure for figure in moments.strength_figures(body) if figure.subject == "hip adduction"]
    assert found and all((figure.published, figure.beyond) == ("", 0.0) for figure in found)
    assert not [finding for finding in check_strength(body) if finding.subject == "hip adduction"]


@pytest.mark.parametrize(
    ("torque", "said"),
    [
        (
            {"hip extention": 2.0},
            r"strength/athlete.yaml: there is no movement 'hip extention'; did you mean hip extension",
        ),
        ({"knee flexion": -1.0}, r"strength/athlete.yaml: torque.knee flexion: -1 is not above 0"),
        ({"knee flexion": "strong"}, r"strength/athlete.yaml: torque.knee flexion: expected float"),
    ],
)
def test_a_set_that_cannot_be_read_is_named(body, monkeypatch, torque, said):
    monkeypatch.setattr(sets, "read_yaml", lambda path: torque)
    with pytest.raises(MsemuError, match=said):
        sets.with_strength(body, "athlete")


def test_sets_speak_of_published_movements():
    for name in sets.strength_sets():
        if name != sets.OWN:
            assert read_yaml(cfg_file("strength", name)).keys() <= strength_table().movements.keys()
