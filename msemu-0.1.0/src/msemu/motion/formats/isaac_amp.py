"""Reader of the humanoid AMP motion files of Isaac Lab (npz).

World poses of the 15 bodies of the AMP humanoid: ``fps``, ``body_names`` [15], ``body_positions`` [T, 15, 3]
(m, z up), ``body_rotations`` [T, 15, 4] (w, x, y, z); other arrays are not read. Keys as documented in Isaac Lab,
``isaaclab_tasks/direct/humanoid_amp/motions/README.md``. A body's origin is the joint that carries it.
"""

from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import RATE_HZ, check_frames, read_arrays, read_numbers, scalar
from msemu.motion.formats import humanoid_foot
from msemu.motion.formats.axes import AS_STATED, UNITS, ReadOptions
from msemu.motion.formats.reorient import mirrored, turned
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

KEYS = ("fps", "body_positions", "body_rotations")

_JOINTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_BODIES = ("thigh", "shin", "foot", "upper_arm", "lower_arm", "hand")
_BODY_OF = {"pelvis": "pelvis", "thorax": "torso", "head": "head"} | {
    f"{joint}_{side[0]}": f"{side}_{body}"
    for side in ("right", "left")
    for joint, body in zip(_JOINTS, _BODIES, strict=True)
}


def read_isaac_amp(path: Path, options: ReadOptions = AS_STATED) -> SourceMotion:
    """Read an Isaac Lab humanoid AMP motion.

    In the files of Isaac Lab every frame stands twice, 30 frames per second stored as 60; each is read once.

    Raises:
        MsemuError: The file is missing, too large, no AMP motion, or holds impossible values.
    """
    names = [str(name) for name in read_arrays(path, ("body_names",))["body_names"].ravel()]
    arrays = read_numbers(path, KEYS)
    positions, quaternions = UNITS[options.unit or "m"] * arrays["body_positions"], arrays["body_rotations"]
    frames = len(positions) if positions.ndim == 3 else 0
    check_frames(path, frames)
    if positions.shape != (frames, len(names), 3) or quaternions.shape != (frames, len(names), 4):
        raise MsemuError(
            f"{path}: body_positions {positions.shape} and body_rotations {quaternions.shape} do not fit"
            f" {len(names)} body_names; expected [T, B, 3] and [T, B, 4]"
        )
    missing = sorted(set(_BODY_OF.values()) - set(names))
    if missing:
        raise MsemuError(f"{path}: no body named {', '.join(missing)} in body_names; is it an AMP humanoid motion?")
    norms = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    if np.abs(norms - 1.0).max() > 0.1:
        raise MsemuError(f"{path}: body_rotations are not unit quaternions (w, x, y, z)")
    positions, quaternions, fps = _once(positions, quaternions / norms, scalar(path, "fps", arrays["fps"], *RATE_HZ))

    def columns(landmarks: tuple[str, ...]) -> list[int]:
        return [names.index(_BODY_OF[landmark]) for landmark in landmarks]

    time_s, centers, turns = np.arange(len(positions)) / fps, columns(JOINT_CENTERS), columns(SEGMENTS)
    name, source = Path(path).stem.removeprefix("humanoid_"), f"Isaac Lab AMP motion file {Path(path).name}"
    motion = humanoid_foot.source_from_humanoid(
        path, time_s, positions[:, centers], quaternions[:, turns], name, source
    )
    motion = turned(motion, options.up, "z")
    return mirrored(motion) if options.mirror else motion


def _once(positions: np.ndarray, quaternions: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Leave out every second frame, and halve the frame rate, when each of them repeats the one before it.

    Taken for a movement, the repetitions would be starts and stops, of ten body weights in a run.
    """
    last = len(positions) // 2 * 2
    repeats = all((values[1:last:2] == values[:last:2]).all() for values in (positions, quaternions))
    return (positions[::2], quaternions[::2], fps / 2) if repeats and last >= 4 else (positions, quaternions, fps)
