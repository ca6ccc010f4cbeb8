"""Moment arms and greatest isometric moments of a body's own muscles over the range of a joint."""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.models.muscle_paths import paths_along
from msemu.models.strength.published import Movement, arm_table, strength_table


@dataclass(frozen=True)
class Figure:
    """A figure of a body beside what is published.

    Attributes:
        subject: Movement or muscle.
        joint: The joint.
        angle_deg: Its angle [deg].
        value: The figure [N m or mm].
        low: Least published one, if there is any.
        high: Greatest published one, if there is any.
        beyond: By how much the figure is outside, tolerance included, in its unit; 0 within.
    """

    subject: str
    joint: str
    angle_deg: float
    value: float
    low: float | None
    high: float | None
    beyond: float

    @property
    def published(self) -> str:
        """What is published, in words; empty where nothing is."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.0f}" if self.low == self.high else f"{self.low:.0f} to {self.high:.0f}"


def joint_of(body: Body, movement: Movement) -> str | None:
    """Return the name that the joint of a movement has in a body, if the body has it."""
    return next((joint for joint in movement.joints if joint in body.joint_names), None)


def sign_of(body: Body, movement: Movement, joint: str) -> int:
    """Return the sign that a movement has at its joint in a body."""
    return movement.joints[joint] * (-1 if body.name in movement.flipped_in else 1)


def poses_at(body: Body, joint: str, angles_deg: np.ndarray, posture_deg: dict[str, float]) -> np.ndarray:
    """Return poses [A, nq] with a joint at angles [deg], some others at those of a posture and the rest at zero."""
    posture = {name: np.radians(angle) for name, angle in posture_deg.items() if name in body.joint_names}
    straight = np.concatenate([body.neutral_qpos[:7], np.zeros(len(body.joint_names))])
    return body.poses(posture | {joint: np.radians(angles_deg)}, straight)


def arms_and_forces(body: Body, poses: np.ndarray, joint: str, alone: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return moment arms about a joint [m] and active forces at full activation at rest [N], both [A, M].

    A moment arm is positive where the muscle moves the joint the way its coordinate grows. Joints that follow it count,
    unless it is taken ``alone``. The force is MuJoCo's, with the parameters of the body's own model.
    """
    dof = 6 + body.joint_names.index(joint)
    arms, forces = [], []
    for pose, (lengths, moments) in zip(poses, paths_along(body.model, poses), strict=True):
        along = np.eye(body.model.nv)[:, dof] if alone else body.couplings.reduction(pose, np.array([dof]))[:, 0]
        arms.append(-moments @ along)
        forces.append(_active_forces(body.model, lengths))
    return np.stack(arms), np.stack(forces)


def _active_forces(model: mujoco.MjModel, lengths: np.ndarray) -> np.ndarray:
    return np.array(
        [
            -mujoco.mju_muscleGain(length, 0.0, model.actuator_lengthrange[i], model.actuator_acc0[i], prm)
            for i, (length, prm) in enumerate(zip(lengths, model.actuator_gainprm[:, :9], strict=True))
        ]
    )


def muscle_moments(body: Body, movement: Movement, angles_deg: np.ndarray) -> np.ndarray:
    """Return what each muscle gives in the direction of a movement [N m], shape [A, M]; antagonists are silent."""
    joint = joint_of(body, movement)
    assert joint is not None
    poses = poses_at(body, joint, angles_deg, movement.posture_deg)
    arms, forces = arms_and_forces(body, poses, joint, movement.alone)
    return np.maximum(sign_of(body, movement, joint) * arms * forces, 0.0)


def strength_figures(body: Body) -> list[Figure]:
    """Compare the greatest isometric moments of a body with those of men of its mass, where they are known."""
    table, figures = strength_table(), []
    for name, movement in table.movements.items():
        joint = joint_of(body, movement)
        if joint is None:
            continue
        angles = within(body, joint, np.array(movement.angles_deg, float))
        moments = muscle_moments(body, movement, angles).sum(axis=1)
        known = table.range(name, angles, body.mass)
        if known is None:
            figures += [Figure(name, joint, *row, None, None, 0.0) for row in zip(angles, moments, strict=True)]
            continue
        figures += [
            Figure(name, joint, *map(float, (*row, max(row[2] - row[1], row[1] - row[3], 0.0))))
            for row in zip(angles, moments, *known, strict=True)
        ]
    return figures


def arm_figures(body: Body) -> list[Figure]:
    """Compare the moment arms of a body's muscles with published ones [mm]; of muscles in several lines the mean."""
    table, figures = arm_table(), []
    for joint, muscles in table.arms_mm.items():
        if joint not in body.joint_names:
            continue
        angles = within(body, joint, np.array(sorted({angle for row in muscles.values() for angle in row}), float))
        poses = poses_at(body, joint, angles, {})
        arms, _ = arms_and_forces(body, poses, joint)
        for muscle, row in muscles.items():
            lines = muscle_lines(body, muscle)
            for angle, (low, high) in row.items():
                if lines and angle in angles:
                    value = 1e3 * float(arms[list(angles).index(angle), lines].mean())
                    margin = table.tolerance.mm + table.tolerance.share * max(abs(low), abs(high))
                    beyond = max(low - margin - value, value - high - margin, 0.0)
                    figures.append(Figure(muscle, joint, angle, value, low, high, beyond))
    return figures


def muscle_lines(body: Body, muscle: str) -> list[int]:
    """Return the indices of a muscle, or of the lines of psoas from the spine to the femur."""
    names = body.muscle_names
    if muscle not in names and muscle.startswith("psoas"):
        return [index for index, name in enumerate(names) if name.startswith("Ps_") and name.endswith(muscle[-2:])]
    return [names.index(muscle)] if muscle in names else []


def within(body: Body, joint: str, angles_deg: np.ndarray) -> np.ndarray:
    """Return the angles that are in the range of a joint [deg]."""
    low, high = np.degrees(body.model.jnt_range[1 + body.joint_names.index(joint)])
    return angles_deg[(angles_deg >= low - 1e-6) & (angles_deg <= high + 1e-6)]
