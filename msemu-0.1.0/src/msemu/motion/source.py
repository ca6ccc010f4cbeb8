"""A recorded human movement before it belongs to any body."""

from dataclasses import dataclass, field, replace

import numpy as np

from msemu.errors import MsemuError
from msemu.files import MAX_DURATION_S, MAX_FRAMES, MIN_FRAMES

JOINT_CENTERS = tuple(
    f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
"""The twelve joint centers that a source gives positions for."""

LEG_BONES, ARM_BONES = (("hip", "knee"), ("knee", "ankle")), (("shoulder", "elbow"), ("elbow", "wrist"))
"""Joints between which the bones of a limb lie."""

SEGMENTS = ("pelvis", "thorax", "head", "ankle_r", "ankle_l")
"""Landmarks whose segment orientation a source gives; the feet carry the names of the ankles."""


@dataclass
class SourceMotion:
    """A recorded movement as joint centers and segment orientations, z up [m].

    A segment's orientation is the identity when the person stands upright facing +x.

    Attributes:
        name: Short name.
        time_s: Instant of each frame [s], increasing from 0, shape [T].
        positions: Joint centers in the order of `JOINT_CENTERS` [m], shape [T, 12, 3].
        orientations: Segment orientations in the order of `SEGMENTS` (w, x, y, z), shape [T, 5, 4].
        sole_points: Heel and ball of the right and the left sole [m], shape [T, 2, 2, 3].
        ankle_height_m: Height of the ankle above the sole of a foot that stands flat [m].
        cyclic: Whether the file says that its last frame is the first one, one cycle later.
        source: Where the recording comes from and, each after a semicolon, what was done with it.
        license: Terms of the recording.
        sha256: Hash of the file.
        begin: Frame and instant [s] of the file at which the first of these frames is.
        joint_angles: Coordinates of OpenSim that the file holds itself, by name [rad], shape [T] each.
        recorded: Joint centers that were recorded; the others hang as an average person's.
    """

    name: str
    time_s: np.ndarray
    positions: np.ndarray
    orientations: np.ndarray
    sole_points: np.ndarray
    ankle_height_m: float
    cyclic: bool = False
    source: str = ""
    license: str = ""
    sha256: str = ""
    begin: tuple[int, float] = (0, 0.0)
    joint_angles: dict[str, np.ndarray] = field(default_factory=dict)
    recorded: tuple[str, ...] = JOINT_CENTERS

    def __post_init__(self) -> None:
        frames = len(self.time_s)
        if not MIN_FRAMES <= frames <= MAX_FRAMES:
            raise MsemuError(f"motion '{self.name}' has {frames} frames; {MIN_FRAMES} to {MAX_FRAMES} are accepted")
        for label in ("time_s", "positions", "orientations", "sole_points"):
            values = getattr(self, label)
            if not np.isfinite(values).all():
                raise MsemuError(f"motion '{self.name}': {label} holds values that are not finite")
        if np.abs(self.positions).max() > 1e4:
            raise MsemuError(f"motion '{self.name}': positions beyond 10 km; are the units meters?")
        if (np.diff(self.time_s) <= 0).any():
            raise MsemuError(f"motion '{self.name}': frame times do not increase")
        if self.time_s[-1] - self.time_s[0] > MAX_DURATION_S:
            raise MsemuError(
                f"motion '{self.name}' lasts {self.time_s[-1]:.4g} s; at most {MAX_DURATION_S:g} s are read"
            )
        if self.limb_lengths().min() < 1e-3:
            raise MsemuError(f"motion '{self.name}': a limb has no length; are the joint centers in the file?")

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.time_s)

    @property
    def fps(self) -> float:
        """Median frame rate [Hz]."""
        return float(1.0 / np.median(np.diff(self.time_s)))

    @property
    def pelvis(self) -> np.ndarray:
        """Midpoint of the hip joint centers [m], shape [T, 3]."""
        return 0.5 * (self.joint("hip_r") + self.joint("hip_l"))

    @property
    def sole_height(self) -> np.ndarray:
        """Height of heel and ball of the right and the left sole [m], shape [T, 2, 2]."""
        return self.sole_points[..., 2]

    def joint(self, name: str) -> np.ndarray:
        """Return the path of one joint center [m], shape [T, 3]."""
        return self.positions[:, JOINT_CENTERS.index(name)]

    def leg_length(self) -> float:
        """Return the mean length of thigh plus shank [m]."""
        return float(self.limb_lengths()[:4].mean(axis=1).sum() / 2)

    def part(self, frames: slice, remark: str) -> "SourceMotion":
        """Return some frames of the recording, in time from 0; the source says so by a ``remark``."""
        first = range(self.num_frames)[frames].start
        return replace(
            self.cut(frames),
            cyclic=False,
            source=f"{self.source}; {remark}",
            begin=(self.begin[0] + first, self.begin[1] + float(self.time_s[first])),
        )

    def cut(self, frames: slice) -> "SourceMotion":
        """Return some frames in time from 0, with all that is said about the whole."""
        time_s = self.time_s[frames]
        return replace(
            self,
            time_s=time_s - time_s[0],
            positions=self.positions[frames],
            orientations=self.orientations[frames],
            sole_points=self.sole_points[frames],
            joint_angles={name: angles[frames] for name, angles in self.joint_angles.items()},
        )

    def limb_lengths(self) -> np.ndarray:
        """Return the lengths of thighs, shanks, upper arms and forearms, right before left [m], shape [8, T]."""
        ends = [(f"{near}_{side}", f"{far}_{side}") for near, far in (*LEG_BONES, *ARM_BONES) for side in "rl"]
        return np.stack([np.linalg.norm(self.joint(far) - self.joint(near), axis=1) for near, far in ends])
