"""What the controller does in the air, before it lands and while a foot swings."""

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest
import torch

from msemu.control.contact_points import Contacts
from msemu.control.dynamics import DynamicsReader
from msemu.control.tracking.contact_schedule import ContactSchedule
from msemu.control.tracking.flight import released
from msemu.control.tracking.foot_placement import FootPlacement
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.control.tracking.springs import RootDeviation
from msemu.models import Body
from msemu.models.poses import random_poses
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import FEET
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ContactCfg, FootPlacementCfg

NUM = 3


@pytest.fixture(scope="module")
def airborne(legs: Body) -> Iterator[tuple[DynamicsReader, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Poses in the air, speeds that obey the couplings, and accelerations that are wanted."""
    random = np.random.default_rng(0)
    qpos = random_poses(legs.model, NUM, seed=0)
    qpos[:, 2] += 2.0
    qvel = legs.couplings.project_velocity(qpos, random.normal(size=(NUM, legs.model.nv)))
    wanted = random.normal(scale=10, size=(NUM, 6 + len(legs.independent_joints)))
    yield (DynamicsReader(legs, NUM, FEET), *map(torch.from_numpy, (qpos, qvel, wanted)))


def angular_momentum(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_angmom[1].copy()


def test_in_the_air_the_angular_momentum_is_wanted_to_stay(legs: Body, airborne) -> None:
    reader, qpos, qvel, wanted = airborne
    before = reader.read(qpos, qvel, wanted)
    after, more = released(before, torch.tensor([True, True, False]))
    change = torch.linalg.solve(before.mass, after.required_force - before.required_force)
    torch.testing.assert_close(change[:, :6], more)
    assert not change[2].any() and change[:2, 6:].abs().max() < 1e-6 < change[:2, :6].abs().min()
    step = 1e-6
    drifts = []
    for number, more in enumerate(change):
        slopes = reader.dofs.slopes(qpos)[number : number + 1]
        full = reader.dofs.expand((wanted[number] + more).unsqueeze(0), slopes)
        full = (full + reader.dofs.acceleration_bias(qpos, qvel)[number])[0].numpy()
        ahead, speed = qpos[number].numpy().copy(), qvel[number].numpy() + step * full
        mujoco.mj_integratePos(legs.model, ahead, qvel[number].numpy(), step)
        here = angular_momentum(legs.model, qpos[number].numpy(), qvel[number].numpy())
        drifts.append(np.abs(angular_momentum(legs.model, ahead, speed) - here).max() / step)
    assert max(drifts[:2]) < 0.05 < 1.0 < drifts[2]


def schedule(march: MotionClip, legs: Body, landing_s: float) -> tuple[ContactSchedule, torch.Tensor]:
    """A clip whose right foot stands in its first ten frames and whose left foot stands from the twentieth on."""
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    touching = torch.zeros(march.num_frames, 2, dtype=torch.bool)
    touching[:10, 0], touching[20:, 1] = True, True
    nothing = torch.zeros(march.num_frames, 3)
    along = ReferenceDynamics(FEET, touching, nothing, nothing, nothing, nothing)
    regions, contact = ("foot_r", "foot_l", "foot_l"), ContactCfg(height_m=0.005, landing_s=landing_s)
    return ContactSchedule(reference, along, regions, contact, round(landing_s * march.fps)), touching


def test_the_schedule_goes_on_from_cycle_to_cycle(march: MotionClip, legs: Body) -> None:
    frames, count = march.num_frames, 3
    found, touching = schedule(march, legs, count / march.fps)
    frame = torch.arange(3 * frames)
    rows = touching.numpy()
    flying = [not rows[number % frames].any() for number in frame]
    swings = [
        [not any(rows[(number + n) % frames, foot] for n in range(count + 1)) for foot in (0, 1)] for number in frame
    ]
    assert found.is_flying(frame).tolist() == flying and any(flying)
    assert found.swinging_feet(frame).tolist() == swings
    assert not found.swinging_feet(torch.tensor([frames - 2]))[0, 0]  # it lands at the beginning of the next cycle


def test_points_land_when_the_clip_and_their_speed_say_so(march: MotionClip, legs: Body) -> None:
    found, _ = schedule(march, legs, 0.04)
    position, velocity = torch.zeros(1, 3, 3), torch.zeros(1, 3, 3)
    position[0, :, 2] = torch.tensor([0.02, 0.02, 0.02])
    velocity[0, :, 2] = torch.tensor([-1.0, -0.1, -1.0])
    contacts = Contacts(position, velocity, torch.empty(0))
    assert found.landing_points(torch.tensor([18]), contacts).tolist() == [[False, False, True]]
    assert found.landing_points(torch.tensor([5]), contacts).tolist() == [[True, False, False]]
    assert not found.landing_points(torch.tensor([14]), contacts).any()
    velocity[:], position[:] = 3.0, 0.0  # on the floor and fast: it stays in contact while the clip has it there
    assert found.landing_points(torch.tensor([25]), contacts).tolist() == [[False, True, True]]


def test_a_low_foot_is_lifted_while_it_swings(legs: Body, march: MotionClip) -> None:
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    reader = DynamicsReader(legs, 2, FEET)
    feet = FootPlacement(reader.points, FEET, FootPlacementCfg(max_lift_m=0.02, damping_m=1e-3))
    qpos, qvel = reference.state(torch.tensor([14, 14]))
    still = torch.zeros(2, len(reader.dofs), dtype=torch.float64)
    contacts = reader.read(qpos, qvel, still).contacts
    in_place = RootDeviation.between(qpos, qvel, qpos, qvel)
    deviation = torch.zeros(2, 2, 3, dtype=torch.float64)
    deviation[0, 1, 2], deviation[1, 1, 2] = -0.01, -0.05
    swings = torch.tensor([[False, True], [False, True]])
    load = torch.zeros(2, 2, dtype=torch.float64)
    offsets = feet.offsets(contacts, in_place, qpos[:, 2], deviation, load, swinging=swings)
    moved = qpos.clone()
    moved[:, reader.dofs.index[6:] + 1] += offsets
    moved = torch.from_numpy(legs.couplings.project(moved.numpy()))
    before = feet.positions(contacts)
    after = feet.positions(reader.read(moved, qvel, still).contacts)
    torch.testing.assert_close((after - before)[:, 1, 2], torch.tensor([0.01, 0.02]).double(), atol=0.003, rtol=0)
    assert feet.offsets(contacts, in_place, qpos[:, 2], deviation, load, swinging=~swings).abs().max() < 1e-9
    assert feet.offsets(contacts, in_place, qpos[:, 2], -deviation, load, swinging=swings).abs().max() < 1e-9
