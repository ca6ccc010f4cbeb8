"""A movement's mechanics as named columns over time."""

from pathlib import Path

import numpy as np

from msemu.analysis.mechanics.joint_reaction import has_pulleys, joint_reaction
from msemu.analysis.mechanics.movement import MechanicalMovement

Columns = dict[str, np.ndarray]
Written = dict[Path, list[str]]
"""Files, with the names of their columns, or of markers and channels."""

FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From our axes (x forward, y left, z up) to OpenSim's (x forward, y up, z right)."""
PART_OF = {"foot_r": "calcn_r", "foot_l": "calcn_l", "hand_r": "hand_r", "hand_l": "hand_l"}
"""Body of the Rajagopal model that each part is a part of."""
_ROOT_POSE = ("x", "y", "z", "qw", "qx", "qy", "qz")
_ROOT_SPEED = ("vx", "vy", "vz", "wx", "wy", "wz")


def tables(movement: MechanicalMovement) -> dict[str, Columns]:
    """Return every quantity by name: ``angle``, ``activation``, ``muscle_force``, ``joint_moment`` ...

    Angles are in rad or m, moments in N m, forces in N, powers in W; fiber lengths in L0, their speeds in m/s.
    Without a reference there are none of its angles; a body whose paths have pulleys has no joint reaction.
    """
    body, muscles = movement.body, movement.muscles
    of_muscles = {
        "excitation": muscles.excitation,
        "activation": muscles.activation,
        "muscle_force": muscles.force,
        "fiber_length": muscles.fiber_length,
        "fiber_velocity": muscles.fiber_velocity,
        "tendon_strain": muscles.tendon_strain,
        "muscle_power": muscles.power,
    }
    followed, speed = movement.reference_qpos, movement.reference_qvel
    reference = {}
    if followed is not None and speed is not None:
        reference = {
            "reference_angle": _named(body.joint_names, followed[:, 7:]),
            "reference_speed": _named(body.joint_names, speed[:, 6:]),
        }
    return {
        "angle": _named(body.joint_names, movement.qpos[:, 7:]),
        "speed": _named(body.joint_names, movement.qvel[:, 6:]),
        **reference,
        **{quantity: _named(body.muscle_names, values) for quantity, values in of_muscles.items()},
        "joint_moment": _named(movement.joint_names, movement.joint_moment),
        "joint_power": _named(movement.joint_names, movement.joint_power),
        "ground": ground_columns(movement),
        **({} if has_pulleys(body.model) else {"joint_reaction": reaction_columns(movement)}),
    }


def reaction_columns(movement: MechanicalMovement) -> Columns:
    """Return the joint reaction on the part beyond each joint [N], ``knee_r_fx`` ..., axes of that part.

    As `ground_columns` in OpenSim's axes, in the neutral pose x forward, y up, z to the right.
    """
    reaction = joint_reaction(movement)
    force = reaction.force @ FROM_Z_UP.T
    return {
        f"{name}_f{axis}": force[:, joint, place]
        for joint, name in enumerate(reaction.names)
        for place, axis in enumerate("xyz")
    }


def ground_columns(movement: MechanicalMovement) -> Columns:
    """Return force [N], center of pressure [m] and free moment [N m] of feet and hands as OpenSim's ExternalLoads do.

    The axes are OpenSim's: x forward, y up, z to the right.
    """
    ground = movement.ground
    columns: Columns = {}
    for index, region in enumerate(ground.regions):
        if region in PART_OF:
            force = ground.force[:, index] @ FROM_Z_UP.T
            center = ground.center[:, index] @ FROM_Z_UP.T
            moment = np.outer(ground.free_moment[:, index], [0.0, 1.0, 0.0])
            for kind, values in (("force_v", force), ("force_p", center), ("torque_", moment)):
                columns |= {f"{region}_{kind}{axis}": values[:, place] for place, axis in enumerate("xyz")}
    return columns


def flat_table(movement: MechanicalMovement) -> Columns:
    """Return time and everything in one table, columns named ``quantity/name``.

    Beside `tables` it has the root, in our axes (x forward, y left, z up): ``root`` and ``reference_root`` are position
    [m] and quaternion, ``root_speed`` the velocity [m/s] in the world's axes and the turning [rad/s] in the root's own,
    as in MuJoCo; and ``episode_start``, 1 in the first frame of an episode.
    """
    with_root = {
        "root": _named(_ROOT_POSE, movement.qpos[:, :7]),
        "root_speed": _named(_ROOT_SPEED, movement.qvel[:, :6]),
    }
    if movement.reference_qpos is not None:
        with_root["reference_root"] = _named(_ROOT_POSE, movement.reference_qpos[:, :7])
    named = {
        f"{quantity}/{name}": values
        for quantity, columns in (with_root | tables(movement)).items()
        for name, values in columns.items()
    }
    return {"time": movement.time, "episode_start": movement.episode_start.astype(float), **named}


def _named(names: tuple[str, ...], values: np.ndarray) -> Columns:
    return dict(zip(names, values.T, strict=True))
