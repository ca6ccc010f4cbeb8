"""The msgym gait: the change of root coordinates against MuJoCo, spoilt files, and the file itself when it is there."""

import dataclasses
import io
import os
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.formats.msgym import free_root, read_msgym_gait

PELVIS = """<mujoco><worldbody><body name="pelvis" pos="0 0 0.95" quat="0.707107 0.707107 0 0">
  <joint type="slide" axis="0 0 1"/><joint type="slide" axis="0 1 0"/><joint type="slide" axis="1 0 0"/>
  <joint type="hinge" axis="0 0 1"/><joint type="hinge" axis="1 0 0"/><joint type="hinge" axis="0 1 0"/>
  <geom size="0.1"/></body></worldbody></mujoco>"""
"""The root of the published MS-Human-700: six joints in this order."""


def test_the_free_root_is_where_mujoco_puts_the_six_joints():
    model = mujoco.MjModel.from_xml_string(PELVIS)
    data = mujoco.MjData(model)
    coordinates = np.random.default_rng(2).uniform(-1.5, 1.5, size=(20, 6))
    for row, root in zip(coordinates, free_root(coordinates), strict=True):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(root[:3], data.xpos[1], atol=1e-6)
        np.testing.assert_allclose(abs(root[3:] @ data.xquat[1]), 1.0, atol=1e-9)


def test_another_body_is_refused(legs, tmp_path):
    with pytest.raises(MsemuError, match="--body ms_human_700"):
        read_msgym_gait(tmp_path / "gait.npz", legs)


def gait_arrays(body) -> dict[str, np.ndarray]:
    """Arrays of the right shapes for ``body``; its positions belong to no pose."""
    return {
        "qpos_traj": np.zeros((12, body.model.nq - 1)),
        "xpos_traj": np.zeros((12, body.model.nbody, 3)),
        "framerate": np.array(100.0),
        "period": np.array(0.12),
        "stride": np.array(0.1),
    }


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_spoilt_files_end_in_one_line(legs, tmp_path, data):
    body = dataclasses.replace(legs, name="ms_human_700")
    arrays, buffer = gait_arrays(body), io.BytesIO()
    key = data.draw(st.sampled_from(list(arrays)))
    value = data.draw(st.sampled_from([np.nan, -np.inf, 0.0, -1.0, 1e308]))
    arrays[key] = data.draw(
        st.sampled_from([arrays[key] + value, np.array(value), np.array([]), arrays[key][..., None], np.array("x")])
    )
    np.savez(buffer, **arrays)
    content = bytearray(buffer.getvalue())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for position in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=4)) if content else []:
        content[position] = data.draw(st.integers(0, 255))
    path = tmp_path / "gait.npz"
    path.write_bytes(content)
    with pytest.raises(MsemuError) as caught:
        read_msgym_gait(path, body)
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_refused_and_not_run(legs, tmp_path):
    body = dataclasses.replace(legs, name="ms_human_700")
    arrays = gait_arrays(body) | {"qpos_traj": np.array([Trap(tmp_path / "ran")] * 12, dtype=object)}
    np.savez(tmp_path / "gait.npz", **arrays)
    with pytest.raises(MsemuError, match="pickled"):
        read_msgym_gait(tmp_path / "gait.npz", body)
    assert not (tmp_path / "ran").exists()


@pytest.fixture(scope="module")
def gait() -> Path:
    for variable in ("MSEMU_MSGYM_GAIT", "MSEMU_MS_HUMAN_700"):
        if not os.environ.get(variable):
            pytest.skip(f"{variable} is not set")
    return Path(os.environ["MSEMU_MSGYM_GAIT"])


def test_the_gait_becomes_a_cyclic_clip(gait):
    body = load_body("ms_human_700")
    clip = read_msgym_gait(gait, body)
    clip.check_matches(body.name, body.joint_names)
    assert clip.cyclic and clip.num_frames == round(1.17 * 50)
    np.testing.assert_allclose(clip.cycle_displacement, [1.2143, 0, 0], atol=1e-4)
    assert np.abs(body.couplings.residual(clip.qpos)).max() < 1e-9
    assert clip.quality["seam_pose_deg"] <= clip.quality["inside_pose_deg"]
    assert clip.quality["stance_height_max_cm"] < 1.0
    mean_speed = clip.qvel[:, 0].mean()
    np.testing.assert_allclose(mean_speed, 1.0378, rtol=0.02)


def test_positions_that_do_not_fit_are_refused(gait, tmp_path):
    keys = ("qpos_traj", "xpos_traj", "framerate", "period", "stride")
    with np.load(gait) as archive:
        arrays = {key: archive[key] for key in keys}
    swapped = arrays | {"qpos_traj": arrays["qpos_traj"][:, [0, 1, 2, 4, 3, *range(5, 85)]]}
    np.savez(tmp_path / "swapped.npz", **swapped)
    with pytest.raises(MsemuError, match="differ from xpos_traj"):
        read_msgym_gait(tmp_path / "swapped.npz", load_body("ms_human_700"))
    np.savez(tmp_path / "short.npz", **(arrays | {"qpos_traj": arrays["qpos_traj"][:50]}))
    with pytest.raises(MsemuError, match="xpos_traj has shape"):
        read_msgym_gait(tmp_path / "short.npz", load_body("ms_human_700"))
