"""Joint reaction: what bones press on bones, muscle forces included.

From the far end of the limb to the joint, ``sum m (a - g) = reaction + floor + muscles``: the force that the part
before a joint exerts on the part beyond it is what neither the floor nor the muscles across the joint account for.
Limits and ligaments are part of it. In MuJoCo muscles act as generalized forces only, so theirs are added from their
paths.
"""

import copy
from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.errors import MsemuError
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.poses import posed

_LIMB_JOINTS = ("hip_r", "hip_l", "knee_r", "knee_l", "ankle_r", "ankle_l")


@dataclass(frozen=True)
class JointReaction:
    """Forces on the part beyond each of K joints over T frames.

    Attributes:
        names: Names of the joints.
        force: In the frame of the part beyond the joint, whose axes are x forward, y left, z up in the neutral pose
            [N], shape [T, K, 3]; so a compressed hip, knee or ankle has negative z, and the trunk's base positive.
        body_weight: Weight of the body [N].
    """

    names: tuple[str, ...]
    force: np.ndarray
    body_weight: float

    @property
    def magnitude_bw(self) -> np.ndarray:
        """Size of each force [body weights], shape [T, K]."""
        return np.linalg.norm(self.force, axis=2) / self.body_weight


def joint_reaction(movement: MechanicalMovement) -> JointReaction:
    """Compute the forces in hips, knees, ankles and at the base of the spine where the body has joints there."""
    body, model = movement.body, without_contact(movement.body.model)
    joints = distal_bodies(body)
    data, forces = mujoco.MjData(model), []
    neutral = _neutral_turns(body, list(joints.values()))
    floor_on = [int(model.geom_bodyid[body.contact_regions[region][0]]) for region in movement.ground.regions]
    for frame in range(movement.num_frames):
        data.qpos, data.qvel = movement.qpos[frame], movement.qvel[frame]
        external = np.zeros((model.nbody, 3))
        np.add.at(external, floor_on, movement.ground.force[frame])
        reaction = reaction_forces(model, data, movement.qacc[frame], movement.muscles.force[frame], external)
        forces.append(
            [
                turn @ data.xmat[place].reshape(3, 3).T @ reaction[place]
                for place, turn in zip(joints.values(), neutral, strict=True)
            ]
        )
    return JointReaction(tuple(joints), np.array(forces).reshape(len(forces), -1, 3), body.weight)


def without_contact(model: mujoco.MjModel) -> mujoco.MjModel:
    """Copy a model whose constraints are off, since what they do is given."""
    model = copy.copy(model)
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    return model


def distal_bodies(body: Body) -> dict[str, int]:
    """Return the body beyond each joint by the joint's name, ``lumbar`` the lowest one of the spine; [K] in all."""
    model, places = body.model, dict(zip(LANDMARKS, body.landmark_bodies.tolist(), strict=True))
    found = {name: places[name] for name in _LIMB_JOINTS if model.body_jntnum[places[name]]}
    place = places["thorax"]
    while place > 1:
        if model.body_jntnum[place]:
            found["lumbar"] = place
        place = int(model.body_parentid[place])
    return found


def reaction_forces(
    model: mujoco.MjModel, data: mujoco.MjData, qacc: np.ndarray, muscle_force: np.ndarray, external: np.ndarray
) -> np.ndarray:
    """Return the force on every body, and all beyond it, from its parent [N], world axes, shape [B, 3].

    Args:
        model: The model.
        data: Its data, with pose and velocity set.
        qacc: Acceleration, shape [nv].
        muscle_force: Pull of every muscle [N], shape [M].
        external: Forces from outside on every body [N], world axes, shape [B, 3].
    """
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fwdVelocity(model, data)
    data.qacc = qacc
    mujoco.mj_rnePostConstraint(model, data)
    total = data.cfrc_int[:, 3:] - subtree_sums(model, external + muscle_pulls(model, data, muscle_force))
    total[0] = 0.0
    return total


def muscle_pulls(model: mujoco.MjModel, data: mujoco.MjData, muscle_force: np.ndarray) -> np.ndarray:
    """Return the sum of the muscles' pulls on every body along their paths [N], world axes, shape [B, 3]."""
    return unit_pulls(model, data) @ muscle_force


def unit_pulls(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the pull on every body along its path of each muscle that pulls with 1 N [-], world axes, [B, 3, M].

    Raises:
        MsemuError: A path has pulleys.
    """
    pulls = np.zeros((model.nbody, 3, model.nu))
    if has_pulleys(model):
        raise MsemuError("joint reaction does not know muscle paths with pulleys")
    points, objects = data.wrap_xpos.reshape(-1, 3), data.wrap_obj.reshape(-1)
    for muscle in range(model.nu):
        tendon = int(model.actuator_trnid[muscle, 0])
        path = slice(data.ten_wrapadr[tendon], data.ten_wrapadr[tendon] + data.ten_wrapnum[tendon])
        along = np.diff(points[path], axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        owners = _owners(model, tendon, objects[path])
        np.add.at(pulls[:, :, muscle], owners[:-1], along)
        np.add.at(pulls[:, :, muscle], owners[1:], -along)
    return pulls


def has_pulleys(model: mujoco.MjModel) -> bool:
    """Say whether a muscle's path has pulleys, which joint reaction does not know."""
    return bool((model.wrap_type == mujoco.mjtWrap.mjWRAP_PULLEY).any())


def subtree_sums(model: mujoco.MjModel, values: np.ndarray) -> np.ndarray:
    """Return what each body and all beyond it have together, of values [B, ...]."""
    total = values.copy()
    for body in range(model.nbody - 1, 0, -1):
        total[model.body_parentid[body]] += total[body]
    return total


def _owners(model: mujoco.MjModel, tendon: int, objects: np.ndarray) -> np.ndarray:
    """Return the body of every point of a tendon's path; ``objects`` are the geoms it wraps over, -1 at sites."""
    path = slice(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
    sites = model.wrap_objid[path][model.wrap_type[path] == mujoco.mjtWrap.mjWRAP_SITE]
    owners = np.empty(len(objects), int)
    owners[objects < 0] = model.site_bodyid[sites]
    owners[objects >= 0] = model.geom_bodyid[objects[objects >= 0]]
    return owners


def _neutral_turns(body: Body, places: list[int]) -> list[np.ndarray]:
    """Return what turns the axes of each body to those of the world in the neutral pose, shape [3, 3] each."""
    data = next(iter(posed(body.model, body.neutral_qpos[None])))
    return [data.xmat[place].reshape(3, 3).copy() for place in places]
