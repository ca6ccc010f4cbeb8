"""Reader of the humanoid AMP motion files of Isaac Lab (npz).

World poses of the 15 bodies of the AMP humanoid: ``fps``, ``body_names`` [15], ``body_positions`` [T, 15, 3]
(m, z up), ``body_rotations`` [T, 15, 4] (w, x, y, z), ``dof_positions`` [T, 28]. Keys as documented in Isaac
Lab, ``isaaclab_tasks/direct/humanoid_amp/motions/README.md``. A body's origin is the joint that carries it.
"""

from pathlib import Path

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_FRAMES, read_arrays, sha256_of
from msemu.motion.formats import humanoid_foot
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

KEYS = ("fps", "body_names", "body_positions", "body_rotations", "dof_positions")

_SIDES = {"r": "right", "l": "left"}
_BODY_OF = {"pelvis": "pelvis", "thorax": "torso", "head": "head"} | {
    f"{joint}_{side}": f"{word}_{body}"
    for side, word in _SIDES.items()
    for joint, body in {
        "hip": "thigh",
        "knee": "shin",
        "ankle": "foot",
        "shoulder": "upper_arm",
        "elbow": "lower_arm",
        "wrist": "hand",
    }.items()
}


def read_isaac_amp(path: Path) -> SourceMotion:
    """Read an Isaac Lab humanoid AMP motion.

    In the files of Isaac Lab every frame stands twice, 30 frames per second stored as 60; each is read once.

    Raises:
        MsemuError: The file is missing, too large, no AMP motion, or holds impossible values.
    """
    arrays = read_arrays(path, KEYS)
    names = [str(name) for name in np.atleast_1d(arrays["body_names"]).ravel()]
    positions, quaternions = arrays["body_positions"], arrays["body_rotations"]
    frames = len(positions) if positions.ndim == 3 else 0
    if not 2 <= frames <= MAX_FRAMES:
        raise MsemuError(f"{path} has {frames} frames; 2 to {MAX_FRAMES} are accepted")
    if positions.shape != (frames, len(names), 3) or quaternions.shape != (frames, len(names), 4):
        raise MsemuError(
            f"{path}: body_positions {positions.shape} and body_rotations {quaternions.shape} do not fit"
            f" {len(names)} body_names; expected [T, B, 3] and [T, B, 4]"
        )
    missing = sorted(set(_BODY_OF.values()) - set(names))
    if missing:
        raise MsemuError(f"{path}: no body named {', '.join(missing)} in body_names; is it an AMP humanoid motion?")
    positions, quaternions, fps = _once(*_checked_numbers(path, positions, quaternions, arrays["fps"]))
    frames = len(positions)

    def columns(landmarks: tuple[str, ...]) -> list[int]:
        return [names.index(_BODY_OF[landmark]) for landmark in landmarks]

    centers, orientations = positions[:, columns(JOINT_CENTERS)], quaternions[:, columns(SEGMENTS)]
    sole = [
        humanoid_foot.sole_points(
            centers[:, JOINT_CENTERS.index(f"ankle_{side}")], orientations[:, SEGMENTS.index(f"ankle_{side}")]
        )
        for side in _SIDES
    ]
    return SourceMotion(
        name=Path(path).stem.removeprefix("humanoid_"),
        time_s=np.arange(frames) / fps,
        positions=centers,
        orientations=orientations,
        sole_points=np.stack(sole, axis=1),
        ankle_height_m=humanoid_foot.ANKLE_HEIGHT_M,
        source=f"Isaac Lab AMP motion file {Path(path).name}",
        sha256=sha256_of(path),
    )


def _checked_numbers(
    path: Path, positions: np.ndarray, quaternions: np.ndarray, fps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return positions, unit quaternions and frame rate as float64."""
    try:
        positions, quaternions, fps = positions.astype(float), quaternions.astype(float), float(fps)
    except (TypeError, ValueError) as error:
        raise MsemuError(f"{path}: fps, body_positions or body_rotations are not numbers ({error})") from error
    if not 1.0 <= fps <= 10_000.0:
        raise MsemuError(f"{path}: fps is {fps}; expected 1 to 10000")
    for label, values in (("body_positions", positions), ("body_rotations", quaternions)):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise MsemuError(f"{path}: {label} holds {len(bad)} values that are not finite, first in frame {bad[0][0]}")
    norms = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    if np.abs(norms - 1.0).max() > 0.1:
        raise MsemuError(f"{path}: body_rotations are not unit quaternions (w, x, y, z)")
    return positions, quaternions / norms, fps


def _once(positions: np.ndarray, quaternions: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Leave out every second frame, and halve the frame rate, when each of them repeats the one before it.

    Taken for a movement, the repetitions would be starts and stops, of ten body weights in a run.
    """
    last = len(positions) // 2 * 2
    repeats = all((values[1:last:2] == values[:last:2]).all() for values in (positions, quaternions))
    return (positions[::2], quaternions[::2], fps / 2) if repeats and last >= 4 else (positions, quaternions, fps)
