"""The errors over time that a report draws."""

from dataclasses import replace

import numpy as np
from stepping import stepping

from msemu.analysis.report.tracking import body_error_cm, joint_error_deg, tracking_figure
from msemu.models import Body


def test_errors_of_a_shift_and_a_bent_knee(legs: Body) -> None:
    """A reference 3 cm ahead, whose knee is bent by 10 degrees from the second episode on."""
    movement = stepping(legs)
    reference = movement.qpos.copy()
    reference[:, 0] += 0.03
    reference[100:, 7 + legs.joint_names.index("knee_angle_r")] += np.radians(10.0)
    begins = np.isin(np.arange(movement.num_frames), (0, 100))
    movement = replace(movement, reference_qpos=reference, episode_start=begins)
    joints, (landmarks, root) = joint_error_deg(movement), body_error_cm(movement)
    hinges = sum(bool(legs.is_hinge[joint]) for joint in legs.independent_joints)
    np.testing.assert_allclose(joints, np.where(np.arange(200) < 100, 0.0, 10.0 / hinges), atol=1e-9)
    np.testing.assert_allclose(root, 3.0)
    np.testing.assert_allclose(landmarks[:100], 0.0, atol=1e-9)
    assert (landmarks[100:] > 0.1).all()
    figure = tracking_figure(movement)
    assert figure is not None
    assert movement.time[100] in [line.get_xdata()[0] for line in figure.axes[0].lines]


def test_without_a_reference_there_is_nothing_to_draw(legs: Body) -> None:
    movement = stepping(legs)
    assert tracking_figure(movement) is joint_error_deg(movement) is body_error_cm(movement) is None
