"""Measured forces of the floor, as OpenSim's ExternalLoads, as msemu writes them, or of the plates of a C3D file."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from msemu.analysis.mechanics.export.columns import FROM_Z_UP, PART_OF
from msemu.analysis.mechanics.ground_reaction import GroundReaction
from msemu.errors import MsemuError, suggestion
from msemu.files import read_text
from msemu.motion.formats.opensim_storage import Storage, read_storage

_SLACK_S = 1e-6
_MM_PER_M = 1000.0
_KEYS = ("applied_to_body", "force_identifier", "point_identifier", "torque_identifier")
_FRAMES = ("force_expressed_in_body", "point_expressed_in_body")
PLATE = "plate "
"""Names of plates that say nothing of the part that stood on them begin so."""


@dataclass(frozen=True)
class MeasuredLoads:
    """Forces over S samples in the frame of their laboratory, with z up.

    Attributes:
        path: Where they are from.
        time: Instants [s], shape [S].
        ground: What the floor does to each part, or each plate to what stands on it.
    """

    path: Path
    time: np.ndarray
    ground: GroundReaction

    def at(self, time: np.ndarray, start_s: float | None = None) -> GroundReaction:
        """Return them at the instants of a movement [s], shape [T], whose first is at ``start_s`` of theirs.

        Raises:
            MsemuError: They do not cover the movement.
        """
        start = float(self.time[0]) if start_s is None else start_s
        last = start + time[-1]
        if start < self.time[0] - _SLACK_S or last > self.time[-1] + _SLACK_S:
            raise MsemuError(
                f"{self.path} goes from {self.time[0]:g} to {self.time[-1]:g} s and the movement would be at {start:g}"
                f" to {last:g} s of it; say with --loads-start at which time it begins"
            )
        place = np.clip(np.interp(start + time, self.time, np.arange(len(self.time))), 0, len(self.time) - 1)
        before = np.floor(place).astype(int)
        after, share = np.minimum(before + 1, len(self.time) - 1), (place % 1.0)[:, None, None]
        ground = self.ground
        force, moment = (
            (1.0 - share) * values[before] + share * values[after] for values in (ground.force, ground.moment)
        )
        fps = (len(time) - 1) / time[-1] if len(time) > 1 else ground.fps
        return replace(ground, fps=fps, force=force, moment=moment)


def read_loads(path: Path) -> MeasuredLoads:
    """Read ExternalLoads (.xml), with its data file beside it, forces under our names (.mot, .sto), or a C3D file.

    Raises:
        MsemuError: The file is damaged, holds no forces, or acts on other bodies than feet and hands.
    """
    kind = path.suffix.lower()
    if kind == ".c3d":
        return _read_plates(path)
    if kind == ".xml":
        data, identifiers = _parsed(path)
        return _of_storage(path, read_storage(path.parent / data), identifiers)
    stored = read_storage(path)
    parts = [part for part in PART_OF if f"{part}_force_vy" in stored.columns]
    if not parts:
        raise MsemuError(
            f"{path} has no column such as foot_r_force_vy; give the ExternalLoads file (.xml) that says what its"
            " columns are"
        )
    return _of_storage(
        path, stored, {part: (f"{part}_force_v", f"{part}_force_p", f"{part}_torque_") for part in parts}
    )


def _of_storage(path: Path, stored: Storage, identifiers: dict[str, tuple[str, str, str]]) -> MeasuredLoads:
    """Turn the columns of force, point and torque of each part, y up, into ours."""
    force, moment = [], []
    for names in identifiers.values():
        push, point, torque = (_vectors(path, stored, name) @ FROM_Z_UP for name in names)
        force.append(push)
        moment.append(np.cross(point, push) + torque)
    wrenches = [np.stack(values, axis=1) for values in (force, moment)]
    return MeasuredLoads(path, stored.time, GroundReaction(tuple(identifiers), _rate(path, stored.time), *wrenches))


def _vectors(path: Path, stored: Storage, identifier: str) -> np.ndarray:
    """Return three columns, shape [S, 3]; zeros for a torque that an ExternalLoads file does not name."""
    if not identifier:
        return np.zeros((len(stored.time), 3))
    columns = [f"{identifier}{axis}" for axis in "xyz"]
    for column in columns:
        if column not in stored.columns:
            raise MsemuError(f"{path}: the data have no column '{column}'{suggestion(column, list(stored.columns))}")
    return np.stack([stored.columns[column] for column in columns], axis=1)


def _rate(path: Path, time: np.ndarray) -> float:
    if len(time) < 2:
        raise MsemuError(f"{path} holds one instant; forces over time need two at least")
    return float((len(time) - 1) / (time[-1] - time[0]))


def _parsed(path: Path) -> tuple[str, dict[str, tuple[str, str, str]]]:
    """Return the data file and the identifiers of force, point and torque of each part that ExternalLoads name."""
    try:
        root = ElementTree.fromstring(read_text(path))
    except ElementTree.ParseError as error:
        raise MsemuError(f"{path} is damaged XML ({error}); obtain it again") from error
    data = (root.findtext(".//datafile") or "").strip()
    if not data:
        raise MsemuError(f"{path} names no datafile; give an ExternalLoads file of OpenSim")
    parts = {body: part for part, body in PART_OF.items()}
    identifiers = {}
    for force in root.iter("ExternalForce"):
        text = {key: (force.findtext(key) or "").strip() for key in _KEYS}
        if text["applied_to_body"] not in parts:
            raise MsemuError(f"{path} acts on the body '{text['applied_to_body']}'; known are {', '.join(parts)}")
        frames = {(force.findtext(key) or "").strip() for key in _FRAMES} - {"", "ground"}
        if frames:
            raise MsemuError(f"{path} expresses a force in the body '{frames.pop()}'; only ground is understood")
        force_name, point = text["force_identifier"], text["point_identifier"]
        if not force_name or not point:
            raise MsemuError(f"{path} gives a force on '{text['applied_to_body']}' no identifier of force or point")
        identifiers[parts[text["applied_to_body"]]] = force_name, point, text["torque_identifier"]
    if not identifiers:
        raise MsemuError(f"{path} names no ExternalForce; give an ExternalLoads file of OpenSim")
    return data, identifiers


def _read_plates(path: Path) -> MeasuredLoads:
    """Read the plates of a C3D file; which way is up, and the sign, follow from what they carry on the whole.

    Raises:
        MsemuError: ezc3d is not installed or cannot read the file, or nothing pushes on its plates.
    """
    try:
        import ezc3d
    except ImportError:
        raise MsemuError("force plates of C3D files need ezc3d: pip install ezc3d") from None
    try:
        file = ezc3d.c3d(str(path), extract_forceplat_data=True)
        plates = file["data"]["platform"]
        rate = float(file["parameters"]["ANALOG"]["RATE"]["value"][0])
        first = float(file["header"]["points"]["first_frame"]) / float(file["header"]["points"]["frame_rate"])
    except Exception as error:  # ezc3d raises what its C++ raises
        raise MsemuError(f"{path}: its force plates cannot be read ({str(error).splitlines()[0]})") from error
    if not plates:
        raise MsemuError(f"{path} has no force plates; give forces as ExternalLoads of OpenSim (.xml)")
    force, center, twist = (
        np.stack([np.nan_to_num(plate[name].T) for plate in plates], axis=1)
        for name in ("force", "center_of_pressure", "Tz")
    )
    lengths, moments = (
        np.array([1.0 / _MM_PER_M if "mm" in str(plate[unit]) else 1.0 for plate in plates])[:, None]
        for unit in ("unit_position", "unit_moment")
    )
    turn = _upright(path, force)
    moment = np.cross(lengths * center, force) + moments * twist
    force, moment = force @ turn.T, moment @ turn.T
    # Plates of some makers give what is done to them, and not what they do.
    sign = np.sign(force[..., 2].sum())
    names = tuple(f"{PLATE}{index + 1}" for index in range(len(plates)))
    time = first + np.arange(len(force)) / rate
    return MeasuredLoads(path, time, GroundReaction(names, rate, sign * force, sign * moment))


def _upright(path: Path, force: np.ndarray) -> np.ndarray:
    """Return what turns the axis of a laboratory along which the floor pushes most into z, shape [3, 3]."""
    total = np.abs(force.sum((0, 1)))
    if not total.any():
        raise MsemuError(f"{path}: nothing pushes on its force plates")
    return np.roll(np.eye(3), 2 - int(total.argmax()), axis=0)
