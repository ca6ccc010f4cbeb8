"""Reaction and stiffness of many solutions' joints against statics and MuJoCo."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from msemu.analysis.mechanics.joint_reaction import distal_bodies, reaction_forces, without_contact
from msemu.analysis.study.loads import joint_loads
from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.models import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import FEET

_FLOOR = np.array([[[0.05, 0.1, 0.8], [-0.1, 0.02, 0.3]]])


def still(body: Body, qpos: np.ndarray) -> Movement:
    """A pose that is held."""
    rest = np.zeros((1, body.model.nv))
    return Movement(qpos[None], rest, rest, 50.0)


def test_a_hip_bears_what_is_above_it(legs: Body) -> None:
    loads = joint_loads(legs, still(legs, legs.neutral_qpos), "mujoco")
    slack = replace(loads, passive=np.zeros_like(loads.passive))
    halves = np.zeros((1, 2, 3))
    halves[..., 2] = 0.5
    found = slack.reaction_bw(np.zeros((1, legs.num_muscles)), halves)[0]
    mass = legs.model.body_subtreemass
    for name, place in distal_bodies(legs).items():
        if name != "lumbar":
            assert found[loads.bearing.index(name)] == pytest.approx(0.5 - mass[place] / legs.mass, abs=1e-9)
    assert loads.carries[loads.bearing.index("hip_r")].tolist() == [1.0, 0.0]
    assert loads.carries[loads.bearing.index("ankle_l")].tolist() == [0.0, 1.0]


def test_reactions_are_those_of_each_frame_with_all_its_forces(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.02)
    frame = 7
    one = Movement(*(each[frame : frame + 1] for each in (movement.qpos, movement.qvel, movement.qacc)), 50.0)
    loads = joint_loads(legs, one, "rigid")
    activation = np.random.default_rng(0).uniform(0.0, 0.3, (1, legs.num_muscles))
    force = np.clip(activation * loads.active + loads.passive, 0.0, None)[0]
    model = without_contact(legs.model)
    data, external = mujoco.MjData(model), np.zeros((model.nbody, 3))
    data.qpos, data.qvel = one.qpos[0], one.qvel[0]
    for foot, floor in zip(FEET, _FLOOR[0], strict=True):
        external[model.geom_bodyid[legs.contact_regions[foot][0]]] = floor * legs.weight
    expected = reaction_forces(model, data, one.qacc[0], force, external)[[*distal_bodies(legs).values()]]
    found = loads.reaction_bw(activation, _FLOOR)[0]
    np.testing.assert_allclose(found, np.linalg.norm(expected, axis=1) / legs.weight, rtol=1e-6)


@pytest.mark.parametrize("joint", ["hip_flexion_r", "ankle_angle_l"])
def test_stiffness_is_the_slope_of_the_engines_torque(legs: Body, joint: str) -> None:
    pose = legs.poses({"knee_angle_r": 0.4, "hip_flexion_r": 0.3, "ankle_angle_l": 0.1})[0]
    loads = joint_loads(legs, still(legs, pose), "mujoco")
    activation = np.random.default_rng(1).uniform(0.0, 1.0, legs.num_muscles)
    place, torque = legs.joint_names.index(joint), []
    for step in (-1e-4, 1e-4):
        turned = pose.copy()
        turned[7 + place] += step
        data = next(iter(posed(legs.model, turned[None])))
        data.act[:] = activation
        mujoco.mj_forward(legs.model, data)
        torque.append(data.qfrc_actuator[6 + place])
    expected = (torque[0] - torque[1]) / 2e-4
    assert loads.stiffness(activation[None])[0, loads.stiff.index(joint)] == pytest.approx(expected, rel=1e-3)
    assert abs(expected) > 10.0


def test_frames_are_chosen_together(legs: Body, march: MotionClip) -> None:
    loads = joint_loads(legs, differentiate(legs, march, 0.02), "mujoco")
    chosen = np.arange(len(march.qpos)) % 2 == 0
    activation, ground = np.full((50, legs.num_muscles), 0.1), np.repeat(_FLOOR, 50, axis=0)
    some = loads.at(chosen)
    np.testing.assert_array_equal(
        some.reaction_bw(activation[chosen], ground[chosen]), loads.reaction_bw(activation, ground)[chosen]
    )
    np.testing.assert_array_equal(some.stiffness(activation[chosen]), loads.stiffness(activation)[chosen])
