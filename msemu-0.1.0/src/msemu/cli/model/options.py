"""Options of ``msemu-model``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from msemu.console import BodyName, BodyPath, Input, JsonFile, Output, With, Without
from msemu.schema.ranges import Positive


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
    """Values of your own by muscle, .yaml or .csv, or 'calibrated', see docs/understand/muscle_model.md."""
    name: Annotated[str, tyro.conf.arg(metavar="SUBSTRING")] = ""
    """Only the muscles whose name contains this."""
    plot: Annotated[Path | None, Output(), tyro.conf.arg(metavar="FOLDER")] = None
    """Draw curves, forces and moment arms to PNG files in this folder."""


@dataclass(kw_only=True)
class DraftCfg:
    """Draft the recipe of a body from an MJCF model: from the names of its bodies and from its geometry.

    Landmarks, what may touch the floor and the way that the body faces are found; comments mark what is guessed.
    """

    file: Annotated[Path, Input(required=True), tyro.conf.Positional, tyro.conf.arg(metavar="MJCF")]
    """Main MJCF file of the model."""
    output: Annotated[Path, Output((".yaml", ".yml")), tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """Recipe to write (.yaml); its name becomes that of the body."""


@dataclass(kw_only=True)
class ScaleBodyCfg:
    """Write the recipe of a body in the size of a person: lengths, masses, inertias, muscle paths, fibers and forces.

    All lengths grow with the height, or those of each part as the markers of a person who stands still say, right and
    left averaged. Masses keep their shares of the whole, forces grow with the mass to the power of 2/3.
    """

    body: Annotated[BodyName, tyro.conf.Positional]
    mass: Positive
    """Mass of the person [kg]."""
    height: Annotated[Positive | None, Without("markers")] = None
    """Height of the person [m]."""
    markers: Annotated[Path | None, Input(required=True), tyro.conf.arg(metavar="FILE")] = None
    """Recording (.trc, .c3d) of the person standing, instead of the height."""
    names: Annotated[str | None, Input(), With("markers")] = None
    """Name map of the markers (see the docs), or your own YAML file; by default the one that fits."""
    unit: Annotated[str | None, With("markers")] = None
    """Unit of the markers: m, cm, mm, inch or cmu; by default what the file or the legs say."""
    up: Annotated[str | None, With("markers")] = None
    """Vertical axis of the markers; by default y for .trc and z for .c3d."""
    output: Annotated[Path, Output((".yaml", ".yml")), tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """Recipe to write (.yaml)."""
    body_path: BodyPath = None


@dataclass
class CalibrateCfg(BodyCfg):
    """Fit a body's muscles to published architecture, and show what comes of it.

    Optimal fiber length, pennation, force and speed are the published ones at the size of the body; tendon slack
    lengths follow from the body's own paths, so that fibers keep their published operating range.

    Shown are the muscles that keep the values of the body, with the reason, those that depart from their
    published range, the mass of the muscles, and the passive moments of the leg beside published ones.
    """

    architecture: Annotated[Path | None, Input(), tyro.conf.arg(metavar="FILE")] = None
    """Architecture of your own (.yaml) that goes over the published one, see docs/understand/calibration.md."""
    output: Annotated[Path | None, Output((".csv",)), tyro.conf.arg(metavar="FILE")] = None
    """Write a parameter file (.csv) for --sim.muscle.parameter-file."""


@dataclass
class StrengthCfg(BodyCfg):
    """Show moment arms and greatest isometric joint moments over the range, beside published ones.

    The moments are those of the body's own muscles at full activation, antagonists silent. What is published stands in
    cfg/anthropometry/strength.yaml and moment_arms.yaml, with its sources.
    """

    strength_set: str = "own"
    """How strong the muscles are: own, as the body has them, or a set of cfg/strength: athlete."""
