"""Moment arms of repaired muscles, beside those of the model of Rajagopal, Lai and Uhlrich in OpenSim 4.6."""

import dataclasses

import mujoco
import numpy as np
import pytest

from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.edits import arms
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import at_pose
from msemu.models.recipe import WrapCfg, load_recipe
from msemu.models.sources import read_mjcf
from msemu.muscle.parameters import MuscleParameters

PUBLISHED_MM = [
    ("psoas", "hip_flexion", {-15: 24, 0: 24, 60: 33}),
    ("glmin1", "hip_flexion", {-15: 5, 0: 8, 60: 16}),
    ("glmed3", "hip_rotation", {-30: -18, 0: -22, 30: -20}),
    ("glmax1", "hip_flexion", {0: -49, 60: -39, 120: -24}),
    ("glmax2", "hip_flexion", {0: -63, 60: -42, 120: -15}),
    ("bfsh", "knee_angle", {20: 20, 80: 27, 120: 16}),
    ("bflh", "knee_angle", {20: 27, 80: 31, 120: 21}),
    ("semimem", "knee_angle", {20: 34, 80: 35, 120: 19}),
    ("gaslat", "knee_angle", {20: 23, 80: 29, 120: 25}),
    ("gasmed", "knee_angle", {20: 22, 80: 28, 120: 23}),
    ("vasint", "knee_angle", {20: -42, 80: -27, 120: -25}),
]
"""Its moment arms [mm] at angles of a joint [deg], the others at zero."""
TOLERANCE_MM = 12.0


def arms_mm(body: Body, muscle: str, joint: str, angles_deg: list[int]) -> np.ndarray:
    """Return moment arms [mm] by differences of the length between poses a thousandth of a radian apart."""
    column, index = 7 + body.joint_names.index(joint), body.muscle_names.index(muscle)
    lengths = []
    for step in (-5e-4, 5e-4):
        poses = np.tile(body.neutral_qpos, (len(angles_deg), 1))
        poses[:, 7:] = 0.0
        poses[:, column] = np.radians(angles_deg) + step
        lengths.append(muscle_lengths(body.model, body.couplings.project(poses))[:, index])
    return (lengths[0] - lengths[1]) / 1e-6


@pytest.mark.parametrize(("muscle", "joint", "published"), PUBLISHED_MM)
@pytest.mark.parametrize("side", "rl")
def test_moment_arms_are_those_of_the_published_model(muscle, joint, published, side):
    found = arms_mm(load_body("myolegs"), f"{muscle}_{side}", f"{joint}_{side}", list(published))
    assert np.abs(found - list(published.values())).max() < TOLERANCE_MM


def test_the_tibia_slides_as_in_the_published_model():
    """Its origin in the frame of the femur at 0, 60 and 120 deg, after Rajagopal2016.osim."""
    body, places = load_body("myolegs"), []
    for angle in (0, 60, 120):
        pose = body.neutral_qpos.copy()
        pose[7 + body.joint_names.index("knee_angle_r")] = np.radians(angle)
        data = at_pose(body.model, body.couplings.project(pose))
        femur, tibia = data.body("femur_r"), data.body("tibia_r")
        places.append(femur.xmat.reshape(3, 3).T @ (tibia.xpos - femur.xpos))
    published = [[0.0, -0.40443, -0.00127], [0.00359, -0.41142, -0.00267], [-0.00269, -0.41441, -0.00281]]
    np.testing.assert_allclose(places, published, atol=3e-4)


def test_fibers_keep_their_length_in_the_neutral_pose():
    recipe = load_recipe("myolegs")
    unmoved = dataclasses.replace(
        recipe, joint_positions={}, site_positions={}, wraps={}, wrap_positions={}, kept_fibers=()
    )
    fibers = []
    for body in (load_body("myolegs"), load_body("myolegs", recipe=unmoved)):
        parameters = MuscleParameters.of(body.model)
        length = muscle_lengths(body.model, body.neutral_qpos[None])[0]
        fibers.append((length - parameters.tendon_slack_length) / parameters.optimal_fiber_length)
    moved = [body.muscle_names.index(name) for name in ("glmin1_r", "glmin1_l", "psoas_r", "glmed1_l", "gasmed_r")]
    np.testing.assert_allclose(np.array(fibers)[0, moved], np.array(fibers)[1, moved], atol=1e-3)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda spec: arms.place_joints(spec, {"knee_angel_r": (0, 0, 0)}), "no joint 'knee_angel_r'.*knee_angle_r"),
        (lambda spec: arms.add_wraps(spec, {"new": wrap(body="pelvi")}), "no body 'pelvi'.*pelvis"),
        (lambda spec: arms.add_wraps(spec, {"new": wrap(before="psoas_r-P7")}), "no site 'psoas_r-P7'"),
        (lambda spec: arms.add_wraps(spec, {"new": wrap(before="psoas_r-P1")}), "comes from elsewhere to 'psoas_r-P1'"),
    ],
)
def test_what_the_model_lacks_is_named(edit, message):
    spec, _ = read_mjcf(load_recipe("myolegs").source.find()[0])
    with pytest.raises(MsemuError, match=message):
        edit(spec)


def wrap(**changes) -> WrapCfg:
    """Return a wrap of psoas_r, with changes."""
    whole = {"body": "pelvis", "position": (0, 0, 0), "radius_m": 0.03, "before": "psoas_r-P3", "side": (0.1, 0, 0)}
    return WrapCfg(**(whole | changes))


def test_a_sphere_of_ones_own_gives_the_moment_arm_of_its_radius():
    """Half a turn round a sphere on the hinge's axis: the moment arm is the radius, whatever the angle."""
    spec = mujoco.MjSpec.from_string("""
        <mujoco><worldbody><body name="thigh"><geom size="0.05" mass="1"/>
          <site name="top" pos="-0.1 0 0.3"/>
          <body name="shank"><joint name="hinge" axis="0 1 0"/><geom size="0.05" mass="1"/>
          <site name="low" pos="-0.1 0 -0.3"/></body></body></worldbody>
        <tendon><spatial name="t"><site site="top"/><site site="low"/></spatial></tendon>
        <actuator><muscle name="m" tendon="t" lengthrange="0.1 1"/></actuator></mujoco>""")
    cfg = WrapCfg(body="thigh", position=(0, 0, 0), radius_m=0.04, before="low", side=(1, 0, 0))
    arms.add_wraps(spec, {"ball": cfg})
    model = spec.compile()
    data = mujoco.MjData(model)
    for angle in (-0.4, 0.0, 0.4):
        data.qpos[0] = angle
        mujoco.mj_forward(model, data)
        moment = data.actuator_moment[data.moment_rowadr[0]]
        assert abs(moment) == pytest.approx(0.04, abs=1e-6)
