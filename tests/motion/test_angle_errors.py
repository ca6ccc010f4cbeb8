"""The pelvis of a rigid trunk follows the person's pelvis, and so do the hips: a made-up circling of the pelvis."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from msemu.models import Body
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import joint_centers, landmark_path
from msemu.motion.retargeting.angle_errors import angle_errors
from msemu.motion.retargeting.retarget import retarget
from msemu.motion.retargeting.rigid_trunk import keep_center_of_mass
from msemu.motion.retargeting.targets import make_targets
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

FRAMES, THIGH, SHANK = 26, 0.42, 0.41
PHASE = np.linspace(0.0, 2 * np.pi, FRAMES)
TILT_DEG, LIST_DEG = 10.0 + 6.0 * np.sin(PHASE), 5.0 * np.cos(PHASE)
"""The pelvis leans forward and drops by turns on either side, while the thorax stays upright."""

PELVIS = Rotation.from_euler("YX", np.column_stack([TILT_DEG, LIST_DEG]), degrees=True)
OUT = {"r": np.array([0.0, -1.0, 0.0]), "l": np.array([0.0, 1.0, 0.0])}
HIP_OUT = 0.085


def circling() -> SourceMotion:
    """Both feet stand flat; the knees bend forward as far as the hips come down."""
    centers = np.zeros((FRAMES, len(JOINT_CENTERS), 3))
    soles = np.zeros((FRAMES, 2, 2, 3))
    pelvis = np.tile([0.0, 0.0, 0.80], (FRAMES, 1))
    for index, side in enumerate("rl"):
        hip, ankle = (
            pelvis + PELVIS.apply(HIP_OUT * OUT[side]),
            np.tile(HIP_OUT * OUT[side] + [0, 0, 0.05], (FRAMES, 1)),
        )
        leg = ankle - hip
        length = np.linalg.norm(leg, axis=1, keepdims=True)
        ahead = np.cross(leg, [0.0, 1.0, 0.0])
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        along = (length**2 + THIGH**2 - SHANK**2) / (2 * length)
        knee = hip + along * leg / length + np.sqrt(THIGH**2 - along**2) * ahead
        shoulder = pelvis + [0.0, 0.0, 0.5] + 0.18 * OUT[side]
        limb = {"hip": hip, "knee": knee, "ankle": ankle, "shoulder": shoulder}
        limb |= {"elbow": shoulder - [0.0, 0.0, 0.28], "wrist": shoulder - [0.0, 0.0, 0.5]}
        for joint, path in limb.items():
            centers[:, JOINT_CENTERS.index(f"{joint}_{side}")] = path
        soles[:, index] = ankle[:, None] + np.array([[-0.04, 0.0, -0.05], [0.13, 0.0, -0.05]])
    orientations = np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, len(SEGMENTS), 1))
    orientations[:, SEGMENTS.index("pelvis")] = PELVIS.as_quat(scalar_first=True)
    return SourceMotion("circling", PHASE / (2 * np.pi) * 0.5, centers, orientations, soles, 0.05)


def bone_angles(centers: np.ndarray, pelvis: Rotation) -> dict[str, np.ndarray]:
    """Hips and knees from joint centers alone: flexion about OpenSim's z, then adduction about its x axis [rad]."""
    angles = {}
    for side in "rl":
        hip, knee, ankle = (centers[:, JOINT_CENTERS.index(f"{joint}_{side}")] for joint in ("hip", "knee", "ankle"))
        thigh, shank = (bone / np.linalg.norm(bone, axis=1, keepdims=True) for bone in (knee - hip, ankle - knee))
        forward, left, up = pelvis.inv().apply(thigh).T
        angles[f"hip_flexion_{side}"] = np.arctan2(forward, -up)
        angles[f"hip_adduction_{side}"] = np.arcsin(left if side == "r" else -left)
        angles[f"knee_angle_{side}"] = np.arccos((thigh * shank).sum(axis=1))
    return angles


@pytest.fixture(scope="module")
def clip(legs: Body) -> MotionClip:
    source = circling()
    source.joint_angles = bone_angles(source.positions, PELVIS)
    return retarget(legs, source)


def test_hips_and_knees_are_the_persons(clip: MotionClip, legs: Body) -> None:
    pelvis = landmark_path(legs, clip.qpos)[1][:, LANDMARKS.index("pelvis")]
    found = bone_angles(joint_centers(legs, clip.qpos), Rotation.from_matrix(pelvis))
    for name, wanted in bone_angles(circling().positions, PELVIS).items():
        assert np.degrees(np.sqrt(np.mean((found[name] - wanted) ** 2))) < 2.0, name


def test_the_report_states_the_errors_by_joint(clip: MotionClip) -> None:
    """Against the same formulas written out here, of the worse side; what the recording lacks is not stated."""
    wanted = bone_angles(circling().positions, PELVIS)
    for joint in ("hip_flexion", "hip_adduction", "knee_angle"):
        sides = [
            clip.qpos[:, 7 + clip.joint_names.index(f"{joint}_{side}")] - wanted[f"{joint}_{side}"] for side in "rl"
        ]
        expected = max(np.degrees(np.sqrt(np.mean(error**2))) for error in sides)
        assert clip.quality[f"recorded_error_{joint}_deg"] == pytest.approx(expected, abs=1e-6)
    assert clip.quality["recorded_error_pelvis_list_deg"] < 1.0
    assert clip.quality["recorded_error_pelvis_tilt_deg"] < 1.0
    assert not {"recorded_error_hip_rotation_deg", "recorded_error_ankle_angle_deg"} & set(clip.quality)


@pytest.mark.parametrize(("axis", "turn"), [("list", (7.0, 0, 0)), ("tilt", (0, -8.0, 0)), ("rotation", (0, 0, 9.0))])
def test_a_turned_pelvis_is_told_by_its_axis(clip: MotionClip, legs: Body, axis: str, turn: tuple[float, ...]) -> None:
    """The recording turned about its own pelvis' axes, whatever way it faces."""
    person, away = circling(), Rotation.from_euler("z", 130.0, degrees=True)
    before = angle_errors(legs, clip, person)
    clip_root = Rotation.from_quat(clip.qpos[:, 3:7], scalar_first=True)
    there = MotionClip(
        **(
            vars(clip)
            | {"qpos": np.hstack([clip.qpos[:, :3], (away * clip_root).as_quat(scalar_first=True), clip.qpos[:, 7:]])}
        )
    )
    turned = away * PELVIS * Rotation.from_rotvec(np.radians(turn))
    person.orientations[:, 0] = turned.as_quat(scalar_first=True)
    after = angle_errors(legs, there, person)
    for name in ("list", "tilt", "rotation"):
        expected = np.linalg.norm(turn) if name == axis else 0.0
        figure = f"recorded_error_pelvis_{name}_deg"
        assert after[figure] == pytest.approx(expected, abs=before[figure] + 1.0), name


def test_angles_of_a_recording_stay_with_its_frames() -> None:
    source = circling()
    source.joint_angles = {"hip_flexion_r": np.arange(FRAMES) * 1.0}
    part = source.part(slice(5, 20), "cut")
    np.testing.assert_array_equal(part.joint_angles["hip_flexion_r"], np.arange(5.0, 20.0))


def test_hips_give_way_so_that_the_center_of_mass_stays(legs: Body) -> None:
    """Against the side to which the trunk leans with the pelvis, knees by half and feet not at all."""
    source = circling()
    targets = make_targets(legs, source)
    moved = keep_center_of_mass(legs, targets).aims - targets.aims
    hip, knee, ankle = (moved[:, JOINT_CENTERS.index(f"{joint}_l")] for joint in ("hip", "knee", "ankle"))
    np.testing.assert_allclose(knee, 0.5 * hip, atol=1e-12)
    np.testing.assert_array_equal(ankle, 0.0)
    sideways = (hip * PELVIS.apply([0.0, 1.0, 0.0])).sum(axis=1)
    np.testing.assert_allclose(np.linalg.norm(hip, axis=1), np.abs(sideways), atol=1e-12)
    tilted = np.abs(LIST_DEG) > 2.0
    assert (np.sign(sideways[tilted]) == np.sign(LIST_DEG[tilted])).all()  # the trunk leans right: hips to the left
    assert 0.003 < np.abs(sideways).max() < 0.015
