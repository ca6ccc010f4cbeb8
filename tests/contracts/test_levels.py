"""The kernels of each level against MuJoCo C and against the NumPy reference.

The tests that take a ``level`` are the contract of every line of the table; the one about a new level repeats them for
one that is none of msemu's.
"""

import os
import subprocess
import sys
from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch
import warp as wp
from patience import PATIENCE_S
from places import ROOT, TESTS

import msemu.schema
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.models import load_body
from msemu.models.poses import random_poses
from msemu.muscle import in_numpy as reference
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.levels import LEVELS
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.schema import FatigueCfg, MotorNoiseCfg, MuscleCfg

DT = 0.002
NOISE = MotorNoiseCfg(amplitude=(0.1, 0.3))
QUANTITIES = ("fiber_length", "fiber_velocity", "tendon_strain", "active_force", "passive_force", "power")


def single(values: np.ndarray) -> np.ndarray:
    """Round to single precision, so that a kernel and the reference get the same numbers."""
    return np.asarray(values, np.float32).astype(float)


def host_muscles(parameters: MuscleParameters, num_envs: int, **cfg: object) -> HostMuscles:
    """Muscles whose outputs are NaN until a kernel writes them."""
    muscles = HostMuscles(MuscleDynamics(parameters, num_envs, DT, MuscleCfg(**cfg)))
    for name in (*QUANTITIES, "force", "act_dot", "activation"):
        getattr(muscles.dynamics, name).fill_(float("nan"))
    muscles.force[:] = np.nan
    return muscles


@pytest.fixture(scope="module")
def pennate() -> MuscleParameters:
    """The muscles of the whole body, with pennation angles and activation smoothing, in single precision."""
    parameters = MuscleParameters.of(load_body("myofullbody").model)
    random = np.random.default_rng(5)
    parameters = replace(
        parameters,
        pennation_angle=random.uniform(0, 0.6, len(parameters)),
        activation_smoothing=random.choice([0.0, 0.5], len(parameters)),
    )
    return replace(parameters, **{column: single(getattr(parameters, column)) for column in COLUMNS})


@pytest.fixture(scope="module")
def states(pennate: MuscleParameters) -> dict[str, np.ndarray]:
    """Random excitations, activations, and muscle-tendon states from slack to strongly stretched."""
    random = np.random.default_rng(6)
    shape = (32, len(pennate))
    fiber = random.uniform(0.45, 1.6, shape)
    projection = np.sqrt(fiber**2 - np.minimum(np.sin(pennate.pennation_angle), 0.95 * fiber) ** 2)
    slack = np.maximum(pennate.tendon_slack_length, 0) * (1 + random.uniform(-0.02, 0.06, shape))
    slack += np.minimum(pennate.tendon_slack_length, 0)
    return {
        "excitation": single(random.uniform(-0.1, 1.1, shape)),
        "activation": single(random.uniform(0, 1, shape)),
        "length": single(slack + pennate.optimal_fiber_length * projection),
        "velocity": single(
            random.normal(0, 0.4, shape) * pennate.optimal_fiber_length * pennate.max_contraction_velocity
        ),
    }


def test_the_table() -> None:
    assert tuple(LEVELS) == msemu.schema.LEVELS
    assert [name for name, level in LEVELS.items() if level.in_mujoco] == [MuscleCfg().level]
    for level in LEVELS.values():
        assert (level.functions.step is None) == (level.functions.step_in_numpy is None) == (not level.approximation)
        assert level.stateless.step is None


@pytest.mark.parametrize("name", ["myolegs", "myofullbody"])
def test_the_mujoco_level_equals_mujoco(name: str) -> None:
    model = load_body(name).model
    data = mujoco.MjData(model)
    random = np.random.default_rng(0)
    shape = (200, model.nu)
    excitation, activation = random.uniform(-0.1, 1.1, shape), random.uniform(0, 1, shape)
    length, velocity, force, act_dot = (np.empty(shape) for _ in range(4))
    for row, pose in enumerate(random_poses(model, shape[0], seed=1)):
        data.qpos, data.qvel = pose, random.normal(0, 2, model.nv)
        data.ctrl, data.act = excitation[row], activation[row]
        mujoco.mj_forward(model, data)
        length[row], velocity[row] = data.actuator_length, data.actuator_velocity
        force[row], act_dot[row] = data.actuator_force, data.act_dot

    parameters = MuscleParameters.of(model)
    muscles = host_muscles(parameters, shape[0], level="mujoco")
    muscles.activation[:] = activation
    muscles.step(excitation, length, velocity)
    force_error = np.abs(muscles.force - force) / parameters.max_isometric_force
    rate_error = np.abs(muscles.dynamics.act_dot.numpy() - act_dot)
    print(
        f"{name}: force {force_error.max():.1e} F0, act_dot {rate_error.max():.1e} of {np.abs(act_dot).max():.0f} 1/s"
    )
    assert force_error.max() < 1e-5
    assert rate_error.max() < 1e-4
    np.testing.assert_allclose(muscles.activation, activation + DT * act_dot, atol=1e-6)

    state = reference.mujoco_state(parameters, activation, length, velocity)
    np.testing.assert_allclose(-state.force, force, atol=1e-10 * np.abs(force).max())
    clipped = reference.mujoco_activation_rate(parameters, excitation, activation)
    np.testing.assert_allclose(clipped, act_dot, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("activation_dynamics", ["mujoco", "de_groote"])
def test_a_step_equals_the_reference(
    level: str, activation_dynamics: str, pennate: MuscleParameters, states: dict[str, np.ndarray]
) -> None:
    excitation, activation, length, velocity = states.values()
    muscles = host_muscles(pennate, len(length), level=level, activation_dynamics=activation_dynamics)
    muscles.reset(np.ones(len(length), bool), length, velocity, activation)
    outputs = {name: getattr(muscles.dynamics, name).numpy() for name in QUANTITIES}
    previous_fiber = outputs["fiber_length"].astype(float)
    length = single(length + DT * velocity)
    functions = LEVELS[level].functions
    for name in QUANTITIES[2:] if functions.step else QUANTITIES:
        outputs[name][:] = np.nan
    muscles.force[:] = np.nan
    muscles.step(excitation, length, velocity)

    arguments = pennate, activation, length, velocity
    if functions.step:
        expected = functions.step_in_numpy(*arguments, DT, previous_fiber)
    else:
        expected = functions.in_numpy(*arguments)
    force_scale = pennate.max_isometric_force
    for name, scale in (
        ("fiber_length", 1.0),
        ("fiber_velocity", 1.0),
        ("tendon_strain", 1.0),
        ("active_force", force_scale),
        ("passive_force", force_scale),
    ):
        wanted = getattr(expected, name)
        error = np.abs(outputs[name] - wanted) / np.maximum(scale, np.abs(wanted))
        print(f"{level} {name}: error up to {error.max():.1e}, median {np.median(error):.1e}")
        assert error.max() < 1e-5, name
    force = outputs["active_force"] + outputs["passive_force"]
    np.testing.assert_allclose(muscles.force, -force, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(outputs["power"], muscles.force * velocity, rtol=1e-5, atol=1e-3)
    rate = getattr(reference, f"{activation_dynamics}_activation_rate")(pennate, excitation, activation)
    np.testing.assert_allclose(muscles.dynamics.act_dot.numpy(), rate, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("level", LEVELS)
def test_a_reset_finds_the_equilibrium(level: str, pennate: MuscleParameters, states: dict[str, np.ndarray]) -> None:
    _, activation, length, velocity = states.values()
    muscles = host_muscles(pennate, len(length), level=level)
    muscles.reset(np.ones(len(length), bool), length, velocity, activation)
    expected = LEVELS[level].functions.in_numpy(pennate, activation, length, velocity).force
    # A length has 24 bits, and a tendon of a twentieth of the fiber is up to 880 times stiffer than F0 over L0.
    error = np.abs(muscles.force + expected) / np.maximum(pennate.max_isometric_force, expected)
    assert error.max() < (2e-4 if LEVELS[level].functions.tendon_in_numpy else 1e-5)
    for name in QUANTITIES:
        assert np.isfinite(getattr(muscles.dynamics, name).numpy()).all(), name


@pytest.mark.parametrize("level", LEVELS)
def test_the_capacity_is_affine_in_activation_and_gives_the_force(
    level: str, pennate: MuscleParameters, states: dict[str, np.ndarray]
) -> None:
    _, activation, length, velocity = states.values()
    muscles = host_muscles(pennate, len(length), level=LEVELS[level].approximation or level)
    capacity = MuscleCapacity(pennate, level)
    active, passive = (force.numpy() for force in capacity.forces(torch.from_numpy(length), torch.from_numpy(velocity)))
    for share in (np.ones_like(activation), activation):
        muscles.reset(np.ones(len(length), bool), length, velocity, share)
        expected = LEVELS[level].stateless.in_numpy(pennate, share, length, velocity).force
        for force in (-muscles.force, np.maximum(share * active + passive, 0)):
            assert (np.abs(force - expected) / np.maximum(pennate.max_isometric_force, expected)).max() < 1e-5
    assert np.isfinite(active).all() and np.isfinite(passive).all() and (active > 0).any()


@pytest.mark.parametrize("level", LEVELS)
def test_a_held_muscle_stays_where_a_reset_puts_it(
    level: str, pennate: MuscleParameters, states: dict[str, np.ndarray]
) -> None:
    _, activation, length, _ = states.values()
    still = np.zeros_like(length)
    muscles = host_muscles(pennate, len(length), level=level)
    muscles.reset(np.ones(len(length), bool), length, still, activation)
    force = muscles.force.copy()
    for _ in range(20):
        muscles.activation[:] = activation
        muscles.step(activation, length, still)
    error = np.abs(muscles.force - force) / np.maximum(pennate.max_isometric_force, np.abs(force))
    assert np.quantile(error, 0.999) < 1e-3


@pytest.mark.parametrize("level", LEVELS)
def test_a_reset_touches_only_its_environments(
    level: str, pennate: MuscleParameters, states: dict[str, np.ndarray]
) -> None:
    excitation, activation, length, velocity = (values[:4] for values in states.values())
    options = {"fatigue": FatigueCfg(), "delay_s": (0.004, 0.008), "strength": (0.5, 1.5), "motor_noise": NOISE}
    muscles = host_muscles(pennate, 4, level=level, **options)
    muscles.reset(np.ones(4, bool), length, velocity, activation)
    mask = np.array([False, True, False, True])
    blown_up = np.where(np.arange(4)[:, None] == 1, np.nan, length)
    muscles.step(excitation, blown_up, velocity)
    arrays = muscles.dynamics.state_arrays() | {
        name: getattr(muscles.dynamics, name) for name in (*QUANTITIES, "act_dot")
    }
    arrays = {name: array.numpy() for name, array in arrays.items()} | {"force": muscles.force}
    before = {name: array.copy() for name, array in arrays.items()}
    other = np.where(mask[:, None], length * 1.01, np.nan)
    muscles.reset(mask, other, velocity, np.where(mask[:, None], 0.3, np.nan))
    for name, array in arrays.items():
        environments = 1 if name == "delay_buffer" else 0
        after = np.moveaxis(array, environments, 0)
        np.testing.assert_array_equal(after[~mask], np.moveaxis(before[name], environments, 0)[~mask], err_msg=name)
    np.testing.assert_array_equal(muscles.activation[mask], np.float32(0.3))
    assert np.isfinite(muscles.force).all()
    assert (muscles.force[3] != before["force"][3]).any()
    muscles.step(excitation, length, velocity)
    assert np.isfinite(muscles.force).all() and np.isfinite(muscles.activation).all()
    assert (muscles.dynamics.strength.numpy()[mask] != before["strength"][mask]).all()


def test_an_engine_may_keep_activation_rate_and_force(pennate: MuscleParameters, states: dict[str, np.ndarray]) -> None:
    excitation, activation, length, velocity = states.values()
    arrays = [wp.array(values, dtype=float, device="cpu") for values in (excitation, length, velocity, activation)]
    act_dot, force = (wp.full(activation.shape, float("nan"), dtype=float, device="cpu") for _ in range(2))
    dynamics = MuscleDynamics(pennate, len(length), DT, MuscleCfg(level="rigid"))
    dynamics.step(*arrays, act_dot=act_dot, force=force)
    np.testing.assert_array_equal(arrays[3].numpy(), activation.astype(np.float32))
    own = host_muscles(pennate, len(length), level="rigid")
    own.activation[:] = activation
    own.step(excitation, length, velocity)
    np.testing.assert_array_equal(force.numpy(), own.force)
    np.testing.assert_array_equal(act_dot.numpy(), own.dynamics.act_dot.numpy())


def test_recorded_launches_share_the_environments(pennate: MuscleParameters, states: dict[str, np.ndarray]) -> None:
    excitation, activation, length, velocity = (values[:7] for values in states.values())
    results = []
    for shares in ([range(7)], [range(2), range(2, 3), range(3, 7)]):
        dynamics = MuscleDynamics(pennate, 7, DT, MuscleCfg(level="elastic", motor_noise=NOISE), seed=1)
        muscles = HostMuscles(dynamics)
        muscles.reset(np.ones(7, bool), length, velocity, activation)
        muscles.excitation[:] = excitation
        own = [[array[share.start : share.stop].astype(float) for array in (length, velocity)] for share in shares]
        force = [np.full(arrays[0].shape, np.nan) for arrays in own]
        launches = [muscles.record(*each) for each in zip(shares, *zip(*own, strict=True), force, strict=True)]
        for _ in range(5):
            for launch in launches:
                launch.launch()
        results.append(np.stack([np.concatenate(force), muscles.activation]))
    np.testing.assert_array_equal(results[0], results[1])


def test_a_captured_graph_repeats_the_step(pennate: MuscleParameters, states: dict[str, np.ndarray]) -> None:
    excitation, activation, length, velocity = (values[:2] for values in states.values())
    arrays = [wp.array(values, dtype=float, device="cpu") for values in (excitation, length, velocity)]
    mask = wp.ones(2, dtype=bool, device="cpu")
    start = wp.array(activation, dtype=float, device="cpu")
    captured, direct = (
        MuscleDynamics(pennate, 2, DT, MuscleCfg(level="elastic", motor_noise=NOISE), seed=3) for _ in range(2)
    )
    for dynamics in (captured, direct):
        dynamics.reset(mask, *arrays[1:], start)
    with wp.ScopedCapture(device="cpu") as capture:
        captured.step(*arrays)
    for _ in range(4):
        wp.capture_launch(capture.graph)
        direct.step(*arrays)
    np.testing.assert_array_equal(captured.activation.numpy(), direct.activation.numpy())
    np.testing.assert_array_equal(captured.force.numpy(), direct.force.numpy())


@pytest.mark.slow
def test_a_new_level_is_a_module_and_a_line_of_the_table() -> None:
    """The contract above for the level of toy_level.py, which the other process puts into the table before all else."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "toy_level", "-k", "toy"]
    command = [sys.executable, "-m", "pytest", *options, __file__]
    paths = os.pathsep.join([str(TESTS / "contracts"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stdout + result.stderr


def test_de_groote_curves_pass_through_their_anchors() -> None:
    assert reference.active_force_length(np.array(1.0)) == pytest.approx(1, abs=0.01)
    assert reference.force_velocity(np.array(0.0)) == pytest.approx(1, abs=1e-4)
    assert reference.force_velocity(np.array(-1.0)) == pytest.approx(0, abs=1e-3)
    assert reference.force_velocity(np.array(-3.0)) == 0
    assert reference.passive_force_length(np.array(1.6)) == pytest.approx(1)
    assert reference.passive_force_length(np.array(0.2)) == pytest.approx(0)
    assert reference.tendon_force(np.array(0.049), 0.049) == pytest.approx(1)
    assert reference.tendon_force(np.array([-0.5, 0.0]), 0.049) == pytest.approx(0)
    for curve, end in ((reference.passive_force_length, 1.8), (lambda x: reference.tendon_force(x, 0.049), 0.0891)):
        x = np.linspace(end - 0.01, end + 0.01, 2001)
        slope = np.gradient(curve(x), x)
        assert np.abs(np.diff(slope)).max() < 0.01 * slope.max(), "a curve bends where its straight line begins"
