"""Options of ``msemu-analyze``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.cli.options import PolicyCfg
from msemu.console import BodyName, BodyPath, Input, JsonFile, Output
from msemu.schema.ranges import Count, Fraction, Known, Range, Seconds


@dataclass
class ExplainClipCfg:
    """Static optimization: the muscle activations of least effort that explain a clip, frame by frame.

    The clip is differentiated twice, the joint torques that it requires are computed with the forces of the floor on
    feet and hands as unknowns in friction cones, and activations in 0 to 1 are found. What the muscles are too weak
    for and the root force that no contact explains are reported, never hidden.
    """

    clip: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]
    """Motion of the catalogue, such as walk, or path of a clip (.npz)."""
    body: BodyName
    body_path: BodyPath = None
    objective: Literal["activation", "power"] = "activation"
    """Minimize the sum of activation^p, or the active forces' power."""
    power: Annotated[int, Known((2, 3))] = 2
    """The exponent p, 2 or 3."""
    muscle: Literal["mujoco", "rigid", "elastic"] = "mujoco"
    """Muscle level; elastic is approximated by a rigid tendon."""
    smoothing_s: Fraction = 0.02
    """Standard deviation of the Gaussian that smooths the path before it is differentiated [s]."""
    strength: Annotated[float, Range(above=0, greatest=100)] = 1.0
    """Factor of every muscle's force [-]."""
    strength_set: str = "own"
    """How strong the muscles are before that: own, as the body has them, or a set of cfg/strength: athlete."""
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
    json: JsonFile = None
    plot: Annotated[Path | None, Output((".png",))] = None
    """PNG file; <run>/eval/muscle_timing.png by default, eval/<task>/muscle_timing.png for a pretrained policy."""
