"""Strength, delay, motor noise and fatigue, at every level."""

import numpy as np
import pytest

from msemu.models import Body
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import LEVELS, FatigueCfg, MotorNoiseCfg, MuscleCfg

DT = 0.002


@pytest.fixture(scope="module")
def parameters(legs: Body) -> MuscleParameters:
    return MuscleParameters.of(legs.model)


def started(
    parameters: MuscleParameters, num_envs: int, activation: float, seed: int = 0, **cfg: object
) -> HostMuscles:
    """Muscles at rest at 1.1 of their optimal length."""
    muscles = HostMuscles(MuscleDynamics(parameters, num_envs, DT, MuscleCfg(**cfg), seed=seed))
    length, still = held(parameters, num_envs)
    muscles.reset(np.ones(num_envs, bool), length, still, np.full(length.shape, activation))
    return muscles


def held(parameters: MuscleParameters, num_envs: int) -> tuple[np.ndarray, np.ndarray]:
    length = parameters.tendon_slack_length + 1.1 * parameters.optimal_fiber_length
    return np.tile(length, (num_envs, 1)), np.zeros((num_envs, len(parameters)))


def hold(muscles: HostMuscles, excitation: float | np.ndarray, steps: int = 1) -> None:
    parameters = muscles.dynamics.parameters
    length, still = held(parameters, len(muscles.force))
    for _ in range(steps):
        muscles.step(np.broadcast_to(excitation, length.shape), length, still)


@pytest.mark.parametrize("level", LEVELS)
def test_strength_scales_every_force(level: str, parameters: MuscleParameters) -> None:
    normal = started(parameters, 3, 0.5, level=level)
    varied = started(parameters, 3, 0.5, level=level, strength=(0.5, 0.9))
    strength = varied.dynamics.strength.numpy()
    assert ((strength >= 0.5) & (strength <= 0.9)).all() and len(set(strength.tolist())) == 3
    for muscles in (normal, varied):
        hold(muscles, 0.8, steps=3)
    np.testing.assert_allclose(varied.force, strength[:, None] * normal.force, rtol=1e-6)
    for name in ("active_force", "passive_force", "power"):
        of_varied, of_normal = (getattr(muscles.dynamics, name).numpy() for muscles in (varied, normal))
        np.testing.assert_allclose(of_varied, strength[:, None] * of_normal, rtol=1e-6)


def test_a_delay_shifts_the_excitation(parameters: MuscleParameters) -> None:
    delayed = started(parameters, 2, 0.2, delay_s=(0.006, 0.006))
    prompt = started(parameters, 2, 0.2)
    signal = np.random.default_rng(0).uniform(0, 1, 12)
    history = []
    for excitation in signal:
        hold(prompt, excitation)
        history.append(prompt.activation.copy())
    for step, excitation in enumerate(signal):
        hold(delayed, excitation)
        if step < 3:
            np.testing.assert_allclose(delayed.activation, 0.2, rtol=1e-6)
        else:
            np.testing.assert_array_equal(delayed.activation, history[step - 3])


def test_delays_differ_between_environments(parameters: MuscleParameters) -> None:
    muscles = started(parameters, 40, 0.0, delay_s=(0.0, 0.01))
    first = np.full(40, -1)
    for step in range(8):
        hold(muscles, 1.0)
        first[(first < 0) & (muscles.activation[:, 0] > 0)] = step
    assert set(first) == {0, 1, 2, 3, 4, 5}


def test_noise_grows_with_the_excitation(parameters: MuscleParameters) -> None:
    cfg = {"motor_noise": MotorNoiseCfg(amplitude=(0.2, 0.2), correlation_time_s=0.01)}
    spreads = []
    for excitation in (0.2, 0.4):
        muscles = started(parameters, 64, excitation, **cfg)
        hold(muscles, excitation, steps=100)
        spreads.append(muscles.activation.std())
        # Activation rises faster than it falls, so noise lifts its mean a little.
        assert muscles.activation.mean() == pytest.approx(excitation, rel=0.12)
    assert spreads[1] / spreads[0] == pytest.approx(2, rel=0.35)
    value = muscles.dynamics.state_arrays()["noise_value"].numpy()
    assert value.mean() == pytest.approx(0, abs=0.05)
    assert value.std() == pytest.approx(1, abs=0.05)
    assert np.abs(np.corrcoef(value[:, :10].T) - np.eye(10)).max() < 0.5, "muscles share their noise"
    before = value.copy()
    hold(muscles, 0.4)
    assert np.corrcoef(before.ravel(), value.ravel())[0, 1] == pytest.approx(np.exp(-DT / 0.01), abs=0.03)


def test_noise_follows_the_seed(parameters: MuscleParameters) -> None:
    cfg = {"motor_noise": MotorNoiseCfg(amplitude=(0.1, 0.1))}
    runs = [started(parameters, 2, 0.3, seed=seed, **cfg) for seed in (1, 1, 2)]
    for muscles in runs:
        hold(muscles, 0.3, steps=5)
    np.testing.assert_array_equal(runs[0].activation, runs[1].activation)
    assert (runs[0].activation != runs[2].activation).any()


def test_fatigue_follows_the_three_compartments(parameters: MuscleParameters) -> None:
    """Against the 3CC-r equations, with the rates of MuJoCo's activation dynamics as the controller."""
    cfg = FatigueCfg(fatigue_rate=2.0, recovery_rate=0.3, rest_multiplier=5.0)
    muscles = started(parameters, 1, 0.0, fatigue=cfg)
    active, resting, fatigued = 0.0, 1.0, 0.0
    for step in range(1200):
        target = 0.9 if step < 700 else 0.0
        hold(muscles, target)
        missing = min(target - active, resting)
        time = 0.01 * (0.5 + 1.5 * active) if missing > 0 else 0.04 / (0.5 + 1.5 * active)
        controller = missing / time
        recovery = cfg.recovery_rate * (cfg.rest_multiplier if active >= target else 1.0)
        active, resting, fatigued = (
            active + DT * (controller - cfg.fatigue_rate * active),
            resting + DT * (recovery * fatigued - controller),
            fatigued + DT * (cfg.fatigue_rate * active - recovery * fatigued),
        )
        np.testing.assert_allclose(muscles.activation[0], active, atol=2e-4)
        np.testing.assert_allclose(muscles.dynamics.fatigued.numpy()[0], fatigued, atol=2e-4)
        if step == 699:
            assert active < 0.5, "the muscle has not tired"
    assert fatigued < 0.5
    hold(muscles, 0.0)
    muscles.reset(np.ones(1, bool), *held(parameters, 1), np.zeros((1, len(parameters))))
    assert (muscles.dynamics.fatigued.numpy() == 0).all()


def test_a_restored_state_continues_alike(parameters: MuscleParameters) -> None:
    cfg = {
        "level": "elastic",
        "motor_noise": MotorNoiseCfg(amplitude=(0.1, 0.2)),
        "delay_s": (0.0, 0.01),
        "fatigue": FatigueCfg(),
        "strength": (0.8, 1.2),
    }
    first, second = (started(parameters, 3, 0.2, seed=seed, **cfg) for seed in (1, 2))
    hold(first, 0.6, steps=7)
    for name, array in first.dynamics.state_arrays().items():
        second.dynamics.state_arrays()[name].assign(array)
    for muscles in (first, second):
        hold(muscles, 0.4, steps=7)
        muscles.reset(np.array([True, False, False]), *held(parameters, 3), np.full((3, len(parameters)), 0.1))
        hold(muscles, 0.5, steps=7)
    np.testing.assert_array_equal(first.force, second.force)
    np.testing.assert_array_equal(first.activation, second.activation)
