"""The environment in which a muscle-driven body follows a reference motion."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from msemu.config import check
from msemu.control.tracking.parts import parts_of
from msemu.envs import tracking_error
from msemu.envs.action.space import ActionSpace, Scene, make_of_kind, require_tensor
from msemu.envs.assist import AssistiveWrench
from msemu.envs.observations import Observations
from msemu.envs.readings import ObservationReader, Readings, Transition
from msemu.envs.rewards import RewardSum
from msemu.envs.start_sampler import Disturbances, StartSampler
from msemu.envs.terminations import Terminations
from msemu.envs.terms import without_prefix
from msemu.errors import MsemuError, blaming
from msemu.models.body import Body
from msemu.models.simulated import simulate
from msemu.models.strength.sets import with_strength
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.schema import TaskCfg
from msemu.sim import Simulation, single_threaded


class MotionTrackingEnv(VecEnv):
    """Many copies of one body, each at its own place in a reference motion, one clip or one of several.

    An `msemu.envs.action.space.ActionSpace` turns actions into excitations. Episodes start at a random frame
    of the reference (reference-state initialization), preferably where they fail more often. They end early when a
    termination term says that the body has failed, and time out at the episode length or at the end of a clip that is
    not cyclic. Environments that ended are reset within `step`; the observations from before
    the reset are in ``extras["terminal_observations"]``.

    Attributes:
        body: The body.
        sim: The physics.
        reference: The motion to follow.
        sampler: Chooses where in it episodes start.
        scene: What the action space and the terms work in.
        action_space: Turns actions into excitations.
        control_steps: Control steps that have been done in all of the training; schedules follow it.
        frame: Number of the reference frame that each environment should now be in, shape [E].
        transition: What happened in the last step, before any reset; after a restart, the state of it.
        before_reset: Called in every step when all is measured, before anything is reset: the simulation still is as
            the step left it.
    """

    def __init__(self, cfg: TaskCfg, body: Body, clips: MotionClip | Sequence[MotionClip], seed: int = 0):
        """Build the environment and reset every copy.

        Raises:
            MsemuError: The configuration, the body and the clips do not fit together.
        """
        check(cfg, type(cfg).__name__)
        self.cfg = cfg
        self.body = body = with_strength(body, cfg.sim.muscle.strength_set)
        env = cfg.env
        self._substeps = round(1.0 / (env.control_frequency_hz * cfg.sim.timestep_s))
        if self._substeps < 1 or abs(self._substeps * cfg.sim.timestep_s * env.control_frequency_hz - 1.0) > 1e-6:
            raise MsemuError(
                f"a control step of 1/{env.control_frequency_hz:g} s is no multiple of the physics step of "
                f"{cfg.sim.timestep_s:g} s; change env.control_frequency_hz or sim.timestep_s"
            )
        self.sim: Simulation = simulate(body, cfg.num_envs, cfg.sim, seed)
        self.device = self.sim.device
        self.reference = ReferenceMotion(clips, body, env.control_frequency_hz, self.device)
        self.sampler = StartSampler(self.reference, env.start_sampling)
        noise = env.start_sampling.joint_noise_deg
        self._disturbances = Disturbances(body, self.reference, noise, seed) if noise else None
        self.num_envs = cfg.num_envs
        self.scene = Scene(body, self.sim, self.reference, self._substeps, cfg.sim.muscle, cfg.sim.num_threads)
        self.action_space: ActionSpace = make_of_kind(env.action, self.scene)
        self.scene.action_space = self.action_space
        self.num_actions: int = getattr(self.action_space, "num_actions", 0)
        if not (isinstance(self.num_actions, int) and self.num_actions > 0):
            raise MsemuError(f"the action space '{env.action.kind}' must set num_actions, a whole number above 0")
        self._tried: set[str] = set()
        self._assist = AssistiveWrench(env.assist, body, self.sim, self.reference) if env.assist.max_force_bw else None
        self.control_steps = 0
        self.before_reset: Callable[[], None] = lambda: None
        self.max_episode_length = round(env.episode_length_s * env.control_frequency_hz)
        self.episode_length_buf = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self.frame = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self._start = torch.zeros_like(self.frame)
        self._reader = ObservationReader(body, self.sim)
        self._observe = Observations(env.observations, self.scene)
        self._reward = RewardSum("env.rewards", env.rewards, self.scene)
        self._terminate = Terminations(env.terminations, self.scene)
        self._terms = (self._observe, self._reward, self._terminate)
        self._excitation = torch.zeros(self.num_envs, body.num_muscles, device=self.device)
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self.restart()
        for terms in self._terms:
            terms.check(self.transition)

    def excitation(self, actions: torch.Tensor) -> torch.Tensor:
        """Map actions to muscle excitations in [0, 1], shape [E, M]; the action space may remember the call."""
        return self._ask_space("excitation", actions, self.frame, self.control_steps)

    def get_observations(self) -> TensorDict:
        """Observations of the present state."""
        return self._observations

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        """Advance by one control step of actions [E, A], float32, and reset what has ended.

        Returns:
            Observations after any reset, rewards [E], dones [E] and extras: ``time_outs`` [E],
            ``terminal_observations`` (before any reset) and ``log``.

        Raises:
            MsemuError: These are no such actions, and nothing has changed; or a term or the action space fails.
        """
        require_tensor(actions, (self.num_envs, self.num_actions), self.device, "the environment's step is given")
        with single_threaded(self.device):
            return self._step(actions)

    @property
    def last_excitation(self) -> torch.Tensor:
        """What drove the muscles in the last step; after a reset their activation [-], shape [E, M]."""
        return self._excitation

    def complaints(self) -> list[str]:
        """Say what terms of plug-ins have done wrong so far, one line each; this waits for the device."""
        return [line for terms in self._terms for line in terms.not_finite()]

    def restart(
        self, frame: torch.Tensor | None = None, qpos: torch.Tensor | None = None, where: torch.Tensor | None = None
    ) -> TensorDict:
        """Start new episodes everywhere or ``where``, [E], bool, at frames [E] or random ones; return the observations.

        Positions [E, nq] take the place of the reference's; velocities and activations stay those of the frame.
        """
        if where is None:
            where = torch.ones(self.num_envs, dtype=torch.bool, device=self.device)
        self._reset(where, frame)
        if qpos is not None:
            self.sim.reset(where, qpos, self.sim.qvel.clone(), self.sim.act.clone())
        self.transition = self._transition(self._excitation)
        self._observations = self._grouped(self._observe(self.transition))
        return self._observations

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "frame": self.frame.clone(),
            "start": self._start.clone(),
            "episode_length_buf": self.episode_length_buf.clone(),
            "excitation": self._excitation.clone(),
            "control_steps": torch.tensor(self.control_steps),
            "generator": self._generator.get_state(),
            **{f"sampler.{key}": value for key, value in self.sampler.state_dict().items()},
            **{f"action.{key}": value for key, value in self.action_space.state_dict().items()},
            **{f"sim.{key}": value for key, value in self.sim.state_dict().items()},
            **{f"{terms.kind}_term.{key}": value for terms in self._terms for key, value in terms.state_dict().items()},
            **{f"observations.{key}": value.clone() for key, value in self._observations.items()},
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict` of an environment with the same configuration."""
        self.frame = state["frame"].clone()
        self._start = state["start"].clone()
        self.episode_length_buf = state["episode_length_buf"].clone()
        self._excitation = state["excitation"].clone()
        self.control_steps = int(state["control_steps"])
        self._generator.set_state(state["generator"].cpu())
        self.sampler.load_state_dict(without_prefix(state, "sampler."))
        self.action_space.load_state_dict(without_prefix(state, "action."))
        self.sim.load_state_dict(without_prefix(state, "sim."))
        for terms in self._terms:
            terms.load_state_dict(without_prefix(state, f"{terms.kind}_term."))
        self._observations = self._grouped(without_prefix(state, "observations."))

    def _step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        if self._assist:
            self._assist.apply(self.frame, self.control_steps)
        previous, self._excitation = self._excitation, self._drive(actions)
        self.control_steps += 1
        self.frame += 1
        self.episode_length_buf += 1

        self.transition = self._transition(previous)
        for terms in self._terms:
            terms.update(self.transition)
        rewards, shares = self._reward(self.transition)
        failed = self._terminate(self.transition)
        rewards = torch.where(self.sim.unstable, 0.0, rewards)
        rewards = rewards + torch.where(failed, self.cfg.env.fall_value, 0.0)
        timed_out = (self.episode_length_buf >= self.max_episode_length) | self.reference.has_ended(self.frame)
        time_outs = ~failed & timed_out
        dones = failed | time_outs
        self.sampler.record(self._start, self.frame, failed, dones)
        log = self._log(shares, failed)
        self.before_reset()
        terminal, self._observations = self._observe_around_reset(self.transition, dones)
        extras = {"time_outs": time_outs, "terminal_observations": terminal, "log": log}
        return self._observations, rewards, dones.long(), extras

    def _drive(self, actions: torch.Tensor) -> torch.Tensor:
        """Advance the physics by a control step; return its excitations, the mean of those that it was given."""
        first, *others = parts_of(self._substeps, self.action_space.decodings)
        excitation = self.excitation(actions)
        self.sim.step(excitation, first)
        if not others:
            return excitation
        mean, done = excitation * (first / self._substeps), first
        for part in others:
            unstable, passed = self.sim.unstable.clone(), done / self._substeps
            excitation = self._ask_space("renewed", actions, self.frame, self.control_steps, passed)
            self.sim.step(excitation, part)
            self.sim.unstable |= unstable
            mean, done = mean + excitation * (part / self._substeps), done + part
        return mean.clamp(max=1.0)  # rounding

    def _ask_space(self, method: str, *arguments: Any) -> Any:
        """Call a method of the action space; one of a plug-in's must give what is expected, the first time in range."""
        place = f"{method} of the action space '{self.cfg.env.action.kind}'"
        with blaming(place):
            value = getattr(self.action_space, method)(*arguments)
        if ":" in self.cfg.env.action.kind and not (value is None and method == "initial_activation"):
            require_tensor(value, (self.num_envs, self.body.num_muscles), self.device, f"{place} gives")
            if method not in self._tried and not ((value >= 0.0) & (value <= 1.0)).all():
                raise MsemuError(f"{place} gives values that are not between 0 and 1")
            self._tried.add(method)
        return value

    def _transition(self, previous_excitation: torch.Tensor) -> Transition:
        now = self._reader.read(self.frame, self._excitation)
        reference = self.reference.kinematics(self.frame)
        return Transition(**vars(now), reference=reference, previous_excitation=previous_excitation)

    def _reset(self, mask: torch.Tensor, frame: torch.Tensor | None = None) -> None:
        is_drawn = frame is None
        if frame is None:
            frame = self.sampler.draw(self.num_envs, self._generator)
        self.frame = torch.where(mask, frame, self.frame)
        self._start = torch.where(mask, frame, self._start)
        self.episode_length_buf = torch.where(mask, 0, self.episode_length_buf)
        qpos, qvel = self.reference.state(self.frame)
        if self._disturbances and is_drawn:
            qpos = self._disturbances.draw(self.frame, self._generator)
        activation = self._ask_space("initial_activation", self.frame)
        if activation is None:
            activation = torch.full_like(self.sim.act, self.cfg.env.reset_activation)
        self.sim.reset(mask, qpos, qvel, activation)
        self._excitation = torch.where(mask.unsqueeze(1), activation.float(), self._excitation)
        self.action_space.reset(mask)
        for terms in self._terms:
            terms.reset(mask)

    def _observe_around_reset(self, before: Readings, dones: torch.Tensor) -> tuple[TensorDict, TensorDict]:
        """Reset what has ended, and return the observations before and after.

        Both are computed in one go where nothing is remembered: on the host the number of operations counts, not their
        size.
        """
        rows = self.sim.rows(dones)
        if len(rows) == 0:
            same = self._grouped(self._observe(before))
            return same, same
        remembered = self._observe.remembered(before)
        self._reset(dones)
        now = self._reader.read(self.frame, self._excitation, rows)
        both = self._observe.memoryless(before.followed_by(now))
        terminal = {name: values[: self.num_envs] for name, values in both.items()} | remembered
        fresh = {name: values[self.num_envs :] for name, values in both.items()} | self._observe.remembered(now)
        ended = dones[rows].unsqueeze(1)
        after = {
            name: values.index_copy(0, rows, torch.where(ended, fresh[name], values[rows]))
            for name, values in terminal.items()
        }
        return self._grouped(terminal), self._grouped(after)

    def _grouped(self, groups: dict[str, torch.Tensor]) -> TensorDict:
        return TensorDict(groups, batch_size=[self.num_envs])

    def _log(self, shares: torch.Tensor, failed: torch.Tensor) -> dict[str, torch.Tensor]:
        errors = tracking_error.summary(self.transition.state, self.transition.reference)
        finite = self.transition.finite
        count = finite.sum().clamp(min=1)
        log = {f"Error/{name}": torch.where(finite, value, 0.0).sum() / count for name, value in errors.items()}
        mean_shares = torch.where(finite.unsqueeze(1), shares, 0.0).sum(0) / count
        log |= {f"Reward/{name}": share for name, share in zip(self._reward.names, mean_shares, strict=True)}
        log["Episode/failures_per_step"] = failed.float().mean()
        log["Episode/blow_ups_per_step"] = self.sim.unstable.float().mean()
        if self._assist:
            log |= self._assist.log()
        return log | self.action_space.log() | self.sampler.log()
