"""Retargeting: a made-up movement on the legs, and the real walk and run against the published bar."""

import os

import mujoco
import numpy as np
import pytest
from real_clips import recording_of
from scipy.spatial.transform import Rotation

from msemu.models import Body, load_body
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.geoms import lowest_points
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import find_feet, landmark_path, sole_heights
from msemu.motion.quality import source_joint_speed
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.motion.retargeting.retarget import RetargetCfg, retarget
from msemu.motion.retargeting.targets import _held, make_targets
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

STRIDE_S, SPEED = 1.0, 0.3
THIGH, SHANK = 0.42, 0.41


def marching(cyclic=True, frames=31, yaw=0.0) -> SourceMotion:
    """One stride of marching on the spot that is carried forward: thighs lift by turns, the other foot stands."""
    time = np.linspace(0.0, STRIDE_S, frames)
    centers, soles = np.zeros((frames, len(JOINT_CENTERS), 3)), np.zeros((frames, 2, 2, 3))
    pelvis = np.stack([SPEED * time, 0 * time, np.full(frames, THIGH + SHANK + 0.05)], axis=1)
    for index, side in enumerate("rl"):
        out = -1.0 if side == "r" else 1.0
        lift = np.maximum(0.0, np.sin(2 * np.pi * time / STRIDE_S + np.pi * index)) ** 2 * 0.8
        hip = pelvis + np.array([0.0, 0.085 * out, 0.0])
        knee = hip + THIGH * np.stack([np.sin(lift), 0 * lift, -np.cos(lift)], axis=1)
        ankle = knee + np.array([0.0, 0.0, -SHANK])
        shoulder = pelvis + np.array([0.0, 0.18 * out, 0.5])
        elbow = shoulder + np.array([0.02, 0.03 * out, -0.28])
        limb = {"hip": hip, "knee": knee, "ankle": ankle, "shoulder": shoulder, "elbow": elbow}
        limb["wrist"] = elbow + np.array([0.1, 0.0, -0.22])
        for joint, path in limb.items():
            centers[:, JOINT_CENTERS.index(f"{joint}_{side}")] = path
        soles[:, index] = np.stack(
            [ankle + np.array([-0.04, 0.0, -0.05]), ankle + np.array([0.13, 0.0, -0.05])], axis=1
        )
    turn = Rotation.from_rotvec([0.0, 0.0, yaw])
    upright = np.broadcast_to(turn.as_quat(scalar_first=True), (frames, len(SEGMENTS), 4)).copy()
    return SourceMotion(
        "march",
        time,
        turn.apply(centers.reshape(-1, 3)).reshape(centers.shape),
        upright,
        turn.apply(soles.reshape(-1, 3)).reshape(soles.shape),
        0.05,
        cyclic,
    )


@pytest.fixture(scope="module")
def march(legs: Body) -> MotionClip:
    return retarget(legs, marching(yaw=0.7))


def test_a_made_up_march_is_followed(march):
    assert march.num_frames == 50
    assert march.quality["joint_centers"] == 6
    assert march.quality["error_mean_cm"] < 1.0
    assert march.quality["penetration_max_cm"] < 1.0
    assert -1.0 < march.quality["stance_height_min_cm"] <= march.quality["stance_height_max_cm"] < 1.0


def test_it_starts_at_the_origin_and_heads_along_x(march, legs):
    positions, _ = landmark_path(legs, march.qpos[:1])
    np.testing.assert_allclose(positions[0, 0, :2], 0.0, atol=0.01)
    scale = march.quality["scale"]
    np.testing.assert_allclose(march.cycle_displacement, [SPEED * STRIDE_S * scale, 0.0, 0.0], atol=1e-6)


def test_couplings_and_limits_hold(march, legs):
    assert np.abs(legs.couplings.residual(march.qpos)).max() < 1e-9
    joints = legs.independent_joints
    low, high = legs.model.jnt_range[1 + joints].T
    angles = march.qpos[:, 7 + joints]
    assert (angles > low - 1e-6).all()
    assert (angles < high + 1e-6).all()


def test_velocities_belong_to_the_path(march, legs):
    """Compare with MuJoCo's own difference and, through the chain rule, across the couplings and the seam."""
    frames, dt = march.num_frames, 1.0 / march.fps
    unrolled = np.concatenate([march.qpos, march.qpos[:2]])
    unrolled[frames:, :3] += march.cycle_displacement
    expected = np.empty(legs.model.nv)
    for frame in (1, 20, frames - 1, frames):
        mujoco.mj_differentiatePos(legs.model, expected, 2 * dt, unrolled[frame - 1], unrolled[frame + 1])
        found = march.qvel[frame % frames]
        independent = np.concatenate([np.arange(6), 6 + legs.independent_joints])
        np.testing.assert_allclose(found[independent], expected[independent], atol=1e-9)
        np.testing.assert_allclose(found, expected, atol=0.2)


def test_there_is_no_seam(march):
    quality = march.quality
    assert quality["seam_pose_deg"] <= quality["inside_pose_deg"]
    assert quality["seam_velocity_rad_s"] <= quality["inside_velocity_rad_s"]


def test_an_open_movement_has_no_displacement(legs):
    clip = retarget(legs, marching(), RetargetCfg(cyclic=False, fps=25.0))
    assert not clip.cyclic
    assert clip.num_frames == 26
    np.testing.assert_array_equal(clip.cycle_displacement, 0.0)
    assert "seam_pose_deg" not in clip.quality


def test_progress_is_told_up_to_the_end(legs):
    calls = []
    retarget(legs, marching(), RetargetCfg(cyclic=False, fps=10.0), lambda *step: calls.append(step))
    assert calls == [(done, calls[-1][1]) for done in range(1, calls[-1][1] + 1)]


def test_held_joints_take_no_targets(legs):
    solver = InverseKinematics(legs, Costs())
    tracked = {name for name, is_tracked in zip(JOINT_CENTERS, solver.tracked, strict=True) if is_tracked}
    assert tracked == {f"{joint}_{side}" for joint in ("hip", "knee", "ankle") for side in "rl"}
    names = {legs.joint_names[joint] for joint in solver.free_joints}
    assert {"hip_flexion_r", "knee_angle_l", "subtalar_angle_r", "mtp_angle_l"} <= names


def test_targets_have_the_bone_lengths_of_the_body_and_the_directions_of_the_source(legs):
    source = marching()
    targets = make_targets(legs, source)
    neutral, _ = landmark_path(legs, legs.neutral_qpos[None])
    for near, far in (("hip_r", "knee_r"), ("knee_l", "ankle_l"), ("shoulder_r", "elbow_r")):
        bone = targets.positions[:, JOINT_CENTERS.index(far)] - targets.positions[:, JOINT_CENTERS.index(near)]
        own = np.linalg.norm(neutral[0, LANDMARKS.index(far)] - neutral[0, LANDMARKS.index(near)])
        np.testing.assert_allclose(np.linalg.norm(bone, axis=1), own)
        np.testing.assert_allclose(np.cross(bone, source.joint(far) - source.joint(near)), 0.0, atol=1e-12)


def test_what_stands_does_not_move():
    """A point that creeps on the floor for 0.4 s is held at its mean place; before and after it is left alone."""
    rng = np.random.default_rng(1)
    path = np.cumsum(rng.normal(0.02, 0.005, (60, 2)), axis=0)
    path[20:40] = path[20] + np.linspace(0.0, 0.02, 20)[:, None]
    stands = np.zeros(60)
    stands[20:40] = 1.0
    held = _held(path, stands, None)
    np.testing.assert_allclose(held[20:40], np.broadcast_to(path[20:40].mean(axis=0), (20, 2)), atol=1e-3)
    np.testing.assert_allclose(held[:20], path[:20], atol=1e-9)
    np.testing.assert_allclose(held[40:], path[40:], atol=1e-9)


def test_a_stand_across_the_seam_is_one_stand():
    course = np.array([1.0, 0.0, 0.0])
    path = np.stack([np.linspace(0.0, 1.0, 50, endpoint=False), np.zeros(50)], axis=1)
    stands = np.zeros(50)
    stands[:5] = stands[-5:] = 1.0
    held = _held(path, stands, course)
    np.testing.assert_allclose(np.ptp(np.concatenate([held[-5:], held[:5] + course[:2]]), axis=0), 0.0, atol=2e-3)


def test_no_joint_moves_further_than_it_may(legs):
    """The legs are asked to jump to a pose far away within one frame."""
    targets = make_targets(legs, marching()).frame(8)
    solver = InverseKinematics(legs, Costs())
    before = legs.neutral_qpos
    pose = solver.solve(targets, before, 8, before, longest_move=0.05)
    free = 7 + solver.free_joints
    assert np.abs(pose[free] - before[free]).max() == pytest.approx(0.05, abs=1e-3)
    assert np.abs(solver.solve(targets, before, 8)[free] - before[free]).max() > 0.3


def test_speed_of_the_recorded_joints_is_that_of_the_lifted_thigh(legs):
    lift = 0.8 * np.sin(2 * np.pi * np.linspace(0.0, STRIDE_S, 31)[:16]) ** 2
    assert source_joint_speed(marching()) == pytest.approx(np.abs(np.diff(lift)).max() * 30.0, rel=1e-6)


def test_feet_stand_by_turns(legs):
    contact = make_targets(legs, marching()).contact
    assert contact[2, 1].min() > 0.9  # the left foot stands while the right one is lifted
    assert contact[8, 0].max() < 0.1
    assert contact[23, 1].max() < 0.1


def test_a_foot_stands_on_heel_and_ball(legs):
    for foot in find_feet(legs):
        assert legs.model.body(foot.segment).name.startswith("calcn")
        heel, ball = foot.points @ foot.neutral_rotation.T
        assert ball[0] - heel[0] > 0.12
        assert 0.0 <= foot.heights.min() <= foot.heights.max() < 0.06
    np.testing.assert_allclose(sole_heights(legs, legs.neutral_qpos[None]).min(), 0.0, atol=2e-3)


GEOMS = {
    "sphere": 'type="sphere" size="0.1"',
    "capsule": 'type="capsule" size="0.05 0.2"',
    "cylinder": 'type="cylinder" size="0.05 0.2"',
    "ellipsoid": 'type="ellipsoid" size="0.05 0.1 0.2"',
    "box": 'type="box" size="0.05 0.1 0.2"',
}


@pytest.mark.parametrize("shape", GEOMS.values(), ids=GEOMS)
def test_support_points_touch_the_plane_that_mujoco_finds(shape):
    """The lowest point of a tilted geom is where MuJoCo's collision with a plane has its distance."""
    xml = f"""<mujoco><worldbody><geom type="plane" size="1 1 1"/>
      <body pos="0.1 0.2 0.3"><freejoint/><geom {shape} euler="20 35 50" margin="1" mass="1"/></body>
    </worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    expected = mujoco.mj_geomDistance(model, data, 0, 1, 1.0, None)
    point = lowest_points(model, data, np.array([1]))[0]
    np.testing.assert_allclose(point[2], expected, atol=1e-6)


BAR_CM = {
    ("myofullbody", "walk"): (0.38, 0.78, 1.1),
    ("myofullbody", "run"): (0.97, 2.81, 3.7),
    ("ms_human_700", "walk"): (0.38, 0.85, 1.2),
    ("ms_human_700", "run"): (1.09, 3.24, 4.0),
}
"""Mean, 95th percentile and maximum of the joint-center error of a plain position IK, without floor and loop."""


@pytest.mark.parametrize(("body_name", "clip_name"), BAR_CM)
def test_real_clips_are_within_the_bar(body_name, clip_name):
    if body_name == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    quality = retarget(load_body(body_name), recording_of(clip_name), RetargetCfg(cyclic=True)).quality
    found = [quality[f"error_{figure}_cm"] for figure in ("mean", "p95", "max")]
    mean, p95, largest = BAR_CM[body_name, clip_name]
    assert found[0] <= mean and found[1] <= p95, found
    assert found[2] <= largest + 0.3, found  # where a foot lands sliding in the recording and does not here
    assert -1.0 < quality["stance_height_min_cm"] <= quality["stance_height_max_cm"] < 1.0
    assert quality["penetration_max_cm"] < 1.0
    assert quality["coupling_residual_max"] < 1e-3
    assert quality["limit_violation_max_deg"] < 0.1
    assert quality["seam_pose_deg"] <= quality["inside_pose_deg"]
    assert quality["seam_velocity_rad_s"] <= quality["inside_velocity_rad_s"]
    assert quality["joint_centers"] == 12
