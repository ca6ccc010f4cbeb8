"""A played movement: what the viewer shows, the evaluation measures and the exporters write."""

from dataclasses import dataclass, field

import numpy as np

from msemu.motion.clip import MotionClip
from msemu.motion.source import ARM_BONES, LEG_BONES


@dataclass(frozen=True)
class Push:
    """A force from outside on the pelvis of a body that is simulated, for a time.

    Attributes:
        begin_s: When it begins [s] after the start.
        duration_s: How long it lasts [s], in whole control steps, one at least.
        force: The force [N], world frame, shape [3].
    """

    begin_s: float
    duration_s: float
    force: np.ndarray

    def at(self, step: int, frequency_hz: float) -> np.ndarray:
        """Return the force during a control step [N], shape [3]."""
        first = round(self.begin_s * frequency_hz)
        last = first + max(1, round(self.duration_s * frequency_hz))
        return self.force * float(first <= step < last)


@dataclass
class Recording:
    """One environment's movement over time beside its reference.

    Attributes:
        body: Name of the body.
        fps: Frames per second [Hz].
        qpos: Simulated pose, shape [T, nq].
        reference_qpos: Pose of the reference at the same instants, shape [T, nq]; None when there is none.
        activation: Muscle activation [-], shape [T, num_muscles]; None when there are no muscles at work.
        muscle_force: Muscle force over the greatest isometric force [-], shape [T, num_muscles]; None likewise.
        fiber_length: Fiber length [L0], shape [T, num_muscles]; None when not recorded.
        freedom: How free each muscle is in the movement, 0 to 1 [-], shape [T, num_muscles]; None when not known.
        contact_force: Net force on each contact region [N], world frame, shape [T, R, 3]; None when not recorded.
        center_of_pressure: Where that force acts on the floor [m], shape [T, R, 3]; None when not recorded.
        source_segments: Bones of the recorded movement that a clip follows [m], shape [T, S, 2, 3]; None without one.
        episode_start: True in frames that follow a reset, shape [T].
        title: What is shown, such as the task and the run.
    """

    body: str
    fps: float
    qpos: np.ndarray
    reference_qpos: np.ndarray | None = None
    activation: np.ndarray | None = None
    muscle_force: np.ndarray | None = None
    fiber_length: np.ndarray | None = None
    freedom: np.ndarray | None = None
    contact_force: np.ndarray | None = None
    center_of_pressure: np.ndarray | None = None
    source_segments: np.ndarray | None = None
    episode_start: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    title: str = ""

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.qpos)

    @classmethod
    def from_clip(cls, clip: MotionClip, cycles: int = 1) -> "Recording":
        """Show a clip by itself; a cyclic one is repeated ``cycles`` times, displaced each time."""
        repeats = cycles if clip.cyclic else 1
        shift = np.repeat(np.arange(repeats), clip.num_frames)[:, None] * clip.cycle_displacement
        qpos = np.tile(clip.qpos, (repeats, 1))
        qpos[:, :3] += shift
        source = stick_figure(clip)
        if source is not None:
            source = np.tile(source, (repeats, 1, 1, 1)) + shift[:, None, None]
        return cls(body=clip.body, fps=clip.fps, qpos=qpos, source_segments=source, title=clip.name)


def stick_figure(clip: MotionClip) -> np.ndarray | None:
    """Return the bones of the recorded movement, in the proportions of the clip's body [m], shape [T, S, 2, 3].

    None for a clip that does not hold the recorded joint centers: joint angles that were read as they are.
    """
    if clip.joint_centers is None:
        return None
    centers = dict(zip(clip.joint_center_names, np.moveaxis(clip.joint_centers, 1, 0), strict=True))
    bones = [(f"{near}_{side}", f"{far}_{side}") for near, far in (*LEG_BONES, *ARM_BONES) for side in "rl"]
    girdles = {girdle: (f"{girdle}_r", f"{girdle}_l") for girdle in ("hip", "shoulder")}
    for girdle, (right, left) in girdles.items():
        if right in centers and left in centers:
            centers[girdle] = 0.5 * (centers[right] + centers[left])
    bones += [*girdles.values(), ("hip", "shoulder")]
    segments = [(centers[near], centers[far]) for near, far in bones if near in centers and far in centers]
    if not segments:
        return None
    return np.stack([np.stack(ends, axis=1) for ends in segments], axis=1)
