"""Values of tasks and trainings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msemu.errors import MsemuError, require_name
from msemu.schema.action import ActionCfg, ExcitationCfg
from msemu.schema.agent import AgentCfg
from msemu.schema.muscle import MuscleCfg
from msemu.schema.ranges import (
    Ascending,
    Count,
    Finite,
    Fraction,
    Known,
    NotNegative,
    Positive,
    Range,
    Seconds,
    Seed,
    Step,
    Threads,
    TimeStep,
)
from msemu.schema.terms import ObservationTermCfg, RewardTermCfg, TerminationTermCfg

RepairKind = Literal["flight", "contact"]
"""What is repaired of a clip: its flights, or all of it by what touches the floor."""
FollowedRepair = Literal["flight", "contact", "strength"]
"""What is repaired of a clip that a search follows: its torques, too, where they are beyond a strength."""
Engine = Annotated[str, Known(("auto", "mujoco", "warp"))]
"""Name of a physics engine."""
Paths = Annotated[str, Known(("exact", "engine"))]
"""Kind of the muscles' paths."""


@dataclass(frozen=True)
class Capacity:
    """Capacity of the warp engine for one environment, measured by ``msemu-bench capacity``."""

    contacts: Count
    """Pairs of geoms that may touch; they come out of one pool for all environments, so this is a mean."""
    constraints: Count
    """Rows of equalities, joint limits and contacts; each environment has its own."""


@dataclass
class RandomizationCfg:
    """Differences between the bodies of the environments, drawn once; strength is an option of the muscle."""

    mass: Annotated[tuple[Positive, Positive], Ascending()] = (1.0, 1.0)
    """Least and greatest factor of the mass and inertia of every part [-]; one factor for a whole body."""
    friction: Annotated[tuple[Positive, Positive], Ascending()] = (1.0, 1.0)
    """Least and greatest factor of the sliding friction of every contact [-]; one factor for an environment."""


@dataclass
class SimCfg:
    """Physics."""

    device: str = "auto"
    """Where the bodies are simulated: cpu, cuda, cuda:1 ...; auto takes CUDA when there is one."""
    engine: Engine = "auto"
    """Physics engine: mujoco (C, on the CPU) or warp (MuJoCo Warp, for CUDA); auto takes the one for the device."""
    timestep_s: TimeStep = 0.002
    """Physics time step [s]."""
    muscle: MuscleCfg = field(default_factory=MuscleCfg)
    """In a YAML file also the name of a file in cfg/muscle (mujoco, rigid, elastic ...), or of one of yours."""
    paths: Paths = "exact"
    """Paths of the muscles: exact, msemu's, which need no Jacobian; or engine, MuJoCo's tendons, two times slower."""
    num_threads: Threads = 0
    """CPU threads of the mujoco engine; 0 uses every core."""
    max_joint_speed: Positive = 200.0
    """An environment with a joint faster than this [rad/s or m/s] has blown up and is reset."""
    contacts_per_env: Annotated[int, Range(0, 1_000_000)] = 0
    """Capacity of the warp engine for contacts, a mean over environments; 0 takes the body's (msemu-bench capacity)."""
    constraints_per_env: Annotated[int, Range(0, 1_000_000)] = 0
    """Capacity of the warp engine for constraints in each environment; 0 takes the body's."""
    randomization: RandomizationCfg = field(default_factory=RandomizationCfg)
    """How bodies differ between environments."""


@dataclass
class StartSamplingCfg:
    """Where episodes start: more often in those segments of the clips from which they fail more often.

    The formula is that of `msemu.envs.start_sampler.StartSampler`.
    """

    uniform_share: Fraction = 0.3
    """Share of the episodes that start anywhere: all clips alike, and all frames of a clip; 1 for all of them."""
    segment_s: Seconds = 0.1
    """About how long the segments are that the clips are cut into [s]; a shorter clip is one segment."""
    horizon_s: Seconds = 5.0
    """Time after the start within which a failure counts against the segment [s]."""
    memory: Annotated[float, Range(1)] = 50.0
    """Latest episodes of a segment that its failure rate is taken over, by exponential forgetting."""
    joint_noise_deg: Annotated[float, Range(0, 45)] = 0.0
    """Greatest disturbance of each independent joint at the start of an episode, uniform between both signs [deg]."""


@dataclass
class AssistCfg:
    """A spring and damper that pull the root to the reference while learning; playing and measuring go without."""

    max_force_bw: NotNegative = 0.0
    """Greatest force [body weights], and moment [body weights x 0.3 m]; 0 for none."""
    natural_frequency_hz: NotNegative = 0.5
    """Frequency of the whole body on the spring [Hz]."""
    damping_ratio: NotNegative = 1.0
    """Damping over the critical one [-]."""
    fade_begin: Step = 0
    """Control step of each environment at which the wrench begins to fade."""
    fade_end: Step = 20_000
    """Control step at which it is gone."""

    def __post_init__(self) -> None:
        if self.fade_begin > self.fade_end:
            raise MsemuError("env.assist: fade_begin and fade_end are control steps, one after the other")


@dataclass
class EnvCfg:
    """The motion-tracking environment."""

    control_frequency_hz: Annotated[float, Range(above=0, greatest=10_000)] = 50.0
    """Decisions of the policy per second; also the frame rate of the reference."""
    episode_length_s: Seconds = 10.0
    """Longest episode [s]."""
    reset_activation: Fraction = 0.05
    """Activation of every muscle after a reset [-]."""
    action: ActionCfg = field(default_factory=ExcitationCfg)
    """In a YAML file also the name of a file in cfg/action (excitation, residual, joint ...), or of one of yours."""
    assist: AssistCfg = field(default_factory=AssistCfg)
    start_sampling: StartSamplingCfg = field(default_factory=StartSamplingCfg)
    fall_value: Finite = 0.0
    """Return that is credited from a failure onwards, added to the reward of the failing step."""
    observations: dict[str, ObservationTermCfg] = field(default_factory=dict)
    """Observation terms by name: the groups that networks may ask for."""
    rewards: dict[str, RewardTermCfg] = field(default_factory=dict)
    """Reward terms by name."""
    terminations: dict[str, TerminationTermCfg] = field(default_factory=dict)
    """Termination terms by name: when an episode ends early."""


@dataclass
class TaskCfg:
    """A task: a body that follows a motion."""

    body: str
    """Name of a body (see: msemu-model list), or path of its recipe, a YAML file."""
    body_path: str | None = None
    """Folder or file of the body's model, for a body that no package brings."""
    motion: str | tuple[str, ...] = ""
    """Name in the motion catalogue, name of a set of clips (see: msemu-motion fetch), path of a clip; or several."""
    repair: RepairKind = "flight"
    """What is repaired of clips of the catalogue: ``flight``, or ``contact``: the floor can carry their stance as well,
    and feet that swing are kept off it."""
    num_envs: Count = 64
    """Environments stepped in parallel."""
    sim: SimCfg = field(default_factory=SimCfg)
    env: EnvCfg = field(default_factory=EnvCfg)


@dataclass
class TrainCfg(TaskCfg):
    """A training run: a task and how it is learned."""

    agent: AgentCfg = field(default_factory=AgentCfg)
    device: str = "auto"
    """Where the networks learn: cpu, cuda, cuda:1 ...; auto takes CUDA when there is one."""
    seed: Seed = 1
    """Seed of every random choice."""
    iterations: Annotated[int, Range(1, 10**9)] | None = None
    """Learning iterations of this call; 1000 when neither this nor minutes is given."""
    minutes: Positive | None = None
    """Time of this call [min]; the iteration under way is finished."""
    from_track: Path | None = None
    """What msemu-track found for this body and clip (.npz): reference, start states and activations, and the
    accelerations that its controller wanted as feed-forward of the action space joint, which is taken where none is
    named; other action spaces get states and activations alone."""
    resume: str | None = None
    """Run folder to continue, or latest."""
    init: str | None = None
    """Run whose policy begins a new run of any agent: folder, task, or policy that comes with msemu."""
    checkpoint: str | None = None
    """Checkpoint to go on from: with resume or init one of the run; without, the first networks."""
    keep: Step = 0
    """Newest checkpoints that stay in the run folder; 0 keeps all. The best one always stays."""
    run_name: str = "run"
    """Last part of the run folder's name."""
    runs_dir: str = "runs"
    """Where run folders are made."""

    def __post_init__(self) -> None:
        require_name("run_name", self.run_name)
