"""Writing clips for other programs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from msemu.files import write_arrays
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_export import write_opensim
from msemu.motion.formats.qpos_table import write_csv
from msemu.motion.formats.trc import write_trc
from msemu.motion.geometry import landmark_path

PELVIS_MARKERS_M = {"asis_r": (0.08, -0.13, 0.11), "asis_l": (0.08, 0.13, 0.11), "sacrum": (-0.12, 0.0, 0.1216)}
"""Markers on the pelvis, which say how it is turned, in its frame from the middle of the hips [m]; sacrum and ASIS
lie in a plane tilted as `msemu.motion.formats.markers.PELVIS_PLANE_TILT_RAD` says."""

HEAD_MARKERS_M = {
    "head_front": (0.1, 0, 0),
    "head_back": (-0.1, 0, 0),
    "head_right": (0, -0.1, 0),
    "head_left": (0, 0.1, 0),
}
"""Markers around the head, in its frame [m]."""


def write_landmarks(path: Path, clip: MotionClip, body: Body) -> None:
    """Write the joint centers of a clip, and markers on pelvis and head, as a TRC file."""
    positions, matrices = landmark_path(body, clip.qpos)
    markers = {name: positions[:, index] for index, name in enumerate(LANDMARKS)}
    for segment, points in (("pelvis", PELVIS_MARKERS_M), ("head", HEAD_MARKERS_M)):
        index = LANDMARKS.index(segment)
        for name, point in points.items():
            markers[name] = positions[:, index] + matrices[:, index] @ np.array(point)
    write_trc(path, np.arange(clip.num_frames) / clip.fps, markers)


def write_poses(path: Path, clip: MotionClip, body: Body) -> None:
    """Write the poses of a clip as an npz with ``qpos``, ``fps`` and ``joint_names``."""
    write_arrays(path, {"qpos": clip.qpos, "fps": clip.fps, "joint_names": np.array(clip.joint_names)})


WRITERS: dict[str, Callable[[Path, MotionClip, Body], None]] = {
    "mot": write_opensim,
    "sto": write_opensim,
    "trc": write_landmarks,
    "npz": write_poses,
    "csv": lambda path, clip, body: write_csv(path, clip),
}
"""Writers by the ending of the file."""
