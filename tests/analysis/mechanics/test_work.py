"""Work against closed forms, over cycles, over the end of one that repeats, and in seconds."""

from dataclasses import replace

import numpy as np
import pytest
from stepping import stepping

from msemu.analysis.mechanics.energy.work import Work
from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.models import Body

_PEAK_W, _MOMENT_NM, _SPEED_RAD_S = 80.0, 4.0, -0.5


@pytest.fixture(scope="module")
def movement(legs: Body) -> MechanicalMovement:
    """A soleus whose power is a sine, once a stride of one second; a knee that brakes all the time."""
    walk = stepping(legs)
    power, qvel, required = walk.muscles.power.copy(), walk.qvel.copy(), walk.required.copy()
    power[:, legs.muscle_names.index("soleus_r")] = _PEAK_W * np.sin(2 * np.pi * walk.time)
    qvel[:, 6 + legs.joint_names.index("knee_angle_l")] = _SPEED_RAD_S
    required[:, walk.dof_names.index("knee_angle_l")] = _MOMENT_NM
    return replace(walk, qvel=qvel, required=required, muscles=replace(walk.muscles, power=power))


@pytest.mark.parametrize(("cyclic", "cycles"), [(False, 6), (True, 8)])
def test_work_in_a_gait_cycle(movement: MechanicalMovement, cyclic: bool, cycles: int) -> None:
    work = Work.of(replace(movement, cyclic=cyclic))
    assert (work.work_per, work.work_cycles, work.work_cycle_s) == ("gait cycle", cycles, pytest.approx(1.0))
    half = _PEAK_W / np.pi
    assert work.muscle_work_j["soleus_r"]["positive"] == pytest.approx(half, rel=2e-3)
    assert work.muscle_work_j["soleus_r"]["negative"] == pytest.approx(-half, rel=2e-3)
    assert work.all_muscles_work_j == pytest.approx(work.muscle_work_j["soleus_r"])
    assert work.largest_muscles(1) == ["soleus_r"]
    knee, mass = work.joint_work_j["knee_angle_l"], movement.body.mass
    assert knee["negative"] == knee["net"] == pytest.approx(_MOMENT_NM * _SPEED_RAD_S) and knee["positive"] == 0.0
    assert knee["net_j_kg"] == work.all_joints_work_j["negative_j_kg"] == pytest.approx(knee["net"] / mass)


def test_work_without_cycles_is_that_of_a_second(movement: MechanicalMovement) -> None:
    ground = movement.ground
    still = Work.of(
        replace(movement, ground=GroundReaction(ground.regions, ground.fps, 0 * ground.force, ground.moment))
    )
    assert (still.work_per, still.work_cycles, still.work_cycle_s) == ("second", 0, 1.0)
    assert still.joint_work_j["knee_angle_l"]["net"] == pytest.approx(_MOMENT_NM * _SPEED_RAD_S)
