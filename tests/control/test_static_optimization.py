"""Static optimization on movements whose activations are known, and on bodies and clips that are not fit for it."""

import copy
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from msemu.analysis.static_optimization.report import summarize
from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.control.muscle_capacity import scaled_strength
from msemu.control.static_optimization import StaticOptimizationCfg, optimize
from msemu.control.weakness import find_weaknesses
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.muscle.parameters import MuscleParameters


def slopes_of(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Speed of every degree of freedom with each independent one, by the couplings' own chain rule, shape [nv, D]."""
    index = np.concatenate([np.arange(6), 6 + body.independent_joints])
    unit = np.zeros((len(index), body.model.nv))
    unit[np.arange(len(index)), index] = 1.0
    return body.couplings.project_velocity(np.tile(qpos, (len(index), 1)), unit).T


def simulate(body: Body, height: float, frames: int, seed: int) -> tuple[Movement, np.ndarray, np.ndarray]:
    """Let the engine move the body through the air by random activations.

    Couplings are soft in the engine (here by up to 9 N at the root) and exact in static optimization, so the
    accelerations are those of the engine's own terms with exact couplings. Joint limits are off.

    Returns:
        The movement, the activations [T, M], and the muscles' torques about the independent degrees of freedom [T, D].
    """
    model = copy.copy(body.model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_LIMIT
    data = mujoco.MjData(model)
    random = np.random.default_rng(seed)
    index = np.concatenate([np.arange(6), 6 + body.independent_joints])
    data.qpos = body.neutral_qpos
    data.qpos[2] += height
    states = []
    for _ in range(frames):
        data.ctrl = random.uniform(0, 0.5, model.nu) ** 2
        mujoco.mj_step(model, data, 10)
        data.qpos = body.couplings.project(data.qpos)
        data.qvel = body.couplings.project_velocity(data.qpos, data.qvel)
        mujoco.mj_forward(model, data)
        slopes, later, step = slopes_of(body, data.qpos), data.qpos.copy(), 1e-6
        mujoco.mj_integratePos(model, later, data.qvel, step)
        drift = (slopes_of(body, body.couplings.project(later)) - slopes) @ data.qvel[index] / step
        force = data.qfrc_actuator + data.qfrc_passive - data.qfrc_bias - times_mass(model, data, drift[:, None])[:, 0]
        acceleration = np.linalg.solve(slopes.T @ times_mass(model, data, slopes), slopes.T @ force)
        states.append(
            [data.qpos.copy(), data.qvel.copy(), slopes @ acceleration, data.act.copy(), slopes.T @ data.qfrc_actuator]
        )
    qpos, qvel, qacc, act, torque = (np.array(values) for values in zip(*states, strict=True))
    return Movement(qpos, qvel, qacc, 50.0), act, torque


def times_mass(model: mujoco.MjModel, data: mujoco.MjData, columns: np.ndarray) -> np.ndarray:
    product = np.zeros_like(columns.T)
    for row, column in zip(product, np.ascontiguousarray(columns.T), strict=True):
        mujoco.mj_mulM(model, data, row, column)
    return product.T


def test_known_activations_give_the_torques_and_no_less_effort(legs: Body) -> None:
    movement, known, torque = simulate(legs, height=1.0, frames=12, seed=0)
    result = optimize(legs, movement)
    assert result.converged.all()
    assert not result.touching.any()
    np.testing.assert_allclose(result.required_torque, torque, atol=1e-3)
    error = np.abs(result.muscle_torque - torque).max(1) / np.abs(torque).max(1)
    print(f"greatest error of a torque over the greatest torque of the frame: {error.max():.2e}")
    assert (error < 0.01).all()
    ratio = (result.activation**2).sum(1) / (known**2).sum(1)
    print(f"sum of squared activations over the known one: {ratio.min():.3f} to {ratio.max():.3f}")
    assert (ratio <= 1.0).all()
    assert result.root_force_residual.max() < 1e-4


def test_a_standing_body_is_carried_by_its_feet(legs: Body) -> None:
    still = np.zeros((1, legs.model.nv))
    result = optimize(legs, Movement(legs.neutral_qpos[None], still, still, 50.0))
    assert result.touching.any()
    assert result.contact_force[..., 2].sum() == pytest.approx(result.body_weight, rel=0.01)
    assert result.root_force_residual[0] < 0.01
    sideways = np.abs(result.contact_force[..., :2]).sum(-1)
    assert (sideways <= result.contact_force[..., 2] * (1 + 1e-9)).all(), "outside the friction pyramid"


def test_each_objective_is_the_least_of_its_kind(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.02)
    results = {
        name: optimize(legs, movement, settings)
        for name, settings in {
            "square": StaticOptimizationCfg(),
            "cube": StaticOptimizationCfg(power=3),
            "power": StaticOptimizationCfg(objective="power"),
        }.items()
    }
    assert all(result.converged.all() for result in results.values())
    speed = np.abs((results["square"].moment_arm @ independent(legs, movement.qvel)[:, :, None])[..., 0])
    costs = {
        name: {
            "square": (result.activation**2).sum(),
            "cube": (result.activation**3).sum(),
            "power": ((result.muscle_force - result.passive_force) * speed).sum(),
        }
        for name, result in results.items()
    }
    for kind in costs:
        assert min(costs, key=lambda name: costs[name][kind]) == kind


def independent(body: Body, qvel: np.ndarray) -> np.ndarray:
    return np.concatenate([qvel[:, :6], qvel[:, 6 + body.independent_joints]], axis=1)


@pytest.mark.parametrize("level", ["rigid", "elastic"])
def test_other_muscle_levels_give_the_torque_as_well(legs: Body, march: MotionClip, level: str) -> None:
    result = optimize(legs, differentiate(legs, march, 0.02), StaticOptimizationCfg(level=level))
    assert result.converged.all()
    assert (result.muscle_force >= 0).all()
    assert summarize(result)["torque_missing_share"] < 0.02


def test_a_weak_body_is_named_by_joint_and_frame(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.02)
    parameters = MuscleParameters.of(legs.model)
    strong, weak = (optimize(legs, movement, parameters=scaled_strength(parameters, factor)) for factor in (1, 0.1))
    weaknesses = {weakness.joint: weakness for weakness in find_weaknesses(weak)}
    assert len(weaknesses) > len(find_weaknesses(strong))
    worst = weaknesses["knee_angle_r"]
    joint = weak.dof_names.index("knee_angle_r")
    assert worst.frame == np.abs(weak.residual[:, joint]).argmax()
    assert worst.missing == weak.residual[worst.frame, joint]
    assert summarize(weak)["torque_missing_share"] > 3 * summarize(strong)["torque_missing_share"]
    # What is given, what the floor gives and what is missing are all of what is required.
    total = weak.muscle_torque + weak.contact_torque + weak.residual
    np.testing.assert_allclose(total, weak.required_torque, atol=1e-9)


def test_a_clip_off_the_floor_leaves_the_weight_unexplained(legs: Body, march: MotionClip) -> None:
    clip = replace(march, qpos=march.qpos + np.eye(march.qpos.shape[1])[2])
    result = optimize(legs, differentiate(legs, clip, 0.02))
    figures = summarize(result)
    assert figures["frames_without_contact"] == figures["frames"]
    assert figures["root_force_residual_median_bw"] == pytest.approx(1.0, abs=0.05)


def test_unsolved_frames_are_reported(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.02)
    result = optimize(legs, movement, StaticOptimizationCfg(iterations=3))
    assert summarize(result)["unconverged_frames"] == list(range(march.num_frames))


def test_a_body_without_feet_is_refused(legs: Body, march: MotionClip) -> None:
    regions = {name: geoms for name, geoms in legs.contact_regions.items() if name != "foot_l"}
    with pytest.raises(MsemuError, match="no contact region foot_l"):
        optimize(replace(legs, contact_regions=regions), differentiate(legs, march, 0.02))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"power": 4}, "static optimization: power: 4 is unknown; known: 2, 3"),
        ({"objective": "stress"}, "activation, power"),
        ({"level": "soft"}, "mujoco"),
    ],
)
def test_wrong_settings_are_named(legs: Body, march: MotionClip, values: dict, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        optimize(legs, differentiate(legs, march, 0.02), StaticOptimizationCfg(**values))


def test_by_volume_it_does_not_matter_into_how_many_strands_a_muscle_is_split(legs: Body, march: MotionClip) -> None:
    """Half of the busiest muscle on a second tendon of the same path: no activation changes, both halves are alike."""
    movement = differentiate(legs, march, 0.02)
    few = Movement(movement.qpos[:3], movement.qvel[:3], movement.qacc[:3], movement.fps)
    settings = StaticOptimizationCfg(objective="volume")
    one = optimize(legs, few, settings).activation
    busiest = int(one.mean(0).argmax())
    assert one[:, busiest].mean() > 0.01
    spec = legs.spec.copy()
    whole = spec.actuator(legs.muscle_names[busiest])
    same = ("trntype", "target", "gaintype", "biastype", "dyntype", "gainprm", "biasprm", "dynprm", "ctrlrange")
    spec.add_actuator(name="other_half", **{name: getattr(whole, name) for name in same})
    model = spec.compile()
    model.actuator_lengthrange[-1] = model.actuator_lengthrange[busiest]
    split = replace(legs, model=model, muscle_names=(*legs.muscle_names, "other_half"))
    parameters = MuscleParameters.of(model)
    half = np.where(np.isin(np.arange(model.nu), (busiest, model.nu - 1)), 0.5, 1.0)
    columns = {
        name: half * getattr(parameters, name) for name in ("max_isometric_force", "passive_max_isometric_force")
    }
    two = optimize(split, few, settings, replace(parameters, **columns)).activation
    np.testing.assert_allclose(two[:, :-1], one, atol=1e-4)
    np.testing.assert_allclose(two[:, -1], one[:, busiest], atol=1e-4)
    by_activation = optimize(split, few, StaticOptimizationCfg(), replace(parameters, **columns)).activation
    assert np.abs(by_activation[:, :-1] - optimize(legs, few).activation).max() > 1e-3
