"""Options of ``msemu-track`` and ``msemu-stabilize``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.console import BodyName, BodyPath, Input, JsonFile, Output
from msemu.schema.ranges import Positive, Range, Seconds, Seed, Threads
from msemu.schema.task import FollowedRepair


@dataclass
class TrackCfg:
    """Find a muscle-driven simulation that follows a clip, without training.

    Many bodies try ways through short windows of the clip under the muscle controller; the best are gone on from. What
    is found is written as data (a rollout, .npz), as a clip beside it (.clip.npz), and the search itself
    (.search.npz), which --resume goes on with. Ctrl-C keeps the best so far. For a clip that is not reached,
    --help-all shows easier conditions to begin with (--begin-...) and how far the clip may give way (--adapt-...).
    """

    clip: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]
    """Clip (.npz), or a motion of the catalogue such as "walk"."""
    body: BodyName
    body_path: BodyPath = None
    out: Annotated[Path | None, Output((".npz",), beside=(".clip.npz", ".search.npz", ".adapted.npz"))] = None
    """Rollout to write (.npz); track/<clip>_<body>.npz by default."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on with the search that lies beside the rollout."""
    seconds: Seconds | None = None
    """How much of the clip [s]; all of it by default, and 10 s of one that repeats."""
    repair: FollowedRepair = "contact"
    """Repair of a motion of the catalogue: contact, which the floor can carry, or of its flights alone: flight. With
    strength the torques of any clip are brought within --strength and --strength-set, too: minutes, but once."""
    particles: Annotated[int, Range(2, 1024)] = 64
    """Bodies that try at a time."""
    passes: Annotated[int, Range(1, 1000)] = 8
    """Passes through the clip at most; the search ends before when errors fall no more."""
    starts: Annotated[int, Range(1, 1000)] = 3
    """Times that the search begins at the first frame once errors fall no more; the best way is kept."""
    minutes: Positive | None = None
    """Time of this call at most [min]; the best so far is kept, and --resume goes on."""
    strength: Annotated[float, Range(0.1, 10)] = 1.0
    """Factor of every muscle's force [-]."""
    begin_strength: Annotated[float, Range(0.1, 10)] | None = None
    """Factor that the search begins with, such as 1.5; it goes to --strength in steps of a quarter."""
    strength_set: str = "own"
    """Strength set: own or athlete (cfg/strength)."""
    begin_speed: Annotated[float, Range(0.1, 1)] = 1.0
    """Speed of the clip that the search begins with, such as 0.5 for slow motion; it goes to 1."""
    begin_gravity: Annotated[float, Range(0, 2)] = 1.0
    """Factor of gravity that the search begins with; 0.25 suits a speed of 0.5. It goes to 1."""
    begin_assist_bw: Annotated[float, Range(0, 2)] = 0.0
    """Greatest force that helps the root at the beginning [body weights]; it goes to 0."""
    objective: Literal["acceleration", "torque"] = "acceleration"
    """What the muscle controller's errors are measured in: accelerations, which suits bodies that are too weak, or
    torques, which suits strong ones."""
    adapt_cm: Annotated[float, Range(0, 20)] = 0.0
    """How far the root of the clip may give way to what is found [cm]; the changed clip is written beside
    (.adapted.npz), errors are those against the clip as it was."""
    adapt_deg: Annotated[float, Range(0, 45)] = 0.0
    """How far its joints and its root may turn [deg]."""
    adapt_ms: Annotated[float, Range(0, 500)] = 0.0
    """By how much its frames may come earlier or later [ms]."""
    windows: Literal["auto", "time", "phase"] = "time"
    """When bodies are selected: each 0.1 s, or at each touch-down (phase); auto takes phases for clips with flights
    again and again, such as runs."""
    threads: Threads = 0
    """CPU threads of the physics; 0 uses every core."""
    seed: Seed = 1
    """Seed of what is drawn."""
    json: JsonFile = None


@dataclass
class StabilizeCfg:
    """Learn what brings a body back to a movement that msemu-track found, when it is pushed off.

    Many bodies begin disturbed all along the movement and try actions; how they go on is fitted by linear models, of
    which follows a linear feedback (a linear-quadratic regulator), in each later round about the bodies that it leads.
    It is written into a copy of the clip, which --from-track of msemu-train takes. The controller is that of the
    clip's task. Ctrl-C keeps the best round so far.
    """

    found: Annotated[Path, Input(required=True), tyro.conf.Positional, tyro.conf.arg(metavar="FOUND")]
    """What msemu-track found, to the end of the clip (.npz)."""
    body: Annotated[str | None, Input()] = None
    """Body, where the clip's is a recipe of yours, a YAML file."""
    body_path: BodyPath = None
    out: Annotated[Path | None, Output((".npz",))] = None
    """Clip to write (.npz); <found>.stable.npz by default."""
    led: tuple[str, ...] = ()
    """Joints that are seen and led, by name or pattern (hip_*); those that the task's policies lead by default."""
    noise_deg: Annotated[float, Range(above=0, greatest=45)] = 5.0
    """Greatest disturbance of a joint [deg]."""
    bodies: Annotated[int, Range(16, 4096)] = 256
    """Bodies that try at a time."""
    rounds: Annotated[int, Range(1, 100)] = 3
    """Times that samples are taken: in the first as many as the joints ask for, then one of each body."""
    minutes: Positive | None = None
    """Time after which no round begins [min]."""
    threads: Threads = 0
    """CPU threads of the physics; 0 uses every core."""
    seed: Seed = 1
    """Seed of what is drawn."""
    json: JsonFile = None
