"""The engine's own account of a recorded simulation: what gave each of its frames their acceleration.

A rollout holds state and muscle forces. Set into the engine they give contacts, accelerations and generalized forces of
that instant, which a rollout does not hold. Recorded forces are those of the physics step before, so both differ by
what changes within one step.
"""

from collections.abc import Iterator

import mujoco
import numpy as np
import torch

from msemu.analysis.mechanics.ground_reaction import GroundReaction, moments_about_origin
from msemu.analysis.mechanics.movement import MechanicalMovement, MusclesInMotion
from msemu.control.independent_dofs import IndependentDofs
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.models.loader import load_body
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters
from msemu.sim.simulation import with_force_actuators

_OTHER_BODY = 0.5
"""Root mean square by which replayed forces of the floor may differ from the recorded ones, over that of these."""


def body_of(rollout: Rollout, body: Body | None = None) -> Body:
    """Return the body of a rollout, by its name where none is given.

    Raises:
        MsemuError: Joints or muscles are others.
    """
    body = body or load_body(rollout.body)
    for kind, ours, theirs in (
        ("joints", body.joint_names, rollout.joint_names),
        ("muscles", body.muscle_names, rollout.muscle_names),
    ):
        if ours != theirs:
            raise MsemuError(
                f"the rollout '{rollout.title}' has {len(theirs)} {kind} of '{rollout.body}' and the body"
                f" '{body.name}' has others ({len(ours)}); name its own with --body"
            )
    return body


def replay(
    rollout: Rollout, body: Body | None = None, parameters: MuscleParameters | None = None
) -> MechanicalMovement:
    """Compute in every frame of a rollout what acts on the body.

    The muscles are by default those of the model.

    Raises:
        MsemuError: The rollout is of another body: its joints, its muscles or its forces on the floor are others.
    """
    body = body_of(rollout, body)
    model = with_force_actuators(body.model)
    frames = [_read(model, data, body, rollout.contact_regions) for data in _states(model, rollout)]
    values = {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
    _require_same_forces(rollout, values["force"])
    dofs = IndependentDofs(body)
    slopes = dofs.slopes(torch.from_numpy(rollout.qpos))

    def reduced(name: str) -> np.ndarray:
        return dofs.reduce(torch.from_numpy(values[name]), slopes).numpy()

    parameters = parameters or MuscleParameters.of(body.model)
    return MechanicalMovement(
        body=body,
        title=rollout.title,
        fps=rollout.fps,
        qpos=rollout.qpos,
        qvel=rollout.qvel,
        qacc=values["qacc"],
        muscles=_muscles(rollout, parameters),
        parameters=parameters,
        ground=GroundReaction(rollout.contact_regions, rollout.fps, values["force"], values["moment"]),
        dof_names=dofs.names,
        required=reduced("required"),
        muscle_moment=reduced("muscle"),
        ground_moment=reduced("floor"),
        episode_start=rollout.episode_start,
        reference_qpos=rollout.reference_qpos,
    )


def _muscles(rollout: Rollout, parameters: MuscleParameters) -> MusclesInMotion:
    greatest = parameters.max_contraction_velocity * parameters.optimal_fiber_length
    return MusclesInMotion(
        excitation=rollout.excitation,
        activation=rollout.activation,
        force=rollout.muscle_force,
        fiber_length=rollout.fiber_length,
        fiber_velocity=rollout.fiber_velocity * greatest,
        tendon_strain=rollout.tendon_strain,
        power=rollout.muscle_power,
    )


def _states(model: mujoco.MjModel, rollout: Rollout) -> Iterator[mujoco.MjData]:
    """Yield the engine's data in every frame, forward dynamics computed."""
    data = mujoco.MjData(model)
    for qpos, qvel, force in zip(rollout.qpos, rollout.qvel, rollout.muscle_force, strict=True):
        data.qpos, data.qvel, data.ctrl = qpos, qvel, -force
        mujoco.mj_forward(model, data)
        yield data


def _read(model: mujoco.MjModel, data: mujoco.MjData, body: Body, regions: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return accelerations, generalized forces and what the floor does to each region in the engine's present state."""
    inertial = np.zeros(model.nv)
    mujoco.mj_mulM(model, data, inertial, data.qacc)
    region_of = {geom: place for place, region in enumerate(regions) for geom in body.contact_regions[region].tolist()}
    force, moment, floor = np.zeros((len(regions), 3)), np.zeros((len(regions), 3)), np.zeros(model.nv)
    for geom, position, push in contact_forces(model, data):
        if geom in region_of:
            force[region_of[geom]] += push
            moment[region_of[geom]] += moments_about_origin(position, push)
            mujoco.mj_applyFT(model, data, push, np.zeros(3), position, model.geom_bodyid[geom], floor)
    return {
        "qacc": data.qacc.copy(),
        "required": inertial + data.qfrc_bias - data.qfrc_passive,
        "muscle": data.qfrc_actuator.copy(),
        "floor": floor,
        "force": force,
        "moment": moment,
    }


def contact_forces(model: mujoco.MjModel, data: mujoco.MjData) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield geom, place [m] and force [N] of every contact with what belongs to the world, in world axes.

    MuJoCo's force is the one on the second geom, in the frame of the contact.
    """
    wrench = np.zeros(6)
    for index in range(data.ncon):
        contact = data.contact[index]
        of_world = model.geom_bodyid[contact.geom] == 0
        if of_world.any() and not of_world.all():
            mujoco.mj_contactForce(model, data, index, wrench)
            sign = 1.0 if of_world[0] else -1.0
            push = sign * (contact.frame.reshape(3, 3).T @ wrench[:3])
            yield int(contact.geom[1 if of_world[0] else 0]), contact.pos.copy(), push


def _require_same_forces(rollout: Rollout, force: np.ndarray) -> None:
    """Refuse forces of the floor that are not those of the rollout; a frame that begins an episode has none."""
    counts = ~rollout.episode_start
    difference = force[counts].sum(1) - rollout.contact_force[counts].sum(1)
    size = np.sqrt((rollout.contact_force[counts].sum(1) ** 2).mean())
    share = np.sqrt((difference**2).mean()) / max(size, 1.0)
    if share > _OTHER_BODY:
        raise MsemuError(
            f"the rollout '{rollout.title}' is of another '{rollout.body}' than today's: its forces on the floor"
            f" differ by {100 * share:.0f} % from those of its states; analyze its run, or name its body with --body"
        )
