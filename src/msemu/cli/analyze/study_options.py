"""Options of ``msemu-study``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from msemu.console import Input, JsonFile, Output, Without
from msemu.schema.ranges import Count, Fraction, Positive, Range, Seconds, Seed


@dataclass
class SolutionsCfg:
    """Find many muscle solutions of one movement: one policy, many preferences, side by side in one simulation.

    A solution is kept if it survives and stays within a tolerance of the kinematics and of the ground force; kept
    solutions count as distinct if they are further from each other than two cycles of either are. Some solutions are
    then perturbed. What is found is written as an atlas: figures (.json), data (.npz) and a page (.html).
    """

    run: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="TASK")]
    """Run folder, task (its latest run), or policy that comes with msemu."""
    pretrained: bool = False
    """The policy that comes with msemu, also where there are runs of the task."""
    checkpoint: Annotated[str, Input(), Without("pretrained")] = "best"
    """best, last, average (average:30 from iteration 30 on), or the path of a checkpoint of the run."""
    minutes: Positive | None = None
    """Time for the random preferences [min]; the named ones and the perturbations come beside it."""
    randoms: Annotated[int, Range(0, 100_000)] = 250
    """Random preferences at most."""
    names: list[str] = field(default_factory=list)
    """Named preferences (cfg/preference, or YAML files); by default all that draw nothing."""
    weight_spread: Annotated[float, Range(1, 1000)] = 10.0
    """Weights of random ones are log-uniform from 1 over this to this."""
    tone_spread: Fraction = 0.1
    """Preferred activations of every other random one are uniform from 0 to this."""
    starts: Count = 8
    """Episodes of each solution, from evenly spaced frames of the clip."""
    seconds: Seconds = 10.0
    """Length of an episode [s]."""
    batch: Count = 32
    """Solutions side by side."""
    angle_deg: Positive = 0.5
    """Greatest mean joint error beyond the base policy's own [deg]."""
    ground_bw: Positive = 0.1
    """Greatest difference from the base policy's ground force, root mean square [body weights]."""
    survival: Fraction = 0.9
    """Least share of the episodes that reach their end."""
    perturbed: Annotated[int, Range(0, 1000)] = 8
    """Solutions that are perturbed: the base, then named, then random ones; 0 for none."""
    seed: Seed = 1
    """Seed of the environments and of the random preferences."""
    runs_dir: Annotated[str, Without("pretrained")] = "runs"
    """Where run folders are looked for when a task id is given."""
    json: JsonFile = None
    out: Annotated[Path | None, Output()] = None
    """Folder of the atlas; study/<task> by default."""
