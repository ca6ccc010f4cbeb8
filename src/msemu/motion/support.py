"""Whether what touches the floor can carry the body: the force and moment at the root that no contact gives.

The center of mass and the angular momentum about it say which force and which moment act from outside on a moving body.
The floor gives, at every point close to it, a force within the friction cone. What is left holds the body like a
string, as the chair does on which a person sits in the recording and not in the clip.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.optimize import nnls

from msemu.models.body import Body
from msemu.models.geoms import contact_points, friction_pyramid
from msemu.models.poses import posed
from msemu.motion.clip import MotionClip
from msemu.motion.flight import GRAVITY, momentum_path, unrolled

NEAR_M = 0.05
"""The floor carries what is closer to it than this [m]: toes and hands of recordings are as far off it as that."""

SUSTAINED_S = 0.5
"""A support counts as missing when it is missing for so long [s]. Landing and push-off, where the clip's accelerations
are least exact, are over sooner."""

LEVER_M = 0.25
"""Lever at which a moment counts like a force [m]: the length of a foot."""

_REASONS = (
    "a push along the floor beyond friction",
    "a vertical force that contacts do not give",
    "a center of pressure beyond the contacts",
    "a twist about the vertical beyond friction",
)
"""What a stance asks for that contacts do not give: horizontal and vertical force, moments about those axes."""

_SMOOTHING_S = 0.03
"""Standard deviation of the Gaussian over force and moment [s]."""


@dataclass(frozen=True)
class Support:
    """What no contact gives, over the F frames of a path that have two neighbors on either side.

    Attributes:
        force: Missing force at the center of mass, in body weights [-], shape [F, 3].
        moment: Missing moment about it, in body weights times meters [m], shape [F, 3].
        touches: Whether anything is close to the floor, shape [F].
    """

    force: np.ndarray
    moment: np.ndarray
    touches: np.ndarray

    @property
    def wrench(self) -> np.ndarray:
        """Missing force, and missing moment over a lever of 0.25 m, in body weights [-], shape [F, 6]."""
        return np.hstack([self.force, self.moment / LEVER_M])

    @property
    def residual(self) -> np.ndarray:
        """Missing force and moment as one figure, the moment at a lever of 0.25 m, in body weights [-], shape [F]."""
        return np.linalg.norm(self.wrench, axis=1)

    def sustained(self, fps: float) -> np.ndarray:
        """Return what is missing at least for `SUSTAINED_S` around each frame while something touches, shape [F]."""
        frames = min(len(self.touches), max(1, round(SUSTAINED_S * fps)))
        return minimum_filter1d(np.where(self.touches, self.residual, 0.0), frames, mode="nearest")


@dataclass(frozen=True)
class Stance:
    """What is missing while something is close to the floor without a break.

    Attributes:
        first: First frame.
        last: Last frame; in a cyclic clip it may lie in the next cycle.
        wrench: As in `Support`, in body weights [-], shape [F, 6].
    """

    first: int
    last: int
    wrench: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """As in `Support`, in body weights [-], shape [F]."""
        return np.linalg.norm(self.wrench, axis=1)

    @property
    def median(self) -> float:
        """What is missing in the median frame, in body weights [-]."""
        return float(np.median(self.residual))

    def percentile(self, share: float) -> float:
        """Return what is missing at most in a share of the frames [percent], in body weights [-]."""
        return float(np.percentile(self.residual, share))

    @property
    def most(self) -> float:
        """What is missing in the worst frame, in body weights [-]."""
        return float(self.residual.max())

    @property
    def worst(self) -> int:
        """The worst frame."""
        return self.first + int(self.residual.argmax())

    @property
    def reason(self) -> str:
        """Which law of contact the worst frame breaks most."""
        force, moment = np.split(self.wrench[self.residual.argmax()], 2)
        parts = np.linalg.norm(force[:2]), abs(force[2]), np.linalg.norm(moment[:2]), abs(moment[2])
        return _REASONS[int(np.argmax(parts))]


def support(body: Body, path: np.ndarray, fps: float) -> Support:
    """Find what no contact gives along a path, shape [F + 4, nq]."""
    center, momentum = momentum_path(body, path, fps)
    wrench = net_wrench(body, center, momentum, fps)
    wrench = gaussian_filter1d(wrench, _SMOOTHING_S * fps, axis=0, mode="nearest")
    geoms = np.concatenate(list(body.contact_regions.values()))
    touches = np.zeros(len(wrench), dtype=bool)
    for frame, data in enumerate(posed(body.model, path[2:-2])):
        points, friction = contact_points(body.model, data, geoms, NEAR_M)
        touches[frame] = len(points) > 0
        if touches[frame]:
            pushes = edge_wrenches(points - center[frame + 2], friction_pyramid(friction)).reshape(-1, 6)
            share, _ = nnls(pushes.T, wrench[frame])
            wrench[frame] -= share @ pushes
    return Support(wrench[:, :3], wrench[:, 3:] * LEVER_M, touches)


def support_along(body: Body, clip: MotionClip) -> tuple[Support, int]:
    """Find what no contact gives along a clip; the second value is the frame of the first row."""
    ring = 2 * int(clip.cyclic)
    path = unrolled(clip, -ring, clip.num_frames - 1 + ring)
    return support(body, path, clip.fps), 2 - ring


def find_stances(found: Support, first_frame: int, cyclic: bool) -> list[Stance]:
    """Return the phases of a clip in which something is close to the floor; one across the seam of a cycle is one."""
    start = int(np.argmin(found.touches)) if cyclic and len(found.touches) else 0
    rows = start + np.flatnonzero(np.roll(found.touches, -start))
    wrench = np.roll(found.wrench, -start, axis=0)
    phases = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [
        Stance(int(phase[0]) + first_frame, int(phase[-1]) + first_frame, wrench[phase - start])
        for phase in phases
        if len(phase)
    ]


def net_wrench(body: Body, center: np.ndarray, momentum: np.ndarray, fps: float) -> np.ndarray:
    """Return the force and the moment about the center of mass that act from outside, in body weights.

    The moment is over `LEVER_M`. Takes the path of the center of mass [m], shape [F + 4, 3], and the angular momentum
    about it [kg m^2/s], shape [F + 2, 3], as in `momentum_path`; returns the frames with two neighbors, [F, 6].
    """
    force = (fps**2 * np.diff(center, n=2, axis=0)[1:-1] - GRAVITY) / np.linalg.norm(GRAVITY)
    moment = 0.5 * fps * (momentum[2:] - momentum[:-2]) / body.weight
    return np.hstack([force, moment / LEVER_M])


def edge_wrenches(levers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return forces along the edges of friction cones, shape [P, 4, 3], and their moments over `LEVER_M`.

    The levers reach from the center of mass to the points [m], shape [..., P, 3]; returns shape [..., P, 4, 6].
    """
    edges = np.broadcast_to(edges, (*levers.shape[:-1], *edges.shape[-2:]))
    return np.concatenate([edges, np.cross(levers[..., None, :], edges) / LEVER_M], axis=-1)
