"""Checks and figures that every view of a recording shares."""

import numpy as np

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.recording import Recording


def check_recording(recording: Recording, body: Body) -> None:
    """Refuse a recording of another body, without frames, or with arrays of a wrong size or not finite."""
    if recording.body != body.name:
        raise MsemuError(f"the recording shows body '{recording.body}', not '{body.name}'; load that body to view it")
    if recording.num_frames == 0:
        raise MsemuError("the recording has no frames; record at least one step")
    frames = recording.num_frames
    expected = {
        "qpos": (recording.qpos, (frames, body.model.nq)),
        "reference_qpos": (recording.reference_qpos, (frames, body.model.nq)),
        "activation": (recording.activation, (frames, body.num_muscles)),
        "muscle_force": (recording.muscle_force, (frames, body.num_muscles)),
        "fiber_length": (recording.fiber_length, (frames, body.num_muscles)),
    }
    for name in ("contact_force", "source_segments"):
        if (array := getattr(recording, name)) is not None:
            expected[name] = (array, (frames, *array.shape[1:]))
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise MsemuError(
                f"the recording's {name} has shape {array.shape}, but body '{body.name}' needs {shape}; record it again"
            )
        if array is not None and not np.isfinite(array).all():
            first = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise MsemuError(f"the recording's {name} is not finite from frame {first} on; record it again")


def restarts(recording: Recording) -> np.ndarray:
    """Return how often the body was put back on its reference up to each frame, after a failure or a time-out, [T]."""
    starts = np.zeros(recording.num_frames, int)
    starts[: len(recording.episode_start)] = recording.episode_start
    starts[0] = 0
    return np.cumsum(starts)


def tracking_errors(recording: Recording, body: Body) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how far each frame is from its reference, or None when there is no reference.

    Returns:
        Mean absolute error over the independent hinges [deg], shape [T], and distance between the roots [cm],
        shape [T].
    """
    if recording.reference_qpos is None:
        return None
    difference = recording.qpos - recording.reference_qpos
    hinges = 7 + body.independent_joints[body.is_hinge[body.independent_joints]]
    joint_error_deg = np.degrees(np.abs(difference[:, hinges])).mean(axis=1)
    return joint_error_deg, 100 * np.linalg.norm(difference[:, :3], axis=1)
