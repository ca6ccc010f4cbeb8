"""Segments of a body as tables of anthropometry divide it: their mass, the center of it, their radii of gyration."""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.errors import MsemuError, suggestion
from msemu.schema.ranges import Finite, Positive

Vector = tuple[Finite, Finite, Finite]


@dataclass(frozen=True)
class Proportion:
    """A row of a table of anthropometry."""

    mass: Positive
    """Mass in percent of the body's."""
    center: Finite = 0.0
    """Distance of the center of mass from the segment's first end, in percent of its length."""
    radii: Vector = (0.0, 0.0, 0.0)
    """Radii of gyration about the sagittal, the transverse and the longitudinal axis, in percent; zero if not known."""


@dataclass(frozen=True)
class SegmentCfg:
    """A segment: a body with all below it up to the next segments, or several segments together."""

    row: str
    """Row of the table."""
    body: str = ""
    """First body of the segment."""
    parts: tuple[str, ...] = ()
    """Segments that it consists of, instead of a body."""
    ends: tuple[str, str] | None = None
    """Landmarks or points at its ends; without them only its mass is set and compared."""
    across: Vector = (0.0, 1.0, 0.0)
    """Direction of its transverse axis in the neutral pose, which faces +x."""
    shaped: bool = True
    """Whether center and radii are set to those of the table, and not only the mass."""

    def __post_init__(self) -> None:
        if bool(self.body) == bool(self.parts):
            raise MsemuError("a segment names either a body or its parts")


@dataclass(frozen=True)
class MassDistribution:
    """Where the mass of some bodies is, in the world.

    Attributes:
        mass: Mass [kg].
        center: Center of mass [m], shape [3].
        second_moment: Integral of ``r r^T dm`` about the center [kg m^2], shape [3, 3].
    """

    mass: float
    center: np.ndarray
    second_moment: np.ndarray

    @classmethod
    def of_body(cls, model: mujoco.MjModel, data: mujoco.MjData, body: int) -> "MassDistribution":
        """Return the distribution of one body."""
        rotation, moments = data.ximat[body].reshape(3, 3), model.body_inertia[body]
        second = rotation @ np.diag(moments.sum() / 2 - moments) @ rotation.T
        return cls(float(model.body_mass[body]), data.xipos[body].copy(), second)

    @classmethod
    def sum(cls, parts: list["MassDistribution"]) -> "MassDistribution":
        """Return that of several bodies together."""
        mass = sum(part.mass for part in parts)
        center = sum((part.mass * part.center for part in parts), np.zeros(3)) / mass
        arms = [part.center - center for part in parts]
        second = sum(part.second_moment + part.mass * np.outer(arm, arm) for part, arm in zip(parts, arms, strict=True))
        return cls(mass, center, np.asarray(second))

    def times(self, share: float) -> "MassDistribution":
        """Return the same with that share of the mass everywhere."""
        return MassDistribution(self.mass * share, self.center, self.second_moment * share)

    @property
    def inertia(self) -> np.ndarray:
        """Rotational inertia about the center [kg m^2], shape [3, 3]."""
        return np.trace(self.second_moment) * np.eye(3) - self.second_moment


@dataclass(frozen=True)
class Axes:
    """The axes of a segment in the neutral pose.

    Attributes:
        start: Its first end [m], shape [3].
        length: Distance of its ends [m].
        matrix: Sagittal, transverse and longitudinal axis as columns, shape [3, 3].
    """

    start: np.ndarray
    length: float
    matrix: np.ndarray

    @classmethod
    def between(cls, start: np.ndarray, end: np.ndarray, across: Vector) -> "Axes":
        """Make them from the ends [m] and about the direction of the transverse axis."""
        length = float(np.linalg.norm(end - start))
        along = (end - start) / length
        sagittal = np.cross(across, along)
        sagittal /= np.linalg.norm(sagittal)
        return cls(start, length, np.stack([sagittal, np.cross(along, sagittal), along], axis=1))

    def center_percent(self, distribution: MassDistribution) -> float:
        """Return how far along the segment the center of mass is, in percent of the length."""
        return float(100 * (distribution.center - self.start) @ self.matrix[:, 2] / self.length)

    def radii_percent(self, distribution: MassDistribution) -> np.ndarray:
        """Return the radii of gyration about the three axes in percent of the length, shape [3]."""
        moments = np.diag(self.matrix.T @ distribution.inertia @ self.matrix)
        return 100 * np.sqrt(moments / distribution.mass) / self.length


def segment_bodies(model: mujoco.MjModel, segments: Mapping[str, SegmentCfg]) -> dict[str, np.ndarray]:
    """Return the ids of the bodies of each segment."""
    first = {model.body(cfg.body).id: name for name, cfg in segments.items() if cfg.body}
    owner = [""] * model.nbody
    for body in range(1, model.nbody):
        owner[body] = first.get(body, owner[model.body_parentid[body]])
    found: dict[str, np.ndarray] = {}
    for name, cfg in segments.items():
        unknown = [part for part in cfg.parts if part not in found]
        if unknown:
            known = suggestion(unknown[0], list(found))
            raise MsemuError(f"the segment '{name}' has a part '{unknown[0]}' that is no segment before it{known}")
        found[name] = np.flatnonzero([own in (cfg.parts or (name,)) for own in owner])
    return found
