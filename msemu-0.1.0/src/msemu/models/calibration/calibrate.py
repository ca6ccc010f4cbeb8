"""From published architecture to the parameters of a body's muscles."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.calibration.architecture import Architecture, Published, find_published, plain_name, side_of
from msemu.models.calibration.fit import fit_lengths
from msemu.models.mirror import JointMirror
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import at_pose, random_poses, scalar_joints
from msemu.muscle.parameters import MuscleParameters

_NUM_POSES = 1000
PERCENTILES = (5, 50, 95)
_FAR = 0.15
"""Deviation from the published operating range [L0] beyond which a muscle is said not to fit."""
_STILL_M = 1e-6
SOURCE = "msemu-model calibrate"
DENSITY = 1060.0
"""Density of muscle [kg/m^3], Mendez and Keys 1960."""


@dataclass(frozen=True)
class CalibratedMuscle:
    """A muscle of a body, and what became of it.

    Attributes:
        name: Its name in the body.
        published: What is published of it; None where nothing is.
        values: New values by column of `MuscleParameters`; none where it keeps those of the body.
        fiber: Fiber length [L0] where `wanted` is known; shape [1] in the neutral pose or [3], `PERCENTILES`.
        wanted: Published fiber length there [L0].
        reason: Why it keeps the values of the body, or how it departs from what is published; empty where it fits.
    """

    name: str
    published: Published | None
    values: dict[str, float]
    fiber: np.ndarray
    wanted: np.ndarray
    reason: str = ""


@dataclass(frozen=True)
class Calibration:
    """The muscles of a body, in its order, and the table of all their parameters."""

    muscles: tuple[CalibratedMuscle, ...]
    parameters: MuscleParameters

    @property
    def groups(self) -> list[str]:
        """Groups of muscles that something is published of."""
        return list(dict.fromkeys(muscle.published.group for muscle in self.muscles if muscle.published))

    def mass_kg(self, group: str) -> float:
        """Mass of a group's muscles: peak force over specific tension, times density and optimal fiber length [kg]."""
        p = self.parameters
        return DENSITY * sum(
            p.max_isometric_force[index]
            / muscle.published.architecture.specific_tension
            * p.optimal_fiber_length[index]
            for index, muscle in enumerate(self.muscles)
            if muscle.published and muscle.published.group == group
        )


def calibrate(body: Body, architectures: dict[str, Architecture]) -> Calibration:
    """Fit the muscles of a body to published architecture, by group; of those that know a muscle, the last counts."""
    known = find_published(architectures, body.muscle_names)
    own = MuscleParameters.of(body.model)
    used = {id(each.architecture): each.architecture for each in known.values()}
    subjects = {key: _Subject.of(body, architecture) for key, architecture in used.items()}
    muscles = []
    for index, name in enumerate(body.muscle_names):
        if index not in known:
            nothing = np.zeros(0)
            muscles.append(CalibratedMuscle(name, None, {}, nothing, nothing, "no published architecture"))
            continue
        share = _share(index, known, own)
        muscles.append(subjects[id(known[index].architecture)].fit(index, name, known[index], share))
    parameters = own
    for muscle in muscles:
        parameters = parameters.replaced(muscle.name, muscle.values, SOURCE)
    return Calibration(tuple(muscles), parameters)


@dataclass(frozen=True)
class _Subject:
    """A body beside the subject of a published architecture.

    Attributes:
        length_scale: Length of the body's limb over that of the subject's [-].
        force_scale: Force of the body's muscles over that of the subject's [-].
        neutral: Length of each muscle's path in the neutral pose [m], shape [M].
        percentiles: `PERCENTILES` of it over the joints' ranges [m], shape [3, M].
    """

    length_scale: float
    force_scale: float
    neutral: np.ndarray
    percentiles: np.ndarray

    @classmethod
    def of(cls, body: Body, architecture: Architecture) -> "_Subject":
        has_ranges = any(muscle.operating_range for muscle in architecture.muscles.values())
        poses = _symmetric_poses(body, architecture) if has_ranges else body.neutral_qpos[None]
        return cls(
            length_scale=_limb_length(body, architecture) / architecture.length_m if architecture.length_m else 1.0,
            # Forces grow with cross-sections, mass with volume.
            force_scale=(body.mass / architecture.mass_kg) ** (2 / 3) if architecture.mass_kg else 1.0,
            neutral=muscle_lengths(body.model, body.neutral_qpos[None])[0],
            percentiles=np.percentile(muscle_lengths(body.model, poses), PERCENTILES, axis=0),
        )

    def fit(self, index: int, name: str, published: Published, share: float) -> CalibratedMuscle:
        """Fit one muscle, which has a ``share`` of the force that is published."""
        muscle = published.muscle
        in_neutral = muscle.operating_range is None
        path = self.neutral[None, index] if in_neutral else self.percentiles[:, index]
        wanted = np.array(muscle.fiber)
        optimal = muscle.optimal_fiber_length * self.length_scale
        if not in_neutral and np.ptp(path) < _STILL_M:
            reason = "its path has the same length in every pose: no operating range can be fitted"
            return CalibratedMuscle(name, published, {}, np.zeros(0), wanted, reason)
        found = fit_lengths(path, wanted, optimal, muscle.pennation_angle)
        values = {
            "optimal_fiber_length": found.optimal_fiber_length,
            "tendon_slack_length": found.tendon_slack_length,
            "pennation_angle": muscle.pennation_angle,
            "max_contraction_velocity": published.architecture.max_contraction_velocity,
        }
        if muscle.max_isometric_force:
            values["max_isometric_force"] = muscle.max_isometric_force * self.force_scale * share
        values = {column: float(f"{value:.6g}") for column, value in values.items()}
        fiber = _fiber(path, values)
        reason = _departure(fiber, wanted) if np.abs(fiber - wanted).max() > _FAR else ""
        if reason and not values["tendon_slack_length"]:
            reason = f"its path, {1e3 * self.neutral[index]:.0f} mm in the neutral pose, is too short for the fiber"
            return CalibratedMuscle(name, published, {}, fiber, wanted, f"{reason} of {1e3 * optimal:.0f} mm")
        return CalibratedMuscle(name, published, values, fiber, wanted, reason)


def _fiber(path: np.ndarray, values: dict[str, float]) -> np.ndarray:
    """Return the fiber length [L0] of a muscle with a rigid tendon."""
    projection = np.maximum((path - values["tendon_slack_length"]) / values["optimal_fiber_length"], 0)
    return np.hypot(projection, np.sin(values["pennation_angle"]))


def _departure(fiber: np.ndarray, wanted: np.ndarray) -> str:
    """Say how the fiber departs from its published range."""
    now, published = (" to ".join(dict.fromkeys(f"{x:.2f}" for x in (each[0], each[-1]))) for each in (fiber, wanted))
    return f"its fiber is {now} of its optimal length, published {published}"


def _share(index: int, known: dict[int, Published], own: MuscleParameters) -> float:
    """Return the share that a strand has of its muscle's force, by the forces in the body; 1 for a whole muscle."""
    published, side = known[index], side_of(own.names[index])
    if not _is_strand(own.names[index], published):
        return 1.0
    together = [
        other
        for other, each in known.items()
        if each.muscle is published.muscle and side_of(own.names[other]) == side and _is_strand(own.names[other], each)
    ]
    return float(own.max_isometric_force[index] / own.max_isometric_force[together].sum())


def _is_strand(name: str, published: Published) -> bool:
    return any(fnmatchcase(plain_name(name), pattern) for pattern in published.muscle.strands)


def _ranges(body: Body, architecture: Architecture) -> np.ndarray:
    """Return the joint ranges over which the architecture's operating ranges hold [rad or m], shape [J, 2]."""
    ranges = body.model.jnt_range[scalar_joints(body.model)].copy()
    for joint, name in enumerate(body.joint_names):
        for pattern, limits in architecture.joint_ranges.items():
            if fnmatchcase(plain_name(name), pattern):
                ranges[joint] = limits
    return ranges


def _symmetric_poses(body: Body, architecture: Architecture) -> np.ndarray:
    """Return uniform poses over those ranges and their mirror images, so that both sides fit alike, shape [N, nq]."""
    poses = random_poses(body.model, _NUM_POSES // 2, seed=0, ranges=_ranges(body, architecture))
    mirrored = poses.copy()
    mirrored[:, 7:] = JointMirror.of(body.model, at_pose(body.model, body.neutral_qpos)).mirror(poses[:, 7:])
    return np.concatenate([poses, mirrored])


def _limb_length(body: Body, architecture: Architecture) -> float:
    """Return the length of the body's limb [m], the mean of both sides."""
    data = at_pose(body.model, body.neutral_qpos)
    sides = [
        [
            data.site(f"landmark/{landmark if landmark in LANDMARKS else landmark + side}").xpos.copy()
            for landmark in architecture.landmarks
        ]
        for side in ("_r", "_l")
    ]
    return float(np.mean([np.linalg.norm(np.diff(points, axis=0), axis=1).sum() for points in sides]))
