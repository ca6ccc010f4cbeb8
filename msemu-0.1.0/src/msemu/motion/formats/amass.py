"""Reader of AMASS motions (npz): joint rotations of the SMPL, SMPL+H and SMPL-X bodies.

``poses`` [T, 3 J] holds a rotation vector [rad] of each joint relative to its parent, ``trans`` [T, 3] a
translation [m], z up, ``mocap_framerate`` or ``mocap_frame_rate`` the rate [Hz] (doi:10.1109/ICCV.2019.00554).
The first 22 joints are the same in all three bodies. In the zero pose the person stands with arms spread
sideways in axes x left, y up, z forward (doi:10.1145/2816795.2818013).

The retargeting takes directions and orientations, so the lengths of the bones matter little; without a body model they
are the mean proportions of Winter (2009, Biomechanics and Motor Control of Human Movement, 4th ed., figure 4.1) at a
height of 1.70 m. The model files of SMPL are not needed and not distributed; who has one in npz form may give it.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.files import RATE_HZ, array_names, check_frames, printable, read_numbers, scalar
from msemu.motion.formats.anatomy import source_from_points
from msemu.motion.formats.axes import ANGLE_UNITS, AS_STATED, UNITS, ReadOptions
from msemu.motion.formats.reorient import turned
from msemu.motion.source import SourceMotion

KEYS = ("poses", "trans")
RATES = ("mocap_framerate", "mocap_frame_rate")
NUM_JOINTS = 22

_HEIGHT_M = 1.70
_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_LANDMARKS = {
    "hip_l": 1, "hip_r": 2, "knee_l": 4, "knee_r": 5, "ankle_l": 7, "ankle_r": 8, "shoulder_l": 16, "shoulder_r": 17,
    "elbow_l": 18, "elbow_r": 19, "wrist_l": 20, "wrist_r": 21,
}  # fmt: skip
_SEGMENTS = {"pelvis": 0, "thorax": 9, "head": 15, "ankle_l": 7, "ankle_r": 8}
_FROM_SMPL = Rotation.from_matrix([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""From our axes (x forward, y left, z up) to those of the zero pose (x left, y up, z forward)."""

_HALF = {
    # joint: position beside the body's middle (x), above the hips (y) and ahead (z), in body heights; left side
    1: (0.0520, 0.000, 0.0), 4: (0.0520, -0.245, 0.0), 7: (0.0520, -0.491, 0.0), 10: (0.0520, -0.530, 0.08),
    13: (0.0500, 0.270, 0.0), 16: (0.1295, 0.288, 0.0), 18: (0.3155, 0.288, 0.0), 20: (0.4615, 0.288, 0.0),
}  # fmt: skip
_MIDDLE = {0: 0.040, 3: 0.100, 6: 0.165, 9: 0.200, 12: 0.310, 15: 0.360}
"""Heights of pelvis, spine, neck and head joints above the hips, in body heights."""


def read_amass(path: Path, options: ReadOptions = AS_STATED) -> SourceMotion:
    """Read an AMASS motion on the SMPL, SMPL+H or SMPL-X model of the person, or on mean proportions.

    Raises:
        MsemuError: A file is missing, too large, pickled, or holds impossible values.
    """
    body_model, present = options.smpl_model, array_names(path)
    rate_key = next((key for key in RATES if key in present), None)
    if rate_key is None:
        raise MsemuError(f"{path} has no array '{RATES[0]}'; is it an AMASS motion and not its body shape?")
    shape = {"betas"} & present if body_model is not None else set()
    arrays = read_numbers(path, (*KEYS, rate_key, *shape))
    poses, translation = (arrays[key] for key in KEYS)
    _check_shapes(path, poses, translation)
    poses, translation = ANGLE_UNITS[options.angle_unit or "rad"] * poses, UNITS[options.unit or "m"] * translation
    largest = float(np.linalg.norm(poses[:, : 3 * NUM_JOINTS].reshape(len(poses), -1, 3), axis=-1).max())
    if largest > 4 * np.pi:
        raise MsemuError(
            f"{path}: poses hold a rotation by {largest:.0f} rad; if they are in degrees: --angle-unit deg"
        )
    if options.mirror:  # left-handed axes, in which x was reflected
        poses = (poses[:, : 3 * NUM_JOINTS].reshape(len(poses), -1, 3) * [1.0, -1.0, -1.0]).reshape(len(poses), -1)
        translation = translation * [-1.0, 1.0, 1.0]
    rate = scalar(path, rate_key, arrays[rate_key], *RATE_HZ)
    rest = mean_joints() if body_model is None else _joints_of(body_model, arrays.get("betas"))

    positions = [rest[0] + translation]
    rotations = [Rotation.from_rotvec(poses[:, :3])]
    for joint in range(1, NUM_JOINTS):
        parent = _PARENTS[joint]
        positions.append(positions[parent] + rotations[parent].apply(rest[joint] - rest[parent]))
        rotations.append(rotations[parent] * Rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3]))
    source = source_from_points(
        path,
        np.arange(len(poses)) / rate,
        {name: positions[joint] for name, joint in _LANDMARKS.items()},
        {name: rotations[joint] * _FROM_SMPL for name, joint in _SEGMENTS.items()},
        f"AMASS motion {Path(path).name} on {'mean proportions' if body_model is None else Path(body_model).name}",
    )
    return turned(source, options.up, "z")


def mean_joints() -> np.ndarray:
    """Return the joints of the mean skeleton in the zero pose, x left, y up, z forward [m], shape [22, 3]."""
    joints = np.zeros((NUM_JOINTS, 3))
    for joint, height in _MIDDLE.items():
        joints[joint, 1] = height
    for joint, position in _HALF.items():
        joints[joint] = position
        joints[joint + 1] = np.array(position) * [-1.0, 1.0, 1.0]
    return _HEIGHT_M * joints


def _check_shapes(path: Path, poses: np.ndarray, translation: np.ndarray) -> None:
    frames = len(poses) if poses.ndim == 2 else 0
    check_frames(path, frames)
    if poses.shape[1] < 3 * NUM_JOINTS or translation.shape != (frames, 3):
        raise MsemuError(
            f"{path}: poses {poses.shape} and trans {translation.shape} do not fit; expected [T, {3 * NUM_JOINTS} or"
            " more] and [T, 3]"
        )


def _joints_of(body_model: Path, betas: np.ndarray | None) -> np.ndarray:
    """Return the joints of a body model with the shape of the person [m], shape [22, 3]."""
    template, shapes, regressor = read_numbers(body_model, ("v_template", "shapedirs", "J_regressor")).values()
    try:
        weights = np.zeros(0) if betas is None else betas.ravel()
        used = min(len(weights), 10, shapes.shape[2])
        joints = regressor @ (template + shapes[:, :, :used] @ weights[:used])
    except (IndexError, ValueError) as error:
        raise MsemuError(f"{body_model} is not an SMPL model in npz form ({printable(str(error), 120)})") from error
    if joints.ndim != 2 or len(joints) < NUM_JOINTS or joints.shape[1] != 3 or not np.isfinite(joints).all():
        raise MsemuError(f"{body_model} does not give the {NUM_JOINTS} joints of SMPL")
    return joints[:NUM_JOINTS]
