"""Clips as joint angles of OpenSim's Rajagopal model."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.models.body import Body
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.formats import opensim_pose as opensim
from msemu.motion.formats.maps import list_maps
from msemu.motion.formats.opensim_storage import write_storage

EXPORT_NAMES = "rajagopal"
"""Map whose names and signs are written."""


def write_opensim(path: Path, clip: MotionClip, body: Body) -> None:
    """Write a clip as joint angles under the names of the Rajagopal model, in degrees for .mot, radians for .sto.

    Joints of the body that the model does not have follow under their own names where they leave their neutral angle.
    """
    clip.check_matches(body.name, body.joint_names)
    in_degrees = path.suffix.lower() == ".mot"
    angles, translations = coordinates(clip, body)
    factor = 180.0 / np.pi if in_degrees else 1.0
    written = {name: factor * values for name, values in angles.items()} | translations
    order = [*opensim.ROOT, *(name for name in written if name not in opensim.ROOT)]
    time = np.arange(clip.num_frames) / clip.fps
    write_storage(path, clip.name or "clip", time, {name: written[name] for name in order}, in_degrees)


def coordinates(clip: MotionClip, body: Body) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return a clip's rotational coordinates [rad] and its translations [m] by name, shape [T] each."""
    segments = opensim.Segments(body)
    offset = np.array(list_maps("opensim")[EXPORT_NAMES]["hips_from_pelvis_m"])
    arms = "rl" if segments.has_arms() else ""
    rows: dict[str, list] = {name: [] for name in ("pelvis", "position", "lumbar", *arms)}
    for data in posed(body.model, clip.qpos):
        pelvis, thorax = segments.rotation(data, "pelvis"), segments.rotation(data, "thorax")
        turn = opensim.as_opensim(pelvis)
        rows["pelvis"].append(turn)
        rows["position"].append(opensim.Z_UP.inv().apply(data.site("landmark/pelvis").xpos) - turn.apply(offset))
        rows["lumbar"].append(opensim.as_opensim(pelvis.inv() * thorax))
        for side in arms:
            rows[side].append(opensim.as_opensim(thorax.inv() * segments.upper_arm(data, side)))
    angles = _euler(opensim.PELVIS, rows["pelvis"])
    if len(segments.spine()):
        angles |= _euler(opensim.LUMBAR, rows["lumbar"])
    covered = set(segments.spine().tolist())
    for side in arms:
        covered |= set(segments.shoulder(side).tolist())
        angles |= _euler([f"{name}_{side}" for name in opensim.ARM], rows[side], opensim.MIRROR[side])
    for name, (joint, zero) in opensim.direct_joints(body).items():
        angles[name] = clip.qpos[:, 7 + joint] + zero
        covered.add(joint)
    neutral = body.neutral_qpos
    for joint in body.independent_joints:
        column = clip.qpos[:, 7 + joint]
        if int(joint) not in covered and np.abs(column - neutral[7 + joint]).max() > 1e-9:
            angles[body.joint_names[joint]] = column
    return angles, dict(zip(opensim.TRANSLATION, np.array(rows["position"]).T, strict=True))


def _euler(names: tuple[str, ...] | list[str], rotations: list[Rotation], signs: np.ndarray | float = 1.0) -> dict:
    """Return three angles about moving z, x, y axes by name, without jumps [rad]."""
    angles = np.unwrap(Rotation.concatenate(rotations).as_euler("ZXY"), axis=0) * signs
    return dict(zip(names, angles.T, strict=True))
