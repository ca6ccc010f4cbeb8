"""Trajectories of LocoMuJoCo, written here by the layout of its release 1."""

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.formats.loco_mujoco import source_from_sites
from msemu.motion.formats.read import detect_format, read_clip
from msemu.motion.source import JOINT_CENTERS

SITES = {
    f"{side}_{site}_mimic": f"{center}_{side[0]}"
    for side in ("left", "right")
    for site, center in {
        "hip": "hip", "knee": "knee", "foot": "ankle", "shoulder": "shoulder", "elbow": "elbow", "hand": "wrist",
    }.items()
}  # fmt: skip


def trajectory(body: Body, clip: MotionClip, joints: list[str] | None = None, rate: float = 50.0, **changes) -> dict:
    """The arrays of a trajectory of a body that is moved as a clip: some of its joints, and its sites."""
    joints = list(body.joint_names[::-1]) if joints is None else joints
    order = [7 + body.joint_names.index(name) for name in joints]
    qpos = np.hstack([clip.qpos[:, order[:3]], clip.qpos[:, :7], clip.qpos[:, order[3:]]]).astype(np.float32)
    ids = [body.model.site(f"landmark/{name}").id for name in SITES.values()]
    places = np.array([data.site_xpos[ids].copy() for data in posed(body.model, clip.qpos)])
    return {
        "qpos": qpos,
        "qvel": np.zeros((len(qpos), qpos.shape[1] - 1), np.float32),
        "xpos": np.empty(0), "xquat": np.empty(0), "cvel": np.empty(0), "subtree_com": np.empty(0),
        "site_xpos": places, "site_xmat": np.tile(np.eye(3).ravel(), (*places.shape[:2], 1)),
        "split_points": np.array([0, len(qpos)]),
        "joint_names": [*joints[:3], "root", *joints[3:]],
        "njnt": len(joints) + 1, "jnt_type": np.array([3, 3, 3, 0, *(3 for _ in joints[3:])]),
        "frequency": rate, "body_names": None, "metadata": None, "site_names": list(SITES), "nsite": len(SITES),
    } | changes  # fmt: skip


def write(path, arrays: dict):
    np.savez(path, **{key: value for key, value in arrays.items() if value is not ...})
    return path


def test_joints_are_found_by_name_whatever_their_order(legs: Body, march_once: MotionClip, tmp_path) -> None:
    path = write(tmp_path / "walk.npz", trajectory(legs, march_once))
    assert detect_format(path) == "loco_mujoco"
    clip = read_clip(path, legs)
    np.testing.assert_allclose(clip.qpos[:, :3], march_once.qpos[:, :3], atol=1e-6)
    np.testing.assert_allclose(clip.qpos[:, 7:], march_once.qpos[:, 7:], atol=1e-6)
    assert (clip.name, clip.fps) == ("walk", 50.0) and "LocoMuJoCo" in clip.source


def test_types_may_lack_and_the_rate_may_differ(legs: Body, march_once: MotionClip, tmp_path) -> None:
    joints = ["knee_angle_r", "knee_angle_l", "hip_flexion_r", "hip_flexion_l"]
    order = [7 + legs.joint_names.index(name) for name in joints]
    arrays = {"qpos": np.hstack([march_once.qpos[:, :7], march_once.qpos[:, order]]), "frequency": np.array([100.0])}
    path = write(tmp_path / "a.npz", arrays | {"joint_names": ["freejoint", *joints]})
    clip = read_clip(path, legs)
    assert clip.num_frames == 25
    np.testing.assert_allclose(clip.qpos[:, order], march_once.qpos[::2][:, order], atol=1e-6)


def test_the_first_of_several_trajectories_is_read_and_said(legs: Body, march_once: MotionClip, tmp_path) -> None:
    path = write(tmp_path / "a.npz", trajectory(legs, march_once, split_points=np.array([0, 20, 50])))
    clip = read_clip(path, legs)
    assert clip.num_frames == 20 and "the first of 2 trajectories" in clip.source


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint_names": np.array(["a", None], dtype=object)}, "pickled data can run code and is refused: save it as"),
        ({"joint_names": np.arange(29)}, "joint_names is no text"),
        ({"joint_names": ["hip", *(f"joint_{index // 2}" for index in range(28))]}, "joint_0, .* more than once"),
        ({"jnt_type": np.full(29, 3)}, "qpos has shape"),
        ({"jnt_type": np.array([1, *(3 for _ in range(28))])}, "at most one free joint"),
        ({"jnt_type": np.zeros(3)}, "29 joint_names and 3 jnt_type"),
        ({"split_points": np.array([0, 400])}, "split_points do not increase"),
        ({"split_points": np.array([0, 1, 50])}, "1 frames in its first trajectory"),
        ({"frequency": 0.0}, "frequency is 0"),
        ({"site_xpos": np.zeros((50, 3, 3))}, "site_xpos has shape"),
    ],
)
def test_damaged_trajectories_are_refused(legs: Body, march_once: MotionClip, tmp_path, changes, message) -> None:
    with pytest.raises(MsemuError, match=message):
        read_clip(write(tmp_path / "a.npz", trajectory(legs, march_once, **changes)), legs)


def test_another_body_is_named_with_the_joints_that_fit(legs: Body, march_once: MotionClip, tmp_path) -> None:
    arrays = trajectory(legs, march_once)
    arrays["joint_names"] = [name.replace("hip_flexion", "hip_y") for name in arrays["joint_names"]]
    path = write(tmp_path / "robot.npz", arrays)
    refused = run("motion", "import", path, "--body", "myolegs", "--out", tmp_path / "c.npz")
    assert_one_clear_line(refused, "hip_y_r", "26 joints fit", "--retarget")
    arrays = trajectory(legs, march_once)
    arrays["site_xpos"] = arrays["site_xpos"][..., [0, 2, 1]]
    with pytest.raises(MsemuError, match=r"of another body than myolegs: its joint angles put the joint centers .* cm"):
        read_clip(write(path, arrays), legs)
    arrays |= {"jnt_type": np.full(35, 3), "joint_names": [f"joint_{index}" for index in range(35)], "site_xpos": ...}
    with pytest.raises(MsemuError, match=r"unknown joint_0, .*0 joints fit: none$"):
        read_clip(write(path, arrays), legs)


def test_the_sites_are_a_recording_for_any_body(legs: Body, march_once: MotionClip, tmp_path) -> None:
    arrays = trajectory(legs, march_once, joint_names=[f"joint_{index}" for index in range(29)])
    source = source_from_sites(write(tmp_path / "a.npz", arrays))
    order = [list(SITES.values()).index(name) for name in JOINT_CENTERS]
    np.testing.assert_allclose(source.positions, arrays["site_xpos"][:, order], atol=1e-9)
    upright = source.orientations[:, 0]
    assert np.abs(upright[:, 0]).min() > 0.95  # the pelvis looks ahead
    lacking = [name.replace("knee", "shin") for name in SITES]
    with pytest.raises(MsemuError, match="lacks the sites right_knee_mimic, left_knee_mimic"):
        source_from_sites(write(tmp_path / "a.npz", arrays | {"site_names": lacking}))
    with pytest.raises(MsemuError, match="no places of sites"):
        source_from_sites(write(tmp_path / "a.npz", arrays | {"site_names": ...}))


def test_a_trajectory_is_retargeted(legs: Body, march_once: MotionClip, tmp_path) -> None:
    out = tmp_path / "c.npz"
    arrays = trajectory(legs, march_once)
    code, _, error = run(
        "motion", "import", write(tmp_path / "a.npz", arrays), "--body", "myolegs", "--retarget", "--out", out
    )
    assert code == 0, error
    assert MotionClip.load(out).quality["error_mean_cm"] < 3.0
