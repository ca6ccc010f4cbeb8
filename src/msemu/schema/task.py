"""Values of tasks and trainings."""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from msemu.errors import MsemuError
from msemu.schema.action import ActionCfg, ExcitationCfg
from msemu.schema.muscle import MuscleCfg


@dataclass(frozen=True)
class Capacity:
    """Capacity of the warp engine for one environment, measured by ``msemu-bench capacity``."""

    contacts: int
    """Pairs of geoms that may touch; they come out of one pool for all environments, so this is a mean."""
    constraints: int
    """Rows of equalities, joint limits and contacts; each environment has its own."""

    def __post_init__(self) -> None:
        if min(self.contacts, self.constraints) < 1:
            raise MsemuError(f"capacity for {self.contacts} contacts and {self.constraints} constraints is not enough")


@dataclass
class RandomizationCfg:
    """Differences between the bodies of the environments, drawn once; strength is an option of the muscle."""

    mass: tuple[float, float] = (1.0, 1.0)
    """Least and greatest factor of the mass and inertia of every part [-]; one factor for a whole body."""
    friction: tuple[float, float] = (1.0, 1.0)
    """Least and greatest factor of the sliding friction of every contact [-]; one factor for an environment."""


@dataclass
class SimCfg:
    """Physics."""

    device: str = "auto"
    """Where the bodies are simulated: cpu, cuda, cuda:1 ...; auto takes CUDA when there is one."""
    engine: str = "auto"
    """Physics engine: mujoco (C, on the CPU) or warp (MuJoCo Warp, for CUDA); auto takes the one for the device."""
    timestep_s: float = 0.002
    """Physics time step [s]."""
    muscle: MuscleCfg = field(default_factory=MuscleCfg)
    """In a YAML file also the name of a file in cfg/muscle (mujoco, rigid, elastic ...), or of one of yours."""
    num_threads: int = 0
    """CPU threads of the mujoco engine; 0 uses every core."""
    max_joint_speed: float = 200.0
    """An environment with a joint faster than this [rad/s or m/s] has blown up and is reset."""
    contacts_per_env: int = 0
    """Capacity of the warp engine for contacts, a mean over environments; 0 takes the body's (msemu-bench capacity)."""
    constraints_per_env: int = 0
    """Capacity of the warp engine for constraints in each environment; 0 takes the body's."""
    randomization: RandomizationCfg = field(default_factory=RandomizationCfg)
    """How bodies differ between environments."""

    def __post_init__(self) -> None:
        if not 0 < self.timestep_s < inf or self.num_threads < 0:
            raise MsemuError("sim.timestep_s must be positive, and sim.num_threads not negative")


@dataclass(kw_only=True)
class TermCfg:
    """A named term of the environment: a measure that msemu has, or one of your own (docs/plugins.md)."""

    function: str = ""
    """``module:name`` of a function or class of your own; empty takes msemu's of the term's name."""
    options: dict[str, Any] = field(default_factory=dict)
    """What a term that is a class can be told."""


@dataclass(kw_only=True)
class ObservationTermCfg(TermCfg):
    """One observation term, ``scale * value``; its name is the group that networks ask for."""

    scale: float = 1.0
    """Factor of the numbers [-]."""

    def __post_init__(self) -> None:
        if not abs(self.scale) < float("inf"):
            raise MsemuError("the scale of an observation term is a finite number")


@dataclass(kw_only=True)
class RewardTermCfg(TermCfg):
    """One reward term: ``weight * exp(-sensitivity * value)``, or ``weight * value`` when sensitivity is 0."""

    weight: float
    """Share of the term in the reward; negative for a cost."""
    sensitivity: float = 0.0
    """Slope of the exponential, in 1 over the unit of the term's value."""

    def __post_init__(self) -> None:
        if not abs(self.weight) < float("inf") or not 0.0 <= self.sensitivity < float("inf"):
            raise MsemuError("a reward term's weight is a finite number, and its sensitivity one that is not negative")


@dataclass(kw_only=True)
class TerminationTermCfg(TermCfg):
    """One termination term; the episode ends where its value exceeds the limit or is not a number."""

    limit: float = 0.0
    """Greatest value of a body that has not failed, in the unit of the term."""

    def __post_init__(self) -> None:
        if self.limit != self.limit:
            raise MsemuError("the limit of a termination term is a number")


@dataclass
class StartSamplingCfg:
    """Where episodes start: more often in those segments of the clips from which they fail more often.

    The formula is that of `msemu.envs.start_sampler.StartSampler`.
    """

    uniform_share: float = 0.3
    """Share of the episodes that start anywhere: all clips alike, and all frames of a clip; 1 for all of them."""
    segment_s: float = 0.1
    """About how long the segments are that the clips are cut into [s]; a shorter clip is one segment."""
    horizon_s: float = 5.0
    """Time after the start within which a failure counts against the segment [s]."""
    memory: float = 50.0
    """Latest episodes of a segment that its failure rate is taken over, by exponential forgetting."""

    def __post_init__(self) -> None:
        lengths = (self.segment_s, self.horizon_s)
        if not 0.0 <= self.uniform_share <= 1.0 or not all(0.0 < length < float("inf") for length in lengths):
            raise MsemuError(
                "env.start_sampling: uniform_share lies between 0 and 1, segment_s and horizon_s are positive"
            )
        if not self.memory >= 1.0:
            raise MsemuError("env.start_sampling: memory is at least one episode")


@dataclass
class AssistCfg:
    """A spring and damper that pull the root to the reference while learning; playing and measuring go without."""

    max_force_bw: float = 0.0
    """Greatest force [body weights], and moment [body weights x 0.3 m]; 0 for none."""
    natural_frequency_hz: float = 0.5
    """Frequency of the whole body on the spring [Hz]."""
    damping_ratio: float = 1.0
    """Damping over the critical one [-]."""
    fade_begin: int = 0
    """Control step of each environment at which the wrench begins to fade."""
    fade_end: int = 20_000
    """Control step at which it is gone."""

    def __post_init__(self) -> None:
        if not min(self.max_force_bw, self.natural_frequency_hz, self.damping_ratio) >= 0.0:
            raise MsemuError("env.assist: force, frequency and damping must not be negative")
        if not 0 <= self.fade_begin <= self.fade_end:
            raise MsemuError("env.assist: fade_begin and fade_end are control steps, one after the other")


@dataclass
class EnvCfg:
    """The motion-tracking environment."""

    control_frequency_hz: float = 50.0
    """Decisions of the policy per second; also the frame rate of the reference."""
    episode_length_s: float = 10.0
    """Longest episode [s]."""
    reset_activation: float = 0.05
    """Activation of every muscle after a reset [-]."""
    action: ActionCfg = field(default_factory=ExcitationCfg)
    """In a YAML file also the name of a file in cfg/action (excitation, residual, joint ...), or of one of yours."""
    assist: AssistCfg = field(default_factory=AssistCfg)
    start_sampling: StartSamplingCfg = field(default_factory=StartSamplingCfg)
    fall_value: float = 0.0
    """Return that is credited from a failure onwards, added to the reward of the failing step."""
    observations: dict[str, ObservationTermCfg] = field(default_factory=dict)
    """Observation terms by name: the groups that networks may ask for."""
    rewards: dict[str, RewardTermCfg] = field(default_factory=dict)
    """Reward terms by name."""
    terminations: dict[str, TerminationTermCfg] = field(default_factory=dict)
    """Termination terms by name: when an episode ends early."""

    def __post_init__(self) -> None:
        if not (0 < self.control_frequency_hz < inf and 0 < self.episode_length_s < inf):
            raise MsemuError("env.control_frequency_hz and env.episode_length_s must be positive")


@dataclass
class AgentCfg:
    """The learner; the mappings are handed to rsl-rl as they are (github.com/leggedrobotics/rsl_rl)."""

    runner: str = "on_policy"
    """Training loop: on_policy learns from rollouts, off_policy from a memory; names as in msemu.components."""
    num_steps_per_env: int = 24
    """Control steps per environment and iteration."""
    save_interval: int = 50
    """Iterations between checkpoints."""
    obs_groups: dict[str, list[str]] = field(default_factory=dict)
    """Observation groups that each network sees."""
    algorithm: dict[str, Any] = field(default_factory=dict)
    """``class_name`` of the algorithm (see msemu.components) and its constructor's arguments."""
    actor: dict[str, Any] = field(default_factory=dict)
    """``class_name`` of the policy network and its constructor's arguments."""
    critic: dict[str, Any] = field(default_factory=dict)
    """``class_name`` of the value network and its constructor's arguments."""


@dataclass
class TaskCfg:
    """A task: a body that follows a motion."""

    body: str
    """Name of a body (see: msemu-model list), or path of its recipe, a YAML file."""
    body_path: str | None = None
    """Folder or file of the body's model, for a body that no package brings."""
    motion: str | tuple[str, ...] = ""
    """Name in the motion catalogue, name of a set of clips (see: msemu-motion fetch), path of a clip; or several."""
    num_envs: int = 64
    """Environments stepped in parallel."""
    sim: SimCfg = field(default_factory=SimCfg)
    env: EnvCfg = field(default_factory=EnvCfg)


@dataclass
class TrainCfg(TaskCfg):
    """A training run: a task and how it is learned."""

    agent: AgentCfg = field(default_factory=AgentCfg)
    device: str = "auto"
    """Where the networks learn: cpu, cuda, cuda:1 ...; auto takes CUDA when there is one."""
    seed: int = 1
    """Seed of every random choice."""
    iterations: int | None = None
    """Learning iterations of this call; 1000 when neither this nor minutes is given."""
    minutes: float | None = None
    """Time of this call [min]; the iteration under way is finished."""
    resume: str | None = None
    """Run folder to continue, or latest."""
    run_name: str = "run"
    """Last part of the run folder's name."""
    runs_dir: str = "runs"
    """Where run folders are made."""

    def __post_init__(self) -> None:
        if Path(self.run_name).name != self.run_name:
            raise MsemuError(f"run_name is the end of a folder's name, not '{self.run_name}'; runs_dir says where")
