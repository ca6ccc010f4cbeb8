"""A clip of one body as the recording for another: its landmarks, as if they had been captured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.formats.axes import ReadOptions
from msemu.motion.formats.opensim_export import coordinates
from msemu.motion.geometry import find_feet, joint_centers, landmark_path
from msemu.motion.source import JOINT_CENTERS, SEGMENTS, SourceMotion

WHOLE_BODY = "myofullbody"
"""The body that joint angles are brought onto before they are retargeted to any other one."""


def source_from_clip(body: Body, clip: MotionClip) -> SourceMotion:
    """Return the movement of the landmarks of a clip on the body that it belongs to."""
    clip.check_matches(body.name, body.joint_names)
    positions, matrices = landmark_path(body, clip.qpos)
    segments = matrices[:, [LANDMARKS.index(name) for name in SEGMENTS]]
    quaternions = Rotation.from_matrix(segments.reshape(-1, 3, 3)).as_quat(scalar_first=True)
    ankles = joint_centers(body, body.neutral_qpos[None], ("ankle_r", "ankle_l"))
    return SourceMotion(
        name=clip.name,
        time_s=np.arange(clip.num_frames) / clip.fps,
        positions=positions[:, [LANDMARKS.index(name) for name in JOINT_CENTERS]],
        orientations=quaternions.reshape(*segments.shape[:2], 4),
        sole_points=_soles(body, clip.qpos),
        ankle_height_m=float(ankles[..., 2].mean()),
        source=clip.source,
        license=clip.license,
        sha256=clip.source_sha256,
    )


def source_from_angles(path: Path, options: ReadOptions) -> SourceMotion:
    """Return the recording that joint angles of an OpenSim file (.mot, .sto) stand for."""
    from msemu.models import load_body
    from msemu.motion.formats.opensim_motion import read_opensim

    body = load_body(WHOLE_BODY)
    clip = read_opensim(path, body, options=options)
    return replace(source_from_clip(body, clip), joint_angles=coordinates(clip, body)[0])


def _soles(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Return heel and ball of the right and the left foot, lowered onto the sole [m], shape [T, 2, 2, 3]."""
    feet = [(foot, foot.points - foot.heights[:, None] * foot.neutral_rotation[2]) for foot in find_feet(body)]
    return np.array([[foot.world_points(data, low) for foot, low in feet] for data in posed(body.model, qpos)])
