"""Ground reaction, moments, powers, joint reaction and metabolic cost against MuJoCo and closed forms."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

from msemu.analysis.mechanics.co_contraction import (
    antagonists_of,
    co_contraction_of,
    falconer_winter,
    joint_co_contraction,
    rudolph,
)
from msemu.analysis.mechanics.energy.energetics import Energetics, reference_smoothness, smoothness
from msemu.analysis.mechanics.energy.least_effort import least_effort
from msemu.analysis.mechanics.energy.metabolic import FiberState, MetabolicCost, bhargava, umberger
from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.mechanics.joint_reaction import joint_reaction, reaction_forces, without_contact
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.replay import replay
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.muscle.metabolic import muscle_mass
from msemu.muscle.parameters import MuscleParameters
from msemu.sim.simulation import WRENCH, contact_sensors, with_force_actuators

_FRAMES = 12


@pytest.fixture(scope="module")
def rollout(legs: Body) -> Rollout:
    """A body that sinks to the floor under steady muscle forces; floor forces as MuJoCo's sensors give them."""
    model = with_force_actuators(legs.model)
    data = mujoco.MjData(model)
    data.qpos = legs.neutral_qpos
    pull = 0.05 * MuscleParameters.of(legs.model).max_isometric_force
    regions, start = contact_sensors(model)
    rows = []
    for _ in range(_FRAMES):
        data.ctrl = -pull
        for _ in range(10):
            mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)
        floor = data.sensordata[start : start + WRENCH * len(regions)].reshape(-1, WRENCH)
        rows.append((data.qpos.copy(), data.qvel.copy(), floor.copy(), -data.actuator_velocity * pull))
    qpos, qvel, floor, power = map(np.array, zip(*rows, strict=True))
    ground = GroundReaction.of_wrenches(regions, 1.0, floor)
    level = np.full((_FRAMES, legs.num_muscles), 0.05)
    return Rollout(
        body=legs.name,
        fps=1.0 / (10 * model.opt.timestep),
        title="sinking",
        joint_names=legs.joint_names,
        muscle_names=legs.muscle_names,
        contact_regions=regions,
        qpos=qpos,
        qvel=qvel,
        reference_qpos=qpos,
        excitation=level,
        activation=level,
        muscle_force=np.tile(pull, (_FRAMES, 1)),
        fiber_length=np.ones_like(level),
        fiber_velocity=0.0 * level,
        tendon_strain=0.0 * level,
        muscle_power=power,
        contact_force=ground.force,
        center_of_pressure=ground.center,
        free_moment=ground.free_moment,
        episode_start=np.arange(_FRAMES) == 0,
    )


@pytest.fixture(scope="module")
def movement(rollout: Rollout, legs: Body) -> MechanicalMovement:
    """Its mechanics."""
    return replay(rollout, legs)


def test_a_plate_gives_center_and_free_moment_of_two_forces_and_a_twist() -> None:
    places = np.array([[0.3, 0.1, 0.0], [0.5, -0.1, 0.0]])
    forces = np.array([[10.0, 5.0, 300.0], [-20.0, 0.0, 100.0]])
    moment = np.cross(places, forces).sum(0) + np.array([0.0, 0.0, 7.0])
    plate = GroundReaction(("foot_r",), 100.0, forces.sum(0)[None, None], moment[None, None])
    center = (places * forces[:, 2:]).sum(0) / 400.0
    np.testing.assert_allclose(plate.center[0, 0], center)
    twist = sum(np.cross(place - center, force)[2] for place, force in zip(places, forces, strict=True)) + 7.0
    np.testing.assert_allclose(plate.free_moment[0, 0], twist)


def test_the_center_of_pressure_waits_where_the_foot_is_in_the_air() -> None:
    force, moment = np.zeros((5, 1, 3)), np.zeros((5, 1, 3))
    force[[1, 4], 0, 2], moment[[1, 4], 0, 1] = 100.0, (-20.0, -80.0)
    np.testing.assert_allclose(
        GroundReaction(("foot_r",), 50.0, force, moment).center[:, 0, 0], [0.2, 0.2, 0.2, 0.8, 0.8]
    )


def test_a_filter_takes_what_is_fast_and_keeps_what_is_slow() -> None:
    time = np.arange(400) / 200.0
    force = np.zeros((400, 1, 3))
    force[:, 0, 2] = 500.0 + 50.0 * np.sin(2 * np.pi * 60.0 * time)
    plate = GroundReaction(("foot_r",), 200.0, force, force)
    np.testing.assert_allclose(plate.filtered(10.0).force[100:300, 0, 2], 500.0, atol=0.5)
    with pytest.raises(MsemuError, match="needs more than 240 frames a second"):
        plate.filtered(120.0)


def test_forces_of_the_floor_are_those_of_the_sensors(movement: MechanicalMovement, rollout: Rollout) -> None:
    assert rollout.contact_force[-1, :, 2].sum() > 300.0
    np.testing.assert_allclose(movement.ground.force, rollout.contact_force, atol=1e-6)


def test_a_rollout_holds_center_and_free_moment(movement: MechanicalMovement, rollout: Rollout, tmp_path: Path) -> None:
    """As contacts one by one give them; a file of before lacks them and says nothing of them."""
    loaded = movement.ground.is_loaded
    assert loaded.any()
    np.testing.assert_allclose(rollout.center_of_pressure[loaded], movement.ground.center[loaded], atol=1e-6)
    np.testing.assert_allclose(rollout.free_moment[loaded], movement.ground.free_moment[loaded], atol=1e-6)
    rollout.save(tmp_path / "new.npz")
    new = dict(np.load(tmp_path / "new.npz"))
    np.testing.assert_array_equal(Rollout.load(tmp_path / "new.npz").free_moment, rollout.free_moment)
    np.savez(
        tmp_path / "old.npz", **{name: new[name] for name in new if name not in ("center_of_pressure", "free_moment")}
    )
    for path in (tmp_path / "old.npz", tmp_path / "again.npz"):
        old = Rollout.load(path)
        assert np.isnan(old.center_of_pressure).all() and old.free_moment.shape == rollout.free_moment.shape
        old.save(tmp_path / "again.npz")


def test_the_center_of_pressure_is_under_the_foot(movement: MechanicalMovement, legs: Body) -> None:
    data = mujoco.MjData(legs.model)
    for frame in np.flatnonzero(movement.ground.is_loaded[:, 0]):
        data.qpos = movement.qpos[frame]
        mujoco.mj_kinematics(legs.model, data)
        geoms = legs.contact_regions["foot_r"]
        low = (data.geom_xpos[geoms] - legs.model.geom_rbound[geoms, None]).min(0)
        high = (data.geom_xpos[geoms] + legs.model.geom_rbound[geoms, None]).max(0)
        assert (low[:2] <= movement.ground.center[frame, 0, :2]).all()
        assert (movement.ground.center[frame, 0, :2] <= high[:2]).all()


def test_muscles_floor_and_limits_balance_and_nothing_holds_the_root(movement: MechanicalMovement) -> None:
    rest = movement.required - movement.ground_moment - movement.muscle_moment
    np.testing.assert_allclose(rest[:, :6], 0.0, atol=1e-6)


def test_net_moments_are_those_of_inverse_dynamics(movement: MechanicalMovement, legs: Body) -> None:
    """MuJoCo's own, with the floor's forces as external ones."""
    model = without_contact(legs.model)
    data = mujoco.MjData(model)
    data.qpos, data.qvel, data.qacc = movement.qpos[-1], movement.qvel[-1], movement.qacc[-1]
    mujoco.mj_inverse(model, data)
    net = data.qfrc_inverse.copy()
    for index, region in enumerate(movement.ground.regions):
        body = model.geom_bodyid[legs.contact_regions[region][0]]
        force, center = movement.ground.force[-1, index], movement.ground.center[-1, index]
        if force[2] > 20.0:
            torque, pushed = np.array([0.0, 0.0, movement.ground.free_moment[-1, index]]), np.zeros(model.nv)
            mujoco.mj_applyFT(model, data, force, torque, center, body, pushed)
            net -= pushed
    hip = movement.joint_names.index("hip_flexion_r")
    np.testing.assert_allclose(
        movement.joint_moment[-1, hip], net[6 + legs.joint_names.index("hip_flexion_r")], rtol=1e-3
    )


def test_muscles_do_the_work_of_their_moments(movement: MechanicalMovement, legs: Body, rollout: Rollout) -> None:
    joints = (movement.muscle_moment * movement.qvel[:, legs.independent_dofs]).sum(1)
    # At first the coupled joints, which start beside what their springs hold, do work of their own.
    np.testing.assert_allclose(joints[6:], rollout.muscle_power.sum(1)[6:], rtol=0.03)


def test_a_rollout_of_another_body_is_refused(rollout: Rollout, legs: Body) -> None:
    heavier = replace(rollout, contact_force=3.0 * rollout.contact_force)
    with pytest.raises(MsemuError, match="of another 'myolegs'"):
        replay(heavier, legs)
    with pytest.raises(MsemuError, match="has 28 joints"):
        replay(replace(rollout, joint_names=rollout.joint_names[::-1]), legs)


def test_static_optimization_carries_the_body_over_a_cycle(legs: Body, standing: Callable[[Body], MotionClip]) -> None:
    clip = standing(legs)
    movement = differentiate(legs, clip, 0.02)
    parameters = MuscleParameters.of(legs.model)
    found = MechanicalMovement.of_static_optimization(
        legs, movement, optimize(legs, movement), parameters, clip.fps, "standing", cyclic=True
    )
    assert Energetics.of(found).vertical_force_mean_bw == pytest.approx(1.0, abs=0.01)
    assert Energetics.of(found).positive_joint_power_w == pytest.approx(0.0, abs=0.1)
    # Standing, the hips carry what is above them, and the muscles across them press beside.
    reaction = joint_reaction(found)
    above = 1.0 - 2.0 * sum(legs.model.body_subtreemass[[legs.model.body("femur_r").id]]) / legs.mass
    vertical = -reaction.force[:, [reaction.names.index(f"hip_{side}") for side in "rl"], 2] / legs.weight
    assert (vertical.sum(1) > above - 0.02).all()


_FOREARM = """
<mujoco><worldbody><body name="arm"><geom size="0.01" mass="1"/><site name="origin" pos="0.04 0 0.3"/>
<body name="forearm" pos="0 0 0"><joint name="elbow" axis="0 -1 0"/><geom size="0.01" pos="0.2 0 0" mass="2"/>
<site name="insertion" pos="0.04 0 0"/></body></body></worldbody>
<tendon><spatial name="biceps"><site site="origin"/><site site="insertion"/></spatial></tendon>
<actuator><motor name="biceps" tendon="biceps"/></actuator></mujoco>"""


def test_an_elbow_bears_the_muscle_less_the_load() -> None:
    """A weight W at 0.2 m is held by a muscle at 0.04 m: it pulls 5 W, and the elbow presses down with 4 W."""
    model = mujoco.MjModel.from_xml_string(_FOREARM)
    weight = 2.0 * 9.81
    forces = reaction_forces(
        model, mujoco.MjData(model), np.zeros(1), np.array([5.0 * weight]), np.zeros((model.nbody, 3))
    )
    np.testing.assert_allclose(forces[model.body("forearm").id], [0.0, 0.0, -4.0 * weight], atol=1e-9)


def test_a_foot_on_the_floor_is_carried_by_it() -> None:
    model = mujoco.MjModel.from_xml_string(_FOREARM)
    external = np.zeros((model.nbody, 3))
    external[model.body("forearm").id] = [3.0, 0.0, 30.0]
    forces = reaction_forces(model, mujoco.MjData(model), np.zeros(1), np.zeros(1), external)
    np.testing.assert_allclose(forces[model.body("forearm").id], [-3.0, 0.0, 2.0 * 9.81 - 30.0], atol=1e-9)


def _fiber(**changes: float) -> FiberState:
    values = {
        "mass": 0.5,
        "excitation": 0.6,
        "activation": 0.4,
        "length": 0.9,
        "velocity": -0.1,
        "optimal_length": 0.1,
        "max_velocity": 10.0,
        "active_force": 200.0,
        "force": 210.0,
        "isometric": 0.95,
    }
    return FiberState(**{name: np.array([[value]]) for name, value in (values | changes).items()})


def test_a_muscle_weighs_its_volume() -> None:
    """The soleus of OpenSim's test: 1,000 N of 0.1 m."""
    assert muscle_mass(np.array([1000.0]), np.array([0.1]))[0] == pytest.approx(0.42388)


def test_bhargava_by_hand() -> None:
    # u_s = 0.5 sin(0.3 pi), u_f = 0.5 (1 - cos(0.3 pi)); L(0.9) = 0.9
    slow, fast = 0.4045084971874737, 0.20610737385376343
    heat = 0.5 * (40 * slow + 133 * fast) + 0.5 * 0.9 * (74 * slow + 111 * fast)
    assert bhargava(_fiber())[0, 0] == pytest.approx(heat + 0.25 * 210 * 0.1 + 200 * 0.1, abs=1e-6)
    # At rest OpenSim 4.6 gives the least heat, 1 W/kg.
    rest = _fiber(mass=0.42388, excitation=0.0, activation=0.0, velocity=0.0, active_force=0.0, force=0.0)
    assert bhargava(rest)[0, 0] == pytest.approx(0.42388)
    # A muscle that is stretched takes no more up than it spends.
    assert bhargava(_fiber(velocity=2.0))[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_umberger_by_hand() -> None:
    # A = e = 0.6, v = -1 L0/s: slow heat 100 / 4 = 25, fast 153 / 10 = 15.3 W/kg.
    steady = 1.5 * (128 * 0.5 + 25) * 0.6**0.6
    shortening = 1.5 * 0.6**2 * (0.5 * 25.0 + 0.5 * 15.3)
    assert umberger(_fiber())[0, 0] == pytest.approx(0.5 * (steady + shortening) + 20.0, abs=1e-6)
    # Stretched beyond L0, activation above the excitation: A = (0.2 + 0.4) / 2; no work.
    steady = 1.5 * (128 * 0.5 + 25) * 0.3**0.6 * (0.4 + 0.6 * 0.95)
    lengthening = 1.5 * 0.3 * 0.3 * 25.0 * 0.95
    found = umberger(_fiber(excitation=0.2, length=1.1, velocity=0.1))[0, 0]
    assert found == pytest.approx(0.5 * (steady + lengthening), abs=1e-6)


def test_implausible_muscles_are_said_to_be(movement: MechanicalMovement) -> None:
    parameters = movement.parameters
    wanted = 0.25 * movement.body.mass
    factor = wanted / muscle_mass(parameters.max_isometric_force, parameters.optimal_fiber_length).sum()
    real = replace(
        movement, parameters=replace(parameters, optimal_fiber_length=factor * parameters.optimal_fiber_length)
    )
    assert MetabolicCost.of(real).is_plausible and MetabolicCost.of(real).muscle_mass_kg == pytest.approx(wanted)
    assert not MetabolicCost.of(
        replace(real, parameters=replace(real.parameters, max_isometric_force=1e5))
    ).is_plausible


def test_smoothness_is_the_second_difference_of_the_speeds(movement: MechanicalMovement) -> None:
    """Speeds that grow as 3 t^2 have the second derivative 6 in all joints; a new episode does not count."""
    qvel = np.repeat(3.0 * movement.time[:, None] ** 2, movement.qvel.shape[1], axis=1)
    assert smoothness(replace(movement, qvel=qvel)) == pytest.approx(np.log10(36.0))
    qvel[6:] += 100.0
    cut = np.isin(np.arange(_FRAMES), (0, 6))
    assert smoothness(replace(movement, qvel=qvel, episode_start=cut)) == pytest.approx(np.log10(36.0))


def test_least_effort_gives_the_same_torques_for_less(movement: MechanicalMovement) -> None:
    """What it has found it finds again."""
    found = least_effort(movement)
    assert found.converged.all()
    error = np.abs(found.muscle_torque - movement.muscle_moment)[:, 6:].max(0)
    assert (error < 0.02 * found.capacity[6:]).all()
    again = replace(
        movement,
        muscles=replace(movement.muscles, force=found.muscle_force, activation=found.activation),
        muscle_moment=found.muscle_torque,
    )
    np.testing.assert_allclose(least_effort(again).activation, found.activation, atol=1e-3)
    figures = Energetics.of(movement)
    assert figures.power_over_least_effort == pytest.approx(
        figures.positive_muscle_power_w / figures.least_effort_power_w
    )


def test_smoothness_of_the_reference_is_that_of_its_poses(movement: MechanicalMovement, legs: Body) -> None:
    """A knee that bends, whose speeds are central differences within its episode."""
    knee = 7 + legs.joint_names.index("knee_angle_r")
    poses = np.repeat(legs.neutral_qpos[None], _FRAMES, axis=0)
    poses[:, knee] += 0.5 * movement.time**4
    found = reference_smoothness(replace(movement, reference_qpos=legs.couplings.project(poses)))
    assert reference_smoothness(replace(movement, reference_qpos=None)) is None
    joints = len(movement.joint_names)
    second = np.diff(np.gradient(poses[:, knee], 1.0 / movement.fps), 2) * movement.fps**2
    assert found == pytest.approx(np.log10(np.mean(second**2) / joints), abs=1e-3)


def test_co_contraction_by_hand() -> None:
    one, other = np.array([0.2, 0.4, 0.0]), np.array([0.1, 0.4, 0.5])
    assert rudolph(one, other) == pytest.approx((0.5 * 0.3 + 1.0 * 0.8 + 0.0) / 3)
    assert falconer_winter(one, other) == pytest.approx(2 * (0.1 + 0.4) / (0.6 + 1.0))
    assert rudolph(np.zeros(2), np.zeros(2)) == falconer_winter(np.zeros(2), np.zeros(2)) == 0.0
    np.testing.assert_allclose(joint_co_contraction(np.array([[10.0, -4.0], [3.0, 5.0]])), [4.0, 0.0])


def test_muscles_of_a_joint_lose_no_more_than_they_give(movement: MechanicalMovement) -> None:
    lost = co_contraction_of(movement)
    assert all(value >= 0.0 for value in lost.values()) and lost["knee_angle_r"] > 1.0


def test_antagonists_are_grouped_by_what_they_do_to_the_joint(movement: MechanicalMovement, legs: Body) -> None:
    """Only a knee's extensors are active, then they as much as its flexors."""
    knee = antagonists_of(movement)["knee_angle_r"]
    assert {"vasmed_r", "vaslat_r", "recfem_r"} <= set(knee.negative)
    assert {"bfsh_r", "semiten_r", "gasmed_r"} <= set(knee.positive)
    assert knee.falconer_winter == pytest.approx(1.0), "all are at 0.05"
    assert knee.rudolph == pytest.approx(0.1)
    ankle = antagonists_of(movement)["ankle_angle_l"]
    assert "tibant_l" in ankle.positive and {"soleus_l", "gasmed_l"} <= set(ankle.negative)
    active = np.isin(legs.muscle_names, knee.negative) * np.ones((_FRAMES, 1))
    alone = replace(movement, muscles=replace(movement.muscles, activation=active))
    assert antagonists_of(alone)["knee_angle_r"].rudolph == 0.0
