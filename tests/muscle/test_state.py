"""The state of the muscles as others see it: read from every engine, in observations, rewards and evaluations."""

import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml
from tensordict import TensorDict

from msemu.analysis.evaluation import Evaluation
from msemu.analysis.rollout import measure_episodes, record
from msemu.config import load_named
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.muscle import in_numpy as reference
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, MuscleCfg, ObservationTermCfg, RewardTermCfg, SimCfg, TaskCfg
from msemu.sim import Simulation, make_simulation
from msemu.sim.force_driven import ForceDrivenSimulation
from msemu.viewer.muscle_coloring import COLORINGS, pick_coloring

NUM_ENVS = 3
QUANTITIES = ("fiber_length", "fiber_velocity", "tendon_strain", "active_force", "passive_force", "power")


def moved(sim: Simulation, body: Body) -> Simulation:
    """Let the body fall for a control step under random excitation."""
    qpos = torch.from_numpy(np.repeat(body.neutral_qpos[None], NUM_ENVS, axis=0))
    everything = torch.ones(NUM_ENVS, dtype=torch.bool)
    sim.reset(everything, qpos, torch.zeros(NUM_ENVS, body.model.nv), torch.full((NUM_ENVS, body.num_muscles), 0.1))
    sim.step(torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(0)), 10)
    return sim


def test_the_engines_own_muscle_is_read_as_the_reference_has_it(legs: Body) -> None:
    sim = moved(make_simulation(legs.model, NUM_ENVS, SimCfg(device="cpu")), legs)
    before = sim.state_dict()["state"]
    state = sim.read_muscles()
    length, velocity, activation = (tensor.numpy() for tensor in (sim.muscle_length, sim.muscle_velocity, sim.act))
    expected = reference.mujoco_state(MuscleParameters.of(legs.model), activation, length, velocity)
    peak = MuscleParameters.of(legs.model).max_isometric_force
    for name in ("fiber_length", "fiber_velocity", "tendon_strain"):
        np.testing.assert_allclose(getattr(state, name), getattr(expected, name), atol=1e-5)
    for name in ("active_force", "passive_force"):
        np.testing.assert_allclose(getattr(state, name) / peak, getattr(expected, name) / peak, atol=1e-5)
    np.testing.assert_allclose(state.power / peak, -expected.force * velocity / peak, atol=1e-5)
    np.testing.assert_allclose(state.activation, activation, atol=1e-6)
    assert torch.equal(sim.state_dict()["state"], before), "looking must not change the simulation"
    assert state.fiber_velocity.abs().max() > 0.05, "the body must have moved"


@pytest.mark.parametrize("level", LEVELS)
def test_the_kernels_muscles_are_views(legs: Body, level: str) -> None:
    sim = moved(ForceDrivenSimulation(legs.model, NUM_ENVS, MuscleCfg(level=level), num_threads=2), legs)
    state = sim.read_muscles()
    for name in ("activation", *QUANTITIES):
        tensor = getattr(state, name)
        assert tensor.shape == (NUM_ENVS, legs.num_muscles) and tensor.dtype == torch.float32
        assert tensor.data_ptr() == getattr(sim.read_muscles(), name).data_ptr(), "a copy was made"
    np.testing.assert_allclose(state.active_force + state.passive_force, -sim.muscle_force, rtol=1e-5, atol=1e-2)
    assert (state.tendon_strain != 0).any() == (level == "elastic")
    before = state.power.clone()
    sim.step(torch.full((NUM_ENVS, legs.num_muscles), 0.5), 1)
    assert not torch.equal(state.power, before)


@pytest.mark.parametrize("muscle", ["mujoco", "elastic"])
def test_moment_arms_turn_force_into_generalized_force(legs: Body, muscle: str) -> None:
    sim = moved(make_simulation(legs.model, NUM_ENVS, SimCfg(device="cpu", muscle=load_named(MuscleCfg, muscle))), legs)
    arms = sim.moment_arms()
    assert arms.shape == (NUM_ENVS, legs.num_muscles, legs.model.nv) and arms.dtype == torch.float32
    data = mujoco.MjData(legs.model)
    for env in range(NUM_ENVS):
        data.qpos[:], data.qvel[:], data.act[:] = sim.qpos[env], sim.qvel[env], sim.act[env]
        mujoco.mj_forward(legs.model, data)
        generalized = arms[env].double().numpy().T @ data.actuator_force
        np.testing.assert_allclose(generalized, data.qfrc_actuator, rtol=1e-4, atol=1e-2)
    velocity = torch.einsum("emv,ev->em", arms.double(), sim.qvel)
    np.testing.assert_allclose(velocity, sim.muscle_velocity, atol=1e-5)


def environment(cfg: TaskCfg, body: Body, clip: MotionClip, *groups: str) -> MotionTrackingEnv:
    cfg.env.observations |= {name: ObservationTermCfg() for name in groups}
    return MotionTrackingEnv(cfg, body, clip)


def test_fibers_are_observed_when_the_task_offers_them(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking_cfg.sim.muscle, tracking_cfg.sim.device = MuscleCfg(level="elastic"), "cpu"
    plain = environment(tracking_cfg, legs, march)
    env = environment(tracking_cfg, legs, march, "fiber")
    observations, _, _, extras = env.step(torch.zeros(env.num_envs, env.num_actions))
    length, velocity, strain = observations["fiber"].unflatten(1, (3, legs.num_muscles)).unbind(1)
    state = env.sim.read_muscles()
    assert torch.equal(length, state.fiber_length - 1.0)
    assert torch.equal(velocity, state.fiber_velocity)
    assert torch.equal(strain, 20.0 * state.tendon_strain)
    assert extras["terminal_observations"]["fiber"].shape == observations["fiber"].shape

    monkeypatch.setattr(plain.sim, "read_muscles", lambda: pytest.fail("nobody has asked for the muscles"))
    observations, *_ = plain.step(torch.zeros(plain.num_envs, plain.num_actions))
    assert "fiber" not in observations


def test_fibers_after_a_reset_are_those_of_the_new_state(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.sim.muscle, tracking_cfg.sim.device = MuscleCfg(level="elastic"), "cpu"
    env = environment(tracking_cfg, legs, march, "fiber")
    env.episode_length_buf[1] = env.max_episode_length
    observations, _, dones, extras = env.step(torch.zeros(env.num_envs, env.num_actions))
    assert dones.bool().tolist() == [False, True, False, False]
    before, after = extras["terminal_observations"]["fiber"], observations["fiber"]
    assert torch.equal(before[[0, 2, 3]], after[[0, 2, 3]]) and not torch.equal(before[1], after[1])
    assert torch.equal(after[1, : legs.num_muscles], env.sim.read_muscles().fiber_length[1] - 1.0)


def test_a_reward_term_may_use_true_power(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.sim.device = "cpu"
    tracking_cfg.env.rewards = {"muscle_power": RewardTermCfg(weight=-0.01)}
    env = environment(tracking_cfg, legs, march)
    rewards = env.step(torch.full((env.num_envs, env.num_actions), 0.6))[1]
    power = (env.sim.muscle_force * env.sim.muscle_velocity).clamp(min=0).mean(1)
    # The engine's force is that of the step before, so the two differ by one physics step.
    np.testing.assert_allclose(rewards, -0.01 * power, rtol=0.2)
    assert (rewards < -0.01).all()


def test_an_evaluation_and_a_recording_hold_what_the_muscles_do(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    tracking_cfg.sim.muscle, tracking_cfg.sim.device = MuscleCfg(level="elastic"), "cpu"
    env = environment(tracking_cfg, legs, march)

    def policy(observations: TensorDict) -> torch.Tensor:
        return torch.full((env.num_envs, env.num_actions), 0.4)

    errors = measure_episodes(env, policy, 3)
    for values in vars(errors.muscles).values():
        assert values.shape == (3, env.num_envs) and (values > 0).all()
    evaluation = Evaluation.of(errors, [str(joint) for joint in legs.independent_joints], 50.0)
    assert evaluation.peak_muscle_power_w == errors.muscles.power_w.max() > evaluation.muscle_power_w
    assert 0.05 < evaluation.activation < 0.4 and 0.001 < evaluation.tendon_strain < 0.1

    recording = record(env, policy, 3, "a test").recording(env.body)
    assert not np.array_equal(recording.fiber_length[0], recording.fiber_length[1]), "frames share their memory"
    np.testing.assert_array_equal(recording.fiber_length[-1], env.sim.read_muscles().fiber_length[0])
    measured = [name for name in COLORINGS if name != "freedom"]  # a file of the user's brings that
    levels = {name: pick_coloring(recording, name).levels(recording) for name in measured}
    np.testing.assert_array_equal(levels["activation"], recording.activation)
    np.testing.assert_allclose(levels["fiber_length"], recording.fiber_length - 0.5)
    assert levels["muscle_force"].shape == (4, legs.num_muscles) and levels["muscle_force"].max() < 2
    with pytest.raises(MsemuError, match="unknown coloring 'color'"):
        pick_coloring(recording, "color")
    recording.fiber_length = None
    with pytest.raises(MsemuError, match="holds no fiber_length"):
        pick_coloring(recording, "fiber_length")


@pytest.mark.parametrize("suffix", [".yaml", ".csv"])
def test_a_parameter_file_changes_what_runs(tmp_path: Path, legs: Body, suffix: str) -> None:
    """Through ``--sim.muscle FILE``, a configuration that names the parameter file beside it."""
    parameters = MuscleParameters.of(legs.model)
    names = [name for name, rigid in zip(parameters.names, parameters.has_rigid_tendon, strict=True) if not rigid]
    slack = {name: 1.02 * parameters.tendon_slack_length[parameters.names.index(name)] for name in names}
    file = tmp_path / f"mine{suffix}"
    if suffix == ".yaml":
        rows = {name: {"pennation_angle": 0.4, "tendon_slack_length": float(slack[name])} for name in names}
        file.write_text(yaml.safe_dump(rows))
    else:
        lines = [f"{name},0.4,{slack[name]}\n" for name in names]
        file.write_text("muscle,pennation_angle,tendon_slack_length\n" + "".join(lines))
    for level in ("rigid", "elastic"):
        own = tmp_path / "own.yaml"
        own.write_text(f"level: {level}\nparameter_file: {file.name}\n")
        plain, changed = (
            moved(
                make_simulation(legs.model, NUM_ENVS, SimCfg(device="cpu", muscle=load_named(MuscleCfg, muscle))), legs
            )
            for muscle in (level, str(own))
        )
        index = parameters.names.index("soleus_r")
        assert changed.muscles.parameters.pennation_angle[index] == 0.4
        shorter = plain.read_muscles().fiber_length[:, index] - changed.read_muscles().fiber_length[:, index]
        assert (shorter > 0.02).all(), "a longer tendon must leave less to the fiber"


def test_no_banner_of_warp(capfd: pytest.CaptureFixture[str]) -> None:
    code = "from msemu.muscle.dynamics import MuscleDynamics; import warp; warp.zeros(3)"
    subprocess.run([sys.executable, "-c", code], check=True)
    out, err = capfd.readouterr()
    assert out == err == ""
