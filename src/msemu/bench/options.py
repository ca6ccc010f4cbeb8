"""Options of the benchmarks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msemu.console import BodyPath, Input, JsonFile, Output
from msemu.errors import MsemuError
from msemu.registry import list_levels
from msemu.schema.ranges import Count, Known, NotEmpty, Range, Seconds, Seed, Threads
from msemu.schema.task import Engine, Paths, RepairKind

Counts = Annotated[tuple[Count, ...], NotEmpty()]
Names = Annotated[tuple[str, ...], NotEmpty()]


@dataclass
class TimingCfg:
    """How a figure is timed, and where it goes."""

    threads: Threads = 0
    """Threads of the physics on a CPU; 0 uses every core."""
    rounds: Count = 9
    """Timings of each figure; the medians count."""
    steps: Count = 10
    """Steps of each timing."""
    json: JsonFile = None


@dataclass
class SubjectCfg:
    """What is measured."""

    body: Annotated[str, Input()] = "myolegs"
    """Body that is measured, in its tracking task."""
    body_path: BodyPath = None
    motion: Annotated[str, Input()] = "walk"
    """Motion of the catalogue, or path of a clip."""


@dataclass
class CapacityBenchCfg:
    """Capacity for contacts and constraints that a body needs in the warp engine.

    Bodies fall in every position under random excitation while the engine counts. The last line is what to write into
    the body's recipe (cfg/body), or to give as --sim.contacts-per-env and --sim.constraints-per-env.
    """

    body: Annotated[str, Input()] = "myolegs"
    """Body that is measured."""
    body_path: BodyPath = None
    num_envs: Count = 16
    """Bodies that fall side by side."""
    seconds: Seconds = 3.0
    """How long they fall and lie [s]."""
    margin: Annotated[float, Range(0, 10)] = 0.25
    """Share to add to the greatest numbers seen."""
    device: str = "auto"
    """Device of the engine: cpu, cuda or auto."""
    json: JsonFile = None


@dataclass
class PathsBenchCfg(TimingCfg):
    """Physics on msemu's exact muscle paths against the engine's tendons, from the same states.

    They take turns in pairs, so that the ratio holds on a busy machine: by CPU time of one thread in the mujoco engine,
    by the clock in the warp engine.
    """

    body: Annotated[str, Input()] = "myolegs"
    """Body that is measured."""
    body_path: BodyPath = None
    num_envs: Count = 32
    """Bodies side by side."""
    steps: Count = 5
    """Control steps of each timing, of ten physics steps each."""
    timestep_s: Annotated[float, Range(above=0, greatest=0.1)] = 0.002
    """Physics time step [s]."""
    level: Annotated[str, Known(list_levels)] = "mujoco"
    """Level of the muscle: mujoco, rigid or elastic."""
    engine: Engine = "mujoco"
    """Physics engine: auto, mujoco, warp."""
    device: str = "cpu"
    """Where bodies are simulated: cpu, cuda, auto."""


@dataclass
class DecoderBenchCfg(TimingCfg):
    """The muscle decoder of computed muscle control against the physics of the same control step.

    Muscles follow a motion through the decoder. In each control step of ten physics steps, reading the equation of
    motion, solving for excitations and the physics are timed in this process, so the ratio holds on a busy machine.
    """

    rounds: Count = 7
    """Timings of each figure; the medians count."""
    bodies: Annotated[Names, Input()] = ("myolegs", "myofullbody")
    """Bodies that are measured."""
    motion: Annotated[str, Input()] = "walk"
    """Motion of the catalogue."""
    paths: Paths = "exact"
    """Paths of the muscles: exact, engine."""
    num_envs: Count = 64
    """Environments."""


@dataclass
class EnvBenchCfg(TimingCfg, SubjectCfg):
    """Environment steps against the physics alone.

    One environment step is one control step of one body, with observations, rewards and resets, without learning. The
    physics alone is the same number of raw ``mujoco.batch`` steps of the same model under the same excitation. Both are
    timed in turn in this process, so the ratio holds on a busy machine.
    """

    num_envs: Count = 64
    """Environments."""


@dataclass
class MotionBenchCfg:
    """Retargeting: seconds for 1,000 frames of a clip.

    Clips of the catalogue are retargeted without the cache, at 50 frames per second, as `msemu-motion import` does it.
    """

    bodies: Annotated[Names, Input()] = ("myolegs", "myofullbody")
    """Bodies that are measured."""
    motions: Names = ("walk", "dance_a", "cartwheel")
    """Clips of the catalogue."""
    rounds: Count = 3
    """Times that each clip is retargeted; the medians count."""
    json: JsonFile = None


@dataclass
class MuscleBenchCfg(TimingCfg):
    """The muscles of each level: time of a muscle and step, and a physics step with them over one without.

    The kernels run alone first. Then whole physics steps with each level are timed in turn with steps of the engine's
    own muscle, in this process, so the ratio holds on a busy machine.
    """

    bodies: Annotated[tuple[str, ...], Input()] = ()
    """Bodies whose muscles run; by default myofullbody, and ms_human_700 where it is installed."""
    num_envs: Counts = (64, 256, 1024, 4096)
    """Numbers of environments for the kernels alone."""
    step_num_envs: Count = 64
    """Environments of the physics steps."""
    device: str = "cpu"
    """cpu times the muscles beside MuJoCo C; cuda times them inside the warp engine."""


@dataclass
class PriorBenchCfg(SubjectCfg):
    """How far an action of zero gets: what each action space does before anything is learned.

    One episode starts at each of evenly spaced frames of the motion; in one that does not repeat, so early that it has
    its full length. Errors are means over the time before a failure.
    """

    actions: Annotated[tuple[str, ...], Input()] = ()
    """Action spaces: files in cfg/action or YAML files of your own; all of cfg/action by default."""
    episodes: Count = 63
    """Number of episodes."""
    seconds: Seconds = 10.0
    """Length of an episode [s]."""
    repair: RepairKind = "flight"
    """Repair of a motion of the catalogue: flight, or contact, which the floor can carry."""
    seed: Seed = 0
    """Seed of the solution that a controller's solver starts from; 0 for its own start."""
    threads: Threads = 0
    """Threads of the physics on a CPU; 0 uses every core."""
    json: JsonFile = None


@dataclass
class StepBenchCfg(EnvBenchCfg):
    """Where the time of a control step goes, by stage, as shares measured in one run.

    The environment's stages are timed as it steps. The stages of the physics are those of one physics step of MuJoCo on
    the CPU, called singly on one thread; other engines do not tell theirs.
    """

    engine: str = "auto"
    """Physics engine: auto, mujoco, warp."""
    device: str = "auto"
    """Where bodies are simulated: cpu, cuda, auto."""
    trace: Annotated[Path | None, Output((".json",))] = None
    """File for the calls of the last timing, to open in chrome://tracing or ui.perfetto.dev."""

    def __post_init__(self) -> None:
        _require_threads(self.threads, (self.engine,))


@dataclass
class TrainBenchCfg:
    """Training steps per second beside those of the physics alone, over bodies, engines, agents and environments.

    Whole iterations of training are timed in turn with the physics of as many control steps, in this process, so their
    ratio holds on a busy machine. The definitions stand below the table and in the JSON file.
    """

    bodies: Annotated[Names, Input()] = ("myolegs",)
    """Bodies that are measured, each in its tracking task."""
    body_path: BodyPath = None
    motion: Annotated[str, Input()] = "walk"
    """Motion of the catalogue, or path of a clip."""
    num_envs: Counts = (64,)
    """Numbers of environments."""
    engine: Names = ("auto",)
    """Physics engines: auto, mujoco, warp."""
    paths: Annotated[tuple[Paths, ...], NotEmpty()] = ("exact",)
    """Paths of the muscles: exact, engine."""
    agent: Names = ("ppo",)
    """Agents: names of cfg/agent."""
    device: str = "auto"
    """Where networks learn and, unless the engine is mujoco, bodies are simulated: cpu, cuda, auto."""
    threads: Threads = 0
    """Threads of the physics on a CPU; 0 uses every core."""
    iterations: Count = 9
    """Iterations that are timed for each row; the medians count."""
    seed: Seed = 1
    """Seed of every random choice."""
    json: JsonFile = None
    plot: Annotated[Path | None, Output((".png",))] = None
    """PNG file for the rates over the number of environments."""

    def __post_init__(self) -> None:
        _require_threads(self.threads, self.engine)
        if self.body_path and len(self.bodies) > 1:
            raise MsemuError("--body-path is for a single body")


def _require_threads(threads: int, engines: tuple[str, ...]) -> None:
    """Refuse a number of threads where no engine has any."""
    if threads and set(engines) == {"warp"}:
        raise MsemuError("--threads is for the engine mujoco; leave it out beside --engine warp")
