"""rsl-rl's on-policy runner with complete checkpoints, a best checkpoint and a way to stop.

Which runner trains an agent is a value of the agent (`AgentCfg.runner`); others derive from this one.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console
from rsl_rl.algorithms import PPO
from rsl_rl.modules import Distribution
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict

from msemu.components import resolve
from msemu.config import check, to_dict
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.rl.checkpoints import checkpoint
from msemu.rl.checkpoints.resumption import (
    OF_EPISODES,
    check_optimizers,
    misfit,
    random_state,
    set_random_state,
    why_episodes_end,
    with_episodes_of,
)
from msemu.rl.distributed import Team
from msemu.rl.heads import expect_head, head_name
from msemu.rl.initial.policy import see_last_inputs, take_over, take_over_critic
from msemu.rl.memory import replay_file
from msemu.rl.progress import Iteration, ProgressLogger, StopTraining, disk_errors, log_writer, note_once
from msemu.rl.run_folder import RunFolder
from msemu.rl.tracking_score import tracking_score_cm
from msemu.schema import AgentCfg, TerminationTermCfg

_DEVIATION = TerminationTermCfg(limit=0.3)
"""What counts after a failure where no limit of the deviation ends an episode."""
_PREFERENCE = "preference"
"""Observation group that a policy without it may go on with."""
_LOGGER_STATE = ("tot_timesteps", "tot_time", *OF_EPISODES["logger"], "rewbuffer", "lenbuffer")


class Runner(OnPolicyRunner):
    """Trains a policy; the loop itself is rsl-rl's.

    Attributes:
        best_error_cm: Least tracking error so far (see `tracking_score_cm`).
        keep: How many of the newest checkpoints stay; 0 for all.
    """

    logger: ProgressLogger
    trains: ClassVar[type] = PPO
    """Kind of algorithm that the loop is for."""

    def __init__(
        self, env: MotionTrackingEnv, agent: AgentCfg, log_dir: Path | None, device: str, team: Team | None = None
    ):
        """Build networks and algorithm for ``env``.

        Args:
            env: The environment.
            agent: Networks and algorithm.
            log_dir: Run folder for curves and checkpoints, or none.
            device: Where the networks learn.
            team: The processes that learn together, by default this one alone.

        Raises:
            MsemuError: The agent's configuration does not fit its classes.
        """
        check(agent, "agent")
        self._team = team or Team()
        # The environment keeps broken bodies out of what it returns; rsl-rl's check makes the host wait in every step.
        cfg = with_classes(agent) | {"check_for_nan": False}
        cfg["logger"] = log_writer(agent, str(log_dir)) if log_dir else "tensorboard"
        _check_groups(agent.obs_groups, env)
        try:
            with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
                super().__init__(env, cfg, str(log_dir) if log_dir else None, device)
        except (TypeError, KeyError, ValueError, ImportError, AttributeError) as error:
            raise MsemuError(f"the agent's configuration does not fit its classes: {error}") from error
        if not isinstance(self.alg, self.trains):
            raise MsemuError(
                f"{type(self).__name__} trains a {self.trains.__name__}, not a {type(self.alg).__name__}; "
                "change the agent's runner or algorithm"
            )
        self.best_error_cm = float("inf")
        self.keep = 0
        self._episodes_restarted = False
        self._told: set[str] = set()
        self.logger = ProgressLogger.like(self.logger, on_iteration=self._after_iteration)

    @classmethod
    def check_team(cls, team: Team) -> None:
        """Refuse, before anything is made, processes that cannot train together with an `MsemuError`."""

    def train(self, iterations: int, fresh: bool) -> None:
        """Learn until ``iterations`` are done or the logger's `ProgressLogger.stop` says so, and save.

        Args:
            iterations: Iterations to add.
            fresh: Whether the episodes start; they then begin with random ages, so that they do not end together.
        """
        if self._team.size > 1:
            self.alg.broadcast_parameters()
        with disk_errors(self.logger.log_dir):
            try:
                self.learn(iterations, init_at_random_ep_len=fresh or self._episodes_restarted)
            except StopTraining:
                if self._team.is_rank_zero:
                    self.save(self._checkpoint_path())
            if self._team.is_rank_zero:
                self.logger.writer.flush()
                self.logger.stop_logging_writer()
                if self._memory is not None:
                    replay_file.keep(self._memory, Path(self.logger.log_dir), self.current_learning_iteration)

    def save(self, path: str, infos: dict | None = None) -> None:
        """Write everything that is needed to go on exactly from here, and remove what is older than `keep` says."""
        checkpoint.write(Path(path), self._content())
        for old in checkpoint.numbered(Path(path).parent)[: -self.keep] if self.keep else ():
            old.unlink(missing_ok=True)

    def load(
        self, path: str, load_cfg: dict | None = None, strict: bool = True, map_location: str | None = None
    ) -> dict:
        """Continue from a checkpoint written by `save`.

        It holds the environments of the first process. In a run of several, the others start new episodes; the run may
        therefore go on with another number of processes. With another number of environments, or on another engine, all
        start new episodes.

        The memory of an algorithm that has one is that of the checkpoint if the call that wrote it ended in order.
        Otherwise it fills anew.

        Raises:
            MsemuError: The checkpoint is damaged, holds a policy alone, or belongs to another body or network.
        """
        own = self._content()

        def examine(found: dict[str, Any]) -> list[str]:
            if checkpoint.is_policy(found):
                raise MsemuError(
                    f"{path} holds a policy alone, without what training goes on from; resume with --checkpoint last,"
                    " or begin a new run with it: --init RUN --checkpoint FILE"
                )
            expect_head(self.alg.get_policy(), found.get("head"), path)
            return checkpoint.differences(with_episodes_of(own, found), own)

        state = checkpoint.read(Path(path), map_location or self.device, examine)
        if why := why_episodes_end(own, state):
            state, self._episodes_restarted = with_episodes_of(own, state), True
            if self._team.is_rank_zero:
                note_once(f"{path} {why}: all start new episodes")
        try:
            self.alg.load(state, load_cfg, strict)
            if self._team.is_rank_zero:
                self.env.load_state_dict({key: value.to(self.env.device) for key, value in state["env"].items()})
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise misfit(path, error) from error
        check_optimizers(self.alg, path)
        self.env.control_steps = state.get("control_steps", 0)
        self.current_learning_iteration = state["iter"] + 1
        if self._team.is_rank_zero:
            self.best_error_cm = min(state["best_error_cm"], self._best_on_disk())
            for name, value in state["logger"].items():
                setattr(self.logger, name, deque(value, maxlen=100) if isinstance(value, list) else value)
            set_random_state(state["random"])
        if (memory := self._memory) is not None:
            kept = Path(path).parent, state["iter"], self.env.num_envs, self.device
            if not replay_file.restore(memory, *kept) and self._team.is_rank_zero:
                note_once(f"{path} comes without its replay memory, which fills anew before what needs it goes on")
        return {}

    def load_policy(self, path: Path) -> None:
        """Load only the policy, to play or to evaluate it, and the time that schedules of the environment follow.

        Raises:
            MsemuError: The checkpoint is damaged, or belongs to another body or network.
        """
        self._load_networks(path, ("actor",))

    def start_from(self, path: Path) -> None:
        """Begin a new run with the networks of a checkpoint: its policy, and its critic where it holds one.

        Optimizers, memories, statistics of the starts and counters begin anew, but for the time that schedules follow.
        Networks that did not see what muscles prefer, and now see it last, pay no heed to it at first.

        Raises:
            MsemuError: The checkpoint is damaged, or belongs to another body or network.
        """
        self._load_networks(path, ("actor", "critic"), begins=True)

    def begin_with(self, run: RunFolder, path: Path) -> None:
        """Begin a new run with the policy at ``path``, a checkpoint of a run whose agent may be another one.

        The critic begins as that of its last checkpoint where it is alike, and the memory of an algorithm that has one
        with the transitions that the run remembers. `Anchor` keeps the policy from being lost.

        Raises:
            MsemuError: The checkpoint is damaged, or acts or observes otherwise.
        """
        found = checkpoint.read(path, self.device)
        take_over(self.alg.get_policy(), found, str(path))
        if run.checkpoints():
            take_over_critic(self.alg.critic, checkpoint.read(run.checkpoint("last"), self.device))
        self.env.control_steps = found.get("control_steps", 0)
        if anchor := getattr(self.alg, "anchor", None):  # an algorithm of a plug-in may have none
            anchor.begin()
        if self._memory is not None:
            groups = {*self.alg.actor.obs_groups, *self.alg.critic.obs_groups}
            if why := replay_file.fill(self._memory, run, self.env, groups, self.device):
                note_once(f"{run.path} {why}; the memory fills with what its policy does from now on")

    @property
    def _memory(self) -> Any:
        """What the algorithm remembers beyond a rollout, if it does."""
        return getattr(self.alg, "replay", None)

    def _load_networks(self, path: Path, parts: tuple[str, ...], begins: bool = False) -> None:
        own = self._learned()

        def examine(found: dict[str, Any]) -> list[str]:
            expect_head(self.alg.get_policy(), found.get("head"), str(path))
            names = {f"{part}_state_dict" for part in parts} & found.keys()
            for name in names if begins else ():
                see_last_inputs(found[name], own[name], self._unseen(name.removesuffix("_state_dict")))
            return checkpoint.differences(found, checkpoint.policy_of(own) | {name: own[name] for name in names})

        state = checkpoint.read(path, self.device, examine)
        try:
            self.alg.load(state, {part: f"{part}_state_dict" in state for part in parts}, strict=True)
        except (KeyError, RuntimeError) as error:
            raise misfit(path, error) from error
        self.env.control_steps = state.get("control_steps", 0)

    def _unseen(self, network: str) -> int:
        """Return how many numbers a network sees of what muscles prefer, if it sees that last."""
        groups, seen = self.cfg["obs_groups"][network], self.env.get_observations()
        return seen[_PREFERENCE].shape[1] if groups[-1:] == [_PREFERENCE] else 0

    def policy(self) -> Callable[[TensorDict], torch.Tensor]:
        """Return the policy without exploration noise, from observations to actions on the environment's device."""
        actor = self.get_inference_policy(self.device)
        return lambda observations: actor(observations.to(self.device)).to(self.env.device)

    def _checkpoint_path(self) -> str:
        return str(Path(self.logger.log_dir) / f"model_{self.current_learning_iteration}.pt")

    def _configure_multi_gpu(self) -> None:
        """Tell rsl-rl of the other processes, which are connected already; by itself it knows NCCL only."""
        team = self._team
        self.gpu_local_rank, self.gpu_global_rank, self.gpu_world_size = team.local_rank, team.rank, team.size
        place = {"global_rank": team.rank, "local_rank": team.local_rank, "world_size": team.size}
        self.cfg["multi_gpu"] = place if team.size > 1 else None
        # rsl-rl's loop would print a line in every process before it sends the parameters; `train` sends them.
        self.is_distributed = False

    def _learned(self) -> dict[str, Any]:
        """Return what was learned so far, and how far that is."""
        return self.alg.save() | {
            "iter": self.current_learning_iteration,
            "best_error_cm": self.best_error_cm,
            "head": head_name(self.alg.get_policy()),
            "control_steps": self.env.control_steps,
        }

    def _content(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        logged = {name: getattr(self.logger, name) for name in _LOGGER_STATE}
        return self._learned() | {
            "env": self.env.state_dict(),
            "random": random_state(),
            "logger": {name: list(value) if isinstance(value, deque) else value for name, value in logged.items()},
        }

    def _best_on_disk(self) -> float:
        """Error of the best checkpoint, which may be younger than the one that a killed run goes on from [cm]."""
        best = Path(self.logger.log_dir) / "best.pt" if self.logger.log_dir else None
        return checkpoint.read(best, "cpu")["best_error_cm"] if best and best.is_file() else float("inf")

    def _after_iteration(self, iteration: Iteration) -> None:
        score = tracking_score_cm(
            iteration.means["Error/body_position_cm"] + iteration.means["Error/root_translation_cm"],
            iteration.means["Episode/failures_per_step"],
            self.env.max_episode_length,
            100.0 * self.env.cfg.env.terminations.get("body_position_deviation", _DEVIATION).limit,
        )
        self.logger.writer.add_scalar("Error/tracking_score_cm", score, iteration.number)
        if hasattr(self.alg, "write_curves"):
            self.alg.write_curves(self.logger.writer, iteration.number)
        self._warn()
        if self._has_settled(iteration) and score < self.best_error_cm:
            self.best_error_cm = score
            checkpoint.write_policy(Path(self.logger.log_dir) / "best.pt", self._learned())

    def _has_settled(self, iteration: Iteration) -> bool:
        """In the first episodes every body still stands near the frame that it was put in."""
        return (iteration.number + 1) * self.cfg["num_steps_per_env"] >= self.env.max_episode_length

    def _warn(self) -> None:
        """Say, each once, what is wrong with the simulation and with terms of plug-ins."""
        of_agent: list[str] = self.alg.complaints() if hasattr(self.alg, "complaints") else []
        lines = {"overflow": self.env.sim.overflow()} | {line: line for line in (*self.env.complaints(), *of_agent)}
        for key in [key for key, line in lines.items() if line and key not in self._told]:
            self._told.add(key)
            Console(stderr=True).print(f"warning: {lines[key]}", highlight=False, soft_wrap=True, markup=False)


def _check_groups(wanted: dict[str, list[str]], env: MotionTrackingEnv) -> None:
    offered = list(map(str, env.get_observations().keys()))
    for network, groups in wanted.items():
        for name in groups:
            if name not in offered:
                raise MsemuError(
                    f"the agent's {network} sees the observation group '{name}', and the environment offers"
                    f" {', '.join(offered) or 'none'}; add the term: --env.observations.{name} '{{}}'"
                )


def with_classes(agent: AgentCfg) -> dict[str, Any]:
    """Plain values of an agent with the classes that its names stand for, which is what rsl-rl takes."""
    cfg = to_dict(agent)
    for part, role in (("algorithm", "algorithm"), ("actor", "network"), ("critic", "network")):
        cfg[part]["class_name"] = resolve(role, cfg[part].get("class_name"))
        if head := cfg[part].get("distribution_cfg"):  # a network of a plug-in may bring its own
            head["class_name"] = resolve("action head", head.get("class_name"), Distribution)
    return cfg
