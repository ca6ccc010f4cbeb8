"""Retargeting: a person's recorded movement in the coordinates of a body."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import lowest_height
from msemu.motion.geometry import sole_heights
from msemu.motion.quality import assess, clip_errors, error_figures, joint_center_errors, source_joint_speed
from msemu.motion.retargeting.angle_errors import angle_errors
from msemu.motion.retargeting.inverse_kinematics import Costs, InverseKinematics
from msemu.motion.retargeting.looping import cut_cycle, face_forward, find_cycle, spread_gap
from msemu.motion.retargeting.path_solver import PathSolver
from msemu.motion.retargeting.resampling import resample, resample_cycle
from msemu.motion.retargeting.rigid_trunk import keep_center_of_mass
from msemu.motion.retargeting.settling import settling
from msemu.motion.retargeting.targets import make_targets
from msemu.motion.smoothing import smooth_path, velocities
from msemu.motion.source import JOINT_CENTERS, SourceMotion

RETARGET_VERSION = 10
"""Part of the key of cached clips: raised whenever the same input gives another clip."""

_STANDING = 0.9
"""A foot whose heel or ball has more contact than this counts as standing."""

_HAND_REACH_M = 0.2
"""A hand can touch the floor when its wrist is lower than this [m]."""

_LARGEST_SPEED_RAD_S = 27.0
"""No joint is made to turn faster: near its singularity the shoulder would [rad/s]."""

_TOLERATED_DEPTH_M = 0.005
"""Up to this depth a body is left in the floor: soles are soft [m]."""


@dataclass(frozen=True)
class RetargetCfg:
    """Choices of the retargeting.

    Attributes:
        fps: Frame rate of the clip [Hz].
        cyclic: Whether to close the loop; None follows the source.
        smoothing_s: Standard deviation of the Gaussian that smooths the joint angles [s].
        guide_smoothing_s: The same for the first pass, whose result the second one stays close to [s].
        root_smoothing_s: The same for the root of the first pass [s]: a cut-off of 6 Hz, as is usual in gait analysis
            (Winter 2009, Biomechanics and Motor Control of Human Movement, section 3.4).
        iterations: Gauss-Newton steps per frame of the first and the second pass.
        costs: Weights of the inverse kinematics.
    """

    fps: float = 50.0
    cyclic: bool | None = None
    smoothing_s: float = 0.012
    guide_smoothing_s: float = 0.05
    root_smoothing_s: float = 0.03
    iterations: tuple[int, int] = (6, 3)
    costs: Costs = field(default_factory=Costs)


def retarget(
    body: Body,
    source: SourceMotion,
    settings: RetargetCfg | None = None,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> MotionClip:
    """Bring a recorded movement onto a body.

    ``quality`` of the clip holds two errors of the joint centers: ``error_*`` against the targets that were tracked
    (loop closed, floor corrected) and ``recorded_error_*`` against the recording as it is; also the latter of pelvis
    and joints, see `angle_errors`. ``on_frame`` gets the number of frames done and in all.

    Raises:
        MsemuError: The loop shall be closed but the movement does not repeat.
    """
    settings = settings or RetargetCfg()
    cyclic = source.cyclic if settings.cyclic is None else settings.cyclic
    displacement = None
    loop_figures = {}
    if cyclic:
        cycle = find_cycle(source)
        loop_figures["recorded_loop_gap_cm"] = 100 * cycle.gap_m
        cut = cut_cycle(source, cycle)
        closed, displacement = spread_gap(cut)
        sampled = resample_cycle(closed, displacement, settings.fps)
        person = resample_cycle(cut, None, settings.fps)
    else:
        person = sampled = resample(face_forward(source), settings.fps)
    recorded = make_targets(body, person)
    targets = make_targets(body, sampled, displacement)
    if displacement is not None:
        displacement = displacement * targets.scale

    joints = 1 + body.independent_joints[body.model.jnt_limited[1 + body.independent_joints] > 0]
    limited, (lower, upper) = 6 + joints, body.model.jnt_range[joints].T

    def smooth(path: np.ndarray, width_s: float, flat: bool) -> np.ndarray:
        path = smooth_path(path, width_s, settings.fps, displacement, flat)
        path[:, limited] = np.clip(path[:, limited], lower, upper)  # a flat smoothing overshoots
        return body.couplings.project(path)

    def guide(path: np.ndarray) -> np.ndarray:
        root = smooth(path, settings.root_smoothing_s, flat=not cyclic)[:, :7]
        return np.hstack([root, smooth(path, settings.guide_smoothing_s, flat=False)[:, 7:]])

    wrists = targets.positions[:, [name.startswith("wrist") for name in JOINT_CENTERS], 2]
    solver = InverseKinematics(body, settings.costs, hands=bool(wrists.min() < _HAND_REACH_M))
    if solver.has_rigid_trunk:
        targets = keep_center_of_mass(body, targets)
    path = PathSolver(body, solver, targets, displacement, _LARGEST_SPEED_RAD_S / settings.fps)
    # Of a gait, a plain Gaussian takes a millimeter; of a jump, it would take a centimeter.
    qpos = path.solve(settings.iterations, guide, lambda path: smooth(path, settings.smoothing_s, not cyclic), on_frame)
    standing = targets.contact.max(axis=2) > _STANDING
    # The median standing sole comes onto the floor.
    shift = -float(np.median(sole_heights(body, qpos)[standing])) if standing.any() else 0.0
    qpos[:, 2] += shift
    qpos[:, 2] += _rise_from_floor(body, qpos, cyclic)
    settled = np.zeros(len(qpos)) if cyclic else settling(body, qpos, settings.fps)
    qpos[:, 2] += settled

    centers = targets.positions[:, solver.tracked].copy()
    centers[..., 2] += shift + settled[:, None]
    clip = MotionClip(
        body=body.name,
        joint_names=tuple(body.joint_names),
        fps=settings.fps,
        qpos=qpos,
        qvel=velocities(body, qpos, settings.fps, displacement),
        cyclic=cyclic,
        cycle_displacement=np.zeros(3) if displacement is None else displacement,
        name=source.name,
        source=source.source,
        license=source.license,
        source_sha256=source.sha256,
        joint_center_names=tuple(name for name, used in zip(JOINT_CENTERS, solver.tracked, strict=True) if used),
        joint_centers=centers,
    )
    clip.quality = (
        error_figures(clip_errors(body, clip), "error")
        | error_figures(joint_center_errors(body, qpos, recorded.positions, solver.tracked), "recorded_error")
        | angle_errors(body, clip, person)
        | assess(body, clip, standing)
        | loop_figures
        | {
            "joint_centers": float(solver.tracked.sum()),
            "floor_shift_cm": 100 * shift,
            "settled_max_cm": 100 * float(np.abs(settled).max()),
            "scale": targets.scale,
            "source_speed_max_rad_s": source_joint_speed(sampled),
        }
    )
    return clip


def _rise_from_floor(body: Body, qpos: np.ndarray, cyclic: bool) -> np.ndarray:
    """Return by how much the body is lifted where smoothing has left it deep in the floor [m], shape [T]."""
    depth = np.maximum(-lowest_height(body, qpos) - _TOLERATED_DEPTH_M, 0.0)
    mode = "wrap" if cyclic else "nearest"
    return gaussian_filter1d(maximum_filter1d(depth, 5, mode=mode), 1.0, mode=mode)
