"""A walk as simple as can be: the neutral pose glides over feet that are loaded in turn."""

import numpy as np

from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.analysis.mechanics.movement import MechanicalMovement, MusclesInMotion
from msemu.models import Body
from msemu.muscle.parameters import MuscleParameters

FPS, STRIDE_FRAMES, SPEED = 50.0, 50, 1.2


def stepping(body: Body) -> MechanicalMovement:
    """The neutral pose glides forward at 1.2 m/s; each foot is loaded 0.6 of each second, one half a second later."""
    frames = 4 * STRIDE_FRAMES
    time = np.arange(frames) / FPS
    qpos = np.tile(body.neutral_qpos, (frames, 1))
    qpos[:, 0] += SPEED * time
    qvel = np.zeros((frames, body.model.nv))
    qvel[:, 0] = SPEED
    force = np.zeros((frames, 2, 3))
    for side, shift in enumerate((12, 37)):
        stands = (np.arange(frames) + shift) % STRIDE_FRAMES < 30
        force[:, side, 2] = np.where(stands, body.weight / 1.2, 0.0)
    none = np.zeros((frames, body.num_muscles))
    dofs = np.zeros((frames, len(body.independent_dofs)))
    names = tuple(f"root_{i}" for i in range(6)) + tuple(body.joint_names[i] for i in body.independent_joints)
    return MechanicalMovement(
        body=body,
        title="a <glide> & more",
        fps=FPS,
        qpos=qpos,
        qvel=qvel,
        qacc=0.0 * qvel,
        muscles=MusclesInMotion(none, none, none, none + 1.0, none, none, none),
        parameters=MuscleParameters.of(body.model),
        ground=GroundReaction(("foot_r", "foot_l"), FPS, force, 0.0 * force),
        dof_names=names,
        required=dofs,
        muscle_moment=dofs,
        ground_moment=dofs,
        episode_start=np.arange(frames) == 0,
    )
