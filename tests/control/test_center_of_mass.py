"""What the root is asked for so that the center of mass moves as is wanted, against MuJoCo's own momentum."""

import mujoco
import numpy as np
import pytest
import torch

from msemu.control.dynamics import DynamicsReader
from msemu.control.tracking.center_of_mass import CenterOfMass
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.control.tracking.smoothed_reference import Instant
from msemu.models import Body
from msemu.models.poses import random_poses
from msemu.motion.geometry import FEET
from msemu.schema import SpringCfg

NUM, FRAMES = 3, 5
SPRING = SpringCfg(1.3, damping_ratio=0.7)
STEP_S = 1e-6


def center(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return position and velocity of the center of mass as MuJoCo finds them [m, m/s], shape [3] each."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_com[1].copy(), data.subtree_linvel[1].copy()


@pytest.mark.parametrize("reach", [0.0, 0.3])
def test_the_root_is_asked_for_what_the_center_of_mass_lacks(legs: Body, reach: float) -> None:
    random = np.random.default_rng(0)
    reader = DynamicsReader(legs, NUM, FEET)
    qpos = random_poses(legs.model, NUM, seed=0)
    qvel = legs.couplings.project_velocity(qpos, random.normal(size=(NUM, legs.model.nv)))
    wanted = random.normal(scale=10, size=(NUM, len(reader.dofs)))
    offset, velocity, acceleration, place = (random.normal(size=(size, 3)) for size in (FRAMES, FRAMES, FRAMES, NUM))
    reader._bodies.root_force[:] = torch.from_numpy(random.normal(scale=100, size=(NUM, 6)))
    state = reader.read(*map(torch.from_numpy, (qpos, qvel, wanted)))

    full = reader.dofs.expand(torch.from_numpy(wanted), reader.dofs.slopes(torch.from_numpy(qpos)))
    full = (full + reader.dofs.acceleration_bias(torch.from_numpy(qpos), torch.from_numpy(qvel))).numpy()
    rate, row, share = 2.0 * np.pi * 1.3, np.array([0, 1, 3]), 0.25
    expected = []
    for body in range(NUM):
        here, speed = center(legs.model, qpos[body], qvel[body])
        ahead = qpos[body].copy()
        mujoco.mj_integratePos(legs.model, ahead, qvel[body], STEP_S)
        given = (center(legs.model, ahead, qvel[body] + STEP_S * full[body])[1] - speed) / STEP_S
        now = [(1.0 - share) * table[row[body]] + share * table[row[body] + 1] for table in (offset, velocity)]
        back = rate**2 * (place[body] + now[0] - here) + 2.0 * 0.7 * rate * (now[1] - speed)
        greatest = reach * 9.81 if reach else np.inf
        expected.append(acceleration[row[body] + 1] + np.clip(back, -greatest, greatest) - given)

    touching, feet = torch.zeros(FRAMES, 2, dtype=torch.bool), torch.zeros(FRAMES, 2, 3)
    tables = map(torch.from_numpy, (offset, velocity, acceleration))
    along = ReferenceDynamics(FEET, touching, feet, *tables)
    task, rows = CenterOfMass(reader, along, SPRING, reach), torch.from_numpy(row)
    now, later = Instant(rows, rows + 1, share), Instant(rows + 1, rows + 2, 0.0)
    more = task.missing_acceleration(state, torch.from_numpy(place), now, later)
    np.testing.assert_allclose(more, expected, atol=2e-3)

    # With so much more at the root the equation of motion asks for what `moved` says.
    moved = torch.from_numpy(wanted)
    moved[:, :3] += more
    needed = reader.read(torch.from_numpy(qpos), torch.from_numpy(qvel), moved).required_force
    torch.testing.assert_close(task.moved(state, more).required_force, needed)
