"""The elastic level against an independent solution of its differential equation, and its stability."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from msemu.models import load_body
from msemu.models.poses import random_poses
from msemu.muscle import in_numpy as reference
from msemu.muscle.dynamics import MuscleDynamics
from msemu.muscle.host import HostMuscles
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.schema import MuscleCfg

DT = 0.002


def made_up(**columns: np.ndarray | float) -> MuscleParameters:
    """Muscles of 1000 N with the given columns."""
    values = {"max_isometric_force": 1000.0, "optimal_fiber_length": 0.1, "tendon_slack_length": 0.1}
    values |= {"pennation_angle": 0.0, "max_contraction_velocity": 10.0, "fiber_damping": 0.1, "tendon_strain": 0.049}
    values |= {"activation_time": 0.01, "deactivation_time": 0.04, "activation_smoothing": 0.0}
    values |= {"lmin": 0.5, "lmax": 1.6, "fvmax": 1.4, "fpmax": 1.0, "passive_lmax": 1.6}
    values |= {f"passive_{column}": values[column] for column in tuple(values)[:3]}
    arrays = np.broadcast_arrays(*(np.asarray((values | columns)[column], float) for column in COLUMNS))
    arrays = dict(zip(COLUMNS, map(np.atleast_1d, arrays), strict=True))
    count = len(arrays["lmin"])
    sources = {column: np.full(count, "made up", object) for column in COLUMNS}
    return MuscleParameters(names=tuple(f"muscle {index}" for index in range(count)), **arrays, sources=sources)


def assorted() -> MuscleParameters:
    """24 muscles: tendons from a twentieth to eight times the fiber, fast and slow, straight and pennate."""
    random = np.random.default_rng(3)
    fiber = np.geomspace(0.02, 0.4, 24)
    return made_up(
        optimal_fiber_length=fiber,
        tendon_slack_length=fiber * random.permutation(np.geomspace(0.06, 8, 24)),
        pennation_angle=random.uniform(0, 0.5, 24),
        max_contraction_velocity=random.choice([5.0, 10.0], 24),
    )


# --- Protocols: activation [-] and muscle-tendon length [m] over time ---


def path(parameters: MuscleParameters, fiber: float, strain: float) -> np.ndarray:
    """Muscle-tendon length [m] with a given fiber length [L0] and tendon strain [-]."""
    projection = np.sqrt(fiber**2 - np.sin(parameters.pennation_angle) ** 2)
    return parameters.tendon_slack_length * (1 + strain) + parameters.optimal_fiber_length * projection


def ramp(t: float, start: float, duration: float) -> float:
    x = np.clip((t - start) / duration, 0, 1)
    return x * x * (3 - 2 * x)


def ramp_integral(t: float, start: float, duration: float) -> float:
    x = np.clip((t - start) / duration, 0, 1)
    return duration * (x**3 - x**4 / 2) + max(t - start - duration, 0)


def isometric(p: MuscleParameters, t: float) -> tuple[float, np.ndarray]:
    """Activation from rest to the maximum within 0.1 s and back, at a constant length."""
    return 0.02 + 0.98 * (ramp(t, 0.02, 0.1) - ramp(t, 0.2, 0.15)), path(p, 1.0, 0.0)


def isokinetic(p: MuscleParameters, t: float) -> tuple[float, np.ndarray]:
    """Shortening at 1.5 L0/s, reached within 0.1 s."""
    return 0.8, path(p, 1.2, 0.03) - 1.5 * p.optimal_fiber_length * ramp_integral(t, 0.05, 0.1)


def stretch_shorten(p: MuscleParameters, t: float) -> tuple[float, np.ndarray]:
    """2 Hz, 10 % of the fiber to either side, activation in between."""
    phase = 4 * np.pi * t
    return 0.05 + 0.45 * (1 - np.cos(phase)), path(p, 1.0, 0.02) + 0.1 * p.optimal_fiber_length * np.sin(phase)


PROTOCOLS = {isometric: 0.45, isokinetic: 0.35, stretch_shorten: 0.5}
"""Duration of each [s]."""

Protocol = Callable[[MuscleParameters, float], tuple[float | np.ndarray, np.ndarray]]


# --- The independent solution ---


def fiber_velocity(p: MuscleParameters, activation: np.ndarray, length: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    """Velocity [vmax] in ``tendon = cosine (activation FL FV(v) + FP + damping v)``, solved for FV's asinh."""
    cosine = np.sqrt(1 - (np.sin(p.pennation_angle) / fiber) ** 2)
    strain = (length - p.optimal_fiber_length * fiber * cosine) / p.tendon_slack_length - 1
    rest = reference.tendon_force(strain, p.tendon_strain) / cosine - reference.passive_force_length(fiber)
    active = activation * reference.active_force_length(fiber)
    d1, d2, d3, d4 = -0.3211346127989808, -8.149, -0.374, 0.8825327733249912
    u = np.arcsinh(d2 * np.clip(rest / p.fiber_damping, -1, 1e3) + d3)
    for _ in range(25):
        error = active * (d1 * u + d4) + p.fiber_damping * (np.sinh(u) - d3) / d2 - rest
        u -= error / (active * d1 + p.fiber_damping * np.cosh(u) / d2)
    # Faster than the greatest speed there is damping only.
    return np.where(rest < -p.fiber_damping, rest / p.fiber_damping, (np.sinh(u) - d3) / d2)


def solve(p: MuscleParameters, protocol: Protocol, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tendon force [F0] and fiber length [L0] at ``times``, both of shape [T, M], from the equilibrium at rest."""
    activation, length = protocol(p, 0.0)
    start = reference.elastic_equilibrium(p, activation, length, np.zeros_like(length)).fiber_length

    def rate(t: float, fiber: np.ndarray) -> np.ndarray:
        activation, length = protocol(p, t)
        return fiber_velocity(p, activation, length, fiber) * p.max_contraction_velocity

    solution = solve_ivp(
        rate, times[[0, -1]], start, "Radau", times, rtol=1e-9, atol=1e-10, jac_sparsity=np.eye(len(p)), max_step=0.01
    )
    assert solution.success
    fiber = solution.y.T
    lengths = np.array([protocol(p, t)[1] for t in times])
    tendon = lengths - p.optimal_fiber_length * np.sqrt(fiber**2 - np.sin(p.pennation_angle) ** 2)
    return reference.tendon_force(tendon / p.tendon_slack_length - 1, p.tendon_strain), fiber


@dataclass
class History:
    """What the kernel did, each of shape [T, M]."""

    force: np.ndarray
    fiber_length: np.ndarray
    fiber_velocity: np.ndarray
    tendon_strain: np.ndarray
    active_force: np.ndarray
    muscle_length: np.ndarray


def simulate(p: MuscleParameters, protocol: Protocol, times: np.ndarray, level: str = "elastic") -> History:
    """Run the kernel through a protocol with a constant step."""
    dt = times[1] - times[0]
    muscles = HostMuscles(MuscleDynamics(p, 1, dt, MuscleCfg(level=level)))
    records: dict[str, list[np.ndarray]] = {name: [] for name in History.__annotations__}
    for t in times:
        activation, length = protocol(p, t)
        _, following = protocol(p, t + 1e-5)
        velocity = (following - protocol(p, t - 1e-5)[1]) / 2e-5
        activation = np.broadcast_to(activation, length.shape)
        if t == times[0]:
            muscles.reset(np.ones(1, bool), length[None], np.zeros((1, len(p))), activation[None])
        else:
            muscles.activation[:] = activation
            muscles.step(activation[None], length[None], velocity[None])
        for name in records:
            if name not in ("force", "muscle_length"):
                records[name].append(getattr(muscles.dynamics, name).numpy()[0].astype(float))
        records["force"].append(muscles.force[0].copy())
        records["muscle_length"].append(length)
    return History(**{name: np.array(values) for name, values in records.items()})


@cache
def solved(protocol: Protocol) -> np.ndarray:
    """Tendon forces [F0] of the assorted muscles every 2 ms."""
    return solve(assorted(), protocol, np.arange(0, PROTOCOLS[protocol] + 1e-9, DT))[0]


def force_error(protocol: Protocol, dt: float) -> np.ndarray:
    """Absolute error of the kernel's force [F0], shape [T, M]."""
    p = assorted()
    every = round(DT / dt)
    times = np.arange((len(solved(protocol)) - 1) * every + 1) * dt
    force = -simulate(p, protocol, times).force[::every] / p.max_isometric_force
    return np.abs(force - solved(protocol))


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_the_force_converges_to_the_differential_equation(protocol: Protocol) -> None:
    errors = {dt: force_error(protocol, dt) for dt in (0.002, 0.001, 0.0005)}
    for dt, error in errors.items():
        rms = np.sqrt((error**2).mean())
        print(
            f"{protocol.__name__:16} {dt * 1e3:.1f} ms: error max {error.max():.2%} F0, root mean square {rms:.3%} F0"
        )
    assert errors[0.002].max() < 0.01
    for coarse, fine in ((0.002, 0.001), (0.001, 0.0005)):
        order = np.log2(np.sqrt((errors[coarse] ** 2).mean() / (errors[fine] ** 2).mean()))
        assert 0.9 < order < 1.2


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_energy_is_balanced(protocol: Protocol) -> None:
    p = assorted()
    history = simulate(p, protocol, np.arange(0, PROTOCOLS[protocol] + 1e-9, DT))
    fiber = history.fiber_length
    cosine = np.sqrt(1 - (np.sin(p.pennation_angle) / fiber) ** 2)

    def work(force: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Trapezoidal integral of a pulling force over its length [J], shape [T - 1, M]."""
        return 0.5 * (force[1:] + force[:-1]) * np.diff(length, axis=0)

    def stored(curve: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Integral of a force curve by Gauss-Legendre quadrature."""
        nodes, weights = np.polynomial.legendre.leggauss(12)
        points = low + (high - low) * (nodes[:, None, None] + 1) / 2
        return 0.5 * (high - low) * (weights[:, None, None] * curve(points)).sum(0)

    scale, slack, optimal = p.max_isometric_force, p.tendon_slack_length, p.optimal_fiber_length
    strain = np.maximum(history.tendon_strain, 0)
    tendon = scale * slack * stored(lambda x: reference.tendon_force(x, p.tendon_strain), strain[:-1], strain[1:])
    elastic = scale * optimal * stored(reference.passive_force_length, fiber[:-1], fiber[1:])
    damping = work(scale * p.fiber_damping * history.fiber_velocity, fiber * optimal)
    active = work(history.active_force / cosine, fiber * optimal)
    outer = work(-history.force, history.muscle_length)
    gap = np.abs((outer - tendon - elastic - damping - active).sum(0))
    turnover = sum(np.abs(part).sum(0) for part in (tendon, elastic, damping, active))
    print(f"{protocol.__name__:16} energy gap up to {(gap / turnover).max():.1e} of the energy turned over")
    assert (gap < 0.01 * turnover).all()


# --- The benchmark of Millard et al. 2013 ---


def millard(ratio: float) -> MuscleParameters:
    """One muscle for each activation 0, 0.1 ... 1: fiber of 2 cm, pennation of 30 degrees."""
    return made_up(
        optimal_fiber_length=np.full(11, 0.02), tendon_slack_length=0.02 * ratio, pennation_angle=np.deg2rad(30)
    )


def sinusoid(p: MuscleParameters, t: float) -> tuple[np.ndarray, np.ndarray]:
    """1 Hz, half of the fiber to either side, at constant activations."""
    return np.linspace(0, 1, 11), path(p, 1.0, 0.0) + 0.5 * p.optimal_fiber_length * np.sin(2 * np.pi * t)


@pytest.mark.parametrize("ratio", [10.0, 1.0, 0.1])
def test_the_benchmark_of_millard(ratio: float) -> None:
    p = millard(ratio)
    times = np.arange(0, 1 + 1e-9, DT)
    exact, _ = solve(p, sinusoid, times)
    error = np.abs(-simulate(p, sinusoid, times).force / p.max_isometric_force - exact)
    rigid = np.abs(-simulate(p, sinusoid, times, "rigid").force / p.max_isometric_force - exact)
    # The first 0.1 s belong to the start from rest into the greatest velocity, of which a rigid tendon knows nothing.
    later = times >= 0.1
    print(
        f"slack/optimal {ratio:4}: elastic mean {error.mean():.2%} max {error[later].max():.2%},"
        f" rigid mean {rigid.mean():.2%} max {rigid[later].max():.2%} F0"
    )
    for activation in (0, 5, 10):
        print(f"   activation {activation / 10}: elastic mean {error[:, activation].mean():.3%} F0")
    assert error.mean() < 0.005
    assert error[later].max() < 0.02
    # A short tendon may be taken as rigid, a long one may not.
    assert (rigid.mean() < 0.005) == (ratio < 1)
    assert rigid.mean() > error.mean()


def test_the_shortest_elastic_tendon_is_as_good_as_rigid() -> None:
    fiber = np.repeat(np.linspace(0.6, 1.5, 10), 11)
    activation = np.tile(np.linspace(0, 1, 11), 10)
    p = made_up(tendon_slack_length=np.full(110, 0.00501))
    length = path(p, fiber, 0.0)
    still = np.zeros(110)
    elastic = reference.elastic_equilibrium(p, activation, length, still).force
    rigid = reference.rigid_state(p, activation, length, still).force
    assert np.abs(elastic - rigid).max() < 0.01 * 1000


# --- Stability ---


def range_of_lengths(name: str) -> tuple[MuscleParameters, np.ndarray, np.ndarray]:
    """Table of a body, least and greatest muscle-tendon length over random poses [m]."""
    if name == "made up":
        ratios, speeds, angles = np.meshgrid([0.05, 0.3, 2, 40], [1.5, 10, 20], [0, 0.6, 1.4])
        p = made_up(
            tendon_slack_length=0.1 * ratios.ravel(),
            max_contraction_velocity=speeds.ravel(),
            pennation_angle=angles.ravel(),
        )
        return p, 0.96 * path(p, np.maximum(0.5, np.sin(p.pennation_angle)), 0.0), path(p, 1.6, 0.03)
    if name == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    model = load_body(name).model
    data = mujoco.MjData(model)
    lengths = []
    for pose in random_poses(model, 40, seed=1):
        data.qpos = pose
        mujoco.mj_fwdPosition(model, data)
        lengths.append(data.actuator_length.copy())
    return MuscleParameters.of(model), np.min(lengths, 0), np.max(lengths, 0)


@pytest.mark.parametrize("level", ["rigid", "elastic"])
@pytest.mark.parametrize("name", ["made up", "myofullbody", "ms_human_700"])
def test_every_muscle_is_stable(name: str, level: str) -> None:
    """Four environments for each activation; smooth lengths of up to 5 Hz, then lengths that jump every step."""
    p, low, high = range_of_lengths(name)
    activation = np.repeat([0.0, 0.01, 0.5, 1.0], 4)[:, None] * np.ones(len(p))
    random = np.random.default_rng(2)
    frequency, phase = random.uniform(0.5, 5, activation.shape), random.uniform(0, 2 * np.pi, activation.shape)
    muscles = HostMuscles(MuscleDynamics(p, len(activation), DT, MuscleCfg(level=level)))

    def sway(t: float) -> np.ndarray:
        return low + (high - low) * (0.5 + 0.5 * np.sin(2 * np.pi * frequency * t + phase))

    muscles.reset(np.ones(len(activation), bool), sway(0.0), np.zeros(activation.shape), activation)
    greatest = np.zeros(activation.shape)
    for step in range(1, 301):
        jumps = step > 200
        length = random.uniform(low, high, activation.shape) if jumps else sway(step * DT)
        velocity = random.normal(0, 1, activation.shape) if jumps else (length - sway((step - 1) * DT)) / DT
        muscles.activation[:] = activation
        muscles.step(activation, length, velocity)
        assert np.isfinite(muscles.force).all()
        assert (muscles.force <= 0).all(), "a muscle pushes"
        assert np.isfinite(muscles.dynamics.fiber_length.numpy()).all()
        if not jumps:
            greatest = np.maximum(greatest, -muscles.force / p.max_isometric_force)
    # No muscle is stronger than its fiber held at the greatest length, pulled at the speed of the history.
    speed = 2 * np.pi * frequency * (high - low) / 2
    bound = reference.rigid_state(p, activation, high, speed)
    active = activation * 1.02 * reference.force_velocity(np.maximum(bound.fiber_velocity, 0))
    limit = active + reference.passive_force_length(bound.fiber_length)
    limit += p.fiber_damping * speed / (p.optimal_fiber_length * p.max_contraction_velocity)
    print(f"{name} {level}: force up to {greatest.max():.2f} F0, {(greatest / limit).max():.2f} of the bound")
    assert (greatest < 1.02 * limit + 0.02).all()


def test_very_short_tendons_are_taken_as_rigid() -> None:
    p = made_up(tendon_slack_length=np.array([-0.05, 0.0, 0.004, 0.006]))
    np.testing.assert_array_equal(p.has_rigid_tendon, [True, True, True, False])
    length = path(p, 1.1, 0.0)[None]
    activation = np.full((1, 4), 0.5)
    forces = {}
    for level in ("rigid", "elastic"):
        muscles = HostMuscles(MuscleDynamics(p, 1, DT, MuscleCfg(level=level)))
        muscles.reset(np.ones(1, bool), length, np.zeros((1, 4)), activation)
        muscles.step(activation, length, np.zeros((1, 4)))
        forces[level] = muscles.force.copy()
    np.testing.assert_array_equal(forces["rigid"][0, :3], forces["elastic"][0, :3])
    assert forces["rigid"][0, 3] != forces["elastic"][0, 3]
