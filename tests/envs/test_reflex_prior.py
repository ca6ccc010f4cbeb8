"""What muscles do along a clip, the stretch reflexes about it, and what a residual adds."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml
from count_reads import CountReads

from msemu.config import load_named
from msemu.control.inverse_dynamics import differentiate
from msemu.control.muscle_reference import MuscleReference
from msemu.envs.action.prior import Prior
from msemu.envs.action.residual import ResidualSpace
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.library.catalogue import CACHE_VARIABLE
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import ActionCfg, JointCfg, MuscleCfg, TaskCfg
from msemu.schema.controller import ControllerCfg, DecoderCfg

SUBSTEPS, TIMESTEP = 10, 0.002


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def along(body: Body, clip: MotionClip, muscle: MuscleCfg | None = None) -> MuscleReference:
    return MuscleReference.along(body, [clip], muscle or MuscleCfg(), SUBSTEPS, TIMESTEP)


def make_env(cfg: TaskCfg, legs: Body, clip: MotionClip, folder: Path, **values: object) -> MotionTrackingEnv:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"base": "action/residual.yaml", **values}))
    cfg.env.action = load_named(ActionCfg, str(path))
    return MotionTrackingEnv(cfg, legs, clip, seed=0)


def test_muscle_paths_are_mujocos(legs: Body, march: MotionClip) -> None:
    found, movement = along(legs, march), differentiate(legs, march, 0.02)
    data = mujoco.MjData(legs.model)
    for frame in (0, 17, 49):
        data.qpos[:], data.qvel[:] = movement.qpos[frame], movement.qvel[frame]
        mujoco.mj_forward(legs.model, data)
        np.testing.assert_allclose(found.length[frame], data.actuator_length, atol=1e-9)
        np.testing.assert_allclose(found.velocity[frame], data.actuator_velocity, atol=1e-9)


def test_the_excitation_leads_from_one_activation_to_the_next(legs: Body, march: MotionClip) -> None:
    found, model = along(legs, march), legs.model
    assert ((found.excitation >= 0) & (found.excitation <= 1) & (found.activation >= 0)).all()
    reached = found.activation.copy()
    for frame in range(march.num_frames):
        for muscle in range(legs.num_muscles):
            for _ in range(SUBSTEPS):
                rate = mujoco.mju_muscleDynamics(
                    found.excitation[frame, muscle], reached[frame, muscle], model.actuator_dynprm[muscle, :3]
                )
                reached[frame, muscle] += TIMESTEP * rate
    later = np.roll(found.activation, -1, axis=0)
    within = (found.excitation > 1e-6) & (found.excitation < 1 - 1e-6)
    assert within.mean() > 0.3
    np.testing.assert_allclose(reached[within], later[within], atol=1e-4)
    assert (reached[found.excitation >= 1 - 1e-6] <= later[found.excitation >= 1 - 1e-6] + 1e-4).all()


def test_it_is_kept_and_a_damaged_file_is_made_again(legs: Body, march: MotionClip, tmp_path: Path) -> None:
    first = along(legs, march)
    (path,) = (tmp_path / "cache").rglob("*.npz")
    made = path.stat().st_mtime_ns
    second = along(legs, march)
    assert path.stat().st_mtime_ns == made
    path.write_bytes(path.read_bytes()[:1000])
    third = along(legs, march)
    for name in ("activation", "excitation", "length", "velocity"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
        assert np.array_equal(getattr(first, name), getattr(third, name))
    along(legs, march, MuscleCfg(level="rigid"))
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 2


def test_weak_joints_are_named_with_their_frame(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    parameters = MuscleParameters.of(legs.model)
    weak = {
        name: {"max_isometric_force": float(force) * 0.02, "passive_max_isometric_force": 1.0}
        for name, force in zip(parameters.names, parameters.max_isometric_force, strict=True)
    }
    (tmp_path / "weak.yaml").write_text(yaml.safe_dump(weak))
    found = along(legs, march, MuscleCfg(level="rigid", parameter_file=tmp_path / "weak.yaml"))
    (remark,) = found.remarks.tolist()
    assert "too weak for 'march'" in remark and "(frame " in remark and "and " in remark
    assert np.isfinite(found.activation).all() and found.activation.max() <= 1.0 + 1e-9
    (tmp_path / "muscle.yaml").write_text("level: rigid\nparameter_file: weak.yaml\n")
    tracking_cfg.sim.muscle = load_named(MuscleCfg, str(tmp_path / "muscle.yaml"))
    tracking_cfg.env.action = JointCfg(controller=ControllerCfg(decoder=DecoderCfg(objective="torque")))
    with pytest.warns(UserWarning, match="too weak for 'march'"):
        env = MotionTrackingEnv(tracking_cfg, legs, march)
    log = env.step(torch.zeros(4, env.num_actions))[3]["log"]
    assert log["Action/missing_torque"] > 0.01, "how far the closest feasible torque is"
    assert torch.isfinite(env.transition.muscles.excitation).all()


def test_a_clip_without_contact_is_said_to_be_one(legs: Body, march: MotionClip) -> None:
    flying = replace(march, qpos=march.qpos + np.eye(1, march.qpos.shape[1], 2))
    assert any("no foot touches the floor in 'march'" in remark for remark in along(legs, flying).remarks)


def test_a_body_without_feet_is_refused(tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path) -> None:
    regions = {name: geoms for name, geoms in legs.contact_regions.items() if not name.startswith("foot")}
    with pytest.raises(MsemuError, match="no contact region foot_r"):
        make_env(tracking_cfg, replace(legs, contact_regions=regions), march, tmp_path)


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_the_reflex_is_its_formula(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path, delay: int
) -> None:
    gains = {"length_gain": 2.0, "velocity_gain_s": 0.03, "delay_s": 0.02 * delay}
    env = make_env(tracking_cfg, legs, march, tmp_path, prior=gains)
    found, fiber = along(legs, march), MuscleParameters.of(legs.model).optimal_fiber_length
    feedback = [np.zeros((4, 80))] * delay
    for _ in range(6):
        row = env.frame.numpy() % 50
        stretch = (env.sim.muscle_length.numpy() - found.length[row]) / fiber
        speed = (env.sim.muscle_velocity.numpy() - found.velocity[row]) / fiber
        feedback.append(2.0 * np.maximum(stretch, 0.0) + 0.03 * np.maximum(speed, 0.0))
        env.step(torch.zeros(4, 80))
        wanted = np.clip(found.excitation[row] + feedback[-1 - delay], 0.0, 1.0)
        np.testing.assert_allclose(env.transition.muscles.excitation.numpy(), wanted, atol=1e-5)
    assert np.abs(feedback[-1]).max() > 0.01


def test_a_reset_forgets_what_was_felt(tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path) -> None:
    env = make_env(tracking_cfg, legs, march, tmp_path, prior={"length_gain": 5.0})
    for _ in range(8):
        env.step(torch.zeros(4, 80))
    env._reset(torch.tensor([True, False, False, False]))
    before = env.frame.clone()
    env.step(torch.zeros(4, 80))
    found, row = along(legs, march), before.numpy() % 50
    reset, other = (env.transition.muscles.excitation[index].numpy() - found.excitation[row[index]] for index in (0, 1))
    assert np.abs(reset).max() < 1e-6 < 1e-3 < np.abs(other).max()


def test_bodies_start_with_the_reference_s_activation(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    env = make_env(tracking_cfg, legs, march, tmp_path)
    np.testing.assert_allclose(env.sim.act.numpy(), along(legs, march).activation[env.frame.numpy()])


def test_a_residual_is_bounded_and_ends_at_native_control(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    schedules = {
        "bound": {"initial": 0.2, "final": 1.0, "begin": 1, "end": 3},
        "prior_share": {"initial": 1.0, "final": 0.0, "begin": 1, "end": 3},
    }
    env, plain = (make_env(tracking_cfg, legs, march, tmp_path, **values) for values in (schedules, {}))
    actions = torch.randn(4, 80, generator=torch.Generator().manual_seed(0))
    first = env.step(actions)[3]["log"]
    plain.step(torch.zeros(4, 80))
    prior = plain.transition.muscles.excitation
    wanted = (prior + 0.2 * torch.tanh(actions)).clamp(0.0, 1.0)
    torch.testing.assert_close(env.transition.muscles.excitation, wanted)
    assert first["Action/residual_bound"] == pytest.approx(0.2) and first["Action/prior_share"] == 1.0
    for _ in range(3):
        last = env.step(actions)[3]["log"]
    assert last["Action/residual_bound"] == 1.0 and last["Action/prior_share"] == 0.0
    torch.testing.assert_close(env.transition.muscles.excitation, torch.tanh(actions).clamp(min=0.0))


def test_feedback_of_stretch_keeps_the_legs_closer(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    errors = []
    for gain in (0.0, 2.0):
        env = make_env(tracking_cfg, legs, march, tmp_path, prior={"length_gain": gain, "velocity_gain_s": 0.0})
        env.restart(torch.tensor([2, 8, 27, 33]))
        for _ in range(20):
            log = env.step(torch.zeros(4, 80))[3]["log"]
        errors.append(float(log["Error/joint_angle_deg"]))
    assert errors[1] < errors[0]


@pytest.mark.slow
def test_a_step_on_a_device_reads_nothing_back(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    tracking_cfg.sim.engine, tracking_cfg.sim.device = "warp", "cpu"
    tracking_cfg.env.assist = replace(tracking_cfg.env.assist, max_force_bw=0.2)
    env = make_env(tracking_cfg, legs, march, tmp_path)
    env.step(torch.zeros(4, 80))
    env.cfg.env.terminations["body_position_deviation"].limit = 0.02
    resets = torch.zeros(4)
    with CountReads() as guard:
        for _ in range(5):
            resets += env.step(torch.zeros(4, 80))[2]
    assert resets.sum() > 0 and not guard.counts, dict(guard.counts)
    assert isinstance(env.action_space, ResidualSpace) and issubclass(type(env.action_space._prior), Prior)
