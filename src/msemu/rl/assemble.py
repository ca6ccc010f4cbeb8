"""From a configuration or a run folder to an environment and a runner."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from msemu.components import resolve
from msemu.config import check, load_named
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.library.task_clips import load_clips
from msemu.registry import environment_of
from msemu.rl.distributed import Team
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import ActionCfg, AgentCfg, AssistCfg, JointCfg, PreferenceCfg, TaskCfg, TrainCfg


def make_env(
    task: str, cfg: TaskCfg, body: Body, clips: MotionClip | Sequence[MotionClip], seed: int
) -> MotionTrackingEnv:
    """Build the environment of a task."""
    return resolve("environment", environment_of(task, cfg.body))(cfg, body, clips, seed)


def find_runner(agent: AgentCfg) -> type[Runner]:
    """Find the class that trains an agent."""
    return resolve("runner", agent.runner, Runner)


def prepare(
    task: str, cfg: TrainCfg, team: Team, find_clips: Callable[[TaskCfg, Body], list[MotionClip]] = load_clips
) -> tuple[RunFolder, MotionTrackingEnv]:
    """Make, or open, the run folder and build this process's environment.

    The first process of the team makes the folder and finds the clips; the others take both from it.

    Raises:
        MsemuError: The configuration, the body and the clips do not fit together, or the folder cannot be used.
    """
    check(cfg, type(cfg).__name__)
    _require_samples(cfg)
    find_runner(cfg.agent).check_team(team)
    resumed = RunFolder.open(Path(cfg.resume)) if cfg.resume else None
    seed = team.seed(cfg.seed, resumed.next_iteration() if resumed else 0)
    torch.manual_seed(seed)
    body = resumed.load_body(cfg) if resumed else load_body(cfg.body, cfg.body_path)
    own = replace(cfg, sim=replace(cfg.sim, num_threads=team.threads(cfg.sim.num_threads)))
    if not team.is_rank_zero:
        run = RunFolder.open(_seen(Path(team.receive())))
        return run, make_env(task, own, body, run.load_clips(), seed)
    clips = resumed.load_clips() if resumed else find_clips(cfg, body)
    env = make_env(task, own, body, clips, seed)
    run = resumed or RunFolder.create(task, cfg, env.body, clips)
    run.prepare()
    team.broadcast(str(run.path.resolve()))
    return run, env


def open_policy(
    run: RunFolder,
    checkpoint: Path,
    num_envs: int,
    device: str,
    seed: int,
    clips: Sequence[MotionClip] | None = None,
    timestep_s: float | None = None,
    preference: str | None = None,
    alter: Callable[[TrainCfg, Body], Body] = lambda cfg, body: body,
) -> tuple[MotionTrackingEnv, Runner]:
    """Load a trained policy beside an environment of its task, without any assistive wrench.

    It follows all clips of the run unless some are given, with the run's physics step unless ``timestep_s`` is;
    ``device`` is that of the networks, and ``preference`` names what the muscles prefer in place of the run's own.
    ``alter`` may change the configuration, and returns the body that the environment is made of.

    Raises:
        MsemuError: The run has no muscles that prefer, or they lack one that is named; or the checkpoint is damaged.
    """
    cfg: TrainCfg = replace(run.load_config(), num_envs=num_envs)
    cfg.env.assist = AssistCfg()
    if timestep_s is not None:
        cfg.sim = replace(cfg.sim, timestep_s=timestep_s)
    if preference is not None:
        cfg.env.action = preferring(cfg.env.action, load_named(PreferenceCfg, preference))
    body = alter(cfg, run.load_body(cfg))
    env = make_env(run.task, cfg, body, clips or run.load_clips(), seed)
    runner = find_runner(cfg.agent)(env, cfg.agent, None, device)
    runner.load_policy(checkpoint)
    return env, runner


def preferring(action: ActionCfg, preference: PreferenceCfg) -> ActionCfg:
    """Return an action space whose muscles prefer something.

    Raises:
        MsemuError: It is one in which nothing chooses among muscles.
    """
    if not isinstance(action, JointCfg):
        raise MsemuError(f"the muscles of the action space '{action.kind}' prefer nothing; a preference is for joint")
    return replace(action, preference=preference)


def _require_samples(cfg: TrainCfg) -> None:
    """Refuse a rollout that has too few samples to be divided, and a memory that is too small to begin."""
    samples = cfg.num_envs * cfg.agent.num_steps_per_env
    for values in (cfg.agent.algorithm, cfg.agent.algorithm.get("guidance", {})):
        if values.get("num_mini_batches", 1) > samples:
            raise MsemuError(
                f"agent.algorithm: {values['num_mini_batches']} num_mini_batches want as many samples, and a rollout of"
                f" {cfg.agent.num_steps_per_env} steps in {cfg.num_envs} environments has {samples}"
            )
    least, most = (cfg.agent.algorithm.get(name, 0) for name in ("learning_starts", "replay_size"))
    if least > most:
        raise MsemuError(f"agent.algorithm: the replay_size of {most} never holds the learning_starts of {least}")


def _seen(path: Path) -> Path:
    if not path.is_dir():
        raise MsemuError(
            f"{socket.gethostname()} does not see {path}; put --runs-dir on a disk that all machines share"
        )
    return path
