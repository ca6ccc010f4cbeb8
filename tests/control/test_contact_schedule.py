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


def schedule(
    march: MotionClip, legs: Body, landing_s: float = 0.0, release: float = 1.0
) -> tuple[ContactSchedule, torch.Tensor]:
    """A clip whose right foot stands in its first ten frames and whose left foot stands from the twentieth on."""
    reference = ReferenceMotion(march, legs, march.fps, torch.device("cpu"))
    touching = torch.zeros(march.num_frames, 2, dtype=torch.bool)
    touching[:10, 0], touching[20:, 1] = True, True
    nothing = torch.zeros(march.num_frames, 3)
    along = ReferenceDynamics(FEET, touching, nothing, nothing, nothing, nothing)
    contact = ContactCfg(height_m=0.005, speed_m_s=0.5, landing_s=landing_s, release=release)
    regions = ("foot_r", "foot_l", "foot_l")
    return ContactSchedule(reference, along, regions, contact, round(landing_s * march.fps), 1), touching


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


def states(found: ContactSchedule, frame: int, heights: list[float], speed: float = 0.0) -> str:
    """Whether the second point, of the left foot, touches at each of some heights [m]."""
    seen = ""
    for height in heights:
        position, velocity = torch.zeros(1, 3, 3), torch.zeros(1, 3, 3)
        position[0, :, 2], velocity[0, :, 0] = height, speed
        touching = found.touching_points(torch.tensor([frame]), Contacts(position, velocity, torch.empty(0)))
        seen += "x" if touching[0, 1] else "-"
    return seen


FLICKER = [0.006, 0.004, 0.006, 0.004, 0.011, 0.006]
"""Heights of a point that flickers about the 5 mm below which it touches [m]."""


def test_a_point_does_not_flicker_while_the_clip_has_its_region_on_the_floor(march: MotionClip, legs: Body) -> None:
    stands, swings = 30, 15
    assert states(schedule(march, legs)[0], stands, FLICKER) == "-x-x--"
    assert states(schedule(march, legs, release=2.0)[0], stands, FLICKER) == "-xxx--"
    assert states(schedule(march, legs, release=2.0)[0], swings, FLICKER) == "-x-x--", "a foot that lifts is let go"
    found = schedule(march, legs, release=2.0)[0]
    assert (
        states(found, stands, [0.0], 0.6) + states(found, stands, [0.0], 0.4) + states(found, stands, [0.0], 0.9)
        == "-xx"
    )
    assert states(found, stands, [0.0], 1.1) == "-"


def test_what_is_held_is_forgotten_at_a_reset_and_goes_on_from_a_state(march: MotionClip, legs: Body) -> None:
    found, other = (schedule(march, legs, release=2.0)[0] for _ in range(2))
    assert states(found, 30, [0.004]) == "x"
    other.load_state_dict(found.state_dict())
    found.reset(torch.tensor([True]))
    assert states(found, 30, [0.006]) == "-" and states(other, 30, [0.006]) == "x"
    plain = schedule(march, legs)[0]
    assert states(plain, 30, [0.004]) == "x" and not plain.state_dict(), "without a memory there is none to keep"
    plain.load_state_dict({})


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
