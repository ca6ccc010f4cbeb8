"""Forces of the floor along a movement: when parts stand, how forces go on, and measured ones in their place."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

from msemu.analysis.mechanics.ground_reaction import GroundReaction, moments_about_origin
from msemu.control.floor.forces import measured_forces
from msemu.control.floor.phases import ContactPhasesCfg, standing_points
from msemu.control.inverse_dynamics import differentiate
from msemu.control.solver.banded import solve_not_negative
from msemu.control.static_optimization import StaticOptimization, StaticOptimizationCfg, optimize
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import ContactCfg

FPS = 50.0


def test_the_solver_finds_what_nnls_finds() -> None:
    random = np.random.default_rng(0)
    matrix = np.triu(np.tril(random.normal(size=(40, 40)), 4), -4) + 0.1 * np.eye(40)
    wanted = random.normal(size=40)
    half = scipy.sparse.coo_array(np.tril(matrix.T @ matrix))
    expected, _ = scipy.optimize.nnls(matrix, wanted)
    assert 5 < (expected == 0.0).sum() < 35
    np.testing.assert_allclose(solve_not_negative(half, matrix.T @ wanted), expected, atol=1e-5)


def standing(touching: str, cyclic: bool = False) -> str:
    """Contacts of one point by frame: ``#`` low and slow, ``-`` a little higher, ``.`` in the air."""
    heights = np.array([{"#": 0.0, "-": 0.02, ".": 0.1}[mark] for mark in touching])[:, None]
    found = standing_points(heights, 0.0 * heights, ("foot_r",), FPS, cyclic, ContactCfg(), ContactPhasesCfg())
    return "".join("#" if each else "." for each in found[:, 0])


@pytest.mark.parametrize(
    ("seen", "cyclic", "expected"),
    [
        ("....#####.....", False, "....#####....."),
        ("..--##-##--...", False, "....#######..."),  # it begins low and lasts a little higher
        ("....##.####...", False, "....#######..."),  # one frame in the air is none
        ("....#.....####", False, "..........####"),  # one frame on the floor is none
        ("#........#####", False, "#........#####"),  # but a clip may cut a stance short
        ("##..........##", True, "##..........##"),
        ("#............#", True, ".............."),  # two frames over the end of a cycle
        ("#####.########", True, "##############"),
        ("##############", True, "##############"),
    ],
)
def test_contacts_do_not_chatter(seen: str, cyclic: bool, expected: str) -> None:
    assert standing(seen, cyclic) == expected


@pytest.fixture(scope="module")
def marching(legs: Body, march: MotionClip) -> StaticOptimization:
    return optimize(legs, differentiate(legs, march, 0.02))


def feet(found: StaticOptimization) -> np.ndarray:
    """Vertical force on both feet [body weights], shape [T, 2]."""
    regions = np.array(found.point_regions)
    columns = [found.contact_force[:, regions == f"foot_{side}", 2].sum(1) for side in "rl"]
    return np.stack(columns, axis=1) / found.body_weight


def test_over_a_cycle_the_floor_carries_the_weight_without_jumps(
    marching: StaticOptimization, legs: Body, march: MotionClip
) -> None:
    assert march.cyclic
    assert feet(marching).sum(1).mean() == pytest.approx(1.0, abs=0.01)
    alone = optimize(legs, differentiate(legs, march, 0.02), StaticOptimizationCfg(floor="alone"))
    jumps = [np.abs(np.diff(np.vstack([force, force[:1]]), axis=0)).max() for force in map(feet, (marching, alone))]
    assert jumps[0] < 0.5 * jumps[1]
    sideways = np.abs(marching.contact_force[..., :2]).sum(-1)
    assert (sideways <= marching.contact_force[..., 2] * (1 + 1e-9)).all(), "outside the friction pyramid"


def test_it_does_not_matter_where_a_cycle_begins(marching: StaticOptimization, legs: Body, march: MotionClip) -> None:
    qpos = np.roll(march.qpos, 7, axis=0)
    qpos[:7, :3] -= march.cycle_displacement
    turned = replace(march, qpos=qpos, qvel=np.roll(march.qvel, 7, axis=0))
    moved = optimize(legs, differentiate(legs, turned, 0.02))
    np.testing.assert_allclose(np.roll(feet(moved), -7, axis=0), feet(marching), atol=5e-3)


def test_forces_that_were_measured_take_the_place_of_unknown_ones(
    marching: StaticOptimization, legs: Body, march: MotionClip
) -> None:
    """Those that were found, given as plates have them, ask the same of the muscles."""
    regions = tuple(dict.fromkeys(marching.point_regions))
    belongs = (np.array(marching.point_regions)[:, None] == np.array(regions)).astype(float)
    moments = moments_about_origin(marching.contact_position, marching.contact_force)
    ground = GroundReaction(
        regions, march.fps, *(np.einsum("tcx,cr->trx", each, belongs) for each in (marching.contact_force, moments))
    )
    movement = differentiate(legs, march, 0.02)
    floor = measured_forces(legs, movement, regions, ground.force, ground.center, ground.free_moment)
    loaded = ground.is_loaded.all(1) | (ground.force[..., 2] == 0.0).any(1)
    assert loaded.sum() > 10
    # A plate does not tell heel from toes, so the toes' joint is left out.
    same = np.array(["mtp" not in name for name in marching.dof_names])
    np.testing.assert_allclose(floor.torque[loaded][:, same], marching.contact_torque[loaded][:, same], atol=0.5)
    given = optimize(legs, movement, floor=floor)
    np.testing.assert_allclose(given.net_torque[loaded][:, same], marching.net_torque[loaded][:, same], atol=0.5)
    assert given.point_regions == regions * 2


def test_every_fourth_frame_of_a_movement_is_slower(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.02)
    few = movement.every(4)
    assert few.fps == movement.fps / 4 and few.cyclic == movement.cyclic and len(few.qacc) == 13
    np.testing.assert_array_equal(few.qpos, movement.qpos[[*range(0, 50, 4)]])
