"""How far a body has turned in the sense of its clip: a backflip that only jumps turns by nothing."""

import numpy as np
from scipy.spatial.transform import Rotation


def turned_deg(root_quaternion: np.ndarray, reference_quaternion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far bodies and their reference turn about the axis of the reference's whole turn [deg], shapes [E].

    The steps of the root's rotation, as rotation vectors in world axes, are summed; that sum of the reference is the
    axis, and its length is what the reference turns by. Whole turns count: a somersault is 360 deg.

    Args:
        root_quaternion: Orientation of the pelvis (w, x, y, z), shape [T, E, 4]; not a number after a failure.
        reference_quaternion: That of the reference, in all frames, shape [T, E, 4].
    """
    wanted = _steps(reference_quaternion).sum(axis=0)
    length = np.linalg.norm(wanted, axis=1)
    axis = wanted / np.maximum(length, 1e-12)[:, None]
    done = np.einsum("tei,ei->e", np.nan_to_num(_steps(root_quaternion)), axis)
    return np.degrees(done), np.degrees(length)


def _steps(quaternion: np.ndarray) -> np.ndarray:
    """Rotation vectors [rad] that lead from each frame to the next, shape [T - 1, E, 3]; not a number beside one."""
    before, after = quaternion[:-1].reshape(-1, 4), quaternion[1:].reshape(-1, 4)
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    found = np.full((len(before), 3), np.nan)
    first, second = (Rotation.from_quat(each[known], scalar_first=True) for each in (before, after))
    found[known] = (second * first.inv()).as_rotvec()
    return found.reshape(*quaternion[1:].shape[:-1], 3)
