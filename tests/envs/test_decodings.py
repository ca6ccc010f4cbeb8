"""Excitations that are found several times in a control step."""

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml

from msemu.config import load_named
from msemu.control.tracking.parts import part_at, parts_of
from msemu.control.tracking.smoothed_reference import Instant, SmoothedReference
from msemu.envs.action.space import ActionSpace, Scene
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ActionCfg, TaskCfg


@dataclass(frozen=True)
class RampCfg(ActionCfg):
    first: float = 0.1
    blows_up: bool = False


class Ramp(ActionSpace):
    """Excites all muscles alike, from ``first`` to half a one more at the end of the control step."""

    Cfg = RampCfg
    num_actions = 1

    def __init__(self, cfg: RampCfg, scene: Scene):
        self.cfg, self.scene = cfg, scene
        self.decodings = 2 if cfg.blows_up else 3

    def excitation(self, actions: torch.Tensor, frame: torch.Tensor, steps: int) -> torch.Tensor:
        if self.cfg.blows_up:
            self.scene.sim.qvel[1, 0] = 1e12
        return torch.full((len(actions), self.scene.body.num_muscles), self.cfg.first)

    def renewed(self, actions: torch.Tensor, frame: torch.Tensor, steps: int, passed: float) -> torch.Tensor:
        return torch.full((len(actions), self.scene.body.num_muscles), self.cfg.first + 0.5 * passed)


def make_env(cfg: TaskCfg, legs: Body, clip: MotionClip, folder: Path, **values: object) -> MotionTrackingEnv:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(values))
    cfg.env.action = load_named(ActionCfg, str(path))
    return MotionTrackingEnv(cfg, legs, clip)


def test_the_physics_get_each_excitation_for_its_part(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    tracking_cfg.sim.paths = "engine"
    env = make_env(tracking_cfg, legs, march, tmp_path, kind=f"{__name__}:Ramp")
    data = mujoco.MjData(env.sim.model)
    data.qpos[:], data.qvel[:], data.act[:] = env.sim.qpos[0], env.sim.qvel[0], env.sim.act[0]
    env.step(torch.zeros(4, 1))
    for excitation, steps in ((0.1, 4), (0.3, 3), (0.45, 3)):
        data.ctrl[:] = excitation
        mujoco.mj_step(env.sim.model, data, steps)
    np.testing.assert_allclose(env.sim.act[0], data.act, atol=1e-6)
    np.testing.assert_allclose(env.sim.qpos[0], data.qpos, atol=1e-6)
    torch.testing.assert_close(env.last_excitation, torch.full((4, legs.num_muscles), 0.265))


def test_a_body_that_blows_up_in_the_first_part_has_blown_up(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    env = make_env(tracking_cfg, legs, march, tmp_path, kind=f"{__name__}:Ramp", blows_up=True)
    _, _, dones, extras = env.step(torch.zeros(4, 1))
    assert dones.tolist() == [0, 1, 0, 0] and extras["log"]["Episode/blow_ups_per_step"] == 0.25


@pytest.mark.parametrize("base", ["joint", "residual_controller"])
def test_the_controller_finds_each_excitation_from_what_the_last_led_to(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, base: str
) -> None:
    controller = {"decodings": 3}
    values = {"controller": controller} if base == "joint" else {"prior": {"controller": controller}}
    env = make_env(tracking_cfg, legs, march, tmp_path, base=f"action/{base}.yaml", **values)
    other = make_env(tracking_cfg, legs, march, tmp_path, base=f"action/{base}.yaml", **values)
    frame, still = torch.tensor([2, 8, 27, 33]), torch.zeros(4, env.num_actions)
    env.restart(frame), other.restart(frame)
    env.step(still)
    first = other.action_space.excitation(still, frame, 0)
    other.sim.step(first, 4)
    for passed in (0.4, 0.7):
        again = other.action_space.renewed(still, frame, 0, passed)
        assert not torch.equal(first, again)
        other.sim.step(again, 3)
    assert torch.equal(env.sim.qpos, other.sim.qpos)


def test_what_is_wanted_is_reached_at_the_end_of_each_part(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    """Activation dynamics are inverted over as many physics steps as the part has."""
    env = make_env(tracking_cfg, legs, march, tmp_path, base="action/joint.yaml", controller={"decodings": 3})
    frame, controller = torch.tensor([2, 8, 27, 33]), env.action_space.controller
    env.restart(frame)
    for passed, steps in ((0.0, 4), (0.4, 3), (0.7, 3)):
        decoded = controller.decode(frame, passed=passed)
        env.sim.step(decoded.excitation.double(), steps)
        torch.testing.assert_close(env.sim.act.double(), decoded.activation, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("substeps", "decodings"), [(10, 1), (10, 3), (5, 2), (7, 7)])
def test_a_control_step_has_parts_that_are_alike(substeps: int, decodings: int) -> None:
    parts = parts_of(substeps, decodings)
    assert sum(parts) == substeps and len(parts) == decodings and max(parts) - min(parts) <= 1
    begins = np.cumsum((0, *parts[:-1]))
    assert [part_at(parts, float(begin) / substeps) for begin in begins] == list(parts)


def test_a_control_step_has_no_more_decodings_than_physics_steps(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    assert parts_of(1, 2) == (1,) and parts_of(10, 11) == (1,) * 10
    env = make_env(tracking_cfg, legs, march, tmp_path, base="action/joint.yaml", controller={"decodings": 11})
    env.step(torch.zeros(4, env.num_actions))
    assert env.transition.finite.all()


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_between_frames_the_reference_is_between_them(legs: Body, march: MotionClip, share: float) -> None:
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    smoothed = SmoothedReference(legs, reference, 0.04)
    frame = torch.tensor([3, march.num_frames - 1, march.num_frames])  # also from one cycle to the next

    def at(frame: torch.Tensor, share: float) -> tuple[torch.Tensor, ...]:
        now = Instant.of(reference, frame, share)
        return tuple(vars(smoothed.target(frame, now, now)).values())

    for before, after, found in zip(at(frame, 0.0), at(frame + 1, 0.0), at(frame, share), strict=True):
        torch.testing.assert_close(found, before + share * (after - before), atol=1e-4, rtol=0)
    angle = torch.tensor([0.2, 0.6, -0.4], dtype=torch.float64)
    turns = torch.stack((torch.cos(angle / 2), torch.sin(angle / 2), 0 * angle, 0 * angle), 1) * angle.sign()[:, None]
    row = torch.tensor([0, 1, 2])
    found = Instant(row, row.roll(1), share).look_up_turn(turns)
    wanted = angle + share * (angle.roll(1) - angle)
    torch.testing.assert_close((found[:, 1] / found[:, 0]).atan() * 2, wanted, atol=0.01, rtol=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3, dtype=torch.float64))
