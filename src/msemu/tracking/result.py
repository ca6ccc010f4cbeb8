"""What a search has found, replayed by its excitations alone: figures, a `Rollout` and a clip."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path as File
from typing import Any

import numpy as np
import torch

from msemu.analysis.evaluation import Evaluation, recorded_figures
from msemu.analysis.rollout import measure_episodes, record
from msemu.analysis.rollout_body import KEY
from msemu.control.independent_dofs import IndependentDofs
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip, Simulated
from msemu.motion.reference import ReferenceMotion
from msemu.motion.rollout import Rollout
from msemu.tracking.environment import Condition
from msemu.tracking.tree import Path

CLIP_SUFFIX = ".clip.npz"


@dataclass(frozen=True)
class Result:
    """A simulated movement.

    Attributes:
        path: The way that the search has found.
        rollout: The simulation, from the first frame of the clip.
        evaluation: Its errors up to its end; survival is that of the whole clip.
        completed: Share of the clip before a failure [-].
        condition: Under which it was found.
        to_recording: Figures against the recording, by the names of `recorded_figures`; none where it is not known.
        recorded_qpos: Poses of the recording, else of the clip, shape [T + 1, nq].
        dofs: Index of each independent degree of freedom among all, shape [D].
    """

    path: Path
    rollout: Rollout
    evaluation: Evaluation
    completed: float
    condition: Condition
    to_recording: dict[str, float]
    recorded_qpos: np.ndarray
    dofs: np.ndarray

    def save(self, file: File, clip: MotionClip, about: dict[str, Any]) -> None:
        """Write the rollout, with the guidance and the wanted accelerations, and the movement as a clip beside it."""
        further = {"guidance": self.path.guidance.numpy(), "wanted_acceleration": self.path.wanted.numpy()}
        self.rollout.save(file, **further, **{KEY: np.array(json.dumps(about))})
        self.clip(clip).save(file.with_suffix(CLIP_SUFFIX))

    def clip(self, original: MotionClip) -> MotionClip:
        """Return the movement as a clip; what it needed stands in its source."""
        needed = f"simulated by msemu-track with muscle {self.condition}"
        return replace(
            original,
            qpos=self.rollout.qpos.astype(np.float64),
            qvel=self.rollout.qvel.astype(np.float64),
            cyclic=False,
            cycle_displacement=np.zeros(3),
            name=f"{original.name or 'clip'}_tracked",
            source="; ".join(filter(None, (original.source, needed))),
            quality={"completed": self.completed},
            joint_center_names=(),
            joint_centers=None,
            simulated=self._simulated(original),
        )

    def _simulated(self, original: MotionClip) -> Simulated:
        """Return what the clip holds beside its states; what was wanted in the last step is so in the last frame."""
        rollout = self.rollout
        wanted = np.zeros_like(rollout.qvel, dtype=np.float64)
        wanted[:-1, self.dofs] = self.path.wanted.numpy()
        wanted[-1] = wanted[-2]
        return Simulated(
            muscle_names=rollout.muscle_names,
            aids=self.condition.aids,
            strength_set=self.condition.strength_set,
            followed=original.name,
            activation=rollout.activation.astype(np.float64),
            wanted_acceleration=wanted,
            recorded_qpos=self.recorded_qpos,
        )


def replay(
    env: MotionTrackingEnv,
    path: Path,
    total: int,
    title: str,
    condition: Condition,
    original: MotionClip | None = None,
    recorded: MotionClip | None = None,
) -> Result:
    """Simulate a way by its excitations alone, in one environment of the `RecordedSpace`; the clip has so many steps.

    Errors are those against ``original``, where the clip of the environment has given way, and those against the
    recording as well, where that is known.

    Raises:
        MsemuError: It leads elsewhere than the search did.
    """
    length, frequency = len(path), env.cfg.env.control_frequency_hz

    def policy(_: Any) -> torch.Tensor:
        return path.excitation[env.episode_length_buf]

    def reference(clip: MotionClip | None) -> ReferenceMotion | None:
        return ReferenceMotion(clip, env.body, frequency, env.device) if clip else None

    joints = [env.body.joint_names[index] for index in env.body.independent_joints]
    as_it_was, recording = reference(original), reference(recorded)
    errors = measure_episodes(env, policy, length, recorded=as_it_was)
    errors = errors.recorded or errors
    against = measure_episodes(env, policy, length, recorded=recording) if recording else errors
    to_recording = recorded_figures(against, joints, frequency) if recording else {}
    rollout = record(env, policy, length, title)
    if not np.array_equal(rollout.qpos[1:], path.qpos.numpy()):
        raise MsemuError("a replay of the excitations leads elsewhere than the search; report this as a fault of msemu")
    share = length / total
    evaluation = replace(
        Evaluation.of(errors, joints, frequency),
        survival=float(length == total),
        survival_from_start=share,
        survival_time_s=length / frequency,
        episode_length_s=total / frequency,
    )
    poses = (recording or as_it_was or env.reference).state(torch.arange(length + 1))[0].numpy()
    dofs = IndependentDofs(env.body).index.numpy()
    return Result(path, rollout, evaluation, share, condition, to_recording, poses, dofs)


def figures(result: Result, about: dict[str, Any]) -> dict[str, Any]:
    """Return what the command writes as JSON."""
    return about | {"completed": result.completed} | asdict(result.evaluation) | result.to_recording
