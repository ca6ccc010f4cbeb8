"""The clip file: round trip and refusals."""

import json

import numpy as np
import pytest

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.motion.recording import Recording

JOINTS = ("hip", "knee")


def make_clip(**changes):
    rng = np.random.default_rng(1)
    values = {
        "body": "toy", "joint_names": JOINTS, "fps": 50.0,
        "qpos": rng.normal(size=(5, 9)), "qvel": rng.normal(size=(5, 8)),
        "cyclic": True, "cycle_displacement": np.array([1.2, 0.0, 0.0]),
        "name": "walk", "source": "somewhere", "license": "MIT", "source_sha256": "ab",
        "quality": {"error_mean_cm": 0.3},
    }  # fmt: skip
    return MotionClip(**(values | changes))


def test_a_saved_clip_comes_back_the_same(tmp_path):
    clip = make_clip()
    clip.save(tmp_path / "sub" / "clip.npz")
    loaded = MotionClip.load(tmp_path / "sub" / "clip.npz")
    for key, value in vars(clip).items():
        np.testing.assert_array_equal(getattr(loaded, key), value, err_msg=key)
    assert loaded.joint_names == JOINTS
    assert (loaded.num_frames, loaded.duration_s) == (5, 0.1)
    assert make_clip(cyclic=False).duration_s == pytest.approx(0.08)


def test_a_cyclic_clip_is_repeated_with_its_displacement():
    clip = make_clip()
    recording = Recording.from_clip(clip, cycles=3)
    assert recording.num_frames == 15
    np.testing.assert_allclose(recording.qpos[10:, 0], clip.qpos[:, 0] + 2.4)
    np.testing.assert_allclose(recording.qpos[10:, 1:], clip.qpos[:, 1:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qpos": np.full((5, 9), np.nan)}, "not finite, first in frame 0"),
        ({"qvel": np.zeros((4, 8))}, "arrays of shape"),
        ({"qpos": np.zeros((1, 9)), "qvel": np.zeros((1, 8))}, "arrays of shape"),
        ({"joint_names": ("hip",)}, "arrays of shape"),
        ({"fps": 0.0}, "fps 0"),
        ({"cycle_displacement": np.zeros(2)}, "cycle displacement"),
    ],
)
def test_impossible_content_is_refused(tmp_path, changes, message):
    make_clip(**changes).save(tmp_path / "clip.npz")
    with pytest.raises(MsemuError, match=message):
        MotionClip.load(tmp_path / "clip.npz")


def test_foreign_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "clip.npz"
    with pytest.raises(MsemuError, match="no clip at"):
        MotionClip.load(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(MsemuError, match="not an msemu clip"):
        MotionClip.load(path)
    np.savez(path, header=np.array([{"body": "toy"}], dtype=object), qpos=0, qvel=0, cycle_displacement=0)
    with pytest.raises(MsemuError, match="not an msemu clip"):
        MotionClip.load(path)
    make_clip().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MsemuError, match="not an msemu clip"):
        MotionClip.load(path)
    np.savez(path, header=json.dumps({"format_version": 99}), qpos=0.0, qvel=0.0, cycle_displacement=0.0)
    with pytest.raises(MsemuError, match="clip format 99"):
        MotionClip.load(path)


def test_a_clip_of_another_body_is_refused_with_the_names_that_differ():
    clip = make_clip()
    clip.check_matches("toy", JOINTS)
    with pytest.raises(MsemuError, match=r"missing 1: ankle; unknown 1: knee.*msemu-motion import"):
        clip.check_matches("other", ("hip", "ankle"))
    with pytest.raises(MsemuError, match="another order"):
        clip.check_matches("other", ("knee", "hip"))
