"""Learning a feedback about what ``msemu-track`` found: samples, linear models, a regulator, and a trial of it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from msemu.analysis.evaluation import Evaluation
from msemu.analysis.rollout import measure_episodes, steps_with
from msemu.analysis.start import Starts
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.correction import independent_joint_names
from msemu.envs.action.joint import matching
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.feedback import Feedback
from msemu.schema import JointCfg, StartSamplingCfg, TaskCfg
from msemu.tracking.feedback.regression import LinearModel, Samples, fit
from msemu.tracking.feedback.riccati import regulator
from msemu.tracking.feedback.sampling import Sampler
from msemu.tracking.feedback.settings import FeedbackCfg
from msemu.tracking.space import GuidedCfg

_TRIALS = 64
"""Bodies of a trial."""

Advance = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Round:
    """What a round of the learning has brought.

    Attributes:
        feedback: The feedback.
        explained: Share of the variance of deviations that its linear models explain, in the mean [-].
        trial: How bodies that begin disturbed at the first frame do with it.
        control_steps: Control steps that were simulated so far, trials left out.
    """

    feedback: Feedback
    explained: float
    trial: Evaluation
    control_steps: int

    @property
    def rank(self) -> tuple[float, float]:
        """What rounds are compared by: how many come to the end, and how long the others last."""
        return self.trial.survival, self.trial.survival_time_s


class FeedbackLearner:
    """Learns in many environments how disturbed bodies come back to a clip that ends.

    Attributes:
        joint_names: Joints that are seen and led.
    """

    def __init__(
        self,
        cfg: TaskCfg,
        body: Body,
        clip: MotionClip,
        led: Sequence[str] = (),
        bodies: int = 256,
        noise_deg: float = 5.0,
        seed: int = 1,
        settings: FeedbackCfg | None = None,
    ):
        """Make the environments of a task whose action space is `JointCfg`; its controller is the one that is fed back.

        ``led`` are patterns of joint names; by default those that the task leads.

        Raises:
            MsemuError: A pattern matches no joint, or the clip repeats.
        """
        assert isinstance(cfg.env.action, JointCfg)
        if clip.cyclic:
            raise MsemuError(f"the clip '{clip.name}' repeats; a feedback is learned about one that ends")
        self._settings = settings or FeedbackCfg()
        self._cfg, self._body, self._clip, self._seed = cfg, body, with_feedback(clip, None), seed
        self._starts = Starts(from_first=True, noise_deg=noise_deg, seed=seed + 1)
        self.joint_names = matching(led or cfg.env.action.led or ["*"], independent_joint_names(body))
        controller = replace(cfg.env.action.controller, feedback=False)
        env = self._environment(bodies, GuidedCfg(controller=controller), self._clip)
        slopes = len(self._settings.scale.along(joints := len(self.joint_names))) + joints + ROOT_DOFS
        self._first_sweeps = math.ceil(self._settings.samples_a_slope * slopes / bodies)
        self._sampler = Sampler(env, self.joint_names, noise_deg, self._settings, seed)

    def trial(self, feedback: Feedback | None, advance: Advance = _silent) -> Evaluation:
        """Let bodies begin disturbed at the first frame, with a feedback or without."""
        action = self._cfg.env.action
        assert isinstance(action, JointCfg)
        controller = replace(action.controller, feedback=feedback is not None)
        clip = with_feedback(self._clip, feedback)
        env = self._environment(_TRIALS, replace(action, controller=controller), clip)
        zero = env.sim.qpos.new_zeros(_TRIALS, env.num_actions).float()
        frequency = self._cfg.env.control_frequency_hz
        errors = measure_episodes(env, lambda _: zero, steps_with(clip, clip.num_frames), advance, starts=self._starts)
        return Evaluation.of(errors, list(independent_joint_names(self._body)), frequency)

    def rounds(self, number: int, advance: Advance = _silent) -> Iterator[Round]:
        """Go through so many rounds.

        The first takes samples without a feedback, each later one in a sweep with the last.
        """
        samples: list[Samples] = []
        feedback, sweeps = None, 0
        for index in range(number):
            for _ in range(self._first_sweeps if index == 0 else 1):
                found = self._sampler.sweep(feedback, advance)
                sweeps += 1
                samples = [own.and_others(others) for own, others in zip(samples, found, strict=bool(samples))] or found
            models = [fit(each, self._settings) for each in samples]
            feedback = self._regulated(models)
            explained = float(np.mean([model.explained for model in models]))
            yield Round(feedback, explained, self.trial(feedback, advance), sweeps * self._sampler.steps)

    def _regulated(self, models: Sequence[LinearModel]) -> Feedback:
        """Return the best feedback on linear models."""
        cfg, joints = self._settings, len(self.joint_names)
        scale, tried = cfg.scale.along(joints), cfg.explored.along(joints)
        effort = np.full(joints + ROOT_DOFS, cfg.effort)
        gain = regulator(models, cfg.weight.along(joints), effort) * tried[:, None] / scale
        held, windows = cfg.held_steps, -(-self._clip.num_frames // cfg.held_steps)
        beyond = np.repeat(gain[-1:], windows - len(gain), 0)  # no control step begins in the last frames
        gain = np.concatenate((gain, beyond))
        return Feedback(tuple(self.joint_names), held, gain, cfg.greatest.along(joints))

    def _environment(self, number: int, action: GuidedCfg | JointCfg, clip: MotionClip) -> MotionTrackingEnv:
        start = StartSamplingCfg()
        env = replace(
            self._cfg.env, action=action, start_sampling=start, observations={}, rewards={}, episode_length_s=3600.0
        )
        sim = replace(self._cfg.sim, engine="mujoco", device="cpu")
        return MotionTrackingEnv(replace(self._cfg, num_envs=number, env=env, sim=sim), self._body, clip, self._seed)


def with_feedback(clip: MotionClip, feedback: Feedback | None) -> MotionClip:
    """Return a simulated clip with a feedback."""
    assert clip.simulated
    return replace(clip, simulated=replace(clip.simulated, feedback=feedback))
