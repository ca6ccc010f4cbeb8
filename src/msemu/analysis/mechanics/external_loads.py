"""Measured forces of the floor in OpenSim's form, beside those of a movement."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.analysis.mechanics.tables import PART_OF
from msemu.errors import MsemuError, suggestion
from msemu.files import read_text
from msemu.motion.formats.opensim_storage import Storage, read_storage

_SLACK_S = 1e-6


@dataclass(frozen=True)
class ForceAgreement:
    """How the vertical force on a part goes with the measured one.

    Attributes:
        rms_bw: Root mean square of the difference [body weights].
        correlation: Correlation over the frames [-]; None where one of them does not change.
        measured_peak_bw: Greatest measured force [body weights].
    """

    rms_bw: float
    correlation: float | None
    measured_peak_bw: float


def compare_forces(movement: MechanicalMovement, path: Path, start_s: float | None = None) -> dict[str, ForceAgreement]:
    """Compare vertical forces with those of a file, part by part.

    Args:
        movement: The movement.
        path: ExternalLoads (.xml), with its data file beside it, or the forces (.mot) under the names that
            `msemu.analysis.mechanics.tables.ground_columns` gives.
        start_s: Time of the file at the movement's first frame [s]; its first one by default.

    Raises:
        MsemuError: The file is damaged, does not cover the movement, or names no part of the body.
    """
    stored, names = _read(path)
    start = float(stored.time[0]) if start_s is None else start_s
    last = start + movement.time[-1]
    if start < stored.time[0] - _SLACK_S or last > stored.time[-1] + _SLACK_S:
        raise MsemuError(
            f"{path} goes from {stored.time[0]:g} to {stored.time[-1]:g} s and the movement would be at {start:g} to"
            f" {last:g} s of it; say with --loads-start at which time it begins"
        )
    missing = [region for region in names if region not in movement.ground.regions]
    if missing or not names:
        raise MsemuError(
            f"{path}: the body '{movement.body.name}' measures no force on {', '.join(missing) or 'a part of it'};"
            f" known parts are {', '.join(region for region in movement.ground.regions if region in PART_OF)}"
        )
    found = {}
    for region, column in names.items():
        values = np.interp(start + movement.time, stored.time, stored.columns[column]) / movement.body.weight
        own = movement.ground.force[:, movement.ground.regions.index(region), 2] / movement.body.weight
        changes = min(np.ptp(own), np.ptp(values)) > 1e-9
        found[region] = ForceAgreement(
            rms_bw=float(np.sqrt(((own - values) ** 2).mean())),
            correlation=float(np.corrcoef(own, values)[0, 1]) if changes else None,
            measured_peak_bw=float(values.max()),
        )
    return found


def _read(path: Path) -> tuple[Storage, dict[str, str]]:
    """Return the forces and the column of the vertical one on each part."""
    if path.suffix.lower() == ".xml":
        data, identifiers = _parsed(path)
        stored = read_storage(path.parent / data)
    else:
        stored = read_storage(path)
        identifiers = {part: f"{part}_force_v" for part in PART_OF if f"{part}_force_vy" in stored.columns}
        if not identifiers:
            raise MsemuError(
                f"{path} has no column such as foot_r_force_vy; give the ExternalLoads file (.xml) that says what its"
                " columns are"
            )
    columns = {part: f"{identifier}y" for part, identifier in identifiers.items()}
    for column in columns.values():
        if column not in stored.columns:
            raise MsemuError(f"{path}: the data have no column '{column}'{suggestion(column, list(stored.columns))}")
    return stored, columns


def _parsed(path: Path) -> tuple[str, dict[str, str]]:
    """Return the data file and the force identifier of each part that an ExternalLoads file names."""
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
        body = (force.findtext("applied_to_body") or "").strip()
        if body not in parts:
            raise MsemuError(f"{path} acts on the body '{body}'; known are {', '.join(parts)}")
        identifiers[parts[body]] = (force.findtext("force_identifier") or "").strip()
    return data, identifiers
