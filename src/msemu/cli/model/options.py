"""Options of ``msemu-model``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from msemu.console import BodyName, BodyPath, Input, JsonFile, Output


@dataclass
class ListCfg:
    """List the bodies and say how to get those that are not installed."""


@dataclass
class BodyCfg:
    """A body, and where its figures go."""

    body: Annotated[BodyName, tyro.conf.Positional]
    body_path: BodyPath = None
    json: JsonFile = None


@dataclass
class InfoCfg(BodyCfg):
    """Describe a body: where it comes from, its size, joints, muscles, contact regions and landmarks."""


@dataclass
class CheckCfg(BodyCfg):
    """Validate a body and name what is wrong with it.

    Checked are left against right (masses, joint ranges and axes, muscle paths, parameters and moment arms),
    fiber lengths over random poses, muscles without any moment arm, couplings, mass and inertia.

    The exit code is 0 without errors, 1 when the body has errors, 2 when it could not be checked. Warnings
    and notes do not count.
    """


@dataclass
class MusclesCfg(BodyCfg):
    """Show the parameters of a body's muscles and what is implausible about them.

    Checked over random poses are the slack length of the tendon, the length of the fiber, that fiber and
    tendon can be in equilibrium, and left against right.

    The plots are the force curves of every level and, for the muscles that --name chooses or else the
    first 12, the force at full activation and the moment arm over the range of the joint about which the
    moment arm is greatest.
    """

    parameters: Annotated[Path | None, Input(), tyro.conf.arg(metavar="FILE")] = None
    """Values of your own by muscle, .yaml or .csv, see docs/understand/muscle_model.md."""
    name: Annotated[str, tyro.conf.arg(metavar="SUBSTRING")] = ""
    """Only the muscles whose name contains this."""
    plot: Annotated[Path | None, Output(), tyro.conf.arg(metavar="FOLDER")] = None
    """Draw curves, forces and moment arms to PNG files in this folder."""
