"""Files of every motion format, written here without the code under test."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np

LEFT_OF = {
    "cmu": ("Left{}", "UpLeg Leg Foot ToeBase Arm ForeArm Hand", "Hips Spine Head"),
    "lafan1": ("Left{}", "UpLeg Leg Foot Toe Arm ForeArm Hand", "Hips Spine Head"),
    "bandai": ("{}_L", "UpperLeg LowerLeg Foot Toes UpperArm LowerArm Hand", "Hips Spine Head"),
    "100style": ("Left{}", "Hip Knee Ankle Toe Shoulder Elbow Wrist", "Hips Chest Head"),
}
"""How four databases name left joints: pattern, names from hip to toes and shoulder to hand, middle joints."""

MIXED_ORDER = "Zrotation Xrotation Yrotation"


def bvh_text(style: str, rows: np.ndarray, frame_time: float = 1 / 30) -> str:
    """A person in centimeters: y up, z forward, x left, arms spread. A row: root position, then all rotations."""
    pattern, names, middle = LEFT_OF[style]
    names, (hips, spine, head) = names.split(), middle.split()
    right = {"Left{}": "Right{}", "{}_L": "{}_R"}[pattern]

    def chain(parts: list[tuple[str, str]], depth: int) -> str:
        if not parts:
            return f"{'  ' * depth}End Site\n{{\nOFFSET 0 0 5\n}}\n"
        name, offset = parts[0]
        return f"JOINT {name}\n{{\nOFFSET {offset}\nCHANNELS 3 {MIXED_ORDER}\n{chain(parts[1:], depth + 1)}}}\n"

    limbs = []
    for side, x in ((pattern, 1), (right, -1)):
        leg = [f"{9 * x} -4 0", "0 -42 0", "0 -40 0", "0 -6 13"]
        arm = [f"{18 * x} 30 0", f"{28 * x} 0 0", f"{25 * x} 0 0"]
        limbs.append(
            (
                chain([(side.format(name), offset) for name, offset in zip(names[:4], leg, strict=True)], 1),
                chain([(side.format(name), offset) for name, offset in zip(names[4:], arm, strict=True)], 2),
            )
        )
    text = f"HIERARCHY\nROOT {hips}\n{{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition {MIXED_ORDER}\n"
    text += limbs[0][0] + limbs[1][0]
    text += f"JOINT {spine}\n{{\nOFFSET 0 12 0\nCHANNELS 3 {MIXED_ORDER}\n{limbs[0][1]}{limbs[1][1]}"
    text += chain([(head, "0 45 0")], 2) + "}\n}\n"
    text += f"MOTION\nFrames: {len(rows)}\nFrame Time: {frame_time:.6f}\n"
    return text + "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows) + "\n"


BVH_COLUMNS = 6 + 3 * (4 + 4 + 1 + 3 + 3 + 1)
"""Numbers in a row: root, two legs, spine, two arms, head."""


def bvh_rows(frames: int = 12) -> np.ndarray:
    rows = np.zeros((frames, BVH_COLUMNS))
    rows[:, 1] = 92.0
    rows[:, 2] = np.arange(frames)
    return rows


def storage_text(columns: dict[str, np.ndarray], in_degrees: bool, header_rows: int | str | None = None) -> str:
    """An OpenSim storage file at 100 Hz."""
    frames = len(next(iter(columns.values())))
    lines = ["trial", "version=1", f"nRows={frames if header_rows is None else header_rows}"]
    lines += [f"nColumns={len(columns) + 1}", f"inDegrees={'yes' if in_degrees else 'no'}", "endheader"]
    lines += ["\t".join(["time", *columns])]
    for frame in range(frames):
        lines.append("\t".join([f"{frame / 100:.8f}", *(f"{values[frame]:.12f}" for values in columns.values())]))
    return "\n".join(lines) + "\n"


def gait_angles(frames: int = 40, arms: bool = True) -> dict[str, np.ndarray]:
    """Smooth made-up joint angles in degrees under the names of the Rajagopal model."""
    phase = 2 * np.pi * np.arange(frames) / frames
    columns = {
        "pelvis_tilt": -4 + 3 * np.sin(phase),
        "pelvis_list": 4 * np.cos(phase),
        "pelvis_rotation": 6 * np.sin(phase),
        "pelvis_tx": 0.012 * np.arange(frames),
        "pelvis_ty": 0.94 + 0.01 * np.cos(2 * phase),
        "pelvis_tz": 0.02 * np.sin(phase),
        "lumbar_extension": -8 + 4 * np.sin(phase),
        "lumbar_bending": 3 * np.cos(phase),
        "lumbar_rotation": 5 * np.sin(phase),
    }
    for side, shift in (("r", 0.0), ("l", np.pi)):
        columns |= {
            f"hip_flexion_{side}": 15 + 20 * np.sin(phase + shift),
            f"hip_adduction_{side}": -3 + 4 * np.cos(phase + shift),
            f"hip_rotation_{side}": 5 * np.sin(phase + shift),
            f"knee_angle_{side}": 30 + 25 * np.sin(phase + shift),
            f"ankle_angle_{side}": 8 * np.sin(phase + shift),
            f"subtalar_angle_{side}": 2 * np.sin(phase + shift),
        }
        if arms:
            columns |= {
                f"arm_flex_{side}": 20 * np.sin(phase + shift + np.pi),
                f"arm_add_{side}": -25 + 5 * np.cos(phase + shift),
                f"arm_rot_{side}": 10 + 8 * np.sin(phase + shift),
                f"elbow_flex_{side}": 60 + 20 * np.sin(phase + shift),
                f"pro_sup_{side}": 80 + 10 * np.sin(phase + shift),
            }
    return columns


def amass_arrays(frames: int = 10, columns: int = 156) -> dict[str, np.ndarray]:
    """A person who stands in the zero pose, turned so that z is up, and moves at 60 Hz."""
    poses = np.zeros((frames, columns))
    poses[:, 0] = np.pi / 2
    trans = np.zeros((frames, 3))
    trans[:, 1] = -0.01 * np.arange(frames)
    trans[:, 2] = 0.9
    return {"poses": poses, "trans": trans, "mocap_framerate": np.array(60.0), "betas": np.zeros(16)}


PLUG_IN_GAIT = {
    "RASI": ("pelvis", (0.06, -0.13, 0.10)), "LASI": ("pelvis", (0.06, 0.13, 0.10)),
    "RPSI": ("pelvis", (-0.14, -0.05, 0.1116)), "LPSI": ("pelvis", (-0.14, 0.05, 0.1116)),
}  # fmt: skip
"""Markers on the pelvis of an upright person, from the middle of the hips; their plane is tilted by 3.3 degrees."""


def write_c3d(path: Path, markers: dict[str, np.ndarray], rate: float = 100.0) -> Path:
    """Write markers in meters as a C3D file in millimeters with ezc3d."""
    import ezc3d

    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [rate]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(markers)
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    points = np.ones((4, len(markers), len(next(iter(markers.values())))))
    for index, values in enumerate(markers.values()):
        points[:3, index] = 1000.0 * values.T
    file["data"]["points"] = points
    file.write(str(path))
    return path


def stationary_markers(frames=30):
    """A standing person with joint center markers, z up [m]."""
    points = {
        "asis_r": (0.06, -0.13, 1.0), "asis_l": (0.06, 0.13, 1.0), "sacrum": (-0.14, 0.0, 1.0116),
        "hip_r": (0, -0.09, 0.9), "hip_l": (0, 0.09, 0.9), "knee_r": (0, -0.09, 0.48), "knee_l": (0, 0.09, 0.48),
        "ankle_r": (0, -0.09, 0.08), "ankle_l": (0, 0.09, 0.08), "toe_r": (0.15, -0.09, 0.02),
        "toe_l": (0.15, 0.09, 0.02), "shoulder_r": (-0.0386, -0.18, 1.4), "shoulder_l": (-0.0386, 0.18, 1.4),
        "elbow_r": (0, -0.2, 1.1), "elbow_l": (0, 0.2, 1.1),
        "wrist_r": (0.02, -0.2, 0.85), "wrist_l": (0.02, 0.2, 0.85),
    }  # fmt: skip
    return {name: np.tile(np.array(point), (frames, 1)) for name, point in points.items()}


def trc_text(markers, unit="mm", scale=1000.0):
    """A TRC file with y up."""
    frames = len(next(iter(markers.values())))
    lines = ["PathFileType\t4\t(X/Y/Z)\tx.trc", "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits"]
    lines += [f"100\t100\t900\t41\t{unit}", "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t", "\t\tX1\tY1\tZ1", ""]
    for frame in range(frames):
        row = [f"{frame + 1}", f"{3 + frame / 100:.4f}"]
        for values in markers.values():
            x, y, z = scale * values[frame]
            row += ["" if np.isnan(value) else f"{value:.5f}" for value in (x, z, -y)]
        lines.append("\t".join(row))
    return "\n".join(lines) + "\n"


def walking_markers(frames: int = 60) -> dict[str, np.ndarray]:
    """A person who walks forward at 1.2 m/s, as joint centers at 100 Hz, z up [m]; bones keep their length."""
    time = np.arange(frames) / 100
    points = stationary_markers(frames)
    for side, shift in (("r", 0.0), ("l", np.pi)):
        phase = 2 * np.pi * 0.9 * time + shift
        step = np.column_stack([0.28 * np.cos(phase), 0 * time, 0.1 * np.clip(-np.sin(phase), 0, None)])
        for name in ("ankle", "toe"):
            points[f"{name}_{side}"] = points[f"{name}_{side}"] + step
        points[f"hip_{side}"][:, 2] = 0.84
        points[f"knee_{side}"] = knee_between(points[f"hip_{side}"], points[f"ankle_{side}"])
        points[f"elbow_{side}"][:, 0] -= 0.05 * np.cos(phase)
    for name in ("asis_r", "asis_l", "sacrum"):
        points[name][:, 2] -= 0.06
    return {name: values + np.outer(1.2 * time, [1, 0, 0]) for name, values in points.items()}


def knee_between(hip: np.ndarray, ankle: np.ndarray, thigh: float = 0.42, shank: float = 0.40) -> np.ndarray:
    """The knee of a leg in a sagittal plane, bent back."""
    along = ankle - hip
    length = np.linalg.norm(along, axis=1, keepdims=True)
    share = (length**2 + thigh**2 - shank**2) / (2 * length)
    forward = np.column_stack([-along[:, 2], 0 * along[:, 1], along[:, 0]]) / length
    return hip + share * along / length + np.sqrt(thigh**2 - share**2) * forward


def walking_rows(frames: int = 45) -> np.ndarray:
    """Rows of `bvh_text` in the style of CMU: a walk at 30 Hz."""
    rows, phase = bvh_rows(frames), 2 * np.pi * np.arange(frames) / 30
    rows[:, 2] = 4.0 * np.arange(frames)
    rows[:, 33], rows[:, 42] = -75.0, 75.0  # arms hang
    for first, shift in ((6, 0.0), (18, np.pi)):
        rows[:, first + 1] = -25 * np.sin(phase + shift)
        rows[:, first + 4] = 8 + 45 * np.clip(np.sin(phase + shift + 0.9), 0, None) ** 2
    return rows


def walking_amass(frames: int = 45) -> dict[str, np.ndarray]:
    """The same walk as an AMASS motion, z up, x to the left."""
    arrays, phase = amass_arrays(frames), 2 * np.pi * np.arange(frames) / 30
    arrays["trans"][:, 1] = -0.02 * np.arange(frames)
    for hip, knee, shift in ((1, 4, 0.0), (2, 5, np.pi)):
        arrays["poses"][:, 3 * hip] = -np.radians(25) * np.sin(phase + shift)
        arrays["poses"][:, 3 * knee] = np.radians(8 + 45 * np.clip(np.sin(phase + shift + 0.9), 0, None) ** 2)
    return arrays


IDENTITY = [1.0, 0.0, 0.0, 0.0]


def deepmimic_frame(root=(0.0, 0.9, 0.0), root_quaternion=IDENTITY, right_hip=IDENTITY, right_knee=0.0, left_elbow=0.0):
    """Return a DeepMimic frame of 44 numbers in the documented order."""
    right = [*right_hip, right_knee, *IDENTITY, *IDENTITY, 0.0]
    left = [*IDENTITY, 0.0, *IDENTITY, *IDENTITY, left_elbow]
    return [1 / 30, *root, *root_quaternion, *IDENTITY, *IDENTITY, *right, *left]


AMP_BODIES = [
    "pelvis", "torso", "head",
    "right_upper_arm", "right_lower_arm", "right_hand", "left_upper_arm", "left_lower_arm", "left_hand",
    "right_thigh", "right_shin", "right_foot", "left_thigh", "left_shin", "left_foot",
]  # fmt: skip


def amp_arrays(frames: int = 6) -> dict[str, np.ndarray]:
    """Arrays of an Isaac AMP motion whose bodies are anywhere."""
    rng = np.random.default_rng(0)
    rotations = rng.normal(size=(frames, len(AMP_BODIES), 4))
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    return {
        "fps": np.int64(60),
        "body_names": np.array(AMP_BODIES),
        "body_positions": rng.normal(size=(frames, len(AMP_BODIES), 3)).astype(np.float32),
        "body_rotations": rotations.astype(np.float32),
        "dof_positions": np.zeros((frames, 28), np.float32),
    }


def standing_amp(frames: int) -> dict[str, np.ndarray]:
    """Arrays of an Isaac AMP motion of a person who stands and drifts a little."""
    joints = {
        "thigh": "hip", "shin": "knee", "foot": "ankle", "upper_arm": "shoulder", "lower_arm": "elbow", "hand": "wrist",
    }  # fmt: skip
    places = {"pelvis": [0.0, 0.0, 0.9], "torso": [0.0, 0.0, 1.1], "head": [0.0, 0.0, 1.5]}
    for side in ("right", "left"):
        for body, joint in joints.items():
            places[f"{side}_{body}"] = stationary_markers(1)[f"{joint}_{side[0]}"][0]
    positions = np.tile([places[body] for body in AMP_BODIES], (frames, 1, 1))
    positions[..., 0] += 0.001 * np.arange(frames)[:, None]
    rotations = np.tile(IDENTITY, (frames, len(AMP_BODIES), 1))
    return amp_arrays(frames) | {"body_positions": positions, "body_rotations": rotations}


def csv_text(body, qpos: np.ndarray, fps: float = 50.0) -> str:
    """Poses of a body as a table with a column for each joint."""
    root = ["root_x", "root_y", "root_z", "root_qw", "root_qx", "root_qy", "root_qz"]
    rows = [",".join(f"{value:.9g}" for value in [frame / fps, *pose]) for frame, pose in enumerate(qpos)]
    return "\n".join([",".join(["time", *root, *body.joint_names]), *rows]) + "\n"


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """What ``np.savez`` writes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def small_files(folder: Path, body) -> dict[str, bytes]:
    """A small sound file of each format, of poses for ``body``; C3D where ezc3d, which writes it, is installed."""
    qpos = np.repeat(body.neutral_qpos[None], 8, axis=0)
    qpos[:, 0] += 0.01 * np.arange(8)
    files = {
        "bvh": bvh_text("cmu", bvh_rows(8)).encode(),
        "trc": trc_text(stationary_markers(8)).encode(),
        "mot": storage_text(gait_angles(8, arms=False), True).encode(),
        "csv": csv_text(body, qpos).encode(),
        "deepmimic": json.dumps({"Loop": "none", "Frames": [deepmimic_frame()] * 8}).encode(),
        "amp": npz_bytes(standing_amp(8)),
        "amass": npz_bytes(amass_arrays(8)),
        "qpos": npz_bytes({"qpos": qpos, "fps": np.array(50.0)}),
    }
    with contextlib.suppress(ImportError):
        files["c3d"] = write_c3d(folder / "small.c3d", stationary_markers(8)).read_bytes()
    return files
