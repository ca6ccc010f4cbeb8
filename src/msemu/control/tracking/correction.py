"""What a controller has learned from its own errors: by phase of a cyclic clip, what is added to its target."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from msemu.control.independent_dofs import ROOT_DOFS
from msemu.errors import MsemuError
from msemu.files import read_arrays, write_arrays
from msemu.models.body import Body
from msemu.motion.reference import ReferenceMotion

_KEYS = ("body", "clip", "joint_names", "offset")


@dataclass(frozen=True)
class Correction:
    """What is added to the target of the root and of J independent joints in each of T frames of a clip.

    Attributes:
        body: Name of the body.
        clip: Name of the clip.
        joint_names: Names of the joints.
        offset: Place of the root in world axes [m], its rotation vector in the body's axes [rad], and the joints
            [rad or m], shape [T, 6 + J].
    """

    body: str
    clip: str
    joint_names: tuple[str, ...]
    offset: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Correction":
        """Read a file that `save` has written.

        Raises:
            MsemuError: It is not there, or no such file.
        """
        body, clip, names, offset = read_arrays(path, _KEYS).values()
        if offset.dtype.kind != "f" or offset.ndim != 2 or not np.isfinite(offset).all():
            raise MsemuError(f"{path}: offset must hold a finite number a frame and degree of freedom; learn it anew")
        return cls(str(body), str(clip), tuple(np.atleast_1d(names).astype(str).tolist()), offset.astype(float))

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file."""
        write_arrays(path, {key: np.asarray(getattr(self, key)) for key in _KEYS})

    def learned(self, error: np.ndarray, gain: float, kept: float, lead: int, width: float) -> "Correction":
        """Add the errors of earlier cycles (iterative learning control: Arimoto 1984, doi 10.1002/rob.4620010203).

        Args:
            error: Mean of the target less what came of it, by phase, shape [T, 6 + J].
            gain: Share of it that is added.
            kept: Share of what was added before that is kept.
            lead: Frames that the target comes before what it does.
            width: Standard deviation of a Gaussian over the errors [frames]; what is faster is not learned.
        """
        smooth = gaussian_filter1d(np.roll(error, -lead, axis=0), width, axis=0, mode="wrap")
        return Correction(self.body, self.clip, self.joint_names, kept * self.offset + gain * smooth)


def corrections_along(body: Body, reference: ReferenceMotion, path: Path) -> torch.Tensor:
    """Return what a file adds to the target in all frames of a reference, shape [T, 6 + J]; zero in its other clips.

    Raises:
        MsemuError: The file is of another body or of a clip that the reference does not have.
    """
    found, joints = Correction.read(path), independent_joint_names(body)
    if (found.body, found.joint_names) != (body.name, joints):
        raise MsemuError(f"{path} is of another body, {found.body}, or of another {body.name}; learn it anew")
    parts = []
    for clip, name in zip(reference.clips, reference.names, strict=True):
        shape = (clip.num_frames, ROOT_DOFS + len(joints))
        parts.append(found.offset if name == found.clip else np.zeros(shape))
        if parts[-1].shape != shape:
            raise MsemuError(
                f"{path} has {len(found.offset)} frames and the clip '{name}' has {clip.num_frames}; learn it anew"
            )
    if found.clip not in reference.names:
        known = ", ".join(reference.names)
        raise MsemuError(f"{path} is of the clip '{found.clip}', and this reference has {known}; learn it anew")
    return torch.from_numpy(np.concatenate(parts))


def independent_joint_names(body: Body) -> tuple[str, ...]:
    """Return the names of the joints that a correction holds."""
    return tuple(body.joint_names[index] for index in body.independent_joints)


def mean_by_phase(error: np.ndarray, row: np.ndarray, frames: int) -> np.ndarray:
    """Return means of errors, shape [N, D], that were seen in frames, shape [N]; zero where none was, shape [T, D]."""
    total = np.zeros((frames, error.shape[1]))
    np.add.at(total, row, error)
    return total / np.maximum(np.bincount(row, minlength=frames), 1)[:, None]
