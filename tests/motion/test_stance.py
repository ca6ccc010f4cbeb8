"""The repair of stance: its parts against references, and a body that leans too far."""

import json
from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
import pytest
from command_line import run
from scipy.ndimage import minimum_filter1d
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from msemu.analysis.plausibility.check import check_clip
from msemu.analysis.plausibility.strength import strength
from msemu.analysis.plausibility.torques import excesses
from msemu.models import Body
from msemu.models.geoms import friction_pyramid
from msemu.models.poses import at_pose
from msemu.motion.clip import MotionClip
from msemu.motion.flight import lowest_height
from msemu.motion.geometry import joint_centers, sole_heights
from msemu.motion.quality import limit_excess
from msemu.motion.repair.banded import NormalEquations
from msemu.motion.repair.repair import Repair, repair
from msemu.motion.repair.stance import clearance
from msemu.motion.repair.stance.clearance import CLEARANCE_M, swing_heights
from msemu.motion.repair.stance.cone import cone_distance
from msemu.motion.repair.stance.contacts import Contacts
from msemu.motion.repair.stance.optimization import StanceOptimization
from msemu.motion.repair.stance.stances import RepairedStance
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.motion.support import Stance, edge_wrenches

FPS = 50.0


def cones() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wrenches and the edges of two feet in three frames; one foot is in the air in the second, both in the third."""
    random = np.random.default_rng(0)
    levers = random.uniform(-0.3, 0.3, (3, 2, 3)) - [0.0, 0.0, 1.0]
    edges = edge_wrenches(levers, friction_pyramid(np.ones(2))).reshape(3, 8, 6)
    exists = np.repeat([[True, True], [True, False], [False, False]], 4, axis=1)
    return random.normal(size=(3, 6)) + np.eye(6)[2], edges, exists


def test_distance_from_a_cone_is_that_of_least_squares_when_the_barrier_is_low() -> None:
    wrench, edges, exists = cones()
    found = cone_distance(wrench, edges, exists, error=0.02, barrier=0.01)
    expected = [nnls(frame[there].T, wanted)[1] if there.any() else np.linalg.norm(wanted)
                for wanted, frame, there in zip(wrench, edges, exists, strict=True)]  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(found.missing, axis=1), expected, rtol=0.03)
    np.testing.assert_allclose(found.missing, wrench - np.einsum("ke,kei->ki", found.shares, edges), atol=1e-3)
    assert (found.shares[exists] > 0.0).all() and (found.shares[~exists] == 0.0).all()


@pytest.mark.parametrize("barrier", [10.0, 0.01])
def test_derivatives_of_the_distance_from_a_cone(barrier: float) -> None:
    wrench, edges, exists = cones()
    found = cone_distance(wrench, edges, exists, 0.1, barrier)
    for column in np.eye(6):
        ends = [cone_distance(wrench + sign * 1e-4 * column, edges, exists, 0.1, barrier) for sign in (1.0, -1.0)]
        slope = 0.5 * (ends[0].value - ends[1].value) / 2e-4
        np.testing.assert_allclose(found.slope @ column, slope, rtol=1e-3, atol=1e-3 * np.abs(found.slope).max())
        bent = (ends[0].slope - ends[1].slope) / 2e-4
        np.testing.assert_allclose(found.curvature @ column, bent, rtol=1e-2, atol=1e-3 * found.curvature.max())


@pytest.mark.parametrize("cyclic", [False, True])
def test_normal_equations_of_neighbors_are_those_of_all_frames(cyclic: bool) -> None:
    random, frames, size = np.random.default_rng(1), 11, 2
    equations, matrix, side = NormalEquations(frames, size, cyclic), np.zeros((22, 22)), np.zeros(22)
    for first in range(frames if cyclic else frames - 4):
        around = (first + np.arange(5)) % frames
        rows, errors = random.normal(size=(4, 10)), random.normal(size=4)
        equations.add(around, rows.T @ rows, rows.T @ errors)
        full = np.zeros((4, frames, size))
        full[:, around] = rows.reshape(4, 5, size)
        full = full.reshape(4, -1)
        matrix, side = matrix + full.T @ full, side + full.T @ errors
    step = equations.step().ravel()
    np.testing.assert_allclose(step, -np.linalg.solve(matrix, side), rtol=1e-6)
    np.testing.assert_allclose(equations.value(step.reshape(frames, size)), side @ step, rtol=1e-6)
    np.testing.assert_allclose(equations.at(step.reshape(frames, size)).gradient, 0.0, atol=1e-6)
    damped = -np.linalg.solve(matrix + 0.5 * np.diag(np.diag(matrix)), side)
    np.testing.assert_allclose(equations.damped(0.5).step().ravel(), damped, rtol=1e-6)


def standing(body: Body, frames: int) -> np.ndarray:
    path = np.repeat(body.neutral_qpos[None], frames, axis=0)
    path[:, 2] -= lowest_height(body, path[:1])[0]
    return path


def test_a_foot_that_hovers_keeps_touching_until_it_is_off(legs: Body) -> None:
    path = standing(legs, 9)
    path[:, 2] += [0.015, 0.005, 0.015, 0.015, 0.03, 0.03, 0.03, 0.015, 0.015]
    contacts = Contacts(legs, path, cyclic=False, flying=np.ones(9, dtype=bool), swinging=np.zeros((9, 2), dtype=bool))
    assert contacts.touching.any(axis=1).tolist() == [False, True, True, True] + [False] * 5
    lowest = contacts.points(path)[0][..., 2].min(axis=1)
    np.testing.assert_allclose(lowest, lowest_height(legs, path), atol=1e-9)


def turned(body: Body, path: np.ndarray, angles: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Turn the root about a left-right axis through a point [m] by angles [rad], shape [T]."""
    turn = Rotation.from_rotvec(angles[:, None] * [0.0, 1.0, 0.0])
    path = path.copy()
    path[:, :3] = about + turn.apply(path[:, :3] - about)
    path[:, 3:7] = (turn * Rotation.from_quat(path[:, 3:7], scalar_first=True)).as_quat(scalar_first=True)
    return path


def as_clip(body: Body, path: np.ndarray) -> MotionClip:
    qpos = body.couplings.project(path)
    return MotionClip(body.name, body.joint_names, FPS, qpos, np.zeros((len(qpos), body.model.nv)), name="made up")


def bowing(body: Body, angle: float, frames: int = 30) -> MotionClip:
    """A person who bows by an angle [rad] and comes up again within 0.4 s, over legs that stand still."""
    angles = np.zeros(frames)
    angles[5:26] = angle * np.sin(np.linspace(0.0, np.pi, 21)) ** 2
    path = standing(body, frames)
    hips = at_pose(body.model, path[0])
    hip = 0.5 * (hips.site("landmark/hip_r").xpos + hips.site("landmark/hip_l").xpos)
    path = turned(body, path, angles, hip)
    for side in "rl":
        path[:, 7 + body.joint_names.index(f"hip_flexion_{side}")] += angles
    return as_clip(body, path)


@pytest.fixture(scope="module")
def bowed(legs: Body) -> Repair:
    """A bow that no foot gives the moments of, repaired."""
    return repair(legs, bowing(legs, 0.5), kind="contact")


def test_a_bow_is_made_one_that_feet_can_carry(bowed: Repair) -> None:
    (stance,) = bowed.stances
    assert stance.before.median > 0.3 and stance.before.most > 0.6
    assert stance.after.median < 0.1 and stance.after.most < 0.3
    assert stance.complaint == ""
    assert bowed.clip.quality["repair_change_mean_cm"] < 3.0
    assert bowed.clip.quality["repair_stance_median_after"] == stance.after.median


def test_the_check_names_a_stance_that_feet_cannot_carry(legs: Body, bowed: Repair) -> None:
    found = [finding for finding in check_clip(legs, bowed.original).findings if finding.check == "stance"]
    (stance,) = bowed.stances
    assert [(finding.severity, finding.subject) for finding in found] == [("warning", "frames 2 to 27")]
    assert found[0].value == pytest.approx(stance.before.median)
    assert f"{stance.before.most:.2f} at most" in found[0].message
    assert not [finding for finding in check_clip(legs, bowed.clip).findings if finding.check == "stance"]


def test_joints_beyond_their_capacity_are_given_before_and_after_for_each_set(legs: Body, bowed: Repair) -> None:
    found = excesses(legs, bowed.original, bowed.clip)
    assert list(found) == ["own", "athlete"] and found["own"]
    names = [legs.joint_names[joint] for joint in legs.independent_joints]
    before, after = (
        minimum_filter1d(strength(legs, clip.qpos, FPS).ratio, 3, axis=0, mode="nearest")
        for clip in (bowed.original, bowed.clip)
    )
    beyond = (np.maximum(before, after).max(axis=0) > 1.0).nonzero()[0]
    assert {each.joint for each in found["own"]} == {names[joint] for joint in beyond}
    for each in found["own"]:
        joint = names.index(each.joint)
        assert (each.before, each.factor) == pytest.approx((before[:, joint].max(), after[:, joint].max()))
        assert strength(legs, bowed.clip.qpos, FPS).ratio[each.frame - 1, joint] == pytest.approx(each.factor)
    own = {each.joint: each.factor for each in found["own"]}
    assert all(each.factor <= own[each.joint] + 0.05 for each in found["athlete"])


def test_feet_couplings_and_limits_stay_in_a_repaired_bow(legs: Body, bowed: Repair) -> None:
    before, after = bowed.original.qpos, bowed.clip.qpos
    np.testing.assert_allclose(sole_heights(legs, after), sole_heights(legs, before), atol=0.003)
    for name in ("toe_r", "toe_l"):
        np.testing.assert_allclose(joint_centers(legs, after, [name]), joint_centers(legs, before, [name]), atol=0.005)
    assert np.abs(legs.couplings.residual(after)).max() < 1e-9
    assert limit_excess(legs, after, legs.independent_joints).max() < 0.005


@pytest.mark.parametrize(("usual", "worst"), [(0.2, 0.2), (0.05, 0.4)])
def test_a_stance_that_keeps_too_much_is_named_with_frame_and_figure(usual: float, worst: float) -> None:
    wrench = np.full((9, 1), usual) * np.eye(6)[3]
    wrench[3] *= worst / usual
    stance = RepairedStance(Stance(5, 13, np.ones((9, 6))), Stance(5, 13, wrench))
    assert f"frames 5 to 13: contacts leave {usual:.2f} body weights in the median (0.1 is good)" in stance.complaint
    frame = 8 if worst > usual else 5
    assert stance.complaint.endswith(
        f"{worst:.2f} at frame {frame} (0.3 is good): a center of pressure beyond the contacts"
    )


@pytest.mark.parametrize(
    ("wrench", "reason"),
    [
        ((0.3, -0.3, 0.4, 0, 0, 0), "push along the floor"),
        ((0, 0, -0.4, 0, 0.2, 0), "vertical force"),
        ((0, 0.1, 0, -0.1, 0.2, 0.2), "center of pressure"),
        ((0, 0, 0.1, 0, 0, -0.2), "twist"),
    ],
)
def test_the_law_that_a_stance_breaks_most_is_named(wrench: tuple[float, ...], reason: str) -> None:
    """The worst frame decides: 0.3 and 0.3 along the floor are more than 0.4 upward."""
    rows = np.vstack([np.full(6, 0.01), wrench])
    assert reason in Stance(0, 1, rows).reason


def test_the_command_repairs_what_is_asked_for(legs: Body, tmp_path: Path) -> None:
    as_clip(legs, standing(legs, 8)).save(tmp_path / "standing.npz")
    stood = run("motion", "repair", tmp_path / "standing.npz", "--repair", "contact", "-o", tmp_path / "out.npz")
    assert stood.returncode == 0, stood.stderr
    assert "frames with contact" in stood.stdout and "2 to 5" in stood.stdout
    checked = run("motion", "check", tmp_path / "out.npz", "--json", tmp_path / "check.json")
    assert checked.returncode == 0, checked.stderr
    assert set(json.loads((tmp_path / "check.json").read_text())["torques"]) == {"own", "athlete"}
    assert "repair_stance_median_after" in MotionClip.load(tmp_path / "out.npz").quality
    wrong = run("motion", "repair", tmp_path / "standing.npz", "--repair", "contacts", "-o", tmp_path / "two.npz")
    assert wrong.returncode == 2 and "contacts" in wrong.stderr


def test_the_floor_carries_a_clip_from_its_first_frame_to_its_last(legs: Body) -> None:
    """A clip that begins and ends in the middle of a bow; where it has no neighbors, feet carry no more than inside."""
    clip = as_clip(legs, bowing(legs, 0.5).qpos[10:18])
    moved = repair(legs, clip, kind="contact").clip

    def forward(path: np.ndarray) -> np.ndarray:
        """Acceleration of the center of mass [m/s^2]."""
        data, centers = mujoco.MjData(legs.model), []
        for data.qpos[:] in path:
            mujoco.mj_kinematics(legs.model, data)
            mujoco.mj_comPos(legs.model, data)
            centers.append(data.subtree_com[0, 0])
        return np.diff(centers, n=2) * FPS**2

    before, after = forward(clip.qpos), forward(moved.qpos)
    assert np.abs(before).max() > 8.0
    assert np.abs(after).max() < 3.0 and np.abs(np.diff(after)).max() < 1.5
    steps = FPS * np.diff(moved.qpos[:, :3], axis=0)
    np.testing.assert_allclose(moved.qvel[[0, -1], :3], 1.5 * steps[[0, -1]] - 0.5 * steps[[1, -2]], atol=0.12)


def test_a_clip_of_few_frames_is_returned(legs: Body) -> None:
    clip = as_clip(legs, standing(legs, 4))
    assert repair(legs, clip, kind="contact").clip is clip


def test_frames_that_are_to_stay_do(legs: Body) -> None:
    """A bow whose second half stays as it is: the first half is repaired beside it."""
    clip = bowing(legs, 0.5)
    solver = InverseKinematics(legs, Costs())
    optimization = StanceOptimization(legs, solver.free_joints, solver.pace, clip, [])
    still = np.arange(clip.num_frames) >= 15
    moved = optimization.solve(still)
    np.testing.assert_allclose(moved[still], clip.qpos[still], atol=5e-4)
    assert np.abs(moved[5:12] - clip.qpos[5:12]).max() > 0.01


PASSING = [0.005] + [0.04] * 6 + [0.005] + [0.04] * 6 + [0.005]
"""Height of a sole that comes down to the floor in the middle of its way [m]."""


@pytest.mark.parametrize(
    ("speed", "height", "other", "swings"),
    [
        (1.5, PASSING, 0.0, True),  # passes the floor in the middle
        (0.5, PASSING, 0.0, False),  # stands there
        (1.5, [0.005] + [0.015] * 13 + [0.005], 0.0, False),  # hovers
        (1.5, PASSING, 0.04, False),  # touches where nothing else does
    ],
)
def test_a_foot_swings_where_it_is_off_the_floor_or_passes_it_beside_one_that_stands(
    legs: Body, speed: float, height: list[float], other: float, swings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heights, speeds = np.full((15, 2), other), np.zeros((15, 2))
    heights[:, 0], heights[[0, -1], 1], speeds[1:-1, 0] = height, 0.005, speed
    monkeypatch.setattr(clearance, "sole_heights", lambda body, path: heights)
    monkeypatch.setattr(clearance, "_speeds", lambda body, clip: speeds)
    least = swing_heights(legs, as_clip(legs, standing(legs, 15)))
    assert (least[7, 0] == pytest.approx(CLEARANCE_M)) == swings
    assert least[:, 0].any() == swings and least.max() <= CLEARANCE_M and not least[:, 1].any()


def test_a_foot_that_drags_is_lifted_over_the_floor(legs: Body) -> None:
    """The right leg swings past the other, its sole 5 mm off the floor in the middle."""
    path = standing(legs, 25)
    swing = np.linspace(-1.0, 1.0, 25)
    for joint, angle in {"hip_flexion_r": 0.4 * np.sin(0.5 * np.pi * swing) + 0.09, "knee_angle_r": 0.18}.items():
        path[:, 7 + legs.joint_names.index(joint)] += angle
    clip = as_clip(legs, path)
    before = sole_heights(legs, clip.qpos)[:, 0]
    assert before[10:15].min() < 0.01 and before.max() > 0.04
    solver = InverseKinematics(legs, Costs())
    optimization = StanceOptimization(legs, solver.free_joints, solver.pace, clip, [])
    moved = optimization.solve(np.zeros(25, dtype=bool))
    assert sole_heights(legs, moved)[10:15, 0].min() > 0.9 * CLEARANCE_M
    assert np.abs(sole_heights(legs, moved)[:, 1]).max() < 0.005


def hopping(body: Body) -> MotionClip:
    """A person who bows and is 3 cm above the floor for three frames meanwhile, too few for a flight."""
    path = bowing(body, 0.4).qpos.copy()
    path[14:17, 2] += 0.03
    return as_clip(body, path)


def lurching(body: Body) -> MotionClip:
    """A person who bows so far and so fast that no foot gives the moments, however little that is changed."""
    return bowing(body, 1.3, frames=34)


@pytest.mark.parametrize("make", [hopping, lurching])
def test_no_frame_is_made_worse(legs: Body, make: Callable[[Body], MotionClip]) -> None:
    for stance in repair(legs, make(legs), kind="contact").stances:
        near = [stance.before.residual[max(row - 2, 0) : row + 3].max() for row in range(len(stance.before.residual))]
        assert (stance.after.residual <= np.maximum(near, 0.3) + 0.011).all()
        assert stance.after.median <= max(stance.before.median, 0.1) + 0.011


def test_frames_worse_than_those_around_were_are_named() -> None:
    def worse(before: list[float], after: list[float]) -> list[int]:
        stances = (Stance(10, 9 + len(rows), np.array(rows)[:, None] * np.eye(6)[0]) for rows in (before, after))
        return RepairedStance(*stances).worse.tolist()

    assert worse([0.0] * 5 + [0.5, 0, 0, 0], [0.29, 0.4, 0, 0.45, 0, 0, 0.6, 0, 0]) == [11, 16]
    assert worse([0.0] * 4 + [0.2], [0.2, 0.2, 0.2, 0.05, 0.05]) == [10, 11]


def test_what_is_close_to_the_floor_carries_where_nothing_touches_and_nothing_flies(legs: Body) -> None:
    path = standing(legs, 9)
    path[3:6, 2] += 0.03
    path[7:, 2] += 0.06
    contacts = Contacts(legs, path, cyclic=False, flying=np.zeros(9, dtype=bool), swinging=np.zeros((9, 2), dtype=bool))
    assert contacts.touching.any(axis=1).tolist() == [True] * 7 + [False] * 2
    flying = np.isin(np.arange(9), [3, 4, 5])
    assert (
        not Contacts(legs, path, cyclic=False, flying=flying, swinging=np.zeros((9, 2), dtype=bool))
        .touching[flying]
        .any()
    )
