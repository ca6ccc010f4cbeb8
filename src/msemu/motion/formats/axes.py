"""What recordings do not state: units and axes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msemu.errors import MsemuError

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "cmu": 0.0254 / 0.45}
"""Lengths in meters; ``cmu`` is the unit of the CMU database's skeletons (mocap.cs.cmu.edu, "asf files are in
units of 1/0.45 inches")."""

_Z_UP = {"x": (2, 1, 0), "y": (0, 2, 1), "z": (0, 1, 2)}
_SIGN = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, 1.0)}
_LEG_M = 0.8
_LEG_TOLERANCE = 1.5


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say about itself.

    Attributes:
        names: Name map in ``cfg/motion``, or path of a YAML file; by default the one that fits.
        up: Vertical axis, ``x``, ``y`` or ``z``, of a BVH, TRC or C3D file; by default the format's custom.
        unit: Unit of length of a BVH, TRC or C3D file; by default what the file says or the legs tell.
        smpl_model: SMPL model (npz) of the person of an AMASS file; mean proportions when None.
    """

    names: str | None = None
    up: str | None = None
    unit: str | None = None
    smpl_model: Path | None = None


def to_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points whose vertical axis is ``up`` so that z points up, shape [..., 3].

    Raises:
        MsemuError: ``up`` is not x, y or z.
    """
    if up not in _Z_UP:
        raise MsemuError(f"--up {up} is not x, y or z")
    return points[..., _Z_UP[up]] * np.array(_SIGN[up])


def check_upright(path: Path, points: Mapping[str, np.ndarray], up: str) -> None:
    """Refuse a recording in which hips are above ankles along another axis than ``up``; the error names the option."""
    hips = 0.5 * (points["hip_r"] + points["hip_l"]) - 0.5 * (points["ankle_r"] + points["ankle_l"])
    mean = hips.mean(axis=0)
    found = "xyz"[int(np.argmax(np.abs(mean)))]
    if found != up:
        raise MsemuError(
            f"{path}: on average the hips are above the ankles along {found}, not {up}; say what is up: --up {found}"
            f" (or --up {up} if the person lies)"
        )


def unit_length(path: Path, unit: str | None, leg_length: float) -> float:
    """Return the unit of length [m]: the one given, otherwise the one in which the legs are as long as legs are.

    Raises:
        MsemuError: A unit that is none of `UNITS`, or legs that fit none.
    """
    if unit is not None:
        if unit not in UNITS:
            raise MsemuError(f"--unit {unit} is not one of {', '.join(UNITS)}")
        return UNITS[unit]
    if leg_length > 0.0:
        nearest = min(UNITS.values(), key=lambda length: abs(np.log(length * leg_length / _LEG_M)))
        if 1 / _LEG_TOLERANCE < nearest * leg_length / _LEG_M < _LEG_TOLERANCE:
            return nearest
    raise MsemuError(f"{path}: legs of length {leg_length:.4g} fit no unit; give one of {', '.join(UNITS)} as --unit")
