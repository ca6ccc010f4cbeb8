"""How far the pelvis and the joints of a retargeted clip are from the recording, in degrees."""

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_export import coordinates
from msemu.motion.geometry import landmark_path
from msemu.motion.source import SEGMENTS, SourceMotion

PELVIS = ("pelvis_list", "pelvis_tilt", "pelvis_rotation")
"""Turns of the pelvis about its own axes: forward, left and up."""

JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
"""Coordinates of OpenSim that every body has on both sides."""


def angle_errors(body: Body, clip: MotionClip, person: SourceMotion) -> dict[str, float]:
    """Return root mean square errors against a recording at the frames of the clip, by `figure_of` [deg].

    The pelvis is compared always, each of `JOINTS` where the recording has joint angles of its own: of its two sides,
    the worse one counts.
    """
    errors = {name: [error] for name, error in zip(PELVIS, _pelvis_turns(body, clip, person).T, strict=True)}
    own = person.joint_angles
    found = coordinates(clip, body)[0] if own else {}
    for joint in JOINTS:
        sides = [name for name in (f"{joint}_r", f"{joint}_l") if name in own and name in found]
        errors[joint] = [found[name] - own[name] for name in sides]
    return {
        figure_of(name): float(np.degrees(max(np.sqrt(np.mean(error**2)) for error in sides)))
        for name, sides in errors.items()
        if sides
    }


def figure_of(name: str) -> str:
    """Return the name under which the quality of a clip holds the error of one of `PELVIS` or `JOINTS`."""
    return f"recorded_error_{name}_deg"


def _pelvis_turns(body: Body, clip: MotionClip, person: SourceMotion) -> np.ndarray:
    """Return the turn from the recorded to the clip's pelvis about its own axes [rad], shape [T, 3]."""
    recorded = Rotation.from_quat(person.orientations[:, SEGMENTS.index("pelvis")], scalar_first=True)
    reached = landmark_path(body, clip.qpos)[1][:, LANDMARKS.index("pelvis")]
    return (recorded.inv() * Rotation.from_matrix(reached)).as_rotvec()
