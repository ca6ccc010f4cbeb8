"""Files that OpenSim's tools read."""

from pathlib import Path

from msemu.analysis.mechanics.export.columns import PART_OF, Columns, Written, ground_columns, tables
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.files import write_text
from msemu.motion.formats.opensim_export import write_opensim
from msemu.motion.formats.opensim_storage import read_storage, write_storage


def export_opensim(movement: MechanicalMovement, folder: Path, suffix: str) -> Written:
    """Write what OpenSim's tools read: ``motion``, ``grf.mot`` with its ``external_loads.xml``, and the tables as .sto.

    The motion is in degrees for ``.mot`` and in radians for ``.sto``.
    """
    motion, grf, loads = folder / f"motion{suffix}", folder / "grf.mot", folder / "external_loads.xml"
    write_opensim(motion, movement.clip(), movement.body)
    ground = ground_columns(movement)
    write_storage(grf, "grf", movement.time, ground)
    write_text(loads, external_loads(ground))
    written: Written = {motion: list(read_storage(motion).columns), grf: list(ground), loads: []}
    for quantity, columns in tables(movement).items():
        if quantity not in ("angle", "ground"):
            path = folder / f"{quantity}.sto"
            write_storage(path, f"{movement.title} {quantity}", movement.time, columns)
            written[path] = list(columns)
    return written


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
