"""Markers and force plates of a movement as a C3D file, which ezc3d writes.

Each foot and hand has a plate of its own (type 2: three forces, three moments), all of them on one area that the
movement stays on. As a plate's does, its z axis points down and it measures the force *on* itself (c3d.org,
"FORCE_PLATFORM").
"""

from pathlib import Path

import numpy as np

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.files import whole_file
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.geometry import landmark_path

_MARGIN_M = 1.0
_PER_M = 1000.0
_CHANNELS = ("Fx", "Fy", "Fz", "Mx", "My", "Mz")
_PLATE_AXES = np.array([1.0, -1.0, -1.0])
"""Signs of a plate's axes in ours: x forward, y right, z down."""


def write_c3d(path: Path, movement: MechanicalMovement, regions: tuple[str, ...]) -> None:
    """Write joint centers [mm] and the forces on some parts [N, N mm]."""
    import ezc3d

    file = ezc3d.c3d()
    centers, _ = landmark_path(movement.body, movement.qpos)
    file["parameters"]["POINT"]["RATE"]["value"] = [movement.fps]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(LANDMARKS)
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    points = np.ones((4, len(LANDMARKS), movement.num_frames))
    points[:3] = _PER_M * centers.transpose(2, 1, 0)
    file["data"]["points"] = points
    middle, half = _area(movement)
    wrenches = _plate_wrenches(movement, regions, middle)
    file["data"]["analogs"] = wrenches.T[None]
    analog = file["parameters"]["ANALOG"]
    analog["RATE"]["value"] = [movement.fps]
    analog["LABELS"]["value"] = plate_channels(regions)
    analog["UNITS"]["value"] = [*("N",) * 3, *("Nmm",) * 3] * len(regions)
    corners = _PER_M * np.array([middle + half * sign for sign in ([1, -1], [-1, -1], [-1, 1], [1, 1])])
    count = len(regions)
    plates = {
        "USED": [count],
        "TYPE": [2] * count,
        "ZERO": [1, 0],
        "CORNERS": np.repeat(np.column_stack([corners, np.zeros(4)]).T[:, :, None], count, axis=2),
        "ORIGIN": np.zeros((3, count)),
        "CHANNEL": np.arange(1, 6 * count + 1).reshape(count, 6).T,
    }
    for name, values in plates.items():
        parameter, array = ezc3d.ezc3d.Parameter(name, ""), np.array(values)
        flat = array.ravel(order="F").tolist()
        # ezc3d's own way turns whole numbers in lists to real ones, which its reader refuses.
        parameter.set(ezc3d.ezc3d.VecInt(flat) if array.dtype.kind == "i" else flat, list(array.shape))
        file["parameters"].add_parameter("FORCE_PLATFORM", parameter)
    with whole_file(path) as unfinished:
        file.write(str(unfinished))


def plate_channels(regions: tuple[str, ...]) -> list[str]:
    """Return the names of what the plates of some parts measure."""
    return [f"{region}_{channel}" for region in regions for channel in _CHANNELS]


def _area(movement: MechanicalMovement) -> tuple[np.ndarray, np.ndarray]:
    """Return middle and half size of what the plates cover [m]."""
    path = movement.qpos[:, :2]
    return 0.5 * (path.min(0) + path.max(0)), 0.5 * np.ptp(path, axis=0) + _MARGIN_M


def _plate_wrenches(movement: MechanicalMovement, regions: tuple[str, ...], middle: np.ndarray) -> np.ndarray:
    """Return what each plate measures about its middle [N, N mm], shape [T, 6 R]."""
    ground = movement.ground.of(regions)
    moment = ground.moment - np.cross(np.append(middle, 0.0), ground.force)
    measured = [-ground.force * _PLATE_AXES, -_PER_M * moment * _PLATE_AXES]
    return np.concatenate(measured, axis=2).reshape(movement.num_frames, -1)
