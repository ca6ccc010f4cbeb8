"""How good a retargeted clip is, in physical units."""

from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.body import Body
from msemu.models.muscle_paths import muscle_lengths
from msemu.motion.clip import MotionClip
from msemu.motion.flight import floating_height, lowest_height
from msemu.motion.geometry import joint_centers, sole_heights
from msemu.motion.source import SEGMENTS, SourceMotion
from msemu.muscle.parameters import MuscleParameters

_DEGREES = 180.0 / np.pi


def joint_center_errors(body: Body, qpos: np.ndarray, targets: np.ndarray, tracked: np.ndarray) -> np.ndarray:
    """Return the distance of each tracked joint center from its target [m], shape [T, tracked].

    The targets are in the order of `JOINT_CENTERS` [m], shape [T, 12, 3]; ``tracked`` says which of them count, shape
    [12].
    """
    return np.linalg.norm(joint_centers(body, qpos) - targets, axis=-1)[:, tracked]


def clip_errors(body: Body, clip: MotionClip) -> np.ndarray:
    """Return the distance of each joint center of a clip from where the recorded movement has it [m], shape [T, C]."""
    return np.linalg.norm(joint_centers(body, clip.qpos, clip.joint_center_names) - clip.joint_centers, axis=-1)


def source_joint_speed(source: SourceMotion) -> float:
    """Return the largest angular speed at which a joint of the recorded person moves [rad/s].

    Knees and elbows by the angle between their bones, hips and shoulders by the direction of the bone seen from
    pelvis or thorax, the trunk by the turn of the thorax against the pelvis.
    """
    turn = {
        name: Rotation.from_quat(source.orientations[:, index], scalar_first=True)
        for index, name in enumerate(SEGMENTS)
    }
    relative = turn["pelvis"].inv() * turn["thorax"]
    steps = [(relative[:-1].inv() * relative[1:]).magnitude()]
    for side in "rl":
        for joints, segment in ((("hip", "knee", "ankle"), "pelvis"), (("shoulder", "elbow", "wrist"), "thorax")):
            points = [source.joint(f"{joint}_{side}") for joint in joints]
            near, far = (turn[segment].inv().apply(b - a) for a, b in pairwise(points))
            steps += [_angles(near[:-1], near[1:]), np.abs(np.diff(_angles(near, far)))]
    return float(np.max(steps)) * source.fps


def _angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles between two rows of vectors [rad], shape [T]."""
    return np.arctan2(np.linalg.norm(np.cross(first, second), axis=1), (first * second).sum(axis=1))


def error_figures(errors: np.ndarray, prefix: str) -> dict[str, float]:
    """Return mean, 95th percentile and maximum of errors given in meters [cm]."""
    values = {"mean": errors.mean(), "p95": np.percentile(errors, 95), "max": errors.max()}
    return {f"{prefix}_{name}_cm": 100 * float(value) for name, value in values.items()}


def stance_figures(body: Body, qpos: np.ndarray, standing: np.ndarray) -> dict[str, float]:
    """Return how high the soles of the ``standing`` feet, shape [T, 2], are [cm]."""
    stance = 100 * sole_heights(body, qpos)[standing]
    figures = {"stance_frames": float(standing.sum())}
    if len(stance):
        values = {"mean": stance.mean(), "min": stance.min(), "max": stance.max()}
        figures |= {f"stance_height_{name}_cm": float(value) for name, value in values.items()}
    return figures


def pose_figures(body: Body, clip: MotionClip) -> dict[str, float]:
    """Return what can be told at once of any clip of a body: depth in the floor [cm], joint limits, speed of the root.

    These are the figures that no task bears when they are impossible.
    """
    return {
        "penetration_max_cm": 100 * max(0.0, -float(lowest_height(body, clip.qpos).min())),
        "root_speed_max_m_s": float(np.linalg.norm(clip.qvel[:, :3], axis=1).max()),
    } | limit_figures(body, clip.qpos)


def limit_figures(body: Body, qpos: np.ndarray) -> dict[str, float]:
    """Return the largest violation of a joint limit [deg] and the share of frames with one over 0.1 deg.

    Only independent hinges count: where a coupled joint may be is what its coupling, the body's, says.
    """
    hinges = [joint for joint in body.independent_joints if body.is_hinge[joint]]
    excess = limit_excess(body, qpos, np.array(hinges, dtype=int)) * _DEGREES
    return {
        "limit_violation_max_deg": float(excess.max(initial=0.0)),
        "limit_violation_share": float((excess > 0.1).any(axis=1).mean()),
    }


def limit_excess(body: Body, qpos: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Return how far some joints of the body are beyond their limits [rad or m], shape [T, joints]."""
    low, high = body.model.jnt_range[1 + joints].T
    angles = qpos[:, 7 + joints]
    return np.maximum(np.maximum(low - angles, angles - high), 0.0) * body.model.jnt_limited[1 + joints].astype(bool)


def tendon_figures(body: Body, qpos: np.ndarray, fps: float, cyclic: bool) -> dict[str, float]:
    """Return the largest change of a muscle's length between frames, over its optimal fiber length."""
    lengths = muscle_lengths(body.model, qpos)
    path = np.concatenate([lengths, lengths[:1]]) if cyclic else lengths
    change = np.abs(np.diff(path, axis=0)) / MuscleParameters.of(body.model).optimal_fiber_length
    return {"tendon_step_max": float(change.max()), "tendon_speed_max_per_s": float(change.max()) * fps}


def seam_figures(clip: MotionClip) -> dict[str, float]:
    """Return the jump of pose and velocity at the seam beside the largest one inside the clip.

    The jump of the pose is the difference between a frame and the continuation of the two frames before it
    [deg]; of the velocity, the difference between neighboring frames [rad/s]. A clip without a seam has no
    larger jump at the seam than inside.
    """
    joints = clip.qpos[:, 7:]
    unrolled = np.concatenate([joints, joints[:3]])
    pose = np.abs(np.diff(unrolled, n=2, axis=0)).max(axis=1) * _DEGREES
    velocity = np.abs(np.diff(np.concatenate([clip.qvel, clip.qvel[:1]])[:, 6:], axis=0)).max(axis=1)
    frames = clip.num_frames
    return {
        "seam_pose_deg": float(pose[frames - 2 : frames].max()),
        "inside_pose_deg": float(pose[: frames - 2].max()),
        "seam_velocity_rad_s": float(velocity[-1]),
        "inside_velocity_rad_s": float(velocity[:-1].max()),
    }


def assess(body: Body, clip: MotionClip, standing: np.ndarray) -> dict[str, float]:
    """Return the figures that need no targets; ``standing``: frames in which right and left foot stand, [T, 2]."""
    figures = stance_figures(body, clip.qpos, standing) | pose_figures(body, clip)
    figures["floating_max_cm"] = 100 * floating_height(body, clip)
    figures |= tendon_figures(body, clip.qpos, clip.fps, clip.cyclic)
    figures["coupling_residual_max"] = float(np.abs(body.couplings.residual(clip.qpos)).max(initial=0.0))
    figures["joint_speed_max_rad_s"] = float(np.abs(clip.qvel[:, 6 + body.independent_joints]).max())
    if clip.cyclic:
        figures |= seam_figures(clip)
    return figures
