"""Muscle parameters from a file: of the user's own, or calibrated ones that come with msemu."""

import csv
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from msemu.config import read_yaml
from msemu.errors import MsemuError
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg
from msemu.schema.muscle import CALIBRATED


def configured_parameters(model: Any, cfg: MuscleCfg) -> MuscleParameters:
    """Return the table of a `mujoco.MjModel`, with the values of the configuration's parameter file.

    Forces of the file are multiplied by the factor of the model's strength set, which each actuator of such a model has
    as its first user value.

    Raises:
        MsemuError: As `override`, or a muscle of the model cannot be read.
    """
    parameters = MuscleParameters.of(model)
    body = model.names[: model.names.index(b"\0")].decode()  # `msemu.models.loader` calls a model as its body
    file = parameter_file(cfg, body)
    if not file:
        return parameters
    given = override(parameters, file)
    return _as_strong(given, parameters, model.actuator_user[:, 0]) if model.nuser_actuator else given


def parameter_file(cfg: MuscleCfg, body: str) -> Path | None:
    """Return the parameter file of a configuration, where it has one.

    Raises:
        MsemuError: Calibrated parameters are asked for, and there are none for the body of this name.
    """
    if cfg.parameter_file != CALIBRATED:
        return cfg.parameter_file
    folder = Path(str(files("msemu.cfg"))) / "muscle" / "calibrated"
    path = folder / f"{body}.csv"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.csv")))
        raise MsemuError(
            f"there are calibrated muscle parameters for {known}, and none for the body '{body}': make a file with"
            f" msemu-model calibrate BODY --output {body}.csv and name it in place of '{CALIBRATED}'"
        )
    return path


def _as_strong(given: MuscleParameters, own: MuscleParameters, factors: Any) -> MuscleParameters:
    """Return the table with the forces that are not the model's own multiplied by factors [M]."""
    scaled = {}
    for column in ("max_isometric_force", "passive_max_isometric_force"):
        is_given = given.sources[column] != own.sources[column]
        scaled[column] = getattr(given, column) * np.where(is_given, factors, 1.0)
    return replace(given, **scaled)


def override(parameters: MuscleParameters, path: str | Path) -> MuscleParameters:
    """Return the table with the values that a file gives by muscle name.

    Raises:
        MsemuError: The file cannot be read, or names an unknown muscle or column.
    """
    for muscle, values in read_overrides(path).items():
        parameters = parameters.replaced(muscle, values, Path(path).name)
    return parameters


def read_overrides(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read values by muscle and column.

    A YAML file maps muscle to column to value. A CSV file has a header ``muscle,<column>,...``; an empty cell keeps the
    value. Columns and units are those of `MuscleParameters`.

    Raises:
        MsemuError: The file cannot be read.
    """
    path = Path(path)
    readers = {".yaml": read_yaml, ".yml": read_yaml, ".csv": _read_csv}
    if path.suffix not in readers:
        raise MsemuError(f"{path}: muscle parameters are read from .yaml or .csv, or are '{CALIBRATED}'")
    if not path.is_file():
        raise MsemuError(f"no parameter file at {path}; give the path of a .yaml or .csv file")
    table = {str(muscle): values for muscle, values in readers[path.suffix](path).items()}
    for muscle, values in table.items():
        if not isinstance(values, dict):
            raise MsemuError(f"{path}: muscle '{muscle}' needs 'column: value' lines")
    return table


def _read_csv(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, restkey="(no header)", strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MsemuError(f"cannot read {path}: {error}") from error
    if not rows or "muscle" not in rows[0]:
        raise MsemuError(f"{path} needs a header 'muscle,<column>,...' and a line per muscle")
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        muscle = row.pop("muscle")
        if muscle in table:
            raise MsemuError(f"{path}: muscle '{muscle}' has two lines")
        table[muscle] = {column: _number(cell) for column, cell in row.items() if cell}
    return table


def _number(cell: Any) -> Any:
    """Return the number of a cell, or the cell as it is for `MuscleParameters.replaced` to refuse."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return cell
