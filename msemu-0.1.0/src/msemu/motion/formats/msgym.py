"""Reader of the walking gait of msgym (npz), which is in the coordinates of MS-Human-700 already.

``qpos_traj`` [T, 85] holds the six joints of the pelvis and the 79 others of the published MS-Human-700,
``xpos_traj`` [T, 81, 3] the positions of its bodies [m], ``framerate`` [Hz], ``period`` [s] and ``stride``
[m] the cycle (github.com/LNSGroup/msgym). The pelvis frame is x forward, y up, z right, turned by +90 degrees
about x and 0.95 m above the world's origin; its joints are, in this order, slides along z, y, x and hinges
about z (tilt), x (list) and y (rotation).
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import MAX_DURATION_S, RATE_HZ, check_frames, read_numbers, scalar
from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.formats.axes import AS_STATED, ReadOptions
from msemu.motion.formats.pose_clip import pose_clip
from msemu.motion.geometry import sole_heights
from msemu.motion.smoothing import continuous_quaternions

BODY = "ms_human_700"
KEYS = ("qpos_traj", "xpos_traj", "framerate", "period", "stride")

_PELVIS_ORIGIN = np.array([0.0, 0.0, 0.95])
_PELVIS_TURN = Rotation.from_euler("x", 90.0, degrees=True)
_MAX_DEVIATION_M = 1e-3


def read_msgym_gait(path: Path, body: Body, fps: float = 50.0, options: ReadOptions = AS_STATED) -> MotionClip:
    """Read the gait as a cyclic clip of MS-Human-700 at ``fps`` [Hz], the period rounded to a whole number of frames.

    A part of it is not cyclic.

    Raises:
        MsemuError: Another body, or a file that is not the gait of this model.
    """
    if body.name != BODY:
        raise MsemuError(f"{path} is in coordinates of MS-Human-700; import it with --body {BODY}, not {body.name}")
    arrays = read_numbers(path, KEYS)
    _check(path, arrays, body)
    qpos = np.concatenate([free_root(arrays["qpos_traj"][:, :6]), arrays["qpos_traj"][:, 6:]], axis=1)
    offset = _verify(path, body, qpos, arrays["xpos_traj"])

    period, stride = arrays["period"].item(), arrays["stride"].item()
    frames = round(period * fps)
    check_frames(path, frames, f" at {fps:g} Hz")
    cycle = _resample_cycle(qpos, period, stride, frames)
    displacement = np.array([stride, 0.0, 0.0])
    cycle = body.couplings.project(cycle)
    cycle[:, :2] -= cycle[0, :2]
    shift = -float(np.median(sole_heights(body, cycle).min(axis=1)))
    cycle[:, 2] += shift
    source = f"msgym walking gait of MS-Human-700, {Path(path).name}"
    loop: dict[str, Any] = {"cyclic": True, "cycle_displacement": displacement}
    if remark := options.part_read:
        cycle = cycle[options.part(path, np.arange(frames) / fps)]
        source, loop = f"{source}; {remark}", {}
    clip = pose_clip(path, body, fps, cycle, source, name="msgym_walk", license="Apache-2.0 (msgym)", **loop)
    clip.quality |= {"floor_shift_cm": 100 * shift, "model_offset_cm": 100 * offset}
    return clip


def free_root(coordinates: np.ndarray) -> np.ndarray:
    """Return the pose of the pelvis as position and quaternion (w, x, y, z), shape [T, 7].

    The coordinates, shape [T, 6], are pelvis_tz, pelvis_ty, pelvis_tx [m], pelvis_tilt, pelvis_list, pelvis_rotation
    [rad].
    """
    position = _PELVIS_ORIGIN + _PELVIS_TURN.apply(coordinates[:, [2, 1, 0]])
    rotation = _PELVIS_TURN * Rotation.from_euler("ZXY", coordinates[:, 3:])
    return np.concatenate([position, rotation.as_quat(scalar_first=True)], axis=1)


def _check(path: Path, arrays: dict[str, np.ndarray], body: Body) -> None:
    frames = len(arrays["qpos_traj"]) if arrays["qpos_traj"].ndim == 2 else 0
    expected = {"qpos_traj": (frames, body.model.nq - 1), "xpos_traj": (frames, body.model.nbody, 3)}
    check_frames(path, frames)
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            raise MsemuError(f"{path}: {key} has shape {arrays[key].shape}; MS-Human-700 needs {shape}")
    rate = scalar(path, "framerate", arrays["framerate"], *RATE_HZ)
    period = scalar(path, "period", arrays["period"], 0.0, MAX_DURATION_S)
    if abs(period * rate - frames) > 0.5:
        raise MsemuError(f"{path}: {frames} frames at {rate} Hz are not one period of {period} s")
    scalar(path, "stride", arrays["stride"], 1e-6, 10.0)


def _verify(path: Path, body: Body, qpos: np.ndarray, recorded: np.ndarray) -> float:
    """Compare the positions of all bodies with the recorded ones, in the frame of the pelvis.

    The gait was made with a release of the model whose sacrum sits elsewhere on the pelvis, so a displacement that is
    the same in all frames is accepted and returned [m]; any change of it over time above 1 mm is refused.
    """
    pelvis = body.model.body("pelvis").id
    frames = zip(posed(body.model, qpos), recorded, strict=True)
    deviations = np.stack([(data.xpos - places) @ data.xmat[pelvis].reshape(3, 3) for data, places in frames])
    constant = deviations[:, 1:].mean(axis=0)
    varying = float(np.linalg.norm(deviations[:, 1:] - constant, axis=-1).max())
    if varying > _MAX_DEVIATION_M or np.linalg.norm(constant[pelvis - 1]) > _MAX_DEVIATION_M:
        raise MsemuError(
            f"{path}: body positions differ from xpos_traj by {1000 * varying:.1f} mm; is it another model?"
        )
    return float(np.linalg.norm(constant, axis=-1).max())


def _resample_cycle(qpos: np.ndarray, period: float, stride: float, frames: int) -> np.ndarray:
    """Return one period at ``frames`` frames by periodic cubic splines, sideways drift removed."""
    straight = qpos.copy()
    straight[:, 3:7] = continuous_quaternions(qpos[:, 3:7])
    share = np.arange(len(qpos)) / len(qpos)
    slope = np.zeros(qpos.shape[1])
    slope[0] = stride
    slope[1] = (qpos[-1, 1] - qpos[0, 1]) * len(qpos) / (len(qpos) - 1)
    straight -= share[:, None] * slope
    closed = np.concatenate([straight, straight[:1]])
    instants = np.arange(frames) / frames
    cycle = CubicSpline(np.append(share, 1.0) * period, closed, axis=0, bc_type="periodic")(instants * period)
    cycle[:, 0] += instants * stride
    cycle[:, 3:7] /= np.linalg.norm(cycle[:, 3:7], axis=1, keepdims=True)
    return cycle
