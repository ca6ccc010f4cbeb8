"""Learning from the errors of earlier cycles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from learn_correction import deviation, learn

from msemu.config import load_named
from msemu.control.tracking.correction import Correction, corrections_along, independent_joint_names, mean_by_phase
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.files import write_arrays
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ActionCfg, TaskCfg

NOTHING = Correction("legs", "walk", ("knee",), np.zeros((50, 7)))
PHASE = np.arange(50)[:, None] / 50
WAVE = np.repeat(np.sin(2 * np.pi * PHASE), 7, axis=1)


def correction_of(legs: Body, clip: MotionClip, offset: np.ndarray | None = None) -> Correction:
    names = independent_joint_names(legs)
    nothing = np.zeros((clip.num_frames, 6 + len(names)))
    return Correction(legs.name, clip.name, names, nothing if offset is None else offset)


def test_errors_are_smoothed_moved_and_added() -> None:
    """A Gaussian leaves exp(-(w s)^2 / 2) of a wave of the angular frequency w."""
    found = replace(NOTHING, offset=WAVE).learned(WAVE, gain=0.5, kept=0.9, lead=3, width=2.0)
    left = np.exp(-0.5 * (2 * np.pi / 50 * 2.0) ** 2)
    moved = np.sin(2 * np.pi * (PHASE + 3 / 50))
    np.testing.assert_allclose(found.offset, 0.9 * WAVE + 0.5 * left * moved, atol=1e-3)


def test_what_is_learned_makes_up_for_a_plant_that_is_late_and_weak() -> None:
    learned = NOTHING
    for _ in range(12):
        achieved = 0.8 * np.roll(WAVE + learned.offset, 2, axis=0)
        learned = learned.learned(WAVE - achieved, gain=0.5, kept=1.0, lead=2, width=1.0)
    before, after = (np.abs(WAVE - 0.8 * np.roll(WAVE + more, 2, axis=0)).max() for more in (0.0, learned.offset))
    assert after < 0.05 < 0.25 < before


def test_means_by_phase_are_those_of_each_frame() -> None:
    random = np.random.default_rng(0)
    error, row = random.normal(size=(300, 4)), random.integers(0, 9, 300)
    found = mean_by_phase(error, row, 10)
    for frame in range(9):
        np.testing.assert_allclose(found[frame], error[row == frame].mean(0))
    assert not found[9].any()


def test_a_correction_is_an_offset_of_the_target(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    offset = np.random.default_rng(0).normal(scale=0.05, size=correction_of(legs, march).offset.shape)
    offset[:, :6] = 0.0
    correction_of(legs, march, offset).save(tmp_path / "learned.npz")
    tracking_cfg.env.action = action = load_named(ActionCfg, "joint")
    plain = MotionTrackingEnv(tracking_cfg, legs, march)
    controller = replace(action.controller, correction=str(tmp_path / "learned.npz"))
    tracking_cfg.env.action = replace(action, controller=controller)
    led = MotionTrackingEnv(tracking_cfg, legs, march)
    frame = torch.tensor([1, 9, 20, march.num_frames + 5])
    plain.restart(frame), led.restart(frame)
    wanted = plain.action_space.controller.decode(frame, torch.from_numpy(offset[frame % march.num_frames, 6:]))
    found = led.action_space.excitation(torch.zeros(4, led.num_actions), frame, 0)
    assert torch.equal(found, wanted.excitation)
    still = plain.action_space.controller.decode(frame).excitation
    assert not torch.equal(found, still)


def test_a_pelvis_whose_target_is_moved_is_pulled_there(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.env.action = load_named(ActionCfg, "joint")
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    controller, frame = env.action_space.controller, torch.tensor([1, 9, 20, 30])
    env.restart(frame)
    controller.decode(frame)
    before = controller.wanted.clone()
    change = torch.zeros(march.num_frames, before.shape[1], dtype=torch.float64)
    change[:, 1], change[:, 5] = 0.01, 0.02
    controller.correction = change
    controller.decode(frame)
    more = controller.wanted - before
    rate = 2 * np.pi * load_named(ActionCfg, "joint").controller.root_rotation.natural_frequency_hz
    torch.testing.assert_close(more[:, 5], torch.full((4,), rate**2 * 0.02, dtype=torch.float64))
    torch.testing.assert_close(more[:, 3:5], torch.zeros(4, 2, dtype=torch.float64))


def test_errors_are_against_the_recorded_clip_whatever_was_learned(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    tracking_cfg.env.action = load_named(ActionCfg, "joint")
    env = MotionTrackingEnv(tracking_cfg, legs, march)
    rounds = list(learn(env, steps=20, rounds=2, on_step=lambda done, total: None))
    assert not rounds[0][0].offset.any() and rounds[2][0].offset.any()
    knee = 6 + legs.joint_names.index("knee_angle_l")
    angle = march.qpos[env.frame % march.num_frames, 1 + knee] - env.sim.qpos[:, 1 + knee].numpy()
    place = 6 + independent_joint_names(legs).index("knee_angle_l")
    np.testing.assert_allclose(deviation(env)[:, place], angle, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": "arms"}, "is of another body, arms, or of another .*learn it anew"),
        ({"joint_names": ("knee",)}, "is of another body"),
        ({"clip": "run"}, "is of the clip 'run', and this reference has march"),
        ({"offset": np.zeros((3, 7))}, "has 3 frames and the clip 'march' has"),
        ({"offset": np.full((3, 7), np.nan)}, "must hold a finite number"),
        ({"offset": np.zeros(3)}, "must hold a finite number"),
    ],
    ids=["body", "joints", "clip", "frames", "not finite", "one dimension"],
)
def test_what_does_not_fit_is_named(legs: Body, march: MotionClip, tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "learned.npz"
    replace(correction_of(legs, march), **change).save(path)
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    with pytest.raises(MsemuError, match=message) as caught:
        corrections_along(legs, reference, path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_none_are_named(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    write_arrays(tmp_path / "other.npz", {"offset": np.zeros((3, 7))})
    (tmp_path / "text.npz").write_text("no archive")
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    for name in ("nowhere.npz", "other.npz", "text.npz"):
        with pytest.raises(MsemuError, match=name):
            corrections_along(legs, reference, tmp_path / name)


def test_only_clips_that_repeat_teach(tracking_cfg: TaskCfg, legs: Body, march_once: MotionClip) -> None:
    tracking_cfg.env.action = load_named(ActionCfg, "joint")
    env = MotionTrackingEnv(tracking_cfg, legs, march_once)
    with pytest.raises(MsemuError, match="of a clip that repeats"):
        next(learn(env, steps=2, rounds=1, on_step=lambda done, total: None))
