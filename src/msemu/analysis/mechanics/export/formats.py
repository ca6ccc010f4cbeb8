"""What writes each format."""

from collections.abc import Callable
from pathlib import Path

from msemu.analysis.mechanics.export.c3d import write_c3d
from msemu.analysis.mechanics.export.columns import PART_OF, flat_table
from msemu.analysis.mechanics.export.opensim import export_opensim
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.errors import MsemuError
from msemu.files import whole_file, write_text
from msemu.motion.formats.write import write_landmarks


def export_csv(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write one table of everything as CSV; columns are ``quantity/name``."""
    path, columns = folder / f"mechanics{suffix}", flat_table(movement)
    rows = [
        ",".join(columns),
        *(",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True)),
    ]
    write_text(path, "\n".join(rows) + "\n")
    return [path]


def export_parquet(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write one table of everything as Parquet; columns are ``quantity/name``.

    Raises:
        MsemuError: pandas and pyarrow, which do it, are not installed.
    """
    path = folder / f"mechanics{suffix}"
    try:
        import pandas as pd

        with whole_file(path) as unfinished:
            pd.DataFrame(flat_table(movement)).to_parquet(unfinished)
    except ImportError:
        raise MsemuError("Parquet needs pandas and pyarrow: pip install pandas pyarrow") from None
    return [path]


def export_trc(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write joint centers, and markers on pelvis and head, as TRC."""
    path = folder / f"markers{suffix}"
    write_landmarks(path, movement.clip(), movement.body)
    return [path]


def export_c3d(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write joint centers and forces as C3D."""
    path = folder / f"markers{suffix}"
    write_c3d(path, movement, tuple(region for region in movement.ground.regions if region in PART_OF))
    return [path]


EXPORTERS: dict[str, Callable[[MechanicalMovement, Path, str], list[Path]]] = {
    "mot": export_opensim,
    "sto": export_opensim,
    "csv": export_csv,
    "parquet": export_parquet,
    "trc": export_trc,
    "c3d": export_c3d,
}
"""What writes each format into a folder, given the suffix."""
