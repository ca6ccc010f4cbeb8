"""Options of ``msemu-analyze``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.cli.options import LoadsOptions, PolicyCfg
from msemu.console import BodyName, BodyPath, Input, JsonFile, Output, Without
from msemu.registry import list_levels
from msemu.schema.ranges import Count, Fraction, Known, Range, Seconds, Seed


@dataclass
class ExplainClipCfg(LoadsOptions):
    """Static optimization: the muscle activations of least effort that explain a clip, frame by frame.

    The clip is differentiated twice, the joint torques that it requires are computed with the forces of the floor on
    feet and hands as unknowns in friction cones, and activations in 0 to 1 are found. What the muscles are too weak
    for and the root force that no contact explains are reported, never hidden. Measured forces of the floor take the
    place of unknown ones.
    """

    clip: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]
    """Motion of the catalogue, such as walk, or path of a clip (.npz)."""
    body: BodyName
    body_path: BodyPath = None
    objective: Literal["activation", "power", "volume"] = "activation"
    """Minimize the sum of activation^p, the active forces' power, or the sum of volume times activation^p."""
    power: Annotated[int, Known((2, 3))] = 2
    """The exponent p, 2 or 3."""
    muscle: Annotated[str, Known(list_levels)] = "mujoco"
    """Muscle level: mujoco, rigid or elastic, which is approximated by a rigid tendon; or one of a plug-in."""
    parameter_file: Annotated[Path | None, Input()] = None
    """YAML or CSV file of muscle parameters, or calibrated; the body's own by default."""
    smoothing_s: Fraction = 0.02
    """Standard deviation of the Gaussian that smooths the path before it is differentiated [s]."""
    strength: Annotated[float, Range(above=0, greatest=100)] = 1.0
    """Factor of every muscle's force [-]."""
    strength_set: str = "own"
    """How strong the muscles are before that: own, as the body has them, or a set of cfg/strength: athlete."""
    json: JsonFile = None
    out: Annotated[Path | None, Output()] = None
    """Folder for figures (.json), everything (.npz), OpenSim tables (.sto) and plots (.png)."""


@dataclass
class GaitCfg(PolicyCfg):
    """Muscle timing: when the leg muscles of a walking policy are active, beside a textbook's measurements.

    One episode starts at each of evenly spaced frames of the reference, without exploration noise. Activations are cut
    into gait cycles from heel strike to heel strike of their own leg, by the floor's force on the foot; the first
    second and everything from a failure on are left out.
    """

    episodes: Count = 16
    """Number of episodes."""
    seconds: Seconds = 10.0
    """Length of an episode [s]."""
    emg: Annotated[Path | None, Input(required=True)] = None
    """One's own EMG to compare with: CSV of envelopes, first phase (0 to 1) or percent of the cycle, then muscles."""
    json: JsonFile = None
    plot: Annotated[Path | None, Output((".png",))] = None
    """PNG file; <run>/eval/muscle_timing.png by default, eval/<task>/muscle_timing.png for a pretrained policy."""


@dataclass
class SpaceCfg:
    """Whose solution space is looked at."""

    clip: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]
    """Motion of the catalogue, such as walk, path of a clip (.npz), or a rollout (.npz, see msemu-eval --rollout)."""
    body: BodyName
    body_path: BodyPath = None
    muscle: Annotated[str, Known(list_levels)] = "mujoco"
    """Muscle level: mujoco, rigid or elastic, which is approximated by a rigid tendon; or one of a plug-in."""
    smoothing_s: Fraction = 0.02
    """Standard deviation of the Gaussian that smooths a clip before it is differentiated [s]."""
    stride: Count = 1
    """Look at every so-many-th frame."""
    jobs: Count = 1
    """Number of processes."""
    json: JsonFile = None
    out: Annotated[Path | None, Output((".npz",))] = None
    """Write everything, frame by frame, to this .npz file."""
    plot: Annotated[Path | None, Output((".png",))] = None
    """PNG file."""


@dataclass
class RangesCfg(SpaceCfg):
    """Feasible ranges: how little and how much of each muscle makes the same joint torques, frame by frame.

    The floor's forces are held. A muscle is necessary in a frame if it cannot be left out, optional if it can, and free
    if its activation has a range over 0.95. An effort budget allows so much more effort than the least one.
    """

    effort: Annotated[list[Annotated[float, Range(least=1, greatest=1e6)]], Without("window")] = field(
        default_factory=lambda: [1.0, 1.2, 2.0]
    )
    """Effort budgets, over the effort of static optimization; the ranges without a budget are always found too."""
    measure: Annotated[Literal["squares", "sum"], Without("window")] = "squares"
    """What effort is: the sum of squared activations, or of activations."""
    tolerance: Fraction = 0.0
    """How far each joint torque may be off, over the joint's capacity [-]."""
    window: Annotated[int, Range(0, 100)] = 0
    """Let the activations of so many frames follow each other as activation dynamics allow; 0 takes frames alone."""
    muscles: list[str] = field(default_factory=list)
    """Only these muscles; by default all that move a joint."""


@dataclass
class SampleCfg(SpaceCfg):
    """Samples of the solution space: uniform among all activations that make the same joint torques, frame by frame.

    Reported are the space's dimension, how different two random solutions are, how muscles depend on each other, and
    where the known solution lies, static optimization's for a clip and the policy's for a rollout. Frames whose chains
    have not converged are listed, and left out.
    """

    chains: Annotated[int, Range(2, 1000)] = 16
    """Number of Markov chains."""
    samples: Annotated[int, Range(10, 100_000)] = 100
    """Samples of each chain."""
    seed: Seed = 0
    """Seed of the samples."""
    compare: Annotated[list[Path], Input(required=True)] = field(default_factory=list)
    """Solutions whose places among the samples of a clip are found: rollouts of policies that follow it (.npz), or EMG
    envelopes (.csv, .sto) over its phase or time, channels named after muscles."""
