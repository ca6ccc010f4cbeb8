"""Readers of source motions against hand computations, and against damaged input."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from motion_files import AMP_BODIES as BODY_NAMES
from motion_files import IDENTITY, amp_arrays
from motion_files import deepmimic_frame as frame

from msemu.errors import MsemuError
from msemu.motion.formats.deepmimic import read_deepmimic
from msemu.motion.formats.isaac_amp import read_isaac_amp
from msemu.motion.formats.read import read_source
from msemu.motion.source import JOINT_CENTERS, SEGMENTS


def write_deepmimic(path, frames, loop="none"):
    path.write_text(json.dumps({"Loop": loop, "Frames": frames}))
    return path


def about(axis, angle):
    """Quaternion (w, x, y, z) and matrix of a rotation, written out by hand (Rodrigues)."""
    axis = np.asarray(axis, dtype=float)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return [np.cos(angle / 2), *(np.sin(angle / 2) * axis)], matrix


def test_deepmimic_forward_kinematics_equals_a_hand_computation(tmp_path):
    root_quaternion, root = about([0, 1, 0], 0.4)
    hip_quaternion, hip = about([0, 0, 1], 0.7)
    _, knee = about([0, 0, 1], -0.9)
    frames = [frame((1.0, 0.85, -0.2), root_quaternion, hip_quaternion, -0.9, 0.5)] * 4
    source = read_deepmimic(write_deepmimic(tmp_path / "clip.txt", frames))

    y_up = np.array([1.0, 0.85, -0.2])
    hip_at = y_up + root @ [0, 0, 0.084887]
    knee_at = hip_at + root @ hip @ [0, -0.421546, 0]
    ankle_at = knee_at + root @ hip @ knee @ [0, -0.40987, 0]
    shoulder_at = y_up + root @ [-0.02405, 0.236151 + 0.2435, -0.18311]
    elbow_at = shoulder_at + root @ [0, -0.274788, 0]
    wrist_at = elbow_at + root @ about([0, 0, 1], 0.5)[1] @ [0, -0.258947, 0]
    expected = {
        "hip_r": hip_at, "knee_r": knee_at, "ankle_r": ankle_at,
        "shoulder_l": shoulder_at, "elbow_l": elbow_at, "wrist_l": wrist_at,
    }  # fmt: skip
    for name, (x, y, z) in expected.items():
        np.testing.assert_allclose(source.joint(name)[0], [x, -z, y], atol=1e-9, err_msg=name)


def test_deepmimic_right_side_is_right_and_upright_is_the_identity(tmp_path):
    source = read_deepmimic(write_deepmimic(tmp_path / "clip.txt", [frame()] * 4))
    assert source.joint("hip_r")[0, 1] < 0 < source.joint("hip_l")[0, 1]
    assert source.joint("shoulder_r")[0, 2] > source.joint("hip_r")[0, 2] > source.joint("ankle_r")[0, 2]
    np.testing.assert_allclose(source.orientations, np.broadcast_to(IDENTITY, (4, len(SEGMENTS), 4)), atol=1e-12)
    np.testing.assert_allclose(source.sole_height, 0.9 - 0.421546 - 0.40987 - 0.05, atol=1e-9)
    np.testing.assert_allclose(source.leg_length(), 0.421546 + 0.40987, atol=1e-9)


def test_deepmimic_frame_times_follow_the_first_column_and_the_last_one_is_ignored(tmp_path):
    frames = [frame() for _ in range(4)]
    for row, duration in zip(frames, (0.1, 0.2, 0.05, 0.0), strict=True):
        row[0] = duration
    source = read_deepmimic(write_deepmimic(tmp_path / "clip.txt", frames, "wrap"))
    np.testing.assert_allclose(source.time_s, [0.0, 0.1, 0.3, 0.35])
    assert source.cyclic


def test_deepmimic_quaternions_are_normalized(tmp_path):
    frames = [frame(right_hip=[0.8, 0.0, 0.0, 0.0])] * 4
    source = read_deepmimic(write_deepmimic(tmp_path / "clip.txt", frames))
    np.testing.assert_allclose(source.joint("knee_r")[0, 2], 0.9 - 0.421546, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(source.orientations, axis=-1), 1.0)


BAD_ROWS = {
    "43 columns": ([frame()[:-1]] * 4, "43 columns"),
    "a text": ([[*frame()[:-1], "x"]] * 4, "not a number"),
    "true": ([[*frame()[:-1], True]] * 4, "not a number"),
    "nothing": ([], "0 frames"),
    "one frame": ([frame()], "1 frames"),
    "a zero quaternion": ([frame(right_hip=[0.0, 0.0, 0.0, 0.0])] * 4, "quaternion of norm 0"),
    "a zero duration": ([[0.0, *frame()[1:]]] * 4, "duration"),
    "a huge integer": ([[*frame()[:-1], 10**400]] * 4, "float64"),
}


@pytest.mark.parametrize(("rows", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_deepmimic_refuses_bad_frames(tmp_path, rows, message):
    with pytest.raises(MsemuError, match=message):
        read_source(write_deepmimic(tmp_path / "clip.txt", rows))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ('{"Frames": [[1, 2', "not valid JSON"),
        ('{"Frames": ' + "[" * 100_000, "not valid JSON"),
        ('{"Frames": 3}', "no list"),
        ('{"Frames": [[NaN' + ", 0" * 43 + "]" + (",[0" + ", 0" * 43 + "]") * 3 + "]}", "not finite"),
        ("hello", "unknown format"),
    ],
)
def test_damaged_text_is_refused(tmp_path, text, message):
    path = tmp_path / "clip.txt"
    path.write_text(text)
    with pytest.raises(MsemuError, match=message):
        read_source(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(MsemuError, match="cannot read"):
        read_source(tmp_path / "none.txt")


def test_isaac_amp_bodies_become_joint_centers(tmp_path):
    arrays = amp_arrays()
    path = tmp_path / "humanoid_walk.npz"
    np.savez(path, **arrays)
    source = read_isaac_amp(path)
    assert (source.name, source.num_frames, source.fps, source.cyclic) == ("walk", 6, pytest.approx(60), False)
    for landmark, body in {"hip_r": "right_thigh", "wrist_l": "left_hand", "elbow_r": "right_lower_arm"}.items():
        expected = arrays["body_positions"][:, BODY_NAMES.index(body)]
        np.testing.assert_allclose(source.joint(landmark), expected, atol=1e-6)
    thorax = source.orientations[:, SEGMENTS.index("thorax")]
    np.testing.assert_allclose(thorax, arrays["body_rotations"][:, BODY_NAMES.index("torso")], atol=1e-6)
    assert source.positions.shape == (6, len(JOINT_CENTERS), 3)


def test_frames_of_isaac_amp_that_stand_twice_are_read_once(tmp_path):
    once, path = amp_arrays(5), tmp_path / "humanoid_walk.npz"
    twice = {
        key: np.repeat(values, 2, axis=0) for key, values in once.items() if key in ("body_positions", "body_rotations")
    }
    np.savez(path, **once | twice)
    source = read_isaac_amp(path)
    assert (source.num_frames, source.fps) == (5, pytest.approx(30))
    hip = once["body_positions"][:, BODY_NAMES.index("right_thigh")]
    np.testing.assert_allclose(source.joint("hip_r"), hip, atol=1e-6)


BAD_AMP = {
    "nan": (lambda a: a["body_positions"].__setitem__((3, 2, 1), np.nan), "not finite, first in frame 3"),
    "renamed body": (lambda a: a["body_names"].__setitem__(0, "hips"), "no body named pelvis"),
    "other shape": (lambda a: a.update(body_rotations=a["body_rotations"][:, :3]), "do not fit"),
    "no frames": (lambda a: a.update(body_positions=np.zeros((0, 15, 3))), "0 frames"),
    "flat": (lambda a: a.update(body_positions=np.zeros(3)), "0 frames"),
    "fps of zero": (lambda a: a.update(fps=np.int64(0)), "fps is 0"),
    "fps as text": (lambda a: a.update(fps=np.array("fast")), "not numbers"),
    "no unit quaternions": (lambda a: a.update(body_rotations=2 * a["body_rotations"]), "unit quaternions"),
    "missing key": (lambda a: a.pop("body_rotations"), "no array 'body_rotations'"),
    "no limbs": (lambda a: a.update(body_positions=np.zeros((6, 15, 3))), "limb has no length"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_AMP.values(), ids=BAD_AMP)
def test_isaac_amp_refuses_bad_arrays(tmp_path, spoil, message):
    arrays = amp_arrays()
    spoil(arrays)
    path = tmp_path / "clip.npz"
    np.savez(path, **arrays)
    with pytest.raises(MsemuError, match=message):
        read_source(path)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickled_arrays_are_refused_and_not_run(tmp_path):
    arrays = amp_arrays()
    arrays["body_names"] = np.array([Trap(tmp_path / "ran")] * 15, dtype=object)
    path = tmp_path / "clip.npz"
    np.savez(path, **arrays)
    with pytest.raises(MsemuError, match="pickled"):
        read_source(path)
    pickle.dump(Trap(tmp_path / "ran"), (tmp_path / "clip.pkl").open("wb"))
    with pytest.raises(MsemuError, match="unknown format"):
        read_source(tmp_path / "clip.pkl")
    assert not (tmp_path / "ran").exists()


def test_truncated_npz_is_refused(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, **amp_arrays())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(MsemuError):
        read_source(path)


def test_an_array_that_claims_more_than_is_there_is_refused_before_memory_is_taken(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 15, 3)})
    path = tmp_path / "clip.npz"
    np.savez(path, **{key: value for key, value in amp_arrays().items() if key != "body_positions"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("body_positions.npy", buffer.getvalue())
    with pytest.raises(MsemuError, match="truncated"):
        read_isaac_amp(path)
