"""Landmarks and reference tables against MuJoCo."""

import mujoco
import numpy as np
import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import LANDMARKS, Body
from msemu.motion.clip import MotionClip
from msemu.motion.kinematics import ROOT
from msemu.motion.reference import ReferenceMotion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference(legs: Body, march: MotionClip) -> ReferenceMotion:
    return ReferenceMotion(march, legs, 50.0, CPU)


def test_landmarks_equal_mujocos_sites(legs: Body, march: MotionClip, reference: ReferenceMotion) -> None:
    data = mujoco.MjData(legs.model)
    velocity = np.zeros(6)
    for frame in (0, 7, 31):
        data.qpos[:], data.qvel[:] = march.qpos[frame], march.qvel[frame]
        mujoco.mj_forward(legs.model, data)
        state = reference.kinematics(torch.tensor([frame]))
        sites = np.array([data.site(f"landmark/{name}").xpos for name in LANDMARKS])
        np.testing.assert_allclose(state.landmark_position[0], sites, atol=1e-5)
        pelvis = data.site("landmark/pelvis")
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, state.root_quaternion[0].double().numpy())
        np.testing.assert_allclose(matrix, pelvis.xmat, atol=1e-5)
        mujoco.mj_objectVelocity(legs.model, data, mujoco.mjtObj.mjOBJ_SITE, pelvis.id, velocity, 0)
        np.testing.assert_allclose(state.root_angular_velocity[0], velocity[:3], atol=1e-5)
        np.testing.assert_allclose(state.root_linear_velocity[0], velocity[3:], atol=1e-5)
        independent = legs.independent_joints
        np.testing.assert_allclose(state.joint_position[0], march.qpos[frame, 7 + independent], atol=1e-6)
        np.testing.assert_allclose(state.joint_velocity[0], march.qvel[frame, 6 + independent], atol=1e-5)


def test_a_cyclic_clip_goes_on_displaced(march: MotionClip, reference: ReferenceMotion) -> None:
    frame, cycles = torch.tensor([3]), 4
    later = frame + cycles * march.num_frames
    now, then = reference.kinematics(frame), reference.kinematics(later)
    shift = torch.tensor(march.cycle_displacement * cycles, dtype=torch.float32)
    assert torch.allclose(then.landmark_position, now.landmark_position + shift, atol=1e-6)
    assert torch.equal(then.joint_position, now.joint_position)
    qpos, qvel = reference.state(later)
    assert torch.allclose(qpos[:, 0] - reference.state(frame)[0][:, 0], shift[0].double())
    assert torch.equal(qvel, reference.state(frame)[1])
    assert reference.phase(later).item() == pytest.approx(3 / march.num_frames)


def test_another_clip_stays_in_its_last_frame(legs: Body, march_once: MotionClip) -> None:
    reference = ReferenceMotion(march_once, legs, 50.0, CPU)
    qpos, _ = reference.state(torch.tensor([march_once.num_frames + 20]))
    np.testing.assert_array_equal(qpos[0], march_once.qpos[-1])


def test_looking_up_does_not_change_the_tables(reference: ReferenceMotion) -> None:
    frame = torch.tensor([60])
    first = reference.state(frame)[0].clone()
    reference.state(frame)[0][:] = 0.0
    assert torch.equal(reference.state(frame)[0], first)


def test_any_shape_of_frames(reference: ReferenceMotion, legs: Body) -> None:
    state = reference.kinematics(torch.arange(6).reshape(2, 3))
    assert state.landmark_position.shape == (2, 3, len(LANDMARKS), 3)
    assert torch.equal(state.root_position, state.landmark_position[..., ROOT, :])


def test_a_clip_of_another_rate_is_refused(legs: Body, march: MotionClip) -> None:
    with pytest.raises(MsemuError, match="import it with --fps 100"):
        ReferenceMotion(march, legs, 100.0, CPU)
