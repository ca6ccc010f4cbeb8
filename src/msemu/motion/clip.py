"""The motion clip: one recorded movement in the coordinates of one body."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MIN_FRAMES, array_names, read_arrays, write_arrays

FORMAT_VERSION = 1
_ARRAYS = ("qpos", "qvel", "cycle_displacement")
_CENTERS = "joint_centers"
_EARLIER_NAMES = {"licence": "license", "joint_centre_names": "joint_center_names", "joint_centres": _CENTERS}
"""Keys that clips of earlier releases have, and today's."""


@dataclass
class MotionClip:
    """A movement in the coordinates of one body.

    Attributes:
        body: Name of the body that the coordinates belong to.
        joint_names: Scalar joints in the order of ``qpos[7:]``.
        fps: Frames per second [Hz].
        qpos: Free root (position [m], quaternion w x y z) and joints [rad or m], shape [T, 7 + J].
        qvel: Root velocity (world-frame linear [m/s], body-frame angular [rad/s], as MuJoCo) and joint velocities,
            shape [T, 6 + J].
        cyclic: Whether the movement repeats. Frame T would then be frame 0 moved by `cycle_displacement`.
        cycle_displacement: Root translation over one cycle [m], shape [3]; zero when not cyclic.
        name: Short name, such as ``walk``.
        source: Where the recording comes from (package, file, original data set).
        license: Terms of the recording.
        source_sha256: Hash of the source file.
        quality: Figures of the retargeting report.
        joint_center_names: Joint centers that followed the recorded movement; empty for joint angles that were read.
        joint_centers: Where that movement has them, in the body's proportions [m], shape [T, C, 3], or None.
    """

    body: str
    joint_names: tuple[str, ...]
    fps: float
    qpos: np.ndarray
    qvel: np.ndarray
    cyclic: bool = False
    cycle_displacement: np.ndarray = field(default_factory=lambda: np.zeros(3))
    name: str = ""
    source: str = ""
    license: str = ""
    source_sha256: str = ""
    quality: dict[str, float] = field(default_factory=dict)
    joint_center_names: tuple[str, ...] = ()
    joint_centers: np.ndarray | None = None

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.qpos)

    @property
    def duration_s(self) -> float:
        """Duration of one pass through the clip [s]."""
        return (self.num_frames if self.cyclic else self.num_frames - 1) / self.fps

    def save(self, path: Path, remedy: str = "give another path") -> None:
        """Write the clip to ``path`` (.npz: three arrays and a JSON header).

        Args:
            path: The file.
            remedy: What the message about a failure ends with.

        Raises:
            MsemuError: ``path`` cannot be written.
        """
        arrays = _ARRAYS if self.joint_centers is None else (*_ARRAYS, _CENTERS)
        header = {key: value for key, value in asdict(self).items() if key not in (*_ARRAYS, _CENTERS)}
        header["format_version"] = FORMAT_VERSION
        header["units"] = "m, rad, s"
        write_arrays(path, {"header": json.dumps(header)} | {key: getattr(self, key) for key in arrays}, remedy)

    @classmethod
    def load(cls, path: Path) -> "MotionClip":
        """Read a clip written by `save`.

        Raises:
            MsemuError: The file is missing, is not a clip, or holds values that are not finite.
        """
        if not Path(path).is_file():
            raise MsemuError(
                f"no clip at {path}; `msemu-motion prepare` makes one of the catalogue's, `import` one of your own"
            )
        try:
            centers = [key for key in array_names(path) if _EARLIER_NAMES.get(key, key) == _CENTERS]
            found = _with_todays_names(read_arrays(path, ("header", *_ARRAYS, *centers)))
            header = _with_todays_names(dict(json.loads(str(found.pop("header")))))
            arrays = {key: array.astype(np.float64) for key, array in found.items()}
        except (MsemuError, ValueError, TypeError) as error:
            remedy = "make one with: msemu-motion import FILE --body BODY --out clip.npz"
            raise MsemuError(f"{path} is not an msemu clip ({error}); {remedy}") from error
        version = header.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise MsemuError(f"{path} has clip format {version}; this release reads format {FORMAT_VERSION}")
        header.pop("units", None)
        try:
            clip = cls(**header, **arrays)
            clip.joint_names = tuple(clip.joint_names)
            clip.joint_center_names = tuple(clip.joint_center_names)
            clip._validate()
        except (TypeError, ValueError) as error:
            raise MsemuError(f"{path} is a damaged clip: {error}") from error
        return clip

    def _validate(self) -> None:
        joints = len(self.joint_names)
        frames = len(self.qpos)
        if self.qpos.shape != (frames, 7 + joints) or self.qvel.shape != (frames, 6 + joints) or frames < MIN_FRAMES:
            raise ValueError(f"arrays of shape {self.qpos.shape} and {self.qvel.shape} for {joints} joints")
        if self.cycle_displacement.shape != (3,) or not 1 <= self.fps <= 10_000:
            raise ValueError(f"fps {self.fps}, cycle displacement of shape {self.cycle_displacement.shape}")
        centers = len(self.joint_center_names)
        shape = np.asarray(self.joint_centers).shape
        if (self.joint_centers is not None or centers) and shape != (frames, centers, 3):
            raise ValueError(f"joint centers of shape {shape} for {centers} names")
        for key in _ARRAYS if self.joint_centers is None else (*_ARRAYS, _CENTERS):
            bad = ~np.isfinite(getattr(self, key))
            if bad.any():
                raise ValueError(
                    f"{int(bad.sum())} values of {key} are not finite, first in frame {np.argwhere(bad)[0][0]}"
                )

    def check_matches(self, body_name: str, joint_names: tuple[str, ...]) -> None:
        """Refuse the clip for a body with other joints.

        Raises:
            MsemuError: The joint names differ; the message lists the first differences.
        """
        if self.joint_names == tuple(joint_names):
            return
        missing = [name for name in joint_names if name not in self.joint_names]
        extra = [name for name in self.joint_names if name not in joint_names]
        what = "; ".join(
            f"{label} {len(names)}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
            for label, names in (("missing", missing), ("unknown", extra))
            if names
        )
        raise MsemuError(
            f"the clip was made for body '{self.body}', not '{body_name}' ({what or 'same joints in another order'});"
            f" retarget it with: msemu-motion import FILE --body {body_name} --out clip.npz"
        )


def _with_todays_names(values: dict[str, Any]) -> dict[str, Any]:
    return {_EARLIER_NAMES.get(key, key): value for key, value in values.items()}
