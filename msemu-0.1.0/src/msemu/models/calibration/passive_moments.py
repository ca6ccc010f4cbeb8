"""Passive moments of the leg's joints, beside published ones."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np

from msemu.config import cfg_file, load
from msemu.models.body import Body
from msemu.models.muscle_paths import paths_along
from msemu.muscle.in_numpy import elastic_equilibrium
from msemu.muscle.parameters import MuscleParameters
from msemu.schema.ranges import Ascending, Finite

_NUM_ANGLES = 12


@dataclass(frozen=True)
class Term:
    """``sign * exp(constant + slopes * angles)`` [N m], angles in degrees."""

    sign: Literal[1, -1]
    constant: Finite
    slopes: dict[str, Finite]


@dataclass(frozen=True)
class PublishedMoment:
    """The passive moment of a joint [N m], and the angles at which it is shown [deg]."""

    swept_deg: Annotated[tuple[Finite, Finite], Ascending()]
    offset: Finite
    terms: tuple[Term, ...]
    others_deg: dict[str, Finite] = field(default_factory=dict)

    def at(self, angles: dict[str, float]) -> float:
        """Return the moment [N m] at the joints' angles [deg]; those that are not given are 0."""
        exponents = [
            term.constant + sum(k * angles.get(at, 0.0) for at, k in term.slopes.items()) for term in self.terms
        ]
        return self.offset + sum(term.sign * float(np.exp(x)) for term, x in zip(self.terms, exponents, strict=True))


@dataclass(frozen=True)
class PublishedMoments:
    """Published passive moments, by joint; ``joints`` are their names in bodies."""

    source: str
    joints: dict[str, str]
    moments: dict[str, PublishedMoment]


@dataclass(frozen=True)
class PassiveMoment:
    """The passive moment of a joint over its angle; arrays of shape [N].

    Attributes:
        joint: Name of the joint.
        angle_deg: Its angle.
        muscles_nm: Moment of the muscles at rest, with elastic tendons.
        published_nm: Published moment of muscles, ligaments and all else.
    """

    joint: str
    angle_deg: np.ndarray
    muscles_nm: np.ndarray
    published_nm: np.ndarray


def passive_moments(body: Body, parameters: MuscleParameters) -> list[PassiveMoment]:
    """Return the passive moments of the joints that are published and that the body has."""
    published = load(PublishedMoments, cfg_file("anthropometry", "passive_moments"))
    if not set(published.joints.values()) <= set(body.joint_names):
        return []
    return [_sweep(body, parameters, published, joint) for joint in published.moments]


def _sweep(body: Body, parameters: MuscleParameters, published: PublishedMoments, joint: str) -> PassiveMoment:
    moment = published.moments[joint]
    angles = np.linspace(*moment.swept_deg, _NUM_ANGLES)
    poses = [moment.others_deg | {joint: float(angle)} for angle in angles]
    joints = {published.joints[name]: np.radians([pose[name] for pose in poses]) for name in poses[0]}
    qpos = body.poses(joints)
    dof = 6 + body.joint_names.index(published.joints[joint])
    return PassiveMoment(
        joint=published.joints[joint],
        angle_deg=angles,
        muscles_nm=_moment_at_rest(body, parameters, qpos, dof),
        published_nm=np.array([moment.at(pose) for pose in poses]),
    )


def _moment_at_rest(body: Body, parameters: MuscleParameters, qpos: np.ndarray, dof: int) -> np.ndarray:
    """Return the moment of all muscles at rest about a degree of freedom [N m] in poses [N, nq], shape [N]."""
    lengths, arms = map(np.stack, zip(*paths_along(body.model, qpos), strict=True))
    follow = np.stack([body.couplings.reduction(pose, np.array([dof]))[:, 0] for pose in qpos])
    rest = np.zeros_like(lengths)
    force = elastic_equilibrium(parameters, rest, lengths, rest).force
    return -np.einsum("nm,nmv,nv->n", force, arms, follow)
