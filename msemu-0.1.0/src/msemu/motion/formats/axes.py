"""What recordings do not state: units, axes, and which part of them is wanted."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.motion.checks.size import LEG_M

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "cmu": 0.0254 / 0.45}
"""Lengths in meters; ``cmu`` is the unit of the CMU database's skeletons (mocap.cs.cmu.edu, "asf files are in
units of 1/0.45 inches")."""

ANGLE_UNITS = {"deg": np.pi / 180.0, "rad": 1.0}
"""Angles in radians."""

AXES = ("x", "y", "z", "-x", "-y", "-z")
"""Vertical axes that a file may have."""

_Z_UP = {"x": (2, 1, 0), "y": (0, 2, 1), "z": (0, 1, 2)}
_SIGN = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, 1.0)}
_DOWN = (1.0, -1.0, -1.0)
_MIRROR = (1.0, -1.0, 1.0)
_LEG_M = 0.8
_LEG_TOLERANCE = 1.5


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say about itself, and what of it is read.

    Attributes:
        names: Name map in ``cfg/motion``, or path of a YAML file; by default the one that fits.
        up: Vertical axis, one of `AXES`; by default the format's custom. What the user says is not doubted.
        unit: Unit of length, one of `UNITS`; by default what the file says or the legs tell.
        smpl_model: SMPL model (npz) of the person of an AMASS file; mean proportions when None.
        mirror: Whether the axes of the file are left-handed, left and right being named rightly.
        angle_unit: Unit of joint angles, one of `ANGLE_UNITS`; by default what the file says or the format's custom.
        start: Begin of what is read, from the first frame [s]; the first frame by default.
        end: End of what is read, from the first frame [s]; the last frame by default.

    Raises:
        MsemuError: A value that is none of those.
    """

    names: str | None = None
    up: str | None = None
    unit: str | None = None
    smpl_model: Path | None = None
    mirror: bool = False
    angle_unit: str | None = None
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        for option, value, known in (
            ("up", self.up, AXES),
            ("unit", self.unit, UNITS),
            ("angle-unit", self.angle_unit, ANGLE_UNITS),
        ):
            if value is not None and value not in known:
                raise MsemuError(f"--{option} {value} is not one of {', '.join(known)}")
        start, end = self.start or 0.0, np.inf if self.end is None else self.end
        if not 0.0 <= start < end:
            raise MsemuError(f"--start {start:g} and --end {end:g} must be seconds from the first frame, in this order")

    def check_taken(self, path: Path, taken: Iterable[str]) -> None:
        """Refuse options that are given but not ``taken`` by the file's format; every one takes start and end."""
        given = [field.name for field in fields(self) if getattr(self, field.name) not in (None, False)]
        unused = [f"--{name.replace('_', '-')}" for name in given if name not in (*taken, "start", "end")]
        if unused:
            raise MsemuError(f"{path} is of a format that {', '.join(unused)} does not apply to")

    def part(self, path: Path, time_s: np.ndarray) -> slice:
        """Return the frames that are read, of those at some instants [s], shape [T].

        Raises:
            MsemuError: The part is not within the recording, or holds fewer than 4 frames.
        """
        if self.start is None and self.end is None:
            return slice(None)
        time = time_s - time_s[0]
        margin = 0.05 * float(np.median(np.diff(time)))  # instants are rounded in files
        start, end = self.start or 0.0, time[-1] if self.end is None else self.end
        if end > time[-1] + margin or start > time[-1]:
            raise MsemuError(f"{path} lasts {time[-1]:.3f} s; --start {start:g} to --end {end:g} is not within it")
        first, last = np.searchsorted(time, [start - margin, end + margin])
        if last - first < 4:
            raise MsemuError(
                f"{path} has {last - first} frames from --start {start:g} to --end {end:g}; give a part of 4 or more"
            )
        return slice(int(first), int(last))

    @property
    def part_read(self) -> str:
        """What a source says about the part that was read; empty when it is the whole recording."""
        if self.start is None and self.end is None:
            return ""
        return f"from {self.start or 0.0:g} s to {'the end' if self.end is None else f'{self.end:g} s'} of it"

    def to_z_up(self, points: np.ndarray, usual_up: str) -> np.ndarray:
        """Turn points of a file so that z points up, and mirror them if need be, shape [..., 3]."""
        return to_z_up(points, self.up or usual_up) * (_MIRROR if self.mirror else 1.0)


AS_STATED = ReadOptions()
"""Nothing beyond what the file says."""


def to_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points whose vertical axis is ``up``, one of `AXES`, so that z points up, shape [..., 3]."""
    turned = points[..., _Z_UP[up[-1]]] * np.array(_SIGN[up[-1]])
    return turned * _DOWN if up.startswith("-") else turned


def unit_length(path: Path, unit: str | None, leg_length: float) -> float:
    """Return the unit of length [m]: the one given, otherwise the one in which the legs are as long as legs are.

    Raises:
        MsemuError: Legs that fit no unit, or not the one given.
    """
    if leg_length > 0.0:
        nearest = min(UNITS, key=lambda name: abs(np.log(UNITS[name] * leg_length / _LEG_M)))
        share = UNITS[nearest] * leg_length / _LEG_M
        if unit is not None and not LEG_M[0] <= UNITS[unit] * leg_length <= LEG_M[1]:
            hint = f"--unit {nearest} makes it {share * _LEG_M:.3g} m" if 0.3 < share < 1.7 else "no unit makes it one"
            raise MsemuError(f"{path}: in {unit}, thigh and shank are {UNITS[unit] * leg_length:.3g} m long: {hint}")
        if unit is not None:
            return UNITS[unit]
        if 1 / _LEG_TOLERANCE < share < _LEG_TOLERANCE:
            return UNITS[nearest]
    raise MsemuError(f"{path}: legs of length {leg_length:.4g} fit no unit; give one of {', '.join(UNITS)} as --unit")
