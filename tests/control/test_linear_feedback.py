"""The linear feedback of a clip at work."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.tracking.feedback import LinearFeedback, deviation_from
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.simulated import simulate
from msemu.motion import rotation
from msemu.motion.clip import MotionClip, Simulated
from msemu.motion.feedback import Feedback
from msemu.motion.reference import ReferenceMotion
from msemu.schema import SimCfg
from msemu.sim import Simulation

LED = ("knee_angle_r", "hip_flexion_l")
HELD = 20


@pytest.fixture(scope="module")
def feedback() -> Feedback:
    """Knee by height and hip by the knee's angle, in the second window twice as strong; the third one bounded."""
    gain = np.zeros((3, 8, 16))
    gain[:, 0, 2], gain[:, 1, 12] = 1.0, 0.5
    gain[:, 4, 0] = -2.0
    gain[1] *= 2.0
    gain[2] *= 1e4
    return Feedback(LED, HELD, gain, np.array([0.3, 0.2, *[1.0] * 3, *[2.0] * 3]))


def simulated(clip: MotionClip, feedback: Feedback | None) -> MotionClip:
    """The clip as if muscles had made it."""
    nothing = np.zeros((clip.num_frames, 0))
    made = Simulated((), "", "own", clip.name, nothing, np.zeros_like(clip.qvel), clip.qpos, feedback)
    return replace(clip, simulated=made)


@pytest.fixture
def scene(legs: Body, march_once: MotionClip, feedback: Feedback) -> tuple[LinearFeedback, ReferenceMotion, Simulation]:
    sim = simulate(legs, 2, SimCfg(device="cpu", engine="mujoco", num_threads=1), 1)
    reference = ReferenceMotion(simulated(march_once, feedback), legs, march_once.fps, torch.device("cpu"))
    return LinearFeedback(reference, IndependentDofs(legs), sim), reference, sim


def put(sim, reference: ReferenceMotion, frame: int, height: float = 0.0, ahead: float = 0.0) -> torch.Tensor:
    """Put both bodies on a frame, the second one higher and further ahead."""
    frames = torch.full((2,), frame)
    qpos, qvel = reference.state(frames)
    qpos[1, 2] += height
    qpos[1, 0] += ahead
    sim.reset(torch.ones(2, dtype=torch.bool), qpos, qvel, torch.zeros_like(sim.act))
    return frames


def test_only_what_is_off_is_acted_upon_and_an_action_is_held(scene, legs: Body) -> None:
    own, reference, sim = scene
    names = IndependentDofs(legs).names[ROOT_DOFS:]
    knee = names.index("knee_angle_r")
    joints, root = own.action(put(sim, reference, 0, height=0.02, ahead=0.1))
    assert not joints[0].any() and not root[0].any()
    assert joints[1, knee] == pytest.approx(0.02) and root[1, 2] == pytest.approx(-0.2)
    assert joints[1].count_nonzero() == 1 and root[1].count_nonzero() == 1
    held, _ = own.action(put(sim, reference, HELD - 1, height=0.05))
    assert held[1, knee] == pytest.approx(0.02)
    later, _ = own.action(put(sim, reference, HELD, height=0.05))
    assert later[1, knee] == pytest.approx(0.1)
    bounded, pushed = own.action(put(sim, reference, 2 * HELD, height=-0.05, ahead=0.1))
    assert bounded[1, knee] == pytest.approx(-0.3) and pushed[1, 2] == pytest.approx(-1.0)


def test_a_reset_chooses_anew_and_a_state_is_gone_on_from(scene) -> None:
    own, reference, sim = scene
    first, _ = own.action(put(sim, reference, 3, height=0.02))
    state = own.state_dict()
    own.reset(torch.tensor([False, True]))
    second, _ = own.action(put(sim, reference, 4, height=0.04))
    torch.testing.assert_close(second, 2.0 * first)
    own.load_state_dict(state)
    again, _ = own.action(put(sim, reference, 4, height=0.04))
    assert torch.equal(again, first)


def test_a_deviation_is_that_of_the_body_from_the_clip(scene, legs: Body) -> None:
    _, reference, sim = scene
    frames = put(sim, reference, 10)
    qpos, qvel = reference.state(frames)
    dofs = IndependentDofs(legs).index[ROOT_DOFS:]
    qpos[1, 1] += 0.03
    qpos[1, dofs[2] + 1] += 0.1
    qvel[1, 5] += 0.4
    turn = torch.tensor([np.cos(0.05), 0.0, np.sin(0.05), 0.0])  # 0.1 rad about the root's second axis
    qpos[1, 3:7] = rotation.multiply(qpos[1:, 3:7], turn[None].double())[0]
    sim.reset(torch.ones(2, dtype=torch.bool), qpos, qvel, torch.zeros_like(sim.act))
    off = deviation_from(reference, frames, sim, dofs)
    assert not off[0].any()
    expected = np.zeros(12 + 2 * len(dofs))
    expected[[1, 4, 11, 12 + 2]] = 0.03, 0.1, 0.4, 0.1
    np.testing.assert_allclose(off[1].numpy(), expected, atol=1e-6)


def test_a_clip_without_a_feedback_is_refused(legs: Body, march_once: MotionClip, scene) -> None:
    with_none = simulated(march_once, None)
    reference = ReferenceMotion([march_once, with_none], legs, march_once.fps, torch.device("cpu"))
    with pytest.raises(MsemuError, match=r"'march' comes without a feedback.*msemu-stabilize"):
        LinearFeedback(reference, IndependentDofs(legs), scene[2])
