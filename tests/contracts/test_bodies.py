"""What every body keeps: root, landmarks, contact regions, a recipe that makes it again, an environment that runs."""

import os

import mujoco
import numpy as np
import pytest
import torch

from msemu.config import build
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import LANDMARKS, list_bodies, load_body
from msemu.models.poses import random_poses
from msemu.models.recipe import Recipe, recipe_values
from msemu.registry import find_body, get_task
from msemu.sim.simulation import WRENCH

NEEDS = {"ms_human_700": "MSEMU_MS_HUMAN_700"}
"""Environment variables that name the models which no package brings."""
OWN = [name for name in list_bodies() if find_body(name).origin == "msemu"]
BODIES = [
    pytest.param(name, marks=pytest.mark.skipif(not os.environ.get(NEEDS[name]), reason=f"{NEEDS[name]} is not set"))
    if name in NEEDS
    else name
    for name in OWN
]


@pytest.mark.parametrize("name", BODIES)
def test_root_is_an_undamped_free_joint_and_joints_follow_in_order(name):
    body = load_body(name)
    model = body.model
    root = model.joint("root")
    assert (root.type[0], root.qposadr[0], root.dofadr[0]) == (mujoco.mjtJoint.mjJNT_FREE, 0, 0)
    assert not model.dof_damping[:6].any() and not model.dof_armature[:6].any()
    assert not model.dof_frictionloss[:6].any()
    for index, joint in enumerate(body.joint_names):
        assert model.joint(joint).qposadr[0] == 7 + index
        assert model.joint(joint).dofadr[0] == 6 + index


@pytest.mark.parametrize("name", BODIES)
def test_neutral_pose_stands_on_the_floor_and_faces_forward(name):
    body = load_body(name)
    model = body.model
    data = mujoco.MjData(model)
    data.qpos = body.neutral_qpos
    mujoco.mj_forward(model, data)
    feet = np.concatenate([body.contact_regions["foot_r"], body.contact_regions["foot_l"]])
    assert data.ncon > 0
    assert {geom for contact in data.contact for geom in contact.geom} <= {model.geom("floor").id, *feet}
    assert data.contact.dist.min() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(data.efc_pos[: data.ne], 0, atol=1e-9)
    np.testing.assert_allclose(data.site("landmark/pelvis").xpos[:2], 0, atol=1e-6)

    place = {landmark: data.site(f"landmark/{landmark}").xpos for landmark in LANDMARKS}
    for landmark in LANDMARKS:
        frame = data.site(f"landmark/{landmark}").xmat.reshape(3, 3)
        np.testing.assert_allclose(frame, np.eye(3), atol=1e-9, err_msg=landmark)
    assert place["toe_r"][0] > place["ankle_r"][0] + 0.1
    assert place["wrist_r"][0] > place["elbow_r"][0]  # a flexed elbow brings the hand forward
    heights = [place[key][2] for key in ("head", "thorax", "pelvis", "knee_r", "ankle_r")]
    assert heights == sorted(heights, reverse=True)
    assert 1.5 < heights[0] < 1.8


@pytest.mark.parametrize("name", BODIES)
def test_landmarks_are_symmetric_in_the_neutral_pose(name):
    body = load_body(name)
    data = at_pose(body.model, body.neutral_qpos)
    for landmark in LANDMARKS:
        other = landmark.replace("_r", "_l") if landmark.endswith("_r") else landmark
        right, left = data.site(f"landmark/{landmark}").xpos, data.site(f"landmark/{other}").xpos
        if landmark.endswith("_r"):
            assert right[1] < 0 < left[1]
        if not landmark.endswith("_l"):
            # MyoFullBody leans by 0.05 degrees: its angles are given as 1.57.
            np.testing.assert_allclose(right * [1, -1, 1], left, atol=2e-3, err_msg=landmark)


@pytest.mark.parametrize("name", BODIES)
def test_landmark_fields_describe_the_sites(name):
    body = load_body(name)
    data = at_pose(body.model, random_poses(body.model, 1, seed=8)[0])
    for index, landmark in enumerate(LANDMARKS):
        position, matrix, local = np.zeros(3), np.zeros(9), body.landmark_bodies[index]
        mujoco.mju_rotVecQuat(position, body.landmark_positions[index], data.xquat[local])
        mujoco.mju_mulQuat(quaternion := np.zeros(4), data.xquat[local], body.landmark_quaternions[index])
        mujoco.mju_quat2Mat(matrix, quaternion)
        np.testing.assert_allclose(data.xpos[local] + position, data.site(f"landmark/{landmark}").xpos, atol=1e-12)
        np.testing.assert_allclose(matrix, data.site(f"landmark/{landmark}").xmat, atol=1e-12)


@pytest.mark.parametrize("name", BODIES)
def test_only_regions_touch_only_the_floor(name):
    body = load_body(name)
    model = body.model
    floor = model.geom("floor").id
    grouped = np.concatenate(list(body.contact_regions.values()))
    assert len(set(grouped)) == len(grouped)
    assert set(np.flatnonzero(model.geom_contype)) == {floor, *grouped}
    assert set(np.flatnonzero(model.geom_conaffinity)) == {floor}
    for region in ("foot_r", "foot_l", "trunk", "head"):
        assert len(body.contact_regions[region]) > 0
    if name != "myolegs":
        assert {"hand_r", "hand_l", "forearm_r", "forearm_l"} <= set(body.contact_regions)


def at_pose(model: mujoco.MjModel, qpos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos = qpos
    mujoco.mj_fwdPosition(model, data)
    return data


def floor_force(model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray) -> np.ndarray:
    """Sum of the contact forces between the floor and some geoms, from the contact list [N]."""
    floor = model.geom("floor").id
    total = np.zeros(3)
    for index, contact in enumerate(data.contact):
        if floor in contact.geom and set(contact.geom) & set(geoms):
            wrench = np.zeros(6)
            mujoco.mj_contactForce(model, data, index, wrench)
            force = contact.frame.reshape(3, 3).T @ wrench[:3]
            total += force if contact.geom[0] == floor else -force
    return total


@pytest.mark.parametrize("name", BODIES)
def test_contact_sensors_equal_the_contact_list(name):
    body = load_body(name)
    data = mujoco.MjData(body.model)
    data.qpos = body.neutral_qpos
    mujoco.mj_step(body.model, data, 700)  # the passive body collapses onto several regions
    mujoco.mj_forward(body.model, data)
    loaded = 0
    for region, geoms in body.contact_regions.items():
        expected = floor_force(body.model, data, geoms)
        np.testing.assert_allclose(data.sensor(f"contact/{region}").data[:3], expected, atol=1e-6, err_msg=region)
        loaded += expected[2] > 1.0
    assert loaded >= 3


@pytest.mark.parametrize("name", BODIES)
def test_contact_sensors_carry_the_weight(name):
    """Newton's second law for the whole body: impulse of floor and gravity equals the change of momentum."""
    body = load_body(name)
    model = body.model
    data = mujoco.MjData(model)
    data.qpos = body.neutral_qpos
    impulse = np.zeros(3)
    for _ in range(500):
        mujoco.mj_step(model, data)
        impulse += data.sensordata.reshape(-1, WRENCH)[:, :3].sum(0) * model.opt.timestep
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    mass = model.body_mass.sum()
    expected = mass * (data.subtree_linvel[1] + [0, 0, 9.81 * data.time])
    np.testing.assert_allclose(impulse, expected, atol=0.01 * mass * 9.81 * data.time)


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_mujoco_warp_accepts_the_model(name):
    mujoco_warp = pytest.importorskip("mujoco_warp")
    body = load_body(name)
    assert mujoco_warp.put_model(body.model).nu == body.num_muscles


@pytest.mark.parametrize("name", BODIES)
def test_the_values_of_its_recipe_make_it_again(name: str) -> None:
    """Which is what a run folder holds."""
    body, again = load_body(name), load_body(name, recipe=build(Recipe, recipe_values(name), "values"))
    for field in ("qpos0", "body_mass", "body_inertia", "jnt_range", "eq_data", "geom_size", "site_pos", "wrap_prm"):
        assert np.array_equal(getattr(body.model, field), getattr(again.model, field)), field
    assert np.array_equal(body.neutral_qpos, again.neutral_qpos) and body.muscle_names == again.muscle_names


@pytest.mark.parametrize("name", BODIES)
def test_couplings_hold_in_every_pose(name: str) -> None:
    body = load_body(name)
    qpos = body.couplings.project(random_poses(body.model, 20, seed=3))
    assert np.isfinite(qpos).all() and np.abs(body.couplings.project(qpos) - qpos).max() < 1e-9
    assert len(set(body.muscle_names)) == body.num_muscles and len(set(body.joint_names)) == len(body.joint_names)


@pytest.mark.parametrize("name", BODIES)
def test_a_limit_never_pulls_against_a_coupling(name: str) -> None:
    """Not in random poses, nor where all drivers are at a limit; the range says how far the coupling leads."""
    body, model = load_body(name), load_body(name).model
    poses = random_poses(model, 60, seed=4)
    poses[-2:, 7:] = model.jnt_range[1:].T
    data, dependent = mujoco.MjData(model), 1 + body.couplings.dependent - 7
    for qpos in body.couplings.project(poses):
        data.qpos = qpos
        mujoco.mj_fwdPosition(model, data)
        limits = data.efc_id[data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT]
        assert not set(limits) & set(dependent)
        low, high = model.jnt_range[dependent].T
        assert (low - 1e-5 <= qpos[6 + dependent]).all() and (qpos[6 + dependent] <= high + 1e-5).all()


@pytest.mark.parametrize("name", BODIES)
def test_an_environment_of_it_runs(name: str, standing) -> None:
    body, cfg = load_body(name), get_task(f"Msemu-Track-{find_body(name).title}-v0").load_config()
    cfg.num_envs, cfg.sim.num_threads, cfg.sim.device = 2, 2, "cpu"
    env = MotionTrackingEnv(cfg, body, standing(body))
    assert env.num_actions == body.num_muscles
    for _ in range(3):
        observations, reward, _, _ = env.step(torch.zeros(2, env.num_actions))
    assert not env.sim.unstable.any() and reward.isfinite().all()
    assert all(group.isfinite().all() and group.dtype == torch.float32 for group in observations.values())
