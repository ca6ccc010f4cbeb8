"""Plain poses of a body: ``qpos`` in an npz, or a CSV with one named column a coordinate.

The CSV has a header line: ``time`` [s], ``root_x root_y root_z`` [m], ``root_qw root_qx root_qy root_qz``, then
joint names [rad or m]. The npz has ``qpos`` [T, nq] in MuJoCo's order, ``fps`` or ``time``, and may name the
joints in ``joint_names``.
"""

from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from msemu import files
from msemu.errors import MsemuError
from msemu.files import write_text
from msemu.models.body import Body
from msemu.motion.checks.angles import check_angles
from msemu.motion.clip import MotionClip
from msemu.motion.formats.axes import ANGLE_UNITS, AS_STATED, UNITS, ReadOptions
from msemu.motion.formats.maps import listed
from msemu.motion.formats.pose_clip import num_frames, pose_clip
from msemu.motion.formats.rows import rows_read
from msemu.motion.formats.text import TextFile, distinct
from msemu.motion.smoothing import continuous_quaternions

ROOT = ("root_x", "root_y", "root_z", "root_qw", "root_qx", "root_qy", "root_qz")

_BEYOND_RAD = np.radians(60.0)
"""No pose is farther beyond a joint's limit than by a mistake of the unit [rad]."""


def read_qpos(path: Path, body: Body, fps: float = 50.0, options: ReadOptions = AS_STATED) -> MotionClip:
    """Read poses of a body (npz, csv), as they are, interpolated to ``fps`` [Hz].

    Joints that the file does not name stay neutral; coupled joints follow their drivers.

    Raises:
        MsemuError: The file is damaged, or names joints that the body does not have.
    """
    columns, time, table, remarks = _read_npz(path, body) if files.array_names(path) else _read_csv(path)
    source = f"poses of {Path(path).name}{remarks}"
    return clip_of_columns(path, body, fps, columns, time, table, source, options)


def clip_of_columns(
    path: Path,
    body: Body,
    fps: float,
    columns: list[str],
    time: np.ndarray,
    table: np.ndarray,
    source: str,
    options: ReadOptions = AS_STATED,
) -> MotionClip:
    """Make a clip of named coordinates, shape [T, columns], at the instants ``time`` [s].

    Raises:
        MsemuError: As `read_qpos`.
    """
    unknown = [name for name in columns if name not in (*ROOT, *body.joint_names)]
    missing = [name for name in ROOT if name not in columns]
    if unknown or missing:
        raise MsemuError(
            f"{path} does not fit body '{body.name}': unknown columns {listed(unknown)}; missing {listed(missing)}"
        )
    files.check_frames(path, len(table))
    files.check_times(path, time)
    given = np.repeat(body.neutral_qpos[None], len(table), axis=0)
    order = (*ROOT, *body.joint_names)
    given[:, [order.index(name) for name in columns]] = table
    given[:, :3] *= UNITS[options.unit or "m"]
    hinges = 7 + np.flatnonzero(body.is_hinge)
    named = [column for column in hinges if order[column] in columns]
    given[:, named] *= ANGLE_UNITS[options.angle_unit or "rad"]
    norms = np.linalg.norm(given[:, 3:7], axis=1, keepdims=True)
    _refuse(path, time, np.abs(norms[:, 0] - 1.0) > 0.1, "the root's quaternion (w, x, y, z) is not of length 1")
    _refuse(path, time, np.abs(given[:, :3]).max(axis=1) > 1e4, "the root's position is beyond 10 km")
    given[:, 3:7] = continuous_quaternions(given[:, 3:7] / norms)
    rows, remark = rows_read(path, time, given[:, hinges], options)
    _check_hinges(path, body, time[rows] - time[0], given[rows])
    time, given = time[rows] - time[rows[0]], given[rows]
    frames = num_frames(path, time[-1], fps)
    qpos = CubicSpline(time, given, axis=0)(np.arange(frames) / fps)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    qpos = body.couplings.project(qpos)
    return pose_clip(path, body, fps, qpos, f"{source}{remark}")


def _refuse(path: Path, time: np.ndarray, bad: np.ndarray, what: str) -> None:
    """Raise the error that names the first of the rows that are bad, shape [rows]."""
    if bad.any():
        row = int(bad.argmax())
        raise MsemuError(
            f"{path}: {what} in row {row + 1} ({time[row]:.3f} s), and in {int(bad.sum())} of {len(bad)} in all;"
            " correct them or leave these rows out"
        )


def _check_hinges(path: Path, body: Body, time: np.ndarray, qpos: np.ndarray) -> None:
    """Refuse hinges that are far beyond their limits, which are in another unit than radians."""
    limited = body.is_hinge & (body.model.jnt_limited[1:] > 0)
    ranges = {
        name: (low - _BEYOND_RAD, high + _BEYOND_RAD)
        for name, (low, high), used in zip(body.joint_names, body.model.jnt_range[1:], limited, strict=True)
        if used
    }
    angles = {name: qpos[:, 7 + index] for index, name in enumerate(body.joint_names)}
    check_angles(path, time, angles, ranges, "are angles in radians? Say --angle-unit deg if they are in degrees")


def write_csv(path: Path, clip: MotionClip) -> None:
    """Write a clip as `read_qpos` reads it."""
    time = np.arange(clip.num_frames) / clip.fps
    rows = [",".join(f"{value:.10g}" for value in row) for row in np.column_stack([time, clip.qpos])]
    write_text(path, "\n".join([",".join(["time", *ROOT, *clip.joint_names]), *rows]) + "\n")


def _read_npz(path: Path, body: Body) -> tuple[list[str], np.ndarray, np.ndarray, str]:
    present = files.array_names(path)
    arrays = files.read_numbers(path, ("qpos", *sorted({"fps", "time"} & present)))
    qpos = arrays["qpos"]
    if "time" in arrays:
        time = arrays["time"].ravel()
    elif "fps" in arrays:
        time = np.arange(len(np.atleast_1d(qpos))) / files.scalar(path, "fps", arrays["fps"], *files.RATE_HZ)
    else:
        raise MsemuError(f"{path} needs 'fps' (1 to 10000 Hz) or 'time' [s] beside 'qpos'")
    names = list(body.joint_names)
    if "joint_names" in present:
        names = [str(name) for name in files.read_arrays(path, ("joint_names",))["joint_names"].ravel()]
    if qpos.shape != (len(time), len(ROOT) + len(names)):
        raise MsemuError(
            f"{path}: qpos has shape {qpos.shape} for {len(time)} instants; body '{body.name}' needs"
            f" [T, {body.model.nq}], or name its joints in 'joint_names'"
        )
    _check_once(path, names)
    return [*ROOT, *names], time, qpos, ""


def _read_csv(path: Path) -> tuple[list[str], np.ndarray, np.ndarray, str]:
    text = TextFile(path)
    names, rows = text.columns()
    if names[0].lower() != "time" or len(names) > files.MAX_COLUMNS:
        raise MsemuError(f"{path}: the first line must name the columns, 'time' first, at most {files.MAX_COLUMNS}")
    _check_once(path, names)
    table = text.in_order(rows, text.numbers(rows, len(names)))
    return names[1:], table[:, 0], table[:, 1:], text.remarks


def _check_once(path: Path, names: list[str]) -> None:
    """Refuse names that stand more than once; the message says where."""
    places = distinct(names, [f"column {index + 1}" for index in range(len(names))])
    if repeated := [place for place, name in zip(places, names, strict=True) if place != name]:
        raise MsemuError(f"{path} names a joint more than once: {listed(repeated)}; remove all but one")
