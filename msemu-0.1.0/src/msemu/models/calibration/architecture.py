"""Published muscle architecture: `cfg/anthropometry/architecture/*.yaml`, and files of the user's in the same form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from msemu.config import cfg_file, load
from msemu.errors import MsemuError, suggestion
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.calibration.fit import SLACK_PROJECTION, fiber_projection
from msemu.schema.ranges import Ascending, Finite, NotEmpty, NotNegative, Positive, Range

_GROUPS = ("legs", "trunk", "neck", "arms")
_FOLDER = "anthropometry/architecture"
_LANDMARKS = sorted({name.removesuffix("_r").removesuffix("_l") for name in LANDMARKS})
_SIDE = re.compile(r"_(r|l|R|L|right|left)$")


@dataclass(frozen=True)
class MuscleArchitecture:
    """What is published of one muscle.

    Its operating range is given by the normalized fiber length either in the neutral pose or over the joints' ranges.
    """

    optimal_fiber_length: Positive
    """Fiber length L0 of greatest force [m]."""
    pennation_angle: Annotated[float, Range(0, below=1.47)] = 0.0
    """Angle between fiber and tendon at the optimal fiber length [rad]."""
    max_isometric_force: Positive | None = None
    """Peak isometric force [N]; None keeps that of the body."""
    neutral: Positive | None = None
    """Fiber length in the neutral pose [L0]."""
    operating_range: Annotated[tuple[Positive, Positive, Positive], Ascending()] | None = None
    """Fiber length over the joints' ranges [L0]: 5th, 50th and 95th percentile of uniform poses."""
    named: tuple[str, ...] = ()
    """Other names in bodies, without the side; ``*`` stands for any letters and ``?`` for one."""
    strands: tuple[str, ...] = ()
    """Names of lines that are together this muscle: they share its force as they do in the body."""

    def __post_init__(self) -> None:
        if (self.neutral is None) == (self.operating_range is None):
            raise MsemuError("an operating range is given either as 'neutral' or as 'operating_range'")
        if fiber_projection(np.array(self.fiber[-1:]), self.pennation_angle) <= SLACK_PROJECTION:
            raise MsemuError(f"a fiber of at most {self.fiber[-1]:g} is no longer than its muscle is thick")

    @property
    def fiber(self) -> tuple[float, ...]:
        """Fiber lengths of the operating range [L0]: one in the neutral pose, or three."""
        return self.operating_range or (self.neutral or 0.0,)


@dataclass(frozen=True)
class Architecture:
    """Published muscles, and the subject that they are of."""

    source: str
    """Where the values come from."""
    muscles: Annotated[dict[str, MuscleArchitecture], NotEmpty()]
    """By name without the side."""
    landmarks: tuple[str, ...] = ()
    """Landmarks of a body, without the side, whose distances in the neutral pose add up to `length_m`."""
    length_m: NotNegative = 0.0
    """Length of the subject's limb [m]; 0 is that of the body."""
    mass_kg: NotNegative = 0.0
    """Mass of the subject [kg]; 0 is that of the body."""
    specific_tension: Positive = 600e3
    """Peak isometric force over physiological cross-sectional area [Pa]."""
    max_contraction_velocity: Positive = 10.0
    """Greatest shortening speed [L0/s]."""
    joint_ranges: dict[str, Annotated[tuple[Finite, Finite], Ascending()]] = field(default_factory=dict)
    """Ranges over which the operating ranges hold [rad], by name without the side; other joints have their own."""

    def __post_init__(self) -> None:
        if (self.length_m > 0) != (len(self.landmarks) > 1):
            raise MsemuError(
                "the size of the subject is given by two or more 'landmarks' and a 'length_m', or not at all"
            )
        for landmark in self.landmarks:
            if landmark not in _LANDMARKS:
                raise MsemuError(f"a body has no landmark '{landmark}'{suggestion(landmark, _LANDMARKS)}")


class Published(NamedTuple):
    """What is published of a muscle of a body, and the group of muscles that it belongs to."""

    name: str
    muscle: MuscleArchitecture
    architecture: Architecture
    group: str


def installed_architecture() -> dict[str, Architecture]:
    """Read the published architecture that comes with msemu, by group of muscles."""
    return {group: load(Architecture, cfg_file(_FOLDER, group)) for group in _GROUPS}


def plain_name(name: str) -> str:
    """Return the name of a muscle or joint without its side, with ``_`` for every ``.`` and ``-``."""
    return re.sub(r"[.-]", "_", _SIDE.sub("", name))


def side_of(name: str) -> str:
    """Return what says in the name of a muscle on which side of the body it is."""
    return "".join(_SIDE.findall(name))


def find_published(architectures: dict[str, Architecture], names: Sequence[str]) -> dict[int, Published]:
    """Return what is published of the muscles of a body, by their index in ``names``.

    Where several files know a muscle, the last one counts; its group is that of the first.
    """
    found: dict[int, Published] = {}
    for group, architecture in architectures.items():
        for index, name in enumerate(names):
            for known, muscle in architecture.muscles.items():
                if _fits(name, known, muscle):
                    first = found[index].group if index in found else group
                    found[index] = Published(known, muscle, architecture, first)
                    break
    return found


def read_architecture(path: Path, body: Body) -> Architecture:
    """Read architecture of the user's own, whose muscles and joints are all in the body.

    Raises:
        MsemuError: The file cannot be read, or names a muscle or a joint that the body lacks.
    """
    architecture = load(Architecture, path)
    for known, muscle in architecture.muscles.items():
        if not any(_fits(name, known, muscle) for name in body.muscle_names):
            muscles, otherwise = (
                sorted(set(map(plain_name, body.muscle_names))),
                f"see: msemu-model muscles {body.name}",
            )
            raise MsemuError(
                f"{path}: the body {body.name} has no muscle '{known}'{suggestion(known, muscles, otherwise)}"
            )
    joints = sorted(set(map(plain_name, body.joint_names)))
    for pattern in architecture.joint_ranges:
        if not any(fnmatchcase(joint, pattern) for joint in joints):
            raise MsemuError(f"{path}: the body {body.name} has no joint '{pattern}'{suggestion(pattern, joints)}")
    return architecture


def _fits(name: str, known: str, muscle: MuscleArchitecture) -> bool:
    plain = plain_name(name)
    return known in (name, plain) or any(fnmatchcase(plain, each) for each in (*muscle.named, *muscle.strands))
