"""The motion clip: one recorded movement in the coordinates of one body."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from msemu import config
from msemu.errors import MsemuError
from msemu.files import MAX_FRAMES, MIN_FRAMES, RATE_HZ, array_names, printable, read_arrays, write_arrays
from msemu.motion.feedback import GAIN, GREATEST, Feedback

FORMAT_VERSION = 1
_ARRAYS = ("qpos", "qvel", "cycle_displacement")
_CENTERS = "joint_centers"
_SIMULATED = ("activation", "wanted_acceleration", "recorded_qpos")
_FEEDBACK = {GAIN: "gain", GREATEST: "greatest"}
"""Arrays of a feedback in a file, and the fields they are of."""
_EARLIER_NAMES = {"licence": "license", "joint_centre_names": "joint_center_names", "joint_centres": _CENTERS}
"""Keys that clips of earlier releases have, and today's."""

_MOST_TEXT = 2**20
"""Longest header, and longest text in it, that is read [characters]."""

_BOUNDS = {"qpos": 1e4, "qvel": 1e3, "cycle_displacement": 1e4, _CENTERS: 1e4}
_BOUNDS |= {"activation": 1.0, "wanted_acceleration": 1e6, "recorded_qpos": 1e4, GAIN: 1e5, GREATEST: 1e3}
"""Largest magnitudes of arrays: positions within 10 km, speeds below 1 km/s and 1000 rad/s."""

_MOST_ANGLE = 100.0
"""Largest joint coordinate [rad or m]: sixteen turns."""

_UNIT_TOLERANCE = 1e-3
"""How far the length of the root's quaternion may be from 1 [-]."""

_SPEED_TOLERANCE, _SPEED_SHARE = 2.5, 0.35
"""How far a velocity may be from the central difference of the poses [m/s or rad/s], and as a share of the largest
such difference of its coordinate [-]. Couplings follow their drivers, not the difference: 2.3 rad/s in a spin kick."""


@dataclass(frozen=True)
class Simulated:
    """What a movement that muscles made holds beside its states, in each of its T frames.

    Attributes:
        muscle_names: The M muscles.
        aids: What made it easier than it is for the body, such as stronger muscles; empty for nothing.
        strength_set: Name of the body's set of strength.
        followed: Name of the clip that was followed.
        activation: Activation [-], shape [T, M].
        wanted_acceleration: Acceleration that the controller asked for in MuJoCo's convention [m/s^2, rad/s^2], zero
            for joints that follow others, shape [T, 6 + J].
        recorded_qpos: Pose of the clip that was followed, shape [T, 7 + J].
        feedback: What brings a body back to the movement, or None.
    """

    muscle_names: tuple[str, ...]
    aids: str
    strength_set: str
    followed: str
    activation: np.ndarray
    wanted_acceleration: np.ndarray
    recorded_qpos: np.ndarray
    feedback: Feedback | None = None


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
        simulated: What a movement that muscles made holds beside, or None.
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
    simulated: Simulated | None = None

    def __post_init__(self) -> None:
        """Let no text of a file reach a terminal with what moves its cursor."""
        for key in ("body", "name", "source", "license", "source_sha256"):
            setattr(self, key, printable(getattr(self, key), _MOST_TEXT))
        self.joint_names = tuple(printable(name, _MOST_TEXT) for name in self.joint_names)

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
        header = asdict(self)
        arrays = {key: header.pop(key) for key in (*_ARRAYS, _CENTERS)}
        if simulated := header["simulated"]:
            arrays |= {key: simulated.pop(key) for key in _SIMULATED}
            if simulated["feedback"]:
                arrays |= {key: simulated["feedback"].pop(name) for key, name in _FEEDBACK.items()}
        header |= {"format_version": FORMAT_VERSION, "units": "m, rad, s"}
        given = {key: array for key, array in arrays.items() if array is not None}
        write_arrays(path, {"header": json.dumps(header)} | given, remedy)

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
            optional = (_CENTERS, *_SIMULATED, *_FEEDBACK)
            further = [key for key in sorted(array_names(path)) if _EARLIER_NAMES.get(key, key) in optional]
            found = _with_todays_names(read_arrays(path, ("header", *_ARRAYS, *further)))
            header = _parse_header(str(found.pop("header")))
            arrays: dict[str, Any] = {
                key: array.astype(np.float64, casting="same_kind") for key, array in found.items()
            }
            simulated = {key: arrays.pop(key) for key in _SIMULATED if key in arrays}
            feedback = {name: arrays.pop(key) for key, name in _FEEDBACK.items() if key in arrays}
            if simulated:
                arrays["simulated"] = dict(header.pop("simulated", None) or {}) | simulated
                if feedback:
                    arrays["simulated"]["feedback"] = dict(arrays["simulated"].get("feedback") or {}) | feedback
        except (MsemuError, ValueError, TypeError, RecursionError) as error:
            remedy = "make one with: msemu-motion import FILE --body BODY --out clip.npz"
            raise MsemuError(f"{path} is not an msemu clip ({printable(str(error), 200)}); {remedy}") from error
        version = header.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise MsemuError(
                f"{path} has clip format {printable(str(version))}; this release reads format {FORMAT_VERSION}"
            )
        header.pop("units", None)
        try:
            clip = config.build(cls, header | arrays, "header")
            clip._validate()
        except (MsemuError, ValueError) as error:
            remedy = "import the recording again, or see docs/own_motion.md, The clip file"
            raise MsemuError(f"{path} is a damaged clip: {printable(str(error), 300)}; {remedy}") from error
        return clip

    def _validate(self) -> None:
        joints = len(self.joint_names)
        frames = self.qpos.shape[0] if self.qpos.ndim else 0
        if self.qpos.shape != (frames, 7 + joints) or self.qvel.shape != (frames, 6 + joints) or frames < MIN_FRAMES:
            raise ValueError(f"arrays of shape {self.qpos.shape} and {self.qvel.shape} for {joints} joints")
        if frames > MAX_FRAMES:
            raise ValueError(f"{frames} frames; at most {MAX_FRAMES} are accepted")
        if self.cycle_displacement.shape != (3,) or not RATE_HZ[0] <= self.fps <= RATE_HZ[1]:
            raise ValueError(f"fps {self.fps}, cycle displacement of shape {self.cycle_displacement.shape}")
        centers = len(self.joint_center_names)
        shape = np.asarray(self.joint_centers).shape
        if (self.joint_centers is not None or centers) and shape != (frames, centers, 3):
            raise ValueError(f"joint centers of shape {shape} for {centers} names")
        names = _ARRAYS if self.joint_centers is None else (*_ARRAYS, _CENTERS)
        for key, array in ({name: getattr(self, name) for name in names} | self._simulated_arrays()).items():
            _refuse(~np.isfinite(array), f"values of {key} are not finite")
            _refuse(np.abs(array) > _BOUNDS[key], f"values of {key} are beyond {_BOUNDS[key]:g}")
        _refuse(np.abs(self.qpos[:, 7:]) > _MOST_ANGLE, f"joint coordinates are beyond {_MOST_ANGLE:g} rad or m")
        lengths = np.linalg.norm(self.qpos[:, 3:7], axis=1)
        _refuse(np.abs(lengths - 1.0) > _UNIT_TOLERANCE, "root quaternions (qpos columns 3 to 6) are not of length 1")
        speed = _central_differences(self.qpos, self.fps)
        share = _SPEED_SHARE if self.simulated is None else 1.0  # a body that lands changes its speed between frames
        tolerance = _SPEED_TOLERANCE + share * np.abs(speed).max(axis=0, initial=0.0)
        apart = np.abs(self.qvel[1:-1] - speed)
        if self.simulated is not None:  # toes and fingers swing to and fro between two frames
            apart[:, 6:] = np.median(apart[:, 6:], axis=0)
        wrong = apart > tolerance
        _refuse(wrong, f"velocities are not those of the poses at {self.fps:g} frames per second", first_frame=1)

    def _simulated_arrays(self) -> dict[str, np.ndarray]:
        """Return what a simulated clip holds beside; its shapes must be those of the clip."""
        if self.simulated is None:
            return {}
        further = {}
        if feedback := self.simulated.feedback:
            feedback.check(self.num_frames, self.joint_names)
            further = {key: getattr(feedback, name) for key, name in _FEEDBACK.items()}
        shapes = {"activation": (self.num_frames, len(self.simulated.muscle_names))}
        shapes |= {"wanted_acceleration": self.qvel.shape, "recorded_qpos": self.qpos.shape}
        for key, shape in shapes.items():
            if getattr(self.simulated, key).shape != shape:
                raise ValueError(f"{key} of shape {getattr(self.simulated, key).shape}, not {shape}")
        return further | {key: getattr(self.simulated, key) for key in shapes}

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


def _parse_header(text: str) -> dict[str, Any]:
    """Return the header; its types are those of the fields of `MotionClip`, so that nothing in it lies deep."""
    if len(text) > _MOST_TEXT:
        raise ValueError(f"a header of {len(text)} characters")
    return _with_todays_names(dict(json.loads(text)))


def _refuse(bad: np.ndarray, what: str, first_frame: int = 0) -> None:
    """Raise a ValueError that counts the bad values, shape [frames, ...], and names the first frame with one."""
    if bad.any():
        raise ValueError(f"{int(bad.sum())} {what}, first in frame {np.argwhere(bad)[0][0] + first_frame}")


def _central_differences(qpos: np.ndarray, fps: float) -> np.ndarray:
    """Return the velocities of the frames that have neighbors as MuJoCo has them, couplings left out, [T - 2, nv]."""
    if len(qpos) < 3:
        return np.zeros((0, qpos.shape[1] - 1))
    turn = Rotation.from_quat(qpos[:, 3:7], scalar_first=True)
    turned = (turn[:-2].inv() * turn[2:]).as_rotvec()
    step = qpos[2:] - qpos[:-2]
    return np.concatenate([step[:, :3], turned, step[:, 7:]], axis=1) * (0.5 * fps)
