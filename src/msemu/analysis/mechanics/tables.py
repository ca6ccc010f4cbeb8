"""A movement's mechanics as named columns over time, and as files of other programs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from msemu.analysis.mechanics.c3d import write_c3d
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.errors import MsemuError
from msemu.files import whole_file, write_text
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_export import write_opensim
from msemu.motion.formats.opensim_storage import write_storage
from msemu.motion.formats.write import write_landmarks

Columns = dict[str, np.ndarray]

FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From our axes (x forward, y left, z up) to OpenSim's (x forward, y up, z right)."""
PART_OF = {"foot_r": "calcn_r", "foot_l": "calcn_l", "hand_r": "hand_r", "hand_l": "hand_l"}
"""Body of the Rajagopal model that each part is a part of."""


def tables(movement: MechanicalMovement) -> dict[str, Columns]:
    """Return every quantity by name: ``angle``, ``activation``, ``muscle_force``, ``joint_moment`` ...

    Angles are in rad or m, moments in N m, forces in N, powers in W; fiber lengths in L0, their speeds in m/s.
    """
    body, muscles = movement.body, movement.muscles
    of_muscles = {
        "excitation": muscles.excitation,
        "activation": muscles.activation,
        "muscle_force": muscles.force,
        "fiber_length": muscles.fiber_length,
        "fiber_velocity": muscles.fiber_velocity,
        "tendon_strain": muscles.tendon_strain,
        "muscle_power": muscles.power,
    }
    return {
        "angle": _named(body.joint_names, movement.qpos[:, 7:]),
        "speed": _named(body.joint_names, movement.qvel[:, 6:]),
        **{quantity: _named(body.muscle_names, values) for quantity, values in of_muscles.items()},
        "joint_moment": _named(movement.joint_names, movement.joint_moment),
        "joint_power": _named(movement.joint_names, movement.joint_power),
        "ground": ground_columns(movement),
    }


def ground_columns(movement: MechanicalMovement) -> Columns:
    """Return force [N], center of pressure [m] and free moment [N m] of feet and hands as OpenSim's ExternalLoads do.

    The axes are OpenSim's: x forward, y up, z to the right.
    """
    ground = movement.ground
    columns: Columns = {}
    for index, region in enumerate(ground.regions):
        if region in PART_OF:
            force = ground.force[:, index] @ FROM_Z_UP.T
            center = ground.center[:, index] @ FROM_Z_UP.T
            moment = np.outer(ground.free_moment[:, index], [0.0, 1.0, 0.0])
            for kind, values in (("force_v", force), ("force_p", center), ("torque_", moment)):
                columns |= {f"{region}_{kind}{axis}": values[:, place] for place, axis in enumerate("xyz")}
    return columns


def export_opensim(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write what OpenSim's tools read: ``motion``, ``grf.mot`` with its ``external_loads.xml``, and the tables as .sto.

    The motion is in degrees for ``.mot`` and in radians for ``.sto``.
    """
    motion, grf, loads = folder / f"motion{suffix}", folder / "grf.mot", folder / "external_loads.xml"
    write_opensim(motion, _as_clip(movement), movement.body)
    ground = ground_columns(movement)
    write_storage(grf, "grf", movement.time, ground)
    write_text(loads, external_loads(ground))
    paths = [motion, grf, loads]
    for quantity, columns in tables(movement).items():
        if quantity not in ("angle", "ground"):
            paths.append(folder / f"{quantity}.sto")
            write_storage(paths[-1], f"{movement.title} {quantity}", movement.time, columns)
    return paths


def external_loads(ground: Columns) -> str:
    """Return the OpenSim document that says which columns of ``grf.mot`` act on which body of the Rajagopal model."""
    regions = [name.removesuffix("_force_vx") for name in ground if name.endswith("_force_vx")]
    loads = "".join(
        f"""
      <ExternalForce name="{region}">
        <applied_to_body>{PART_OF[region]}</applied_to_body>
        <force_expressed_in_body>ground</force_expressed_in_body>
        <point_expressed_in_body>ground</point_expressed_in_body>
        <force_identifier>{region}_force_v</force_identifier>
        <point_identifier>{region}_force_p</point_identifier>
        <torque_identifier>{region}_torque_</torque_identifier>
      </ExternalForce>"""
        for region in regions
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="40000">
  <ExternalLoads name="ground reaction">
    <objects>{loads}
    </objects>
    <datafile>grf.mot</datafile>
  </ExternalLoads>
</OpenSimDocument>
"""


def export_csv(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write one table of everything as CSV; columns are ``quantity/name``."""
    path, columns = folder / f"mechanics{suffix}", _flat(movement)
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
            pd.DataFrame(_flat(movement)).to_parquet(unfinished)
    except ImportError:
        raise MsemuError("Parquet needs pandas and pyarrow: pip install pandas pyarrow") from None
    return [path]


def export_trc(movement: MechanicalMovement, folder: Path, suffix: str) -> list[Path]:
    """Write joint centers, and markers on pelvis and head, as TRC."""
    path = folder / f"markers{suffix}"
    write_landmarks(path, _as_clip(movement), movement.body)
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


def _as_clip(movement: MechanicalMovement) -> MotionClip:
    return MotionClip(
        body=movement.body.name,
        joint_names=movement.body.joint_names,
        fps=movement.fps,
        qpos=movement.qpos,
        qvel=movement.qvel,
        name=movement.title,
    )


def _flat(movement: MechanicalMovement) -> Columns:
    named = {
        f"{quantity}/{name}": values
        for quantity, columns in tables(movement).items()
        for name, values in columns.items()
    }
    return {"time": movement.time, **named}


def _named(names: tuple[str, ...], values: np.ndarray) -> Columns:
    return dict(zip(names, values.T, strict=True))
