"""Joint angles of OpenSim's gait models as clips of a body.

Legs, elbow and forearm are taken angle by angle; for spine and shoulders, whose joints differ from body to body,
the orientation of thorax and upper arm is kept. The maps in ``cfg/motion/opensim`` say in what the models differ.
"""

from functools import partial
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from msemu.files import check_times
from msemu.models.body import Body
from msemu.models.poses import at_pose
from msemu.motion.checks.angles import check_angles
from msemu.motion.clip import MotionClip
from msemu.motion.formats import opensim_pose as opensim
from msemu.motion.formats.axes import AS_STATED, UNITS, ReadOptions
from msemu.motion.formats.maps import NameMap, choose_map, listed
from msemu.motion.formats.opensim_storage import read_storage
from msemu.motion.formats.pose_clip import num_frames, pose_clip
from msemu.motion.formats.rows import rows_read
from msemu.motion.formats.segment_fit import fit_rotations
from msemu.motion.formats.text import distinct, without_place
from msemu.motion.geometry import sole_heights
from msemu.motion.smoothing import continuous_quaternions

_SAGITTAL = ("hip_flexion", "knee_angle", "ankle_angle")
_REQUIRED = ("pelvis_tilt", "pelvis_ty", *(f"{joint}_{side}" for joint in _SAGITTAL for side in "rl"))

_MAX_TURN_RAD = np.radians(250.0)
"""No hip, knee, ankle or elbow turns farther from its zero [rad]."""

_MAX_TURNS_RAD = 20 * np.pi
"""Ten turns are the most for a pelvis, in a pirouette, and for arms, whose angles count on when they circle [rad]."""


def read_opensim(path: Path, body: Body, fps: float = 50.0, options: ReadOptions = AS_STATED) -> MotionClip:
    """Read joint angles of a whole trial (.mot, .sto) as a clip, exactly as they are, by cubic splines at ``fps`` [Hz].

    Only the height is changed: the standing soles are put on the floor. Columns of no joint are left out;
    the clip's source names them.

    Raises:
        MsemuError: The file is damaged, or does not hold the coordinates of a gait model.
    """
    storage = read_storage(path)
    in_degrees = storage.in_degrees if options.angle_unit is None else options.angle_unit == "deg"
    columns = _by_name(storage.columns)
    mapping = choose_map("opensim", path, list(columns), _REQUIRED, options.names)
    if options.names is None and (likely := _likely_map(mapping, columns)) != mapping.name:
        mapping = choose_map("opensim", path, list(columns), _REQUIRED, likely)
    check_times(path, storage.time)
    values = _standard(path, mapping, columns, in_degrees)
    zero = _fill(values)
    angles = np.stack([values[name] for name in values if name not in opensim.TRANSLATION], axis=1)
    rows, remark = rows_read(path, storage.time, angles, options)
    _check_turns(path, storage.time - storage.time[0], values, rows, in_degrees)
    time = storage.time[rows] - storage.time[rows[0]]
    frames = num_frames(path, time[-1], fps)
    length = UNITS[options.unit or "m"]
    values |= {name: length * values[name] for name in opensim.TRANSLATION}
    extra = {name: columns[name] for name in columns if name in body.joint_names and name not in values}
    instants = np.arange(frames) / fps

    def sample(column: np.ndarray) -> np.ndarray:
        return CubicSpline(time, column[rows])(instants)

    values = {name: sample(column) for name, column in values.items()}
    unit = np.pi / 180.0 if in_degrees else 1.0
    qpos = np.repeat(body.neutral_qpos[None], frames, axis=0)
    used = _set_angles(body, qpos, values)
    for name, column in extra.items():
        joint = body.joint_names.index(name)
        qpos[:, 7 + joint] = sample(column) * (unit if body.is_hinge[joint] else 1.0)
    pelvis = _set_pelvis(body, qpos, values, mapping)
    qpos = _set_segments(body, body.couplings.project(qpos), values, pelvis)
    qpos[:, 3:7] = continuous_quaternions(qpos[:, 3:7])
    shift = -float(np.percentile(sole_heights(body, qpos).min(axis=1), 25))
    qpos[:, 2] += shift
    known = {name for members in mapping.found.values() for name in members}
    unused = [name for name in columns if name not in known | set(extra)] + sorted(set(mapping.found) - used)
    source = f"OpenSim file {Path(path).name}, names of '{mapping.name}'; columns not used: {listed(unused)}"
    if zero:
        source += f"; not in the file, taken as zero: {', '.join(zero)}"
    clip = pose_clip(path, body, fps, qpos, source + storage.remarks + remark)
    clip.quality["floor_shift_cm"] = 100 * shift
    return clip


def _by_name(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns that are no speeds by the coordinate's name.

    That of a path such as ``/jointset/hip_r/hip_flexion_r/value`` is ``hip_flexion_r``.
    """
    plain = [without_place(label) for label in columns]
    short = [label.removesuffix("/value").rsplit("/", 1)[-1] for label in plain]
    names = distinct(short, [f"column {index + 2}" for index in range(len(columns))])
    whole = zip(names, columns.values(), plain, strict=True)
    return {name: values for name, values, label in whole if not label.endswith("/speed")}


def _likely_map(mapping: NameMap, columns: dict[str, np.ndarray]) -> str:
    """Choose by the sign of the knees: nobody's knees bend forward."""
    if np.mean([columns[name] for side in "rl" for name in mapping.found[f"knee_angle_{side}"]]) > 0:
        return "rajagopal"
    return "hamner" if "arm_flex_r" in mapping.found else "gait2392"


def _fill(values: dict[str, np.ndarray]) -> list[str]:
    """Add as zeros the coordinates that planar models lack; return their names.

    Lumbar joints and arms are whole or lack altogether.
    """
    groups = [opensim.ROOT, opensim.LUMBAR]
    groups += [tuple(f"{name}_{side}" for name in names) for side in "rl" for names in (opensim.LEG[:3], opensim.ARM)]
    lacking = [name for group in groups if set(group) & set(values) for name in group if name not in values]
    values |= {name: np.zeros(len(values["pelvis_ty"])) for name in lacking}
    return lacking


def _standard(path: Path, mapping: NameMap, columns: dict[str, np.ndarray], in_degrees: bool) -> dict[str, np.ndarray]:
    """Return the mapped columns in radians and meters with knee flexion positive."""
    unit = np.pi / 180.0 if in_degrees else 1.0
    values = {}
    for name, members in mapping.found.items():
        column = np.mean([columns[member] for member in members], axis=0)
        values[name] = column if name in opensim.TRANSLATION else unit * column
        if name.startswith("knee_angle"):
            values[name] = mapping.values.get("knee_flexion_sign", 1) * values[name]
    return values


def _check_turns(
    path: Path, time: np.ndarray, values: dict[str, np.ndarray], rows: np.ndarray, in_degrees: bool
) -> None:
    """Refuse angles of joints that turn farther than any joint, which are in another unit than the file says."""
    remedy = "is the column right?" if in_degrees else "are angles in degrees? Say --angle-unit deg, or inDegrees=yes"
    free = (*opensim.PELVIS, *(f"{name}_{side}" for name in opensim.ARM for side in "rl"))
    limits = {name: _MAX_TURNS_RAD if name in free else _MAX_TURN_RAD for name in values}
    ranges = {name: (-limit, limit) for name, limit in limits.items() if name not in opensim.TRANSLATION}
    check_angles(path, time[rows], {name: column[rows] for name, column in values.items()}, ranges, remedy)


def _set_angles(body: Body, qpos: np.ndarray, values: dict[str, np.ndarray]) -> set[str]:
    """Set the joints that are taken angle by angle; return the coordinates that the body can follow."""
    used = set(opensim.ROOT)
    for name, (joint, zero) in opensim.direct_joints(body).items():
        if name in values:
            qpos[:, 7 + joint] = values[name] - zero
            used.add(name)
    segments = opensim.Segments(body)
    if len(segments.spine()):
        used |= set(opensim.LUMBAR)
    if segments.has_arms():
        used |= {f"{name}_{side}" for name in opensim.ARM for side in "rl"}
    return used


def _set_pelvis(body: Body, qpos: np.ndarray, values: dict[str, np.ndarray], mapping: NameMap) -> Rotation:
    """Set the root so that the pelvis is where the file has it; return the orientation of the pelvis."""
    turn = Rotation.from_euler("ZXY", np.column_stack([values[name] for name in opensim.PELVIS]))
    offset = np.array(mapping.values.get("hips_from_pelvis_m", [0.0, 0.0, 0.0]), dtype=float)
    hips = opensim.Z_UP.apply(np.column_stack([values[name] for name in opensim.TRANSLATION]) + turn.apply(offset))
    pelvis = opensim.Z_UP * turn * opensim.Z_UP.inv()
    site = at_pose(body.model, body.neutral_qpos).site("landmark/pelvis")
    root = Rotation.from_quat(body.neutral_qpos[3:7], scalar_first=True)
    within = root.inv() * Rotation.from_matrix(site.xmat.reshape(3, 3))
    from_root = root.inv().apply(site.xpos - body.neutral_qpos[:3])
    rotations = pelvis * within.inv()
    qpos[:, 3:7] = rotations.as_quat(scalar_first=True)
    qpos[:, :3] = hips - rotations.apply(from_root)
    return pelvis


def _set_segments(body: Body, qpos: np.ndarray, values: dict[str, np.ndarray], pelvis: Rotation) -> np.ndarray:
    """Turn thorax and upper arms as the file has them."""
    segments = opensim.Segments(body)
    thorax = pelvis
    if all(name in values for name in opensim.LUMBAR):
        thorax = pelvis * opensim.from_angles([values[name] for name in opensim.LUMBAR])
        if len(segments.spine()):
            segment = segments.landmark("thorax")
            qpos = fit_rotations(
                body, qpos, segments.spine(), segment, lambda data: segments.rotation(data, "thorax"), thorax
            )
    for side in "rl" if segments.has_arms() else "":
        names = [f"{name}_{side}" for name in opensim.ARM]
        if all(name in values for name in names):
            wanted = thorax * opensim.from_angles([values[name] for name in names], opensim.MIRROR[side])
            joints, segment = segments.shoulder(side), segments.landmark(f"shoulder_{side}")
            qpos = fit_rotations(body, qpos, joints, segment, partial(segments.upper_arm, side=side), wanted)
    return qpos
