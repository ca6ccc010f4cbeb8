"""Checks of muscle length and moment arm over random poses."""

import numpy as np

from msemu.findings import Finding
from msemu.models.body import Body
from msemu.models.mirror import JointMirror, mirror_names
from msemu.models.muscle_paths import moment_arms, muscle_lengths
from msemu.models.poses import at_pose, random_poses, scalar_joints
from msemu.muscle.parameters import MuscleParameters
from msemu.muscle.validation import asymmetry, fiber_range

_NUM_POSES = 60
_ARM_M = 0.005
_ARM_SHARE = 0.1


def check_muscles(body: Body) -> list[Finding]:
    """Check fiber lengths, parameters and the sign of each moment arm against the other side, and inert muscles."""
    poses = random_poses(body.model, _NUM_POSES, seed=1)
    parameters = MuscleParameters.of(body.model)
    return [
        *_inert(body),
        *fiber_range(parameters, muscle_lengths(body.model, poses)),
        *asymmetry(parameters, mirror_names(body.muscle_names)),
        *_moment_arms(body, poses),
    ]


def _inert(body: Body) -> list[Finding]:
    message = "no moment arm about any joint in any random pose: it cannot move anything"
    return [Finding("note", "inert muscle", body.muscle_names[index], message, 0.0) for index in body.inert_muscles]


def _moment_arms(body: Body, poses: np.ndarray) -> list[Finding]:
    """Compare each moment arm with that of the other side in the mirrored pose."""
    model = body.model
    data = at_pose(model, body.neutral_qpos)
    mirror = JointMirror.of(model, data)
    mirrored_poses = poses.copy()
    mirrored_poses[:, 7:] = mirror.mirror(poses[:, 7:])
    arms = moment_arms(model, poses)[:, :, 6:]
    images = mirror.mirror(moment_arms(model, mirrored_poses)[:, :, 6:])

    names = list(body.muscle_names)
    pairs = mirror_names(names)
    joint_names = [model.joint(joint).name for joint in scalar_joints(model)]
    findings = []
    for index, name in enumerate(names):
        other = names.index(pairs.get(name, name))
        if other >= index:
            continue
        opposed = (arms[:, index] * images[:, other] < 0) & (
            np.minimum(np.abs(arms[:, index]), np.abs(images[:, other])) > _ARM_M
        )
        for joint in np.flatnonzero(opposed.mean(0) > _ARM_SHARE):
            share = float(opposed[:, joint].mean())
            message = f"its moment arm about {joint_names[joint]} has the opposite sign of that of {names[other]}"
            findings.append(Finding("error", "moment arm", name, f"{message} in {share:.0%} of mirrored poses", share))
    return findings
