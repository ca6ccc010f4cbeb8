"""The clip file: round trip and refusals."""

import json
import tracemalloc

import numpy as np
import pytest

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip, Simulated
from msemu.motion.feedback import Feedback
from msemu.motion.recording import Recording

JOINTS = ("hip", "knee")


def make_clip(**changes):
    rng = np.random.default_rng(1)
    qpos = 0.02 * rng.normal(size=(5, 9))
    qpos[:, 3:7] = [0.6, 0.0, 0.8, 0.0]
    values = {
        "body": "toy", "joint_names": JOINTS, "fps": 50.0, "qpos": qpos, "qvel": rng.normal(size=(5, 8)),
        "cyclic": True, "cycle_displacement": np.array([1.2, 0.0, 0.0]),
        "name": "walk", "source": "somewhere", "license": "MIT", "source_sha256": "ab",
        "quality": {"error_mean_cm": 0.3},
    }  # fmt: skip
    return MotionClip(**(values | changes))


def moving(quaternion: float = 1.0, x: float = 0.0, knee: float = 0.0, hop: float = 0.0, turn: float = 0.0):
    """Poses: length of the quaternion, place, angle of the knee, height [m] and turn [rad] gained a frame."""
    qpos, frames = np.zeros((5, 9)), np.arange(5)
    qpos[:, 0], qpos[:, 2], qpos[:, 8] = x, hop * frames, knee
    qpos[:, 3], qpos[:, 6] = quaternion * np.cos(0.5 * turn * frames), quaternion * np.sin(0.5 * turn * frames)
    return qpos


def write(path, header=None, **arrays):
    """A clip file, written without the code under test; the header's changes, or its text."""
    good = {"format_version": 1, "body": "toy", "joint_names": list(JOINTS), "fps": 50.0}
    text = header if isinstance(header, str) else json.dumps(good | (header or {}))
    values = {"qpos": moving(), "qvel": np.zeros((5, 8)), "cycle_displacement": np.zeros(3)} | arrays
    np.savez_compressed(path, header=text, **values)
    return path


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
        ({"qpos": moving(quaternion=1.002)}, "5 root quaternions .* not of length 1, first in frame 0"),
        ({"qpos": moving(quaternion=0.0)}, "not of length 1"),
        ({"qpos": moving(x=2e4)}, "5 values of qpos are beyond 10000"),
        ({"qpos": moving(knee=200.0)}, "beyond 100 rad"),
        ({"qvel": np.full((5, 8), 2e3)}, "qvel are beyond 1000"),
        ({"qpos": moving(hop=0.2)}, "velocities are not those of the poses at 50 frames per second, first in frame 1"),
        ({"qpos": moving(turn=0.3)}, "velocities are not those of the poses"),
        ({"qvel": np.full((5, 8), 10.0)}, "velocities are not those of the poses"),
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


def test_a_simulated_toe_may_swing_between_two_frames_but_no_joint_all_the_time(tmp_path):
    still = {"qpos": moving(), "cyclic": False, "cycle_displacement": np.zeros(3)}
    own = Simulated(("soleus",), "", "own", "walk", np.zeros((5, 1)), np.zeros((5, 8)), moving())
    once, always = np.zeros((5, 8)), np.zeros((5, 8))
    once[2, 7], always[:, 7] = -25.0, -25.0
    for simulated, qvel, is_refused in ((own, once, False), (own, always, True), (None, once, True)):
        make_clip(**still, qvel=qvel, simulated=simulated).save(tmp_path / "clip.npz")
        if is_refused:
            with pytest.raises(MsemuError, match="velocities are not those of the poses"):
                MotionClip.load(tmp_path / "clip.npz")
        else:
            assert MotionClip.load(tmp_path / "clip.npz").qvel[2, 7] == -25.0


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


def test_a_clip_that_turns_and_travels_has_the_velocities_of_its_poses(tmp_path):
    qvel = np.zeros((5, 8))
    qvel[:, 2], qvel[:, 5] = 0.2 * 50.0, 0.3 * 50.0
    loaded = MotionClip.load(write(tmp_path / "clip.npz", qpos=moving(hop=0.2, turn=0.3), qvel=qvel))
    np.testing.assert_array_equal(loaded.qvel, qvel)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"cyclic": "no"}, "cyclic: expected bool, not 'no'"),
        ({"fps": [50.0]}, "fps: expected float"),
        ({"name": 7}, "name: expected str"),
        ({"joint_names": "hip knee"}, "joint_names: expected a list"),
        ({"joint_names": [["hip"], "knee"]}, "joint_names: expected str"),
        ({"quality": {"error_mean_cm": "small"}}, "quality.error_mean_cm: expected float"),
        ({"quality": [1, 2]}, "quality: expected"),
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"body": None}, "body: expected str"),
        ("[" * 100_000 + "]" * 100_000, "not an msemu clip"),
        ('{"quality":' * 50_000 + "1" + "}" * 50_000, "not an msemu clip"),
        ("[1, 2]", "not an msemu clip"),
        (" " * (2**20 + 1) + "{}", "a header of 1048579 characters"),
    ],
)
def test_a_header_of_other_types_is_refused_in_one_line(tmp_path, header, message):
    with pytest.raises(MsemuError, match=message) as refusal:
        MotionClip.load(write(tmp_path / "clip.npz", header))
    assert len(str(refusal.value).splitlines()) == 1 and len(str(refusal.value)) < 700


@pytest.mark.parametrize("key", ["qpos", "qvel", "cycle_displacement"])
@pytest.mark.parametrize("values", [np.array("text"), np.array(1.0), np.zeros((5, 9), complex), np.zeros((2, 2, 2))])
def test_an_array_of_another_kind_is_refused(tmp_path, key, values):
    with pytest.raises(MsemuError, match="clip"):
        MotionClip.load(write(tmp_path / "clip.npz", **{key: values}))


def test_no_control_character_of_a_file_reaches_a_terminal(tmp_path):
    clip = MotionClip.load(write(tmp_path / "clip.npz", {"name": "a\x1b[2Jb", "source": "c\rd\n", "license": "\x07e"}))
    assert (clip.name, clip.source, clip.license) == ("a?[2Jb", "c?d?", "?e")
    assert make_clip(name="Gehen über 平地").name == "Gehen über 平地"
    with pytest.raises(MsemuError) as refusal:
        MotionClip.load(write(tmp_path / "clip.npz", {"format_version": "\x1b[31m9"}))
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "arrays",
    [
        {"qpos": np.zeros((90_000, 1000), np.uint8), "qvel": np.zeros((90_000, 999), np.uint8)},
        {"qpos": np.zeros((100_001, 9), np.float32)},
        {"qpos": np.zeros((5, 40_000_000), bool)},
    ],
)
def test_a_clip_that_would_take_much_memory_is_refused_before_it_does(tmp_path, arrays):
    path = write(tmp_path / "bomb.npz", **arrays)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        with pytest.raises(MsemuError, match="are accepted"):
            MotionClip.load(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def feedback(**changes) -> Feedback:
    """A feedback of one joint on five frames, two at a time."""
    values = {"joint_names": ("knee",), "held_frames": 2, "gain": np.ones((3, 7, 14)), "greatest": np.arange(7.0)}
    return Feedback(**(values | changes))


def made_with(feedback: Feedback) -> MotionClip:
    """Five frames that muscles made."""
    qpos, qvel = moving(), np.zeros((5, 8))
    simulated = Simulated((), "", "own", "walk", np.zeros((5, 0)), qvel, qpos, feedback)
    return make_clip(qpos=qpos, qvel=qvel, simulated=simulated)


def test_a_feedback_is_kept_beside_a_clip(tmp_path):
    made_with(feedback()).save(tmp_path / "clip.npz")
    found = MotionClip.load(tmp_path / "clip.npz").simulated.feedback
    assert (found.joint_names, found.held_frames) == (("knee",), 2)
    assert np.array_equal(found.gain, feedback().gain) and np.array_equal(found.greatest, feedback().greatest)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"joint_names": ("elbow",)}, "joint elbow, which the clip does not have"),
        ({"held_frames": 0}, "held for 0 frames"),
        ({"held_frames": 3}, r"of shapes \(3, 7, 14\) and \(7,\), not \(2, 7, 14\) and"),
        ({"gain": np.full((3, 7, 14), np.nan)}, "values of feedback_gain are not finite"),
        ({"gain": np.full((3, 7, 14), 1e6)}, "beyond 100000"),
        ({"greatest": -np.ones(7)}, "below 0"),
        ({"joint_names": ("knee", "knee")}, "on 2 joints"),
    ],
)
def test_a_feedback_that_is_none_of_the_clip_is_refused(tmp_path, changes, words):
    made_with(feedback(**changes)).save(tmp_path / "clip.npz")
    with pytest.raises(MsemuError, match=words) as error:
        MotionClip.load(tmp_path / "clip.npz")
    assert "\n" not in str(error.value)


def test_half_a_feedback_is_refused(tmp_path):
    made_with(feedback()).save(tmp_path / "clip.npz")
    arrays = dict(np.load(tmp_path / "clip.npz"))
    for missing in ("feedback_gain", "feedback_greatest"):
        np.savez(tmp_path / "half.npz", **{key: value for key, value in arrays.items() if key != missing})
        with pytest.raises(MsemuError, match="damaged clip"):
            MotionClip.load(tmp_path / "half.npz")
