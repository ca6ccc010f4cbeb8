"""Flights: their laws on a body that is thrown by the engine, the derivatives, and the repair of one that cheats."""

import mujoco
import numpy as np
import pytest

from msemu.models import Body
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.clip import MotionClip
from msemu.motion.flight import GRAVITY, Flight, find_flights, flight_figures, lowest_height
from msemu.motion.geometry import landmark_path
from msemu.motion.quality import clip_errors
from msemu.motion.repair.flight.timing import TOLERATED_M, FlightCourse, resample_path, retime
from msemu.motion.repair.frame import FlightFrame, FrameCosts
from msemu.motion.repair.repair import Repair, repair
from msemu.motion.retargeting.settling import settling

FPS = 50.0


def as_clip(body: Body, qpos: np.ndarray, cyclic: bool = False) -> MotionClip:
    qvel = np.zeros((len(qpos), body.model.nv))
    return MotionClip(body.name, body.joint_names, FPS, qpos, qvel, cyclic)


def thrown(body: Body, frames: int = 20) -> np.ndarray:
    """A rigid body in the neutral pose, thrown up, turning about its center of mass: a flight in closed form."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.neutral_qpos
    mujoco.mj_kinematics(body.model, data)
    mujoco.mj_comPos(body.model, data)
    offset = body.neutral_qpos[:3] - data.subtree_com[0]
    path = np.repeat(body.neutral_qpos[None], frames, axis=0)
    for frame, pose in enumerate(path):
        time = frame / FPS
        turn, quaternion, moved = np.array([0.0, 0.0, 3.0 * time]), np.zeros(4), np.zeros(3)
        mujoco.mju_axisAngle2Quat(quaternion, turn / max(np.linalg.norm(turn), 1e-9), np.linalg.norm(turn))
        mujoco.mju_rotVecQuat(moved, offset, quaternion)
        pose[:3] = data.subtree_com[0] + [0.5 * time, 0.0, 0.5 + 2.0 * time] + 0.5 * GRAVITY * time**2 + moved
        mujoco.mju_mulQuat(pose[3:7], quaternion, body.neutral_qpos[3:7])
    return path


def test_a_thrown_body_obeys_the_laws(legs: Body) -> None:
    path = thrown(legs)
    figures = flight_figures(legs, as_clip(legs, path), Flight(0, len(path) - 1, 1.0))
    assert figures.residual_max < 1e-6
    assert figures.fall == pytest.approx(1.0)
    mean = figures.angular_momentum.mean(axis=0)
    assert abs(mean[2]) > 1.0
    assert np.ptp(figures.angular_momentum[:, 2]) < 1e-6 * abs(mean[2])


def test_a_body_that_hangs_in_the_air_is_held_by_its_weight(legs: Body) -> None:
    path = np.repeat(thrown(legs, 1), 10, axis=0)
    figures = flight_figures(legs, as_clip(legs, path), Flight(0, 9, 1.0))
    np.testing.assert_allclose(figures.residual, 1.0, atol=1e-9)
    assert figures.is_supported


def test_flights_are_found_across_the_seam() -> None:
    height = np.array([0.05, 0.08, 0.0, 0.0, 0.0, 0.0, 0.012, 0.012, 0.012, 0.012, 0.0, 0.0, 0.03, 0.04])
    found = find_flights(height, cyclic=True)
    assert [(flight.first, flight.last, flight.is_hovering) for flight in found] == [(6, 9, True), (12, 15, False)]
    assert [(flight.first, flight.last) for flight in find_flights(height, cyclic=False)] == [(6, 9)]


def test_derivative_of_the_angular_momentum(legs: Body, march_once: MotionClip) -> None:
    frame = FlightFrame(legs, legs.independent_joints[:12], FPS, FrameCosts())
    poses = march_once.qpos[10:13].copy()
    poses[:, 3:7] = thrown(legs, 3)[:, 3:7]
    derivative = frame.angular_momentum_derivative(poses)
    step = 1e-6
    for which in range(3):
        for column in (0, 2, 3, 4, 5, 6, 9, 13):
            changed = poses.copy()
            changed[which] = frame.moved(poses[which], step * np.eye(frame.num_coordinates)[column])
            expected = (frame.angular_momentum(changed) - frame.angular_momentum(poses)) / step
            np.testing.assert_allclose(derivative[which, :, column], expected, atol=2e-4 * np.abs(derivative).max())


def test_derivative_of_the_closeness_to_a_pose_far_away(legs: Body) -> None:
    frame = FlightFrame(legs, legs.independent_joints[:12], FPS, FrameCosts())
    anchor = frame.anchor(*np.repeat(thrown(legs, 1), 2, axis=0))
    pose = frame.moved(anchor.pose, 0.1 * np.ones(frame.num_coordinates))
    errors, derivative = frame.closeness(pose, anchor)
    assert len(errors) >= 4 * len(LANDMARKS) + frame.num_coordinates - 3  # every landmark is beyond 7 cm
    step = 1e-6
    for column in range(frame.num_coordinates):
        moved = frame.moved(pose, step * np.eye(frame.num_coordinates)[column])
        expected = (frame.closeness(moved, anchor)[0] - errors) / step
        np.testing.assert_allclose(derivative[:, column], expected, atol=2e-3 * np.abs(derivative).max())


def test_a_foot_that_slides_keeps_clear_of_where_it_would_stand(legs: Body) -> None:
    frame = FlightFrame(legs, legs.independent_joints[:12], FPS, FrameCosts())
    stands = legs.neutral_qpos.copy()
    stands[2] -= lowest_height(legs, stands[None])[0]
    slides = stands + np.eye(len(stands))[0] * 0.8 / FPS
    for after, low, high in ((stands, 0.0, 0.005), (slides, 0.005, 0.007)):
        touching = frame.anchor(stands, after).touching
        assert touching
        assert all(low - 1e-9 <= place[2] <= high for _, _, place in touching)


def hop(body: Body, hang: int = 13, apex_m: float = 0.07) -> np.ndarray:
    """Crouching, a hop that rises like a sine with a swing of one leg, crouching: no free flight."""
    crouch = body.neutral_qpos.copy()
    for joint, angle in (("hip_flexion", 0.6), ("knee_angle", 1.1), ("ankle_angle", 0.4)):
        for side in "rl":
            crouch[7 + body.joint_names.index(f"{joint}_{side}")] = angle
    crouch = body.couplings.project(crouch)
    crouch[2] -= lowest_height(body, crouch[None])[0]
    path = np.repeat(crouch[None], hang + 20, axis=0)
    phase = np.linspace(0.0, np.pi, hang + 2)[1:-1]
    path[10 : 10 + hang, 2] += apex_m * np.sin(phase)
    path[10 : 10 + hang, 7 + body.joint_names.index("hip_flexion_r")] += 0.3 * np.sin(phase) ** 2
    return body.couplings.project(path)


@pytest.fixture(scope="module")
def hopped(legs: Body) -> Repair:
    """The hop, repaired; its recording has hip and ankle where the hop has them."""
    clip = as_clip(legs, hop(legs))
    clip.joint_center_names = ("hip_r", "ankle_l")
    clip.joint_centers = landmark_path(legs, clip.qpos)[0][:, [LANDMARKS.index(name) for name in ("hip_r", "ankle_l")]]
    clip.quality = {"error_mean_cm": 0.0, "recorded_error_mean_cm": 1.0}
    return repair(legs, clip)


def test_repair_makes_a_hop_ballistic(legs: Body, hopped: Repair) -> None:
    (flight,) = hopped.flights
    assert flight.before.residual_max > 0.5
    again = find_flights(lowest_height(legs, hopped.clip.qpos), cyclic=False)
    figures = flight_figures(legs, hopped.clip, max(again, key=lambda found: found.num_frames))
    assert figures.residual_max < 0.1
    assert figures.drift < 0.05
    assert hopped.clip.quality["repair_change_mean_cm"] < 4.0
    assert np.abs(legs.couplings.residual(hopped.clip.qpos)).max() < 1e-9
    np.testing.assert_allclose(hopped.original.qpos, hop(legs), atol=1e-12)
    np.testing.assert_allclose(hopped.clip.qpos[[0, -1]], hopped.original.qpos[[0, -1]], atol=1e-12)


def test_figures_describe_the_repaired_clip(legs: Body, hopped: Repair) -> None:
    changed = hopped.clip
    assert changed.joint_centers.shape == (changed.num_frames, 2, 3)
    assert changed.quality["error_mean_cm"] == pytest.approx(100 * clip_errors(legs, changed).mean())
    assert 0.1 < changed.quality["error_mean_cm"] < 4.0
    assert "recorded_error_mean_cm" not in changed.quality


def test_a_body_that_something_carries_is_left_alone(legs: Body) -> None:
    """It is lifted by 10 cm for a second, too slowly for a flight."""
    clip = as_clip(legs, hop(legs, hang=50, apex_m=0.1))
    result = repair(legs, clip)
    assert result.clip is clip
    assert len(result.left_alone) == 1


def test_a_clip_without_flight_is_returned(legs: Body, march_once: MotionClip) -> None:
    clip = as_clip(legs, np.repeat(legs.neutral_qpos[None], 10, axis=0))
    assert repair(legs, clip).clip is clip


def test_free_fall_needs_no_other_timing(legs: Body) -> None:
    path = thrown(legs)
    assert FlightCourse.of(legs, path, 1, len(path) - 2, FPS).mean_departure(FPS) < 1e-3
    path[:, 2] = 1.0
    assert FlightCourse.of(legs, path, 1, len(path) - 2, FPS).mean_departure(FPS) > 0.02


def test_a_flight_that_is_played_unevenly_is_timed_evenly(legs: Body) -> None:
    """Played from 0.5 to 1.5 times its speed, it neither falls nor turns as in flight."""
    path, frames = thrown(legs, 41), np.arange(41)
    uneven = resample_path(legs, path, 0.5 * frames * (1.0 + frames / 40.0))
    before = FlightCourse.of(legs, uneven, 8, 32, FPS)
    assert np.abs(before.departure(frames / FPS)).max(axis=0)[[0, 2, 3]].min() > 0.005
    evenly = resample_path(legs, uneven, retime(before, FPS))
    after = FlightCourse.of(legs, evenly, 8, len(evenly) - 9, FPS)
    assert after.mean_departure(FPS) < 0.3 * before.mean_departure(FPS)


@pytest.mark.parametrize("slow", [1.0, 1.25])
def test_a_flight_in_slow_motion_is_sped_up(legs: Body, slow: float) -> None:
    """A true flight of 0.4 s between standing, played slower."""
    stand, flight = np.full(16, 0.0), np.arange(1, 20) / 20.0
    rise = np.concatenate([stand, 0.2 * 4.0 * flight * (1.0 - flight), stand])
    path = np.repeat(legs.neutral_qpos[None], len(rise), axis=0)
    path[:, 2] += rise
    frames = round((len(path) - 1) * slow)
    path = resample_path(legs, path, np.linspace(0.0, len(path) - 1, frames + 1))
    (found,) = (flight for flight in find_flights(lowest_height(legs, path), cyclic=False))
    course = FlightCourse.of(legs, path, found.first, found.last, FPS)
    assert (course.mean_departure(FPS) > TOLERATED_M) == (slow > 1.0)
    at = retime(course, FPS)
    assert at[0] == 0.0 and at[-1] == pytest.approx(frames)
    assert (np.diff(at) > 0).all()
    if slow > 1.0:
        assert len(at) < len(path)


def test_a_flight_that_the_clip_begins_in_is_repaired(legs: Body) -> None:
    path = hop(legs)
    (found,) = find_flights(lowest_height(legs, path), cyclic=False)
    clip = as_clip(legs, path[found.first - 1 :])
    result = repair(legs, clip)
    (flight,) = result.flights
    assert flight.before.residual_max > 0.5
    assert flight.after.residual_max < 0.1 and flight.after.drift < 0.05
    np.testing.assert_array_equal(result.clip.qpos[-1], clip.qpos[-1])


def test_a_body_that_hovers_is_lowered(legs: Body) -> None:
    rise = 0.04 * np.sin(np.linspace(0.0, np.pi, 50)) ** 2
    path = np.repeat(legs.neutral_qpos[None], 70, axis=0)
    path[10:60, 2] += rise
    assert find_flights(lowest_height(legs, path), cyclic=False)
    path[:, 2] += settling(legs, path, FPS)
    assert not find_flights(lowest_height(legs, path), cyclic=False)
    assert lowest_height(legs, path).min() > -0.005


def test_a_hop_is_not_lowered(legs: Body) -> None:
    path = np.repeat(legs.neutral_qpos[None], 50, axis=0)
    time = np.arange(1, 20) / FPS
    path[16:35, 2] += 0.5 * 9.81 * time * (0.4 - time)
    np.testing.assert_allclose(settling(legs, path, FPS), 0.0, atol=1e-4)
