"""Clips whose torques are brought within what muscles give."""

from copy import copy
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from command_line import run

from msemu.analysis.static_optimization.missing import joint_groups, missing_shares
from msemu.control.inverse_dynamics import Movement, differentiate, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.models import Body
from msemu.models.strength.sets import multiplied
from msemu.motion.clip import MotionClip
from msemu.motion.repair.banded import NormalEquations
from msemu.motion.repair.frame import FlightFrame, FrameCosts
from msemu.motion.repair.paths import along
from msemu.motion.repair.repair import repair
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.muscle.parameters import MuscleParameters
from msemu.tracking.reference import within_strength
from msemu.tracking.reference.missing_torque import SMOOTHING_S, MissingTorque
from msemu.tracking.reference.within_strength import bring_within_strength, measure

FPS = 50.0
HIP = "hip_flexion_r"


def swinging(body: Body, angle: float, frames: int = 40, hertz: float = 2.0, cyclic: bool = False) -> MotionClip:
    """A body held a meter above the floor that swings its right leg by an angle [rad]."""
    path = np.repeat(body.neutral_qpos[None], frames, axis=0)
    path[:, 2] += 1.0
    path[:, 7 + body.joint_names.index(HIP)] += 0.3 + angle * np.sin(2.0 * np.pi * hertz * np.arange(frames) / FPS)
    qpos = body.couplings.project(path)
    still = np.zeros((frames, body.model.nv))
    clip = MotionClip(body.name, body.joint_names, FPS, qpos, still, cyclic=cyclic, name="swing")
    return along(body, clip, qpos)


def needed_and_given(body: Body, movement: Movement) -> tuple[np.ndarray, np.ndarray]:
    """Torque of the hip by MuJoCo's inverse dynamics, and the most that its muscles give in that direction [N m]."""
    model = copy(body.model)
    data = mujoco.MjData(model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    dof = 6 + body.joint_names.index(HIP)
    needed = np.empty(len(movement.qpos))
    for frame in range(len(needed)):
        data.qpos[:], data.qvel[:], data.qacc[:] = (
            part[frame] for part in (movement.qpos, movement.qvel, movement.qacc)
        )
        mujoco.mj_inverse(model, data)
        needed[frame] = data.qfrc_inverse[dof]
    ((reader, state),) = dynamics_along(body, movement, ())
    active, passive = MuscleCapacity(MuscleParameters.of(model)).forces(state.muscle_length, state.muscle_velocity)
    arms = -state.moment_arms[:, :, reader.dofs.names.index(HIP)]
    greatest = torch.where(arms * torch.from_numpy(np.sign(needed))[:, None] > 0.0, active + passive, passive)
    return np.abs(needed), np.abs((arms * greatest).sum(1).numpy())


@pytest.fixture(scope="module")
def weak(legs: Body) -> Body:
    return multiplied(legs, 0.3)


def test_a_swing_is_narrowed_until_weak_hips_give_it(legs: Body, weak: Body) -> None:
    clip = swinging(legs, 0.45, frames=30)
    found = bring_within_strength(legs, weak, clip, clip.qpos)
    needed, given = needed_and_given(weak, differentiate(weak, clip, SMOOTHING_S))
    assert (needed / given).max() > 1.2
    needed, given = needed_and_given(weak, differentiate(weak, found.clip, SMOOTHING_S))
    assert (needed / given).max() < 1.05
    groups = {"hip": (HIP,)}
    assert missing_shares(found.after, groups)["hip"] < 0.2 * missing_shares(found.before, groups)["hip"]
    assert found.clip.quality["repair_change_mean_cm"] < 3.0
    assert (
        found.clip.quality["repair_torque_missing_legs_before"] > found.clip.quality["repair_torque_missing_legs_after"]
    )


def test_a_swing_within_the_strength_is_left_alone(legs: Body) -> None:
    clip = swinging(legs, 0.2, hertz=0.5)
    found = bring_within_strength(legs, legs, clip, clip.qpos)
    assert found.clip is clip and found.slowed_s == 0.0 and not found.still_weak


@pytest.mark.parametrize("cyclic", [False, True])
def test_slope_of_the_missing_torque_is_that_of_static_optimization(legs: Body, cyclic: bool) -> None:
    """Of muscles that give nothing all torque is missing, so that nothing is neglected."""
    clip = swinging(legs, 0.5, frames=25, cyclic=cyclic)
    joints = InverseKinematics(legs, Costs()).free_joints
    cost = MissingTorque(multiplied(legs, 1e-4), clip, joints)
    frame = FlightFrame(legs, joints, FPS, FrameCosts())
    phase = 2.0 * np.pi * np.arange(25)[:, None] / 25
    random = np.random.default_rng(0)
    course = np.sin(phase + random.uniform(0.0, 6.0, frame.num_coordinates))
    course *= random.normal(size=frame.num_coordinates)
    equations = NormalEquations(25, frame.num_coordinates, cyclic, cost.reach)
    cost.add_to(equations, clip.qpos)

    def value(share: float) -> float:
        return cost.value(np.stack([frame.moved(*each) for each in zip(clip.qpos, share * course, strict=True)]))

    assert (value(1e-4) - value(-1e-4)) / 2e-4 == pytest.approx(2.0 * (equations.gradient * course).sum(), rel=0.03)


def test_parts_with_contact_last_longer_and_flights_keep_their_time(
    legs: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    height = np.zeros(101)
    height[40:61] = 0.3
    monkeypatch.setattr(within_strength, "lowest_height", lambda body, path: height)
    instants = within_strength._instants(legs, swinging(legs, 0.1, frames=101), 0.1)
    assert len(instants) == round(80 * 1.1 + 21) and (instants[0], instants[-1]) == (0.0, 100.0)
    step = np.diff(instants)
    np.testing.assert_allclose(step[(instants[:-1] > 46) & (instants[:-1] < 53)], 1.0, rtol=0.01)
    np.testing.assert_allclose(step[instants[:-1] < 28], 1.0 / 1.1, rtol=0.01)


def test_groups_hold_each_joint_once_and_shares_are_sums(legs: Body) -> None:
    groups = joint_groups(legs)
    names = [legs.joint_names[joint] for joint in legs.independent_joints]
    assert sorted(name for joints in groups.values() for name in joints) == sorted(names)
    assert HIP in groups["legs"] and "trunk" not in groups
    found = measure(legs, swinging(legs, 0.3, frames=10))
    rows = [found.dof_names.index(name) for name in groups["legs"]]
    share = np.abs(found.residual[:, rows]).sum() / np.abs(found.net_torque[:, rows]).sum()
    assert missing_shares(found, groups)["legs"] == pytest.approx(share)


def test_the_command_says_what_is_missing(legs: Body, tmp_path: Path) -> None:
    swinging(legs, 0.2, frames=12, hertz=0.5).save(tmp_path / "swing.npz")
    done = run("motion", "repair", tmp_path / "swing.npz", "--strength-set", "athlete", "-o", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    assert "torque missing" in done.stdout and "the clip is left alone" in done.stdout
    for options, message in (
        (("--strength-set", "giant"), "giant"),
        (("--strength", "2"), "--strength-set"),
        (("--strength-set", "own", "--strength", "0"), "--strength"),
    ):
        wrong = run("motion", "repair", tmp_path / "swing.npz", *options, "-o", tmp_path / "two.npz")
        assert wrong.returncode == 2 and message in wrong.stderr, wrong.stderr
        assert len(wrong.stderr.splitlines()) == 1 and not wrong.stdout, "nothing is begun before"
        assert not (tmp_path / "two.npz").exists()


def test_a_clip_in_which_nothing_touches_has_no_stance_to_repair(legs: Body) -> None:
    clip = swinging(legs, 0.2, frames=12)
    assert repair(legs, clip, kind="contact").clip is clip
