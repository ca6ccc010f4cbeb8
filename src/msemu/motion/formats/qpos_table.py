"""Plain poses of a body: ``qpos`` in an npz, or a CSV with one named column a coordinate.

The CSV has a header line: ``time`` [s], ``root_x root_y root_z`` [m], ``root_qw root_qx root_qy root_qz``, then
joint names [rad or m]. The npz has ``qpos`` [T, nq] in MuJoCo's order, ``fps`` or ``time``, and may name the
joints in ``joint_names``.
"""

from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from msemu.errors import MsemuError
from msemu.files import (
    MAX_COLUMNS,
    MAX_FRAMES,
    array_names,
    check_times,
    parse_numbers,
    printable,
    read_arrays,
    read_text,
    write_text,
)
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.maps import listed
from msemu.motion.formats.pose_clip import pose_clip
from msemu.motion.geometry import sole_heights
from msemu.motion.quality import assess
from msemu.motion.smoothing import continuous_quaternions

ROOT = ("root_x", "root_y", "root_z", "root_qw", "root_qx", "root_qy", "root_qz")


def read_qpos(path: Path, body: Body, fps: float = 50.0) -> MotionClip:
    """Read poses of a body, as they are, interpolated to a frame rate.

    Joints that the file does not name stay neutral; coupled joints follow their drivers.

    Args:
        path: An npz or csv file.
        body: The body.
        fps: Frame rate of the clip [Hz].

    Raises:
        MsemuError: The file is damaged, or names joints that the body does not have.
    """
    columns, time, table = _read_npz(path, body) if array_names(path) else _read_csv(path)
    unknown = [name for name in columns if name not in (*ROOT, *body.joint_names)]
    missing = [name for name in ROOT if name not in columns]
    if unknown or missing:
        raise MsemuError(
            f"{path} does not fit body '{body.name}': unknown columns {listed(unknown)}; missing {listed(missing)}"
        )
    if len(set(columns)) != len(columns):
        raise MsemuError(f"{path} names a column twice")
    if not 2 <= len(table) <= MAX_FRAMES:
        raise MsemuError(f"{path} has {len(table)} frames; 2 to {MAX_FRAMES} are accepted")
    check_times(path, time)
    if not np.isfinite(table).all():
        raise MsemuError(f"{path} holds values that are not finite")
    given = np.repeat(body.neutral_qpos[None], len(table), axis=0)
    order = (*ROOT, *body.joint_names)
    given[:, [order.index(name) for name in columns]] = table
    norms = np.linalg.norm(given[:, 3:7], axis=1, keepdims=True)
    if np.abs(norms - 1.0).max() > 0.1 or np.abs(given[:, :3]).max() > 1e4:
        raise MsemuError(f"{path}: the root's quaternion (w, x, y, z) is not of length 1, or its position beyond 10 km")
    given[:, 3:7] = continuous_quaternions(given[:, 3:7] / norms)
    frames = int(np.floor((time[-1] - time[0]) * fps + 1e-6)) + 1
    if not 2 <= frames <= MAX_FRAMES:
        raise MsemuError(f"{path} gives {frames} frames at {fps:g} Hz; 2 to {MAX_FRAMES} are accepted")
    qpos = CubicSpline(time - time[0], given, axis=0)(np.arange(frames) / fps)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    qpos = body.couplings.project(qpos)
    clip = pose_clip(path, body, fps, qpos, f"poses of {Path(path).name}")
    clip.quality = assess(body, clip, sole_heights(body, qpos) < 0.01)
    return clip


def write_csv(path: Path, clip: MotionClip) -> None:
    """Write a clip as `read_qpos` reads it.

    Raises:
        MsemuError: ``path`` cannot be written.
    """
    time = np.arange(clip.num_frames) / clip.fps
    rows = [",".join(f"{value:.10g}" for value in row) for row in np.column_stack([time, clip.qpos])]
    write_text(path, "\n".join([",".join(["time", *ROOT, *clip.joint_names]), *rows]) + "\n")


def _read_npz(path: Path, body: Body) -> tuple[list[str], np.ndarray, np.ndarray]:
    present = array_names(path)
    wanted = ("qpos", *sorted({"fps", "time", "joint_names"} & present))
    arrays = read_arrays(path, wanted)
    try:
        qpos = arrays["qpos"].astype(float)
        frames = len(qpos) if qpos.ndim == 2 else 0
        if "time" in arrays:
            time = arrays["time"].astype(float).reshape(frames)
        elif "fps" in arrays and 1.0 <= float(arrays["fps"]) <= 10_000.0:
            time = np.arange(frames) / float(arrays["fps"])
        else:
            raise MsemuError(f"{path} needs 'fps' (1 to 10000 Hz) or 'time' [s] beside 'qpos'")
    except (TypeError, ValueError) as error:
        raise MsemuError(
            f"{path}: qpos, time or fps are not numbers that fit ({printable(str(error), 120)})"
        ) from error
    names = [str(name) for name in arrays["joint_names"].ravel()] if "joint_names" in arrays else list(body.joint_names)
    if qpos.ndim != 2 or qpos.shape[1] != len(ROOT) + len(names):
        raise MsemuError(
            f"{path}: qpos has shape {qpos.shape}; body '{body.name}' needs [T, {body.model.nq}], or name its joints in"
            " 'joint_names'"
        )
    return [*ROOT, *names], time, qpos


def _read_csv(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    if not names or names[0].lower() != "time" or len(names) > MAX_COLUMNS:
        raise MsemuError(f"{path}: the first line must name the columns, 'time' first, at most {MAX_COLUMNS}")
    table = parse_numbers(path, lines[1:], len(names), first_row=1)
    return names[1:], table[:, 0], table[:, 1:]
