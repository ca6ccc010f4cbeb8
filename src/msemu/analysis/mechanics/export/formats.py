"""What writes each format."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from msemu.analysis.mechanics.export.c3d import plate_channels, write_c3d
from msemu.analysis.mechanics.export.columns import PART_OF, Written, flat_table
from msemu.analysis.mechanics.export.opensim import export_opensim
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.errors import MsemuError
from msemu.files import whole_file, write_text
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.formats.write import HEAD_MARKERS_M, PELVIS_MARKERS_M, write_landmarks

_PACKAGES = {"parquet": ("pandas", "pyarrow"), "c3d": ("ezc3d",)}


def check_format(name: str) -> None:
    """Refuse a format whose packages are missing.

    Raises:
        MsemuError: They are not installed.
    """
    packages = _PACKAGES.get(name, ())
    if not all(map(find_spec, packages)):
        raise MsemuError(f"{name} files need {' and '.join(packages)}: pip install {' '.join(packages)}")


def export_csv(movement: MechanicalMovement, folder: Path, suffix: str) -> Written:
    """Write one table of everything as CSV; columns are ``quantity/name``."""
    path, columns = folder / f"mechanics{suffix}", flat_table(movement)
    rows = [
        ",".join(columns),
        *(",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True)),
    ]
    write_text(path, "\n".join(rows) + "\n")
    return {path: list(columns)}


def export_parquet(movement: MechanicalMovement, folder: Path, suffix: str) -> Written:
    """Write one table of everything as Parquet; columns are ``quantity/name``.

    Raises:
        MsemuError: As `check_format`.
    """
    check_format("parquet")
    path, columns = folder / f"mechanics{suffix}", flat_table(movement)
    import pandas as pd

    with whole_file(path) as unfinished:
        pd.DataFrame(columns).to_parquet(unfinished)
    return {path: list(columns)}


def export_trc(movement: MechanicalMovement, folder: Path, suffix: str) -> Written:
    """Write joint centers, and markers on pelvis and head, as TRC."""
    path = folder / f"markers{suffix}"
    write_landmarks(path, movement.clip(), movement.body)
    return {path: [*LANDMARKS, *PELVIS_MARKERS_M, *HEAD_MARKERS_M]}


def export_c3d(movement: MechanicalMovement, folder: Path, suffix: str) -> Written:
    """Write joint centers and forces as C3D.

    Raises:
        MsemuError: As `check_format`.
    """
    check_format("c3d")
    path = folder / f"markers{suffix}"
    regions = tuple(region for region in movement.ground.regions if region in PART_OF)
    write_c3d(path, movement, regions)
    return {path: [*LANDMARKS, *plate_channels(regions)]}


EXPORTERS: dict[str, Callable[[MechanicalMovement, Path, str], Written]] = {
    "mot": export_opensim,
    "sto": export_opensim,
    "csv": export_csv,
    "parquet": export_parquet,
    "trc": export_trc,
    "c3d": export_c3d,
}
"""What writes each format into a folder, given the suffix; files come back with the names of what they hold."""
