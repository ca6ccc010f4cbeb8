"""Solutions from elsewhere, laid along the frames of a clip: a policy's rollout, or measured EMG."""

from pathlib import Path

import numpy as np

from msemu.envs.emg import EmgOptions, measured_muscles, read_emg
from msemu.errors import MsemuError
from msemu.files import spare
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout

_SAME_POSE = 2e-3
"""Greatest difference of a joint up to which a rollout's reference is in the pose of a frame [rad or m]."""


def activation_along(path: Path, clip: MotionClip, body: Body) -> np.ndarray:
    """Return the activations of a file in the frames of a clip, not a number where there is none, shape [T, M].

    The file is a rollout (``.npz``), in whose frames the reference does what the clip does, or envelopes of
    EMG, whose channels are named after muscles.

    Raises:
        MsemuError: The file is damaged, or of another body or clip.
    """
    spare([path])
    if path.suffix == ".npz":
        return _of_rollout(Rollout.load(path), path, clip, body)
    recording, options = read_emg(path), EmgOptions(str(path))
    if recording.cycle is not None and not clip.cyclic:
        raise MsemuError(f"{path} is over the phase of a cycle, and '{clip.name}' is not cyclic; give a file over time")
    activation = np.full((clip.num_frames, body.num_muscles), np.nan)
    for channel, muscles in measured_muscles(options, recording, body).items():
        columns = [body.muscle_names.index(muscle) for muscle in muscles]
        activation[:, columns] = recording.sample(channel, clip, options)[:, None]
    return activation


def _of_rollout(rollout: Rollout, path: Path, clip: MotionClip, body: Body) -> np.ndarray:
    if (rollout.body, rollout.muscle_names) != (body.name, body.muscle_names):
        raise MsemuError(f"{path} is a rollout of {rollout.body}, not of {body.name}; compare solutions of one body")
    followed, wanted = rollout.reference_qpos[:, 7:], clip.qpos[:, 7:]
    is_near = np.abs(followed[None] - wanted[:, None]).max(2) < _SAME_POSE
    # A movement may come through a pose on its way back, so that the next one has to be the same, too.
    is_same = is_near & np.roll(is_near, (-1, -1), (0, 1))
    is_same[:, [*(np.flatnonzero(rollout.episode_start) - 1), -1]] = False
    if not clip.cyclic:
        is_same[-1] = False
    if not is_same.any():
        raise MsemuError(f"{path} follows another movement than '{clip.name}'; compare solutions of one clip")
    count = is_same.sum(1)[:, None]
    total = is_same @ rollout.activation
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
