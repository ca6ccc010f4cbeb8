"""Support in stance: what contacts can give, against a linear program over the same floor."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial.transform import Rotation

from msemu.analysis.plausibility.check import check_clip
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.poses import at_pose
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import region_heights
from msemu.motion.support import NEAR_M, Support, find_stances, support

FRAMES, FPS = 40, 50.0


def still(body: Body, pose: np.ndarray) -> MotionClip:
    """Hold a pose whose lowest point is on the floor."""
    qpos = body.couplings.project(np.repeat(pose[None], FRAMES, axis=0))
    qpos[:, 2] -= min(float(heights[0]) for heights in region_heights(body, qpos).values())
    return MotionClip(body.name, body.joint_names, FPS, qpos, np.zeros((FRAMES, body.model.nv)), name="still")


def leaning(body: Body, degrees: float) -> MotionClip:
    """A body as stiff as a board, turned about the left-right axis."""
    pose = body.neutral_qpos.copy()
    turn = Rotation.from_euler("y", degrees, degrees=True) * Rotation.from_quat(pose[3:7], scalar_first=True)
    pose[3:7] = turn.as_quat(scalar_first=True)
    return still(body, pose)


def posture(body: Body, hip: float, knee: float) -> MotionClip:
    """A person with bent hips and knees [deg], the trunk upright."""
    pose = body.neutral_qpos.copy()
    for side in "rl":
        pose[7 + body.joint_names.index(f"hip_flexion_{side}")] = np.radians(hip)
        pose[7 + body.joint_names.index(f"knee_angle_{side}")] = np.radians(knee)
    return still(body, pose)


def can_stand(body: Body, clip: MotionClip) -> bool:
    """Whether forces in the friction cones of the ends of capsules near the floor balance the weight."""
    model, data = body.model, at_pose(body.model, clip.qpos[0])
    points = []
    for geom in np.concatenate(list(body.contact_regions.values())):
        for sign in (1.0, -1.0):
            end = data.geom_xpos[geom] + sign * model.geom_size[geom, 1] * data.geom_xmat[geom].reshape(3, 3)[:, 2]
            points.append(end - [0.0, 0.0, model.geom_size[geom, 0]])
    near = np.array(points)[np.array(points)[:, 2] < NEAR_M]
    center = (data.xipos * model.body_mass[:, None]).sum(axis=0) / model.body_mass.sum()
    edges = np.array([[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1]])
    forces = np.tile(edges, (len(near), 1))
    moments = np.cross(np.repeat(near - center, 4, axis=0), forces)
    wanted = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    return linprog(np.zeros(len(forces)), A_eq=np.hstack([forces, moments]).T, b_eq=wanted).status == 0


@pytest.mark.parametrize("degrees", [-30.0, -6.0, 0.0, 5.0, 30.0])
def test_a_board_stands_where_a_linear_program_finds_forces(legs: Body, degrees: float) -> None:
    clip = leaning(legs, degrees)
    missing = support(legs, clip.qpos, FPS)
    assert missing.touches.all()
    assert (missing.residual.max() < 1e-4) == can_stand(legs, clip)


def test_what_is_missing_grows_with_the_lean(legs: Body) -> None:
    found = [support(legs, leaning(legs, degrees).qpos, FPS).residual.max() for degrees in (0.0, 15.0, 30.0, 50.0)]
    assert found == sorted(found) and found[-1] > 0.5


def test_a_body_in_the_air_misses_its_weight_and_a_falling_one_nothing(legs: Body) -> None:
    clip = still(legs, legs.neutral_qpos)
    clip.qpos[:, 2] += 1.0
    hanging = support(legs, clip.qpos, FPS)
    assert not hanging.touches.any()
    np.testing.assert_allclose(hanging.force, np.tile([0.0, 0.0, 1.0], (FRAMES - 4, 1)), atol=1e-9)
    np.testing.assert_allclose(hanging.moment, 0.0, atol=1e-9)
    clip.qpos[:, 2] -= 0.5 * 9.81 * (np.arange(FRAMES) / FPS) ** 2 - 5.0
    np.testing.assert_allclose(support(legs, clip.qpos, FPS).residual, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("hip", "knee", "carried"), [(90.0, 90.0, False), (70.0, 60.0, False), (90.0, 0.0, True), (0.0, 0.0, True)]
)
def test_a_person_on_no_chair_is_found_and_one_on_the_floor_is_not(
    legs: Body, hip: float, knee: float, carried: bool
) -> None:
    found = [finding for finding in check_clip(legs, posture(legs, hip, knee)).findings if finding.check == "support"]
    assert [finding.severity for finding in found if finding.severity != "note"] == ([] if carried else ["warning"])
    if not carried:
        assert "something that the clip does not show carries the person" in found[0].message


def test_a_clip_of_few_frames_has_no_figure(legs: Body) -> None:
    qpos = still(legs, legs.neutral_qpos).qpos
    for frames in (2, 3, 4):
        assert support(legs, qpos[:frames], FPS).residual.shape == (0,)
    assert support(legs, qpos[:5], FPS).sustained(FPS).shape == (1,)
    clip = still(legs, legs.neutral_qpos)
    for frames in (3, 4):
        assert not check_clip(legs, replace(clip, qpos=clip.qpos[:frames], qvel=clip.qvel[:frames])).findings
    with pytest.raises(MsemuError, match="2 frames; a check needs 3"):
        check_clip(legs, replace(clip, qpos=clip.qpos[:2], qvel=clip.qvel[:2]))


def test_phases_with_contact_are_found_across_the_seam() -> None:
    touches = np.array([1, 1, 0, 0, 1, 1, 1, 0, 1], dtype=bool)
    force = np.zeros((9, 3))
    force[:, 2] = np.arange(9)
    missing = Support(force, np.zeros((9, 3)), touches)
    found = [(each.first, each.last, each.worst, each.most) for each in find_stances(missing, 0, cyclic=True)]
    assert found == [(4, 6, 6, 6.0), (8, 10, 8, 8.0)]
    found = [(each.first, each.last, each.worst, each.median) for each in find_stances(missing, 2, cyclic=False)]
    assert found == [(2, 3, 3, 0.5), (6, 8, 8, 5.0), (10, 10, 10, 8.0)]
