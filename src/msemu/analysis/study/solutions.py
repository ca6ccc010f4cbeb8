"""Trying many preferences side by side, batch by batch, until the time is up."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice

import numpy as np

from msemu.analysis.mechanics.energy.metabolic import MuscleMass
from msemu.analysis.rollout import Policy, steps_with
from msemu.analysis.solutions.space import torque_matrix
from msemu.analysis.study.atlas import BASE, Atlas, Tolerances
from msemu.analysis.study.course import Courses, follow
from msemu.analysis.study.loads import JointLoads, joint_loads
from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.envs.action.preferring import Preferring
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.muscle.metabolic import muscle_mass
from msemu.muscle.overrides import configured_parameters
from msemu.schema import PreferenceCfg

_SMOOTHING_S = 0.02
"""Standard deviation of the Gaussian over the clip before it is differentiated [s]."""


@dataclass(frozen=True)
class Subject:
    """A policy in environments that several solutions share.

    Attributes:
        env: The environments: `starts` of each solution.
        policy: The policy.
        starts: Episodes of each solution, from evenly spaced frames of the clip.
        steps: Control steps of an episode.
    """

    env: MotionTrackingEnv
    policy: Policy
    starts: int
    steps: int

    @classmethod
    def of(cls, env: MotionTrackingEnv, policy: Policy, starts: int, seconds: float) -> "Subject":
        """Prepare episodes of ``seconds``, shorter where the clip ends before.

        Raises:
            MsemuError: Nothing chooses among muscles in the action space, or the task has several clips.
        """
        if not isinstance(getattr(env.action_space, "preferring", None), Preferring):
            raise MsemuError(
                f"the muscles of the action space '{env.cfg.env.action.kind}' prefer nothing; a study of solutions is"
                " for a policy in the action space joint"
            )
        if len(env.reference.clips) > 1:
            raise MsemuError("a study of solutions is of one movement; choose one with --clip")
        steps = steps_with(env.reference.clips[0], round(seconds * env.cfg.env.control_frequency_hz))
        env.max_episode_length = steps + 1
        return cls(env, policy, starts, steps)

    @property
    def room(self) -> int:
        """Solutions that fit side by side."""
        return self.env.num_envs // self.starts

    def prefer(self, preferences: Sequence[PreferenceCfg]) -> None:
        """Give each solution its preference; places that are left prefer what the last one does."""
        filled = [*preferences, *[preferences[-1]] * (self.room - len(preferences))]
        preferring: Preferring = self.env.action_space.preferring  # type: ignore[attr-defined]
        preferring.assign([each for each in filled for _ in range(self.starts)])

    def matrix(self, level: str) -> np.ndarray:
        """Return the torque of each muscle at full activation, over the joints' capacity, [B, J, M]."""
        return torque_matrix(self.env.body, self.movement, level)

    def loads(self, level: str) -> JointLoads:
        """Return what activations and ground force load the joints with."""
        return joint_loads(self.env.body, self.movement, level)

    @property
    def muscle_mass(self) -> MuscleMass:
        """What the metabolic power of the muscles hangs on."""
        table = configured_parameters(self.env.body.model, self.env.cfg.sim.muscle)
        masses = muscle_mass(table.max_isometric_force, table.optimal_fiber_length)
        return MuscleMass.of_muscles(masses, self.env.body.mass)

    @cached_property
    def movement(self) -> Movement:
        """The clip, differentiated."""
        return differentiate(self.env.body, self.env.reference.clips[0], _SMOOTHING_S)


def random_preferences(spread: float, tone: float, seed: int) -> Iterator[tuple[str, PreferenceCfg]]:
    """Yield preferences without end: half of them of weights alone, half of preferred activations, too."""
    for number in count():
        drawn = PreferenceCfg(
            weight_spread=spread, tone_spread=tone if number % 2 else 0.0, seed=(1_000_003 * seed + number) % 2**31
        )
        yield f"random {number}", drawn


def explore(
    subject: Subject,
    named: dict[str, PreferenceCfg],
    randoms: Iterable[tuple[str, PreferenceCfg]],
    tolerances: Tolerances,
    minutes: float | None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Atlas, dict[str, PreferenceCfg]]:
    """Try the base, the named preferences and random ones until these, or the minutes, are all used.

    The named ones are always tried. A batch is begun only if, judged by the slowest one before, it ends in time.
    """
    level = subject.env.cfg.sim.muscle.level
    matrix = subject.matrix(level)
    rest = iter([(BASE, PreferenceCfg()), *named.items()])
    randoms, begun, slowest = iter(randoms), time.monotonic(), 0.0
    preferences: dict[str, PreferenceCfg] = {}
    courses: Courses | None = None
    while True:
        batch = [*islice(rest, subject.room)]
        is_due = bool(batch)
        batch += islice(randoms, subject.room - len(batch))
        late = minutes is not None and time.monotonic() - begun + slowest > 60.0 * minutes
        if not batch or (late and not is_due):
            break
        started = time.monotonic()
        subject.prefer([preference for _, preference in batch])
        found = follow(subject.env, subject.policy, subject.starts, subject.steps, matrix, on_step)
        found = found.part(np.arange(len(batch)))
        slowest = max(slowest, time.monotonic() - started)
        preferences |= dict(batch)
        courses = found if courses is None else courses.followed_by(found)
        bins = np.isfinite(courses.activation[0]).all(1)
        if not bins.any():
            raise MsemuError(
                "the base policy falls before anything is measured; train it longer, or choose another run"
            )
    assert courses is not None
    loads = subject.loads(level).at(bins)
    atlas = Atlas(tuple(preferences), courses.at(bins), matrix[bins], loads, tolerances, subject.muscle_mass)
    return atlas, preferences
