"""Options of the commands of ``msemu-analyze`` that look at a movement's mechanics."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.cli.options import LoadsOptions
from msemu.console import BodyPath, Input, JsonFile, Output
from msemu.schema.ranges import Positive, Seconds, Seed


@dataclass
class MovementCfg:
    """Which movement is looked at."""

    source: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """Run, as msemu-play takes it, rollout (.npz of msemu-eval), or clip: its forces are then those of static
    optimization."""
    body: Annotated[str | None, Input()] = None
    """Body of a clip or rollout; by default the one that it names."""
    body_path: BodyPath = None
    parameter_file: Annotated[Path | None, Input()] = None
    """Of a clip or rollout: YAML or CSV file of muscle parameters, or calibrated; the body's own by default."""
    pretrained: bool = False
    """The policy that comes with msemu, also where there are runs of the task."""
    checkpoint: Annotated[str, Input()] = "best"
    """Of a run: best, last, average (average:30 from iteration 30 on), or the path of a checkpoint."""
    clip: str | None = None
    """Of a run with several: the clip to follow."""
    seconds: Seconds | None = None
    """Of a run: how long it is simulated [s]; the task's episode by default."""
    seed: Seed = 1
    """Of a run: seed of the environment."""


@dataclass
class MechanicsCfg(LoadsOptions, MovementCfg):
    """Mechanics: ground reaction, joint moments and powers, joint reaction and metabolic cost of a movement.

    Forces on the floor are those of the simulation's own contacts, or of static optimization for a clip. Moments are
    net: all but the floor's. Measured forces are compared. What hangs on the muscles' mass is printed beside it.
    """

    emg: Annotated[Path | None, Input(required=True)] = None
    """Envelopes of muscles over the gait cycle to compare with: CSV, first phase (0 to 1) or percent, then muscles."""
    filter_hz: Positive | None = None
    """Low-pass filter of the ground reaction (Butterworth, fourth order, no delay) [Hz]; none by default."""
    json: JsonFile = None
    out: Annotated[Path | None, Output()] = None
    """Folder for plots (.png)."""


@dataclass
class ExportCfg(MovementCfg):
    """Write a movement with its muscles and forces for other programs.

    mot and sto are OpenSim's: the motion under the Rajagopal model's names, grf.mot with external_loads.xml, muscle
    states and moments as .sto. csv and parquet are one table; trc holds joint centers and markers, c3d forces as well.
    """

    format: Literal["mot", "sto", "csv", "parquet", "trc", "c3d"] = "mot"
    """Format of the files."""
    out: Annotated[Path, Output()] = Path("mechanics")
    """Folder to write to."""
    json: JsonFile = None


@dataclass
class ReportCfg:
    """One page about one or more movements, as a single HTML file.

    Tracking, ground reaction, joint moments and powers, joint reaction, muscle activation beside a textbook's, costs,
    gait parameters and where they come from; several stand side by side.
    """

    sources: Annotated[tuple[str, ...], Input(), tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """Runs, as msemu-play takes them, rollouts (.npz of msemu-eval) or clips."""
    out: Annotated[Path, Output((".html",))] = Path("report.html")
    """The page."""
    body: Annotated[str | None, Input()] = None
    """Body of clips and rollouts; by default the one that they name."""
    body_path: BodyPath = None
    pretrained: bool = False
    """The sources are tasks: the policies of them that come with msemu."""
    seconds: Seconds | None = None
    """How long runs are simulated [s]; the task's episode by default."""
    json: JsonFile = None
