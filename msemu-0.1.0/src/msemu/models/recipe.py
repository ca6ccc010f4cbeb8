"""The schema of a body recipe; the values are in `cfg/body/*.yaml`, in plug-ins and in files of the user's own."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import mujoco
import numpy as np

from msemu import config
from msemu.errors import MsemuError, suggestion
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.anatomy.segments import Axes, Proportion, SegmentCfg, Vector
from msemu.models.anatomy.sizes import ScaleCfg
from msemu.models.sources import Source, stated_in
from msemu.registry import find_body
from msemu.schema import Capacity
from msemu.schema.ranges import Ascending, Finite, NotNegative, Positive, Range

Quaternion = tuple[Finite, Finite, Finite, Finite]
_FEET = ("foot_r", "foot_l")


@dataclass(frozen=True)
class LandmarkCfg:
    """A named point of a body."""

    body: str
    """Body that carries it."""
    position: Vector = (0.0, 0.0, 0.0)
    """Place in the body's frame [m]; the origin of an OpenSim segment is its proximal joint center."""


@dataclass(frozen=True)
class RegionCfg:
    """Geoms whose contact with the floor is measured together: of one body, or of it and its descendants."""

    body: str = ""
    subtree: str = ""

    def __post_init__(self) -> None:
        if bool(self.body) == bool(self.subtree):
            raise MsemuError("a contact region names either a body or a subtree")


@dataclass(frozen=True)
class CapsuleCfg:
    """A massless contact capsule that the source lacks."""

    body: str
    """Body that carries it."""
    start: Vector
    """Center of one end in the body's frame [m]."""
    end: Vector
    """Center of the other end in the body's frame [m]."""
    radius_m: Positive
    """Radius [m]."""


@dataclass(frozen=True)
class WrapCfg:
    """A cylinder or a sphere that a muscle goes round and that the source lacks."""

    body: str
    """Body that carries it."""
    position: Vector
    """Its center in the body's frame [m]."""
    radius_m: Positive
    """Radius [m]."""
    before: str
    """The point of the muscle's path that follows it; a geom that the muscle goes round there gives way."""
    side: Vector
    """A place on the side on which the muscle goes round it, in the body's frame [m]."""
    quaternion: Quaternion | None = None
    """The orientation of a cylinder, whose axis is z, in the body's frame (w, x, y, z); a sphere has none."""


@dataclass(frozen=True)
class JoinCfg:
    """Lines that go on along the path of a muscle and replace it, sharing its force."""

    along: str
    """The muscle."""
    start: str
    """The point of its path to which the lines go from their own last one."""
    lines: tuple[str, ...]
    """Muscles of which each gets the share that its force has in the source."""


@dataclass(frozen=True)
class Recipe:
    """How a body is made from its source."""

    description: str
    """One paragraph for people."""
    title: str
    """Name in the ids of its tasks, such as ``MyoLegs``."""
    source: Source
    """Where the model is."""
    timestep_s: Annotated[float, Range(above=0, greatest=0.1)]
    """Simulation step [s]."""
    root_body: str
    """Body that carries the free joint."""
    root_quaternion: Quaternion
    """Root orientation (w, x, y, z) in which the body stands upright and faces +x; normalized on use."""
    landmarks: dict[str, LandmarkCfg]
    """The landmarks of `msemu.models.anatomy.landmarks.LANDMARKS`."""
    contact_regions: dict[str, RegionCfg]
    """Regions that can touch the floor; geoms outside them cannot."""
    motions: str | tuple[str, ...] = "all"
    """Clips and sets of clips of the catalogue that are tasks of a body with a name; ``all`` of them by default."""
    contact_capsules: dict[str, CapsuleCfg] = field(default_factory=dict)
    """Contact geoms to add, by name."""
    neutral_joints: dict[str, Finite] = field(default_factory=dict)
    """Joint values of the neutral pose [rad or m]; others are zero or follow their coupling."""
    held: tuple[str, ...] = ()
    """Bodies that become rigid in the neutral pose with everything below them, and lose their muscles."""
    capacity: Capacity | None = None
    """Capacity of the warp engine; None leaves it to the configuration of the simulation."""
    mass_kg: NotNegative = 0.0
    """Mass of the whole body, divided among its segments [kg]; that of the source where there are no segments."""
    proportions: dict[str, Proportion] = field(default_factory=dict)
    """Rows of a table of anthropometry; in YAML ``male`` or ``female`` stands for those of cfg/anthropometry."""
    points: dict[str, LandmarkCfg] = field(default_factory=dict)
    """Ends of segments that are no landmarks."""
    segments: dict[str, SegmentCfg] = field(default_factory=dict)
    """Segments whose mass, center and inertia are those of the rows; together they are the whole body."""
    rotational_inertia: dict[str, Positive] = field(default_factory=dict)
    """Principal moments of inertia to set on bodies, one value for all three [kg m^2]."""
    joint_ranges: dict[str, Annotated[tuple[Finite, Finite], Ascending()]] = field(default_factory=dict)
    """Ranges of joints to set [rad or m]."""
    joint_positions: dict[str, Vector] = field(default_factory=dict)
    """Points that axes of joints go through, in the frames of their bodies [m]."""
    dependent_limits: bool = False
    """Whether a joint that a coupling prescribes has limits of its own beside those of its driver, as in the source."""
    site_positions: dict[str, Vector] = field(default_factory=dict)
    """Places of a tendon's points, or of sites that say on which side it wraps, in the frames of their bodies [m]."""
    wrap_radii: dict[str, Positive] = field(default_factory=dict)
    """Radii of wrapping geoms to set [m]."""
    wrap_positions: dict[str, Vector] = field(default_factory=dict)
    """Centers of wrapping geoms to set, in the frames of their bodies [m]."""
    wrap_quaternions: dict[str, Quaternion] = field(default_factory=dict)
    """Orientations of wrapping geoms to set (w, x, y, z), in the frames of their bodies."""
    wraps: dict[str, WrapCfg] = field(default_factory=dict)
    """Cylinders and spheres to add to the paths of muscles, by name."""
    kept_fibers: tuple[str, ...] = ()
    """Muscles whose fiber stays as long in the neutral pose as before their path was moved; ``*``: any letters."""
    joined_muscles: tuple[JoinCfg, ...] = ()
    """Muscles that the source has in two parts, each of which knows nothing of the other."""
    freed_sides: tuple[str, ...] = ()
    """Side sites that no longer hold: their tendons go the short way round the geom."""
    replaced_wraps: tuple[str, ...] = ()
    """Tendons that are led through points of the neutral pose's arc instead of over their cylinder."""
    straightened_wraps: tuple[str, ...] = ()
    """Tendons with both ends on one bone that are led straight instead of over a cylinder of another bone."""
    scale: ScaleCfg | None = None
    """Size of a person beside that of the body which all other values make; see ``msemu-model scale``."""

    reasons: dict[str, str] = field(default_factory=dict)
    """Why findings of the check are left as they are, by ``<check> <subject>``; ``*`` stands for any letters."""

    def __post_init__(self) -> None:
        for kind, wanted, given in (
            ("landmarks", LANDMARKS, self.landmarks),
            ("contact regions", _FEET, self.contact_regions),
        ):
            missing = [name for name in wanted if name not in given]
            if missing:
                raise MsemuError(f"the recipe '{self.title}' lacks the {kind} {', '.join(missing)}")
        for name, segment in self.segments.items():
            self._require(f"the row of the segment '{name}'", segment.row, self.proportions)
            if segment.ends and not min(self.proportions[segment.row].radii) > 0:
                raise MsemuError(f"the segment '{name}' has ends, but its row '{segment.row}' has no center and radii")
            for end in segment.ends or ():
                self._require(f"an end of the segment '{name}'", end, {**self.landmarks, **self.points})
        if self.segments and self.mass_kg <= 0:
            raise MsemuError(
                f"the recipe '{self.title}' divides a mass among segments, but its mass_kg is not positive"
            )

    def _require(self, what: str, name: str, known: Iterable[str]) -> None:
        if name not in known:
            raise MsemuError(f"the recipe '{self.title}' has no '{name}' as {what}{suggestion(name, list(known))}")

    def axes(self, segment: SegmentCfg, data: mujoco.MjData) -> Axes:
        """Return the axes of a segment that has ends; ``data`` holds the neutral pose."""
        start, end = (self.place(point, data) for point in segment.ends or ())
        return Axes.between(start, end, segment.across)

    def place(self, point: str, data: mujoco.MjData) -> np.ndarray:
        """Return where a landmark or another point is in the pose of ``data`` [m], shape [3]."""
        found = self.landmarks.get(point) or self.points[point]
        body = data.body(found.body)
        return body.xpos + body.xmat.reshape(3, 3) @ found.position


def load_recipe(name: str) -> Recipe:
    """Read the recipe of a body, by the body's name or by the path of the recipe.

    A contact region that is null takes away the region of the recipe's ``base``.

    Raises:
        MsemuError: There is no such body, or its recipe does not fit the schema.
    """
    path = find_body(name).recipe
    values = config.read_yaml(path)
    regions = values.get("contact_regions")
    if isinstance(regions, dict):
        values["contact_regions"] = {name: region for name, region in regions.items() if region is not None}
    sex = values.get("proportions")
    if isinstance(sex, str):
        table = config.read_yaml(config.cfg_file("anthropometry", "de_leva_1996"))
        if sex not in table:
            raise MsemuError(f"{path}: proportions: no '{sex}' in the table{suggestion(sex, list(table))}")
        values["proportions"] = table[sex]
    recipe = config.build(Recipe, values, str(path))
    return replace(recipe, source=recipe.source.beside(stated_in(path)))


def title_of(recipe: Path) -> str:
    """Return the title of a recipe that is written to a file: ``MyBody`` for ``my_body.yaml``."""
    words = re.split(r"[^A-Za-z0-9]+", recipe.stem)
    return "".join(word[:1].upper() + word[1:] for word in words) or "Body"


def recipe_values(name: str) -> dict[str, Any]:
    """Return the whole recipe of a body as plain values for YAML; ``config.build(Recipe, ...)`` reads them again."""
    return config.to_dict(load_recipe(name))
