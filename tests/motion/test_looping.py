"""Closing loops and resampling, on movements with known answers."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.motion.retargeting.looping import Cycle, cut_cycle, face_forward, find_cycle, spread_gap
from msemu.motion.retargeting.resampling import resample, resample_cycle
from msemu.motion.smoothing import smooth_path
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

PERIOD_S, SPEED = 1.2, 1.1
STANDING = {
    "hip": (0.0, 0.09, 0.9), "knee": (0.0, 0.09, 0.5), "ankle": (0.0, 0.09, 0.08),
    "shoulder": (0.0, 0.18, 1.4), "elbow": (0.0, 0.2, 1.1), "wrist": (0.02, 0.2, 0.85),
}  # fmt: skip


def swinging(frames=109, fps=30.0, yaw=0.0, drift=0.0, cyclic=False):
    """A walk whose joint centers swing with `PERIOD_S`, turned by ``yaw``, that bends by ``drift`` [m/s]."""
    time = np.arange(frames) / fps
    phase = 2 * np.pi * time / PERIOD_S
    positions = np.empty((frames, len(JOINT_CENTERS), 3))
    for index, name in enumerate(JOINT_CENTERS):
        joint, side = name.split("_")
        x, y, z = STANDING[joint]
        sign = 1.0 if side == "l" else -1.0
        swing = {"hip": 0.0, "shoulder": 0.0, "knee": 0.15, "ankle": 0.3, "elbow": -0.1, "wrist": -0.2}[joint]
        positions[:, index] = [x, sign * y, z]
        positions[:, index, 0] += SPEED * time + sign * swing * np.sin(phase)
        positions[:, index, 2] += 0.02 * np.cos(2 * phase) + drift * time * (joint == "wrist")
    turn = Rotation.from_rotvec([0.0, 0.0, yaw])
    positions = turn.apply(positions.reshape(-1, 3)).reshape(positions.shape)
    wobble = turn * Rotation.from_rotvec(0.1 * np.sin(phase)[:, None] * [0.0, 0.0, 1.0])
    orientations = np.repeat(wobble.as_quat(scalar_first=True)[:, None], len(SEGMENTS), axis=1)
    ankles = positions[:, [JOINT_CENTERS.index("ankle_r"), JOINT_CENTERS.index("ankle_l")]]
    soles = np.stack([ankles + np.array([-0.05, 0.0, -0.08]), ankles + np.array([0.12, 0.0, -0.08])], axis=2)
    return SourceMotion("walk", time, positions, orientations, soles, 0.08, cyclic)


def test_the_period_is_found():
    cycle = find_cycle(swinging())
    assert (cycle.last - cycle.first) % round(PERIOD_S * 30) == 0
    assert cycle.gap_m < 1e-6


def test_a_file_that_says_it_is_one_cycle_is_taken_whole():
    cycle = find_cycle(swinging(frames=40, cyclic=True))
    assert (cycle.first, cycle.last) == (0, 39)


def test_what_does_not_repeat_is_refused():
    source = swinging(drift=3.0)
    with pytest.raises(MsemuError, match="does not repeat"):
        find_cycle(source)
    with pytest.raises(MsemuError, match="lasts less than"):
        find_cycle(swinging(frames=8))


@pytest.mark.parametrize("yaw", [0.0, 2.0, -1.3])
def test_a_closed_cycle_ends_where_it_begins_and_heads_along_x(yaw):
    source = swinging(yaw=yaw, drift=0.08)
    cycle = Cycle(3, 39, 0.0)
    cut = cut_cycle(source, cycle)
    closed, displacement = spread_gap(cut)
    assert np.abs(cut.positions[-1] - cut.positions[0] - displacement).max() > 0.05
    np.testing.assert_allclose(displacement, [SPEED * PERIOD_S, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(closed.positions[-1], closed.positions[0] + displacement, atol=1e-9)
    first, last = (Rotation.from_quat(closed.orientations[i], scalar_first=True) for i in (0, -1))
    np.testing.assert_allclose((first.inv() * last).magnitude(), 0.0, atol=1e-6)
    np.testing.assert_allclose(closed.pelvis[0, :2], 0.0, atol=1e-9)


def test_a_resampled_cycle_is_smooth_across_its_seam():
    source = swinging(drift=0.08)
    closed, displacement = spread_gap(cut_cycle(source, Cycle(3, 39, 0.0)))
    cycle = resample_cycle(closed, displacement, 50.0)
    assert cycle.num_frames == round(PERIOD_S * 50)
    twice = np.concatenate([cycle.positions, cycle.positions + displacement])
    jerk = np.abs(np.diff(twice, n=3, axis=0)).reshape(len(twice) - 3, -1).max(axis=1)
    seam = slice(cycle.num_frames - 3, cycle.num_frames)
    inside = np.delete(jerk, np.r_[seam])
    assert jerk[seam].max() <= inside.max() * 1.01
    np.testing.assert_allclose(np.linalg.norm(cycle.orientations, axis=-1), 1.0)


def test_a_whole_turn_within_a_cycle_is_refused():
    source = swinging(frames=37, cyclic=True)
    turn = Rotation.from_rotvec(np.linspace(0, 2 * np.pi, 37)[:, None] * [0.0, 1.0, 0.0])
    source.orientations[:] = turn.as_quat(scalar_first=True)[:, None]
    closed, displacement = spread_gap(cut_cycle(source, find_cycle(source)))
    with pytest.raises(MsemuError, match="full circle"):
        resample_cycle(closed, displacement, 50.0)


def test_resampling_hits_the_samples_and_interpolates_a_smooth_movement():
    source = swinging(frames=31, fps=30.0)
    fine = resample(source, 60.0)
    np.testing.assert_allclose(fine.positions[::2], source.positions, atol=1e-9)
    exact = swinging(frames=61, fps=60.0)
    assert np.abs(fine.positions - exact.positions).max() < 5e-4
    assert np.abs(fine.orientations - exact.orientations).max() < 1e-4


def test_face_forward_turns_the_first_frame_to_x():
    source = face_forward(swinging(yaw=2.5))
    hips = source.joint("hip_l")[0] - source.joint("hip_r")[0]
    np.testing.assert_allclose(hips / np.linalg.norm(hips), [0.0, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(source.pelvis[0, :2], 0.0, atol=1e-12)


def test_smoothing_keeps_a_straight_course_and_damps_a_jolt():
    frames = 60
    qpos = np.zeros((frames, 8))
    qpos[:, 0] = np.linspace(0.0, 1.0, frames, endpoint=False)
    qpos[:, 3] = 1.0
    qpos[30, 7] = 1.0
    for displacement in (np.array([1.0, 0.0, 0.0]), None):
        smooth = smooth_path(qpos, 0.02, 50.0, displacement)
        np.testing.assert_allclose(smooth[:, 0], qpos[:, 0], atol=1e-12)
        assert smooth[30, 7] < 0.5
        np.testing.assert_allclose(smooth[:, 7].sum(), 1.0)


def test_flat_smoothing_keeps_a_jump_and_damps_a_jolt():
    time = np.arange(60) / 50.0
    qpos = np.tile(np.array([0.0, 0, 1, 1, 0, 0, 0, 0]), (60, 1))
    qpos[:, 2] = 3.0 * time - 0.5 * 9.81 * time**2
    inside = slice(10, -10)
    plain, flat = (smooth_path(qpos, 0.03, 50.0, None, flat)[inside, 2] for flat in (False, True))
    assert np.abs(plain - qpos[inside, 2]).max() > 0.004
    np.testing.assert_allclose(flat, qpos[inside, 2], atol=1e-6)
    qpos[30, 7] = 1.0
    assert smooth_path(qpos, 0.03, 50.0, None, flat=True)[30, 7] < 0.5
    # Both halve the amplitude at the same frequency.
    qpos[:, 7] = np.sin(2 * np.pi * 0.187 / 0.03 * time)
    for flat in (False, True):
        assert np.abs(smooth_path(qpos, 0.03, 50.0, None, flat)[inside, 7]).max() == pytest.approx(0.5, abs=0.02)


def test_smoothing_of_a_cycle_does_not_depend_on_where_it_begins():
    rng = np.random.default_rng(0)
    qpos = np.concatenate([np.zeros((40, 3)), np.tile([1.0, 0, 0, 0], (40, 1)), rng.normal(size=(40, 2))], axis=1)
    rolled = smooth_path(np.roll(qpos, 13, axis=0), 0.03, 50.0, np.zeros(3))
    np.testing.assert_allclose(rolled, np.roll(smooth_path(qpos, 0.03, 50.0, np.zeros(3)), 13, axis=0), atol=1e-12)
