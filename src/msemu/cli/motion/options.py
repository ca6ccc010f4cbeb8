"""Options of ``msemu-motion``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.cli.options import LoadsOptions, PageCfg
from msemu.console import BodyName, BodyPath, ClipFile, Input, JsonFile, Output, With
from msemu.schema import RepairKind
from msemu.schema.ranges import Count, NotNegative, Positive, Range

Flag = tyro.conf.FlagCreatePairsOff


@dataclass
class FetchCfg:
    """Obtain motion clips from Python packages and keep them in the cache; nothing is installed.

    Without a name, the clips and sets that there are are listed.
    """

    names: Annotated[list[str], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")] = field(default_factory=list)
    """Clips or sets of clips, such as "walk", "acrobatics" or "all"."""
    wheel: Annotated[Path | None, Input(required=True), With("names")] = None
    """Wheel or source archive that was downloaded before, for a machine without network."""


@dataclass
class ImportCfg:
    """Bring a recorded movement onto a body and write a clip.

    Reads DeepMimic JSON, Isaac AMP npz, AMASS npz, BVH, TRC and C3D, which are retargeted; OpenSim .mot and .sto,
    msgym npz and plain qpos (npz, csv), whose joint angles are kept.
    """

    file: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """Motion file, or the name of a clip of the catalogue such as "walk"."""
    body: BodyName
    out: Annotated[Path, Output((".npz",))]
    """Clip to write (.npz)."""
    body_path: BodyPath = None
    fps: Annotated[float, Range(5, 1000)] = 50.0
    """Frames per second of the clip [Hz]; the control frequency of the tasks is 50."""
    name: str | None = None
    """Name of the clip; that of the file by default."""
    cyclic: Annotated[bool, Flag, tyro.conf.arg(help_behavior_hint="")] = False
    """Close the loop; by default what the file or the catalogue says."""
    no_cyclic: Annotated[bool, Flag, tyro.conf.arg(help_behavior_hint="")] = False
    """Leave the loop open; by default what the file or the catalogue says."""
    treadmill: Annotated[bool, Flag] = False
    """The person moves on a treadmill: add the belt's motion, which standing feet show."""
    retarget: Annotated[bool, Flag] = False
    """Retarget joint angles of a .mot or .sto file (feet on the floor, limits kept) instead of keeping them."""
    names: Annotated[str | None, Input()] = None
    """Name map of BVH joints, markers or OpenSim coordinates (see the docs), or your own YAML file."""
    up: str | None = None
    """Vertical axis of the file, x, y, z, -x, -y or -z; by default y for BVH, TRC and DeepMimic, z for the others."""
    mirror: Annotated[bool, Flag] = False
    """The file's axes are left-handed (Unity, Unreal): reflect them; names of left and right stay."""
    unit: str | None = None
    """Unit of length: m, cm, mm, inch or cmu; by default what the file or the legs say, or m."""
    angle_unit: str | None = None
    """Unit of joint angles, deg or rad; by default what the file says or what its format has by custom."""
    start: NotNegative | None = None
    """Begin of the part that is read, from the first frame of the recording [s]."""
    end: Positive | None = None
    """End of that part, from the first frame of the recording [s]."""
    smpl_model: Annotated[Path | None, Input(required=True)] = None
    """Model of the person of an AMASS file (SMPL, SMPL+H or SMPL-X as .npz); mean proportions by default."""
    json: JsonFile = None


@dataclass
class PrepareCfg:
    """Bring clips of the catalogue onto a body and keep them in the cache; show how good they are.

    Each clip is fetched, retargeted and repaired unless it is in the cache.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")]
    """Clips or sets of clips, such as "walk", "acrobatics" or "all"."""
    body: BodyName
    body_path: BodyPath = None
    jobs: Count = 1
    """Clips that are worked on at a time, each by a process of its own."""
    repair: RepairKind = "flight"
    """``flight``: flights are free flights, as tasks take them; ``contact``: what touches explains stance as well."""
    json: JsonFile = None


@dataclass
class InfoCfg:
    """Show what a clip holds and how good it is."""

    clip: ClipFile
    json: JsonFile = None


@dataclass
class ClipCfg:
    """A clip and the body that it is of."""

    clip: ClipFile
    body: Annotated[str | None, Input()] = None
    """Name of the body, or path of its recipe; the name that the clip has by default."""
    body_path: BodyPath = None


@dataclass
class PlayClipCfg(PageCfg, ClipCfg):
    """Show a clip in the browser, or write a video of it, with the recorded movement beside it.

    The recorded movement is what the retargeting followed, in the proportions of the body. A clip that was made of
    joint angles has none.
    """

    video: Annotated[Path | None, Output((".mp4",))] = None
    """Write this .mp4 instead of opening a page."""
    heatmap: Annotated[Path | None, Output((".png",))] = None
    """Write this .png instead: how far each joint center is from the recorded movement over time [cm]."""
    cycles: Count = 3
    """How often a cyclic clip is repeated."""


@dataclass(kw_only=True)
class CheckCfg(LoadsOptions, ClipCfg):
    """Check a clip: joints, floor, tendons, flights against free fall, support in stance, torques against the muscles.

    The exit code is 0 without errors, 1 when something in the clip is impossible, 2 when it could not be checked.
    Measured forces of the floor are compared with those that the movement implies.
    """

    html: Annotated[Path | None, Output((".html", ".htm"))] = None
    """Page to write the report to, pictures included."""
    strength_set: str = "own"
    """How strong the muscles are: own, as the body has them, or a set of cfg/strength: athlete."""
    png: Annotated[Path | None, Output()] = None
    """Folder to write the pictures to."""
    strict: Annotated[bool, Flag] = False
    """Leave with exit code 1 on warnings, too."""
    json: JsonFile = None


@dataclass(kw_only=True)
class RepairCfg(ClipCfg):
    """Make a clip one that the floor can carry, as little changed as possible.

    In the air the center of mass then follows a parabola and the angular momentum about it is constant; in stance
    forces within the friction cones of what touches the floor explain both. With a strength set, muscles also give the
    torques, in clips that are up to a tenth slower where poses alone do not do. The original is written beside the
    repaired clip. Of a clip without anything that can be repaired a copy is written.
    """

    out: Annotated[Path, Output((".npz",), beside=(".raw.npz",)), tyro.conf.arg(aliases=["-o"])]
    """Repaired clip to write (.npz); the original goes to NAME.raw.npz beside it."""
    repair: RepairKind = "flight"
    """``flight``: flights become free flights; ``contact``: what touches the floor explains stance as well."""
    strength_set: str | None = None
    """Then bring joint torques within what muscles of this strength give: own, or a set of cfg/strength: athlete."""
    strength: Annotated[float, Range(0.1, 10), With("strength_set")] = 1.0
    """Factor of that strength."""


@dataclass(kw_only=True)
class ExportCfg(ClipCfg):
    """Write a clip as joint angles (mot, sto), markers (trc), plain poses (npz) or a table (csv).

    mot is in degrees, sto in radians, both under the coordinate names of OpenSim's Rajagopal model; trc holds the
    body's joint centers, y up [m]; npz and csv hold qpos [m, rad].
    """

    format: Literal["mot", "sto", "trc", "npz", "csv"]
    """What to write."""
    out: Annotated[Path | None, Output((".mot", ".sto", ".trc", ".npz", ".csv"))] = None
    """File to write, whose name ends as the format; by default beside the clip, unless there is such a file."""
