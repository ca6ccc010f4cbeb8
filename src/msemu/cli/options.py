"""Options of ``msemu-play`` and ``msemu-eval``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from msemu.console import BodyPath, Input, JsonFile, Output, With, Without
from msemu.errors import MsemuError
from msemu.schema.ranges import Count, Finite, Positive, Range, Seconds, Seed, TimeStep
from msemu.viewer import RendererName


@dataclass
class PolicyCfg:
    """Which policy is looked at."""

    run: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder, task (its latest run) or policy that comes with msemu; msemu-play also takes a rollout (.npz)."""
    pretrained: bool = False
    """The policy that comes with msemu, also where there are runs of the task."""
    checkpoint: Annotated[str, Input(), Without("pretrained")] = "best"
    """best, last, average (average:30 from iteration 30 on), or the path of a checkpoint of the run."""
    clip: str | None = None
    """One clip of a run with several; by default play shows the first, and eval measures all."""
    seed: Seed = 1
    """Seed of the environment."""
    preference: Annotated[str | None, Input()] = None
    """What the muscles prefer in the action space joint: a name of cfg/preference, such as cubed, or a YAML file."""
    device: str = "cpu"
    """Where the network runs."""
    runs_dir: Annotated[str, Without("pretrained")] = "runs"
    """Where run folders are looked for when a task id is given."""

    def __post_init__(self) -> None:
        folder, runs_dir = Path(self.run).resolve(), Path(self.runs_dir).resolve()
        if self.runs_dir != PolicyCfg.runs_dir and folder.is_dir() and not folder.is_relative_to(runs_dir):
            raise MsemuError(f"{self.run} is a folder, and not one below {self.runs_dir}; leave --runs-dir out")


@dataclass
class DistillCfg:
    """Teach a policy that excites the muscles itself what others do, whatever action spaces those act in.

    The student learns on the states that it meets itself (DAgger); what comes out is a run like any other, on both
    engines. To go on with it: msemu-train TASK --resume RUN. To go on in muscle space: msemu-train TASK --init RUN.
    """

    run: Annotated[tuple[str, ...], Input(), tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Teacher: run folder, task (its latest run), or policy that comes with msemu; several teach their clips each."""
    pretrained: bool = False
    """The teacher is the policy of the task that comes with msemu."""
    checkpoint: Annotated[str, Input(), Without("pretrained")] = "best"
    """best, last, average (average:30 from iteration 30 on), or the path of a checkpoint of the teacher."""
    minutes: Positive | None = None
    """Time budget [min]."""
    iterations: Count | None = None
    """Iterations of 24 control steps; 1000 by default where no time is given."""
    num_envs: Count = 64
    """Number of environments."""
    agent: Annotated[str, Input()] = "dagger"
    """How it learns: a name of cfg/agent, or a YAML file, such as one with base: agent/dagger.yaml."""
    loss: Literal["excitation", "activation"] | None = None
    """Whose errors count; by default as the agent says."""
    torque_weighted: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Errors count more of muscles that do more at the joints."""
    noise: Positive | None = None
    """Spread of the actions that the student drives with [-]; by default as the agent says."""
    replay_size: Annotated[int, Range(1, 10**9)] | None = None
    """States that are remembered; by default as the agent says."""
    observations: Annotated[tuple[str, ...], tyro.conf.arg(metavar="GROUP ...")] = ()
    """What the student sees, such as proprioception muscle fiber reference; terms that the task lacks are added."""
    seed: Seed = 1
    """Seed of networks and environments."""
    device: str = "cpu"
    """Where the networks learn."""
    run_name: str = "distilled"
    """Name of the new run."""
    runs_dir: str = "runs"
    """Where the new run goes, and where run folders are looked for when a task id is given."""


@dataclass
class ExportPolicyCfg:
    """Write a policy that excites the muscles by itself for programs without msemu.

    Three files come out: the policy (normalizer, network, sampler, map to excitations), its observations from MuJoCo's
    arrays, and the body (body.mjb). Policies of other action spaces are distilled first, see msemu-distill.
    """

    run: Annotated[str, Input(), tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder, task (its latest run), or policy that comes with msemu."""
    pretrained: bool = False
    """The policy that comes with msemu, also where there are runs of the task."""
    checkpoint: Annotated[str, Input(), Without("pretrained")] = "best"
    """best, last, average (average:30 from iteration 30 on), or the path of a checkpoint of the run."""
    format: Literal["onnx", "torchscript"] = "onnx"
    """What the policy and its observations are written as."""
    out: Annotated[Path | None, Output()] = None
    """Folder to write into; export/<task> by default."""
    runs_dir: Annotated[str, Without("pretrained")] = "runs"
    """Where run folders are looked for when a task id is given."""


@dataclass
class PageCfg:
    """Where a page is served."""

    host: Annotated[str, Without("video", "heatmap")] = "127.0.0.1"
    """Address that the page is served at; 0.0.0.0 lets other machines in."""
    port: Annotated[int, Range(0, 65_535), Without("video", "heatmap")] = 8080
    """Port that the page is served at."""


@dataclass
class EvalCfg(PolicyCfg):
    """Measure how well a trained policy tracks its reference, in degrees and centimeters.

    One episode starts at each of evenly spaced frames of the reference, without exploration noise. Errors are means
    over the time before a failure; survival is the share of episodes without one. A run with several clips is measured
    clip by clip.
    """

    episodes: Count = 32
    """Number of episodes, with each clip."""
    seconds: Seconds | None = None
    """Length of an episode [s]; the task's own by default, at most the clip's when it does not repeat."""
    from_start: bool = False
    """Start all episodes at the clip's first frame, not evenly spread over it."""
    start_noise_deg: Annotated[float, Range(0, 45)] = 0.0
    """Disturb each independent joint of a start by up to so much [deg], uniformly; --seed draws it."""
    timestep_s: TimeStep | None = None
    """Physics time step [s]; that of the run by default. Judge a policy that learned at a longer one at 0.002."""
    json: JsonFile = None
    rollout: Annotated[Path | None, Output((".npz",))] = None
    """Also write one episode, from the first frame of the clip, as data (.npz, see docs/api.md)."""
    plots: Annotated[Path | None, Output()] = None
    """Folder for the plots; <run>/eval by default, eval/<task> for a pretrained policy."""


@dataclass(kw_only=True)
class LoadsOptions:
    """Measured forces of the floor."""

    external_loads: Annotated[Path | None, Input(required=True)] = None
    """Measured forces: ExternalLoads of OpenSim (.xml), forces as export writes them (grf.mot), or plates (.c3d)."""
    loads_start: Annotated[Finite | None, With("external_loads")] = None
    """Time of that file at the first frame [s]; its first one by default."""
    loads_mass: Annotated[Positive | None, With("external_loads")] = None
    """Mass of the person who was measured, to scale the forces to the body's [kg]."""
    align_loads: Annotated[bool, With("external_loads"), tyro.conf.FlagCreatePairsOff] = False
    """Turn and move the forces to where the movement needs them, for plates in a frame of their own."""


@dataclass
class PlayCfg(PageCfg, PolicyCfg):
    """Watch a trained policy beside its reference: in the browser, or as a video.

    For a task id, the latest run of the task is shown, or the policy that comes with msemu. A task that has neither
    shows its reference alone, from its beginning and in whole cycles.
    """

    seconds: Seconds | None = None
    """Length [s]; the task's episode by default."""
    start_frame: Annotated[int, Range(0, 10**9)] = 0
    """Frame of the reference to start in."""
    body: Annotated[str | None, Input()] = None
    """Body of a rollout (.npz), which knows it by itself: a name (see: msemu-model list) or the path of its recipe."""
    body_path: BodyPath = None
    video: Annotated[Path | None, Output((".mp4",))] = None
    """Write this mp4 file instead of opening a page."""
    renderer: Annotated[RendererName, With("video")] = "auto"
    """Video only: egl (OpenGL), lines (needs no OpenGL), or auto."""
    freedom: Annotated[Path | None, Input(required=True)] = None
    """How free muscles are, to be colored by: file of msemu-analyze ranges --out, or atlas.npz of msemu-study."""
    color_by: Annotated[Literal["activation", "muscle_force", "fiber_length", "freedom"], With("video")] = "activation"
    """Video only: what colors the muscles; the page has a list for it."""
    no_forces: Annotated[bool, With("video"), tyro.conf.FlagCreatePairsOff] = False
    """Video only: no arrows of the floor's forces, which are 60 cm for a body weight; the page has a box for it."""
