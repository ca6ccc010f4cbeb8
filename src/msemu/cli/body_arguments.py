"""Arguments that the commands about bodies share."""

from pathlib import Path
from typing import Annotated

import tyro

BodyName = Annotated[
    str, tyro.conf.Positional, tyro.conf.arg(metavar="BODY", help="Name of a body, see: msemu-model list.")
]
BodyPath = Annotated[
    Path | None,
    tyro.conf.arg(metavar="PATH", help="Folder or main file of the model, if no package brings it."),
]
JsonFile = Annotated[
    Path | None, tyro.conf.arg(name="json", metavar="FILE", help="Also write everything to this file.")
]

SEVERITY_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}
"""Colour of a finding in a table."""
