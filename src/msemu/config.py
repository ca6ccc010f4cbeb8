"""Configuration: dataclasses are the schema, YAML files the values.

A YAML file may name one ``base``, a file beside it or, as in ``base: agent/ppo.yaml``, of msemu.cfg; its own values
then override the base's. An unknown key is an error.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml

from msemu.errors import MsemuError, suggestion

Config = TypeVar("Config")


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
    muscle: str = "mujoco"
    """Name of a file in cfg/muscle (mujoco, rigid, elastic ...), or a YAML file of your own."""
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


@dataclass
class RewardTermCfg:
    """One named reward term: ``weight * exp(-sensitivity * value)``, or ``weight * value`` when sensitivity is 0."""

    weight: float
    """Share of the term in the reward; negative for a cost."""
    sensitivity: float = 0.0
    """Slope of the exponential, in 1 over the unit of the term's value."""
    function: str = ""
    """``module:function`` of a term of your own; empty takes the function of the term's name in msemu.envs.rewards."""

    def __post_init__(self) -> None:
        if not abs(self.weight) < float("inf") or not 0.0 <= self.sensitivity < float("inf"):
            raise MsemuError("a reward term's weight is a finite number, and its sensitivity one that is not negative")


@dataclass
class TerminationCfg:
    """When an episode ends early."""

    body_position_deviation_m: float = 0.3
    """Mean distance of the landmarks from the reference, in the world frame, beyond which the body has failed [m]."""
    fall_value: float = 0.0
    """Return that is credited from a failure onwards, added to the reward of the failing step."""
    allowed_contacts: tuple[str, ...] = ()
    """Parts that may touch the floor, such as foot or hand_r; any other ends the episode. Empty allows all."""


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
class EmgCfg:
    """Measured muscle activity that the reward term `emg` follows (docs/adversarial.md)."""

    file: str | None = None
    """Envelopes, CSV or .sto: first a column time [s], phase (0 to 1) or percent of the cycle, then one per channel."""
    muscles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Muscles that a channel was measured on, none to leave it out; by default the muscle of the channel's name."""
    peak_activation: float | None = None
    """Activation that the maximum of each channel stands for [-]; by default the values are activations, 0 to 1."""
    clip_start: float | None = None
    """Where the clip begins, in the unit of the file's first column; by default at its first time, or at phase 0."""
    delay_s: float = 0.0
    """Electromechanical delay: how much later than its EMG a muscle is active [s]."""

    def __post_init__(self) -> None:
        peak, start = self.peak_activation, self.clip_start
        fits = (peak is None or 0.0 < peak <= 1.0) and (start is None or abs(start) < float("inf"))
        if not fits or not 0.0 <= self.delay_s <= 1.0:
            raise MsemuError(
                "env.emg: peak_activation lies between 0 and 1, delay_s between 0 and 1 s, and clip_start is a number"
            )


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
    future_frames: tuple[int, ...] = (1, 5, 15)
    """Reference frames ahead of the present one that the policy sees, in control steps."""
    reset_activation: float = 0.05
    """Activation of every muscle after a reset [-]."""
    action: str = "excitation"
    """How actions become excitation: a file in cfg/action (excitation, residual, joint), or a YAML file of yours."""
    assist: AssistCfg = field(default_factory=AssistCfg)
    termination: TerminationCfg = field(default_factory=TerminationCfg)
    start_sampling: StartSamplingCfg = field(default_factory=StartSamplingCfg)
    rewards: dict[str, RewardTermCfg] = field(default_factory=dict)
    """Reward terms by name."""
    emg: EmgCfg = field(default_factory=EmgCfg)


@dataclass
class AgentCfg:
    """The learner; the mappings are handed to rsl-rl as they are (github.com/leggedrobotics/rsl_rl)."""

    runner: str = "msemu.rl.runner:Runner"
    """``module:Class`` of the training loop: this one for rollouts, the one of msemu.rl.off_policy for a memory."""
    num_steps_per_env: int = 24
    """Control steps per environment and iteration."""
    save_interval: int = 50
    """Iterations between checkpoints."""
    obs_groups: dict[str, list[str]] = field(default_factory=dict)
    """Observation groups that each network sees."""
    algorithm: dict[str, Any] = field(default_factory=dict)
    """``class_name`` (``module:Class``) of the algorithm and its constructor's arguments."""
    actor: dict[str, Any] = field(default_factory=dict)
    """``class_name`` of the policy network and its constructor's arguments."""
    critic: dict[str, Any] = field(default_factory=dict)
    """``class_name`` of the value network and its constructor's arguments."""


@dataclass
class TaskCfg:
    """A task: a body that follows a motion."""

    body: str
    """Name of the body's recipe (see: msemu-model list)."""
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


def cfg_file(kind: str, name: str) -> Path:
    """Path of an installed configuration file, such as ``cfg_file("task", "walk")``.

    Raises:
        MsemuError: There is no such file; the message names those that exist.
    """
    folder = Path(str(files("msemu.cfg"))) / kind
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise MsemuError(f"unknown {kind} '{name}'{suggestion(name, cfg_names(kind))}")
    return path


def cfg_names(kind: str) -> list[str]:
    """Names of the installed configuration files of one kind, such as ``task``, ``agent``, ``action`` or ``body``."""
    return sorted(path.stem for path in (Path(str(files("msemu.cfg"))) / kind).glob("*.yaml"))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping and merge it over its ``base``.

    Raises:
        MsemuError: The file is missing, is not YAML, or is not a mapping.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise MsemuError(f"no configuration file at {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise MsemuError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise MsemuError(f"{path} must hold 'key: value' lines")
    base = values.pop("base", None)
    return _merge(read_yaml(_base_file(Path(path), str(base))), values) if base else values


def load(schema: type[Config], path: Path) -> Config:
    """Read a YAML file into the dataclass ``schema``."""
    return build(schema, read_yaml(path), str(path))


def build(schema: type[Config], values: dict[str, Any], where: str) -> Config:
    """Make an instance of ``schema`` from nested mappings.

    Args:
        schema: A dataclass.
        values: Values by field name; fields that are missing keep their defaults.
        where: What an error message calls the place of the values.

    Raises:
        MsemuError: A key is unknown, a required one is missing, or a value has the wrong type.
    """
    hints = typing.get_type_hints(schema)
    known = {entry.name: entry for entry in dataclasses.fields(schema)}
    for key in values:
        if key not in known:
            raise MsemuError(f"{where}: unknown key '{key}'{suggestion(key, sorted(known))}")
    for name, entry in known.items():
        no_default = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if no_default and name not in values:
            raise MsemuError(f"{where}: the key '{name}' is missing")
    return schema(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()})


def to_dict(config: Any) -> dict[str, Any]:
    """Plain nested mappings of a configuration, ready for YAML, in the order of the fields."""
    return _plain(dataclasses.asdict(config))


def _base_file(path: Path, name: str) -> Path:
    beside = path.parent / name
    installed = Path(str(files("msemu.cfg"))) / name
    return beside if beside.is_file() or not installed.is_file() else installed


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [kind for kind in arguments if kind is not type(None)]
        is_list = isinstance(value, (list, tuple))
        fitting = [kind for kind in kinds if (typing.get_origin(kind) in (tuple, list)) == is_list]
        return _convert((fitting or kinds)[0], value, where)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
        return build(hint, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise MsemuError(f"{where}: expected 'key: value' lines, not {value!r}")
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            raise MsemuError(f"{where}: expected a list, not {value!r}")
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        kinds = arguments if fixed else (arguments[0],) * len(value)
        if len(kinds) != len(value):
            raise MsemuError(f"{where}: expected {len(kinds)} values, not {len(value)}")
        return origin(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise MsemuError(f"{where}: expected {hint.__name__}, not {value!r}")


def _merge(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
