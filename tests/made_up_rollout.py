"""Rollouts without a simulation."""

import numpy as np

from msemu.models import Body
from msemu.motion.rollout import Rollout


def made_up_rollout(
    body: Body,
    qpos: np.ndarray,
    qvel: np.ndarray,
    activation: np.ndarray,
    muscle_force: np.ndarray | None = None,
    reference_qpos: np.ndarray | None = None,
) -> Rollout:
    """One episode at 50 Hz on a floor that bears nothing; by default muscles do not pull and errors are zero."""
    none, frames = np.zeros_like(activation), len(qpos)
    return Rollout(
        body="myolegs",
        fps=50.0,
        title="made up",
        joint_names=body.joint_names,
        muscle_names=body.muscle_names,
        contact_regions=("foot_r",),
        qpos=qpos,
        qvel=qvel,
        reference_qpos=qpos if reference_qpos is None else reference_qpos,
        excitation=activation,
        activation=activation,
        muscle_force=none if muscle_force is None else muscle_force,
        fiber_length=none + 1.0,
        fiber_velocity=none,
        tendon_strain=none,
        muscle_power=none,
        contact_force=np.zeros((frames, 1, 3)),
        center_of_pressure=np.zeros((frames, 1, 3)),
        free_moment=np.zeros((frames, 1)),
        episode_start=np.arange(frames) == 0,
    )
