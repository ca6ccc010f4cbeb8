"""The schema of a body recipe; the values are in `cfg/body/*.yaml`."""

from dataclasses import dataclass, field
from pathlib import Path

from msemu import config
from msemu.errors import MsemuError
from msemu.schema import Capacity

Vector = tuple[float, float, float]


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
    radius_m: float
    """Radius [m]."""


@dataclass(frozen=True)
class Recipe:
    """How a body is made from its source."""

    description: str
    """One paragraph for people."""
    source: str
    """Key of `msemu.models.sources.SOURCES`."""
    timestep_s: float
    """Simulation step [s]."""
    root_body: str
    """Body that carries the free joint."""
    root_quaternion: tuple[float, float, float, float]
    """Root orientation (w, x, y, z) in which the body stands upright and faces +x; normalized on use."""
    landmarks: dict[str, LandmarkCfg]
    """The landmarks of `msemu.models.body.LANDMARKS`."""
    contact_regions: dict[str, RegionCfg]
    """Regions that can touch the floor; geoms outside them cannot."""
    contact_capsules: dict[str, CapsuleCfg] = field(default_factory=dict)
    """Contact geoms to add, by name."""
    neutral_joints: dict[str, float] = field(default_factory=dict)
    """Joint values of the neutral pose [rad or m]; others are zero or follow their coupling."""
    held: tuple[str, ...] = ()
    """Bodies that become rigid in the neutral pose with everything below them, and lose their muscles."""
    capacity: Capacity | None = None
    """Capacity of the warp engine; None leaves it to the configuration of the simulation."""
    rotational_inertia: dict[str, float] = field(default_factory=dict)
    """Principal moments of inertia to set on bodies, one value for all three [kg m^2]."""
    joint_ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Ranges of joints to set [rad or m]."""
    site_positions: dict[str, Vector] = field(default_factory=dict)
    """Places of a tendon's points, or of sites that say on which side it wraps, in the frames of their bodies [m]."""
    wrap_radii: dict[str, float] = field(default_factory=dict)
    """Radii of wrapping geoms to set [m]."""
    wrap_quaternions: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """Orientations of wrapping geoms to set (w, x, y, z), in the frames of their bodies."""
    replaced_wraps: tuple[str, ...] = ()
    """Tendons that are led through points of the neutral pose's arc instead of over their cylinder."""
    straightened_wraps: tuple[str, ...] = ()
    """Tendons with both ends on one bone that are led straight instead of over a cylinder of another bone."""


def list_bodies() -> list[str]:
    """Return the names of the bodies that have a recipe."""
    return config.cfg_names("body")


def load_recipe(name: str) -> Recipe:
    """Read the recipe of a body.

    Raises:
        MsemuError: There is no such body, or its recipe does not fit the schema.
    """
    return read_recipe(config.cfg_file("body", name))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file. A contact region that is null takes away the region of its ``base``.

    Raises:
        MsemuError: The file is missing or does not fit the schema.
    """
    values = config.read_yaml(path)
    regions = values.get("contact_regions")
    if isinstance(regions, dict):
        values["contact_regions"] = {name: region for name, region in regions.items() if region is not None}
    return config.build(Recipe, values, str(path))
