"""A simulated movement as data: what a body and its muscles did, with names and units."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from msemu.errors import MsemuError
from msemu.files import RATE_HZ, array_names, check_finite, read_arrays, scalar, write_arrays
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.recording import Recording
from msemu.muscle.parameters import MuscleParameters

FORMAT = "msemu-rollout-1"
_NAMES = ("joint_names", "muscle_names", "contact_regions")

QUANTITIES = {
    "excitation": ("-", "muscle_names"),
    "activation": ("-", "muscle_names"),
    "muscle_force": ("N", "muscle_names"),
    "fiber_length": ("L0", "muscle_names"),
    "fiber_velocity": ("vmax", "muscle_names"),
    "tendon_strain": ("-", "muscle_names"),
    "muscle_power": ("W", "muscle_names"),
    "contact_force": ("N", "contact_regions"),
    "center_of_pressure": ("m", "contact_regions"),
    "free_moment": ("N m", "contact_regions"),
}
"""Unit of every quantity beside the pose, and which names its second axis has."""


@dataclass(frozen=True)
class Rollout:
    """One body's simulated movement over T frames, the state after every control step.

    A frame of a new episode, in which the body stands where its reference is, follows the last one of an episode.

    Attributes:
        body: Name of the body.
        fps: Frames per second [Hz].
        title: What it is, such as the task and the policy.
        joint_names: Joints of ``qpos[:, 7:]``.
        muscle_names: The M muscles.
        contact_regions: The R parts of the body whose contact is measured.
        qpos: Pose: position [m] and quaternion of the root, then joints [rad or m], shape [T, nq].
        qvel: Velocity in MuJoCo's order [m/s, rad/s], shape [T, nv].
        reference_qpos: Pose that was to be followed, shape [T, nq].
        excitation: What drove the muscles, 0 to 1 [-], shape [T, M].
        activation: Activation [-], shape [T, M].
        muscle_force: Pull along the path, active and passive [N], shape [T, M].
        fiber_length: Length of the fibers [optimal fiber lengths], shape [T, M].
        fiber_velocity: Their lengthening [vmax], shape [T, M].
        tendon_strain: Strain of the tendon, zero for a rigid one [-], shape [T, M].
        muscle_power: Power of muscle and tendon on the skeleton [W], positive when they shorten, shape [T, M].
        contact_force: Net force on each contact region [N], world frame, shape [T, R, 3].
        center_of_pressure: Where that force acts on the floor [m], of the nearest frame with 20 N where there are less;
            not a number in files of before, shape [T, R, 3].
        free_moment: Moment about the vertical through there [N m], zero below 20 N, shape [T, R].
        episode_start: True in the first frame of an episode, shape [T].
    """

    body: str
    fps: float
    title: str
    joint_names: tuple[str, ...]
    muscle_names: tuple[str, ...]
    contact_regions: tuple[str, ...]
    qpos: np.ndarray
    qvel: np.ndarray
    reference_qpos: np.ndarray
    excitation: np.ndarray
    activation: np.ndarray
    muscle_force: np.ndarray
    fiber_length: np.ndarray
    fiber_velocity: np.ndarray
    tendon_strain: np.ndarray
    muscle_power: np.ndarray
    contact_force: np.ndarray
    center_of_pressure: np.ndarray
    free_moment: np.ndarray
    episode_start: np.ndarray

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.qpos)

    @property
    def time(self) -> np.ndarray:
        """Time of every frame since the first one [s], shape [T]."""
        return np.arange(self.num_frames) / self.fps

    def recording(self, body: Body) -> Recording:
        """Return what the viewer shows of it."""
        strength = MuscleParameters.of(body.model).max_isometric_force
        shown: dict[str, Any] = {
            field.name: getattr(self, field.name) for field in fields(Recording) if field.name in vars(self)
        }
        return Recording(**shown | {"muscle_force": self.muscle_force / strength})

    def clip(self) -> MotionClip:
        """Return the movement as a clip.

        Raises:
            MsemuError: It has several episodes, between which it jumps.
        """
        if self.episode_start[1:].any():
            raise MsemuError(f"the rollout '{self.title}' has several episodes; a clip has one movement")
        poses = self.qpos.astype(np.float64), self.qvel.astype(np.float64)
        return MotionClip(self.body, self.joint_names, self.fps, *poses, name=self.title, source="simulated")

    def save(self, path: Path, **further: np.ndarray) -> None:
        """Write it as ``.npz``: one array for each field, and a header with the names and units.

        Arrays beyond those are written as they are, for whoever asks for them.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays = {name: array for name, array in arrays.items() if name not in _LATER or np.isfinite(array).all()}
        header = {name: getattr(self, name) for name in ("body", "fps", "title", *_NAMES)}
        units = {name: unit for name, (unit, _) in QUANTITIES.items()}
        write_arrays(
            Path(path),
            arrays | further | {"header": np.array(json.dumps({"format": FORMAT, **header, "units": units}))},
        )

    @classmethod
    def load(cls, path: Path) -> "Rollout":
        """Read a file that `save` wrote.

        Raises:
            MsemuError: It is no such file, or is damaged.
        """
        header = _parsed(path)
        later = [name for name in _LATER if name not in array_names(path)]
        arrays = read_arrays(path, tuple(name for name in _ARRAYS if name not in later))
        for name, array in arrays.items():
            if array.dtype.kind not in "fb":
                raise MsemuError(f"{path}: {name} holds no numbers")
            check_finite(path, name, array)
        measured = (arrays["episode_start"].size, len(header["contact_regions"]))
        unknown = {name: np.full((*measured, *_LATER[name]), np.nan) for name in later}
        values: dict[str, Any] = {**header, **arrays, **unknown}
        rollout = cls(**values)
        rollout._require_shapes(path)
        return rollout

    def _require_shapes(self, path: Path) -> None:
        frames, joints, muscles = self.episode_start.size, len(self.joint_names), len(self.muscle_names)
        shapes: dict[str, tuple[int, ...]] = {name: (frames, muscles) for name in QUANTITIES}
        shapes |= {"qpos": (frames, 7 + joints), "qvel": (frames, 6 + joints), "reference_qpos": (frames, 7 + joints)}
        regions = len(self.contact_regions)
        shapes |= {name: (frames, regions, 3) for name in ("contact_force", "center_of_pressure")}
        shapes |= {"free_moment": (frames, regions), "episode_start": (frames,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise MsemuError(f"{path}: {name} is of shape {getattr(self, name).shape}, not {shape}")


_ARRAYS = tuple(field.name for field in fields(Rollout) if field.type is np.ndarray)
"""Fields that are numbers over time."""
_LATER: dict[str, tuple[int, ...]] = {"center_of_pressure": (3,), "free_moment": ()}
"""Fields that files of before lack, and their shape in each frame and region."""


def _parsed(path: Path) -> dict[str, Any]:
    """Return the fields of a rollout that its file's header holds."""
    try:
        header = json.loads(str(read_arrays(path, ("header",))["header"]))
        if header["format"] == FORMAT:
            texts = {name: str(header[name]) for name in ("body", "title")}
            names = {name: tuple(map(str, header[name])) for name in _NAMES}
            return {"fps": scalar(path, "fps", np.array(float(header["fps"])), *RATE_HZ), **texts, **names}
    except (ValueError, TypeError, KeyError):
        pass
    raise MsemuError(
        f"{path} is no rollout of this release ({FORMAT}); write it with msemu-eval RUN --rollout FILE.npz"
    )
