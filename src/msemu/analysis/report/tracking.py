"""How far a movement is from what was to be followed, over time."""

import numpy as np
from matplotlib.figure import Figure

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.plots import finished
from msemu.motion.geometry import landmark_path

_CM = 100.0


def joint_error_deg(movement: MechanicalMovement) -> np.ndarray | None:
    """Return the mean distance of the independent hinges from the reference [deg], shape [T]; None without one."""
    if movement.reference_qpos is None:
        return None
    body = movement.body
    columns = 7 + np.array([joint for joint in body.independent_joints if body.is_hinge[joint]])
    return np.degrees(np.abs(movement.qpos - movement.reference_qpos)[:, columns].mean(1))


def body_error_cm(movement: MechanicalMovement) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how far the landmarks are from the reference, and how far the root is [cm], shape [T] each.

    That of the landmarks is the mean distance of those relative to the root. None without a reference.
    """
    if movement.reference_qpos is None:
        return None
    root = movement.qpos[:, :3] - movement.reference_qpos[:, :3]
    own, wanted = (landmark_path(movement.body, path)[0] for path in (movement.qpos, movement.reference_qpos))
    apart = np.linalg.norm(own - wanted - root[:, None], axis=2).mean(1)
    return _CM * apart, _CM * np.linalg.norm(root, axis=1)


def tracking_figure(movement: MechanicalMovement) -> Figure | None:
    """Draw the errors over time, with a line wherever an episode begins anew; None without a reference."""
    joints, bodies = joint_error_deg(movement), body_error_cm(movement)
    if joints is None or bodies is None:
        return None
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    of_joints, of_bodies = figure.subplots(2, 1, sharex=True)
    of_joints.plot(movement.time, joints, color="0.2", linewidth=1.2, label="mean over joints")
    of_joints.set_ylabel("joint error [deg]")
    for values, label, color in zip(
        bodies, ("landmarks, relative to the root", "root"), ("#0072b2", "#d55e00"), strict=True
    ):
        of_bodies.plot(movement.time, values, color=color, linewidth=1.2, label=label)
    of_bodies.set_ylabel("body error [cm]")
    of_bodies.set_xlabel("time [s]")
    for axis in (of_joints, of_bodies):
        axis.margins(y=0.2)
    of_bodies.legend(frameon=False, loc="upper right", ncols=2)
    for axis in (of_joints, of_bodies):
        for begin in movement.time[1:][movement.episode_start[1:]]:
            axis.axvline(begin, color="0.6", linestyle="--", linewidth=0.8)
    return finished(figure, movement, "tracking error")
