"""Flight phases of a clip, and how far they are from free flight.

A body that touches nothing can only fall: its center of mass runs along a parabola and its angular momentum about
the center of mass is constant, whatever the muscles do.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import region_heights
from msemu.motion.smoothing import velocities

GRAVITY = np.array([0.0, 0.0, -9.81])
"""Acceleration of free fall [m/s^2]."""

CONTACT_HEIGHT_M = 0.01
"""A region whose lowest point is below this touches the floor [m]; standing soles of a clip lie within 1 cm."""

FLIGHT_CLEARANCE_M = 0.02
"""A phase without contact that never rises above this hovers: a fault of the clip, not a flight [m]."""

SHORTEST_FLIGHT_FRAMES = 4
"""Fewer frames leave no two instants at which the momentum can be compared."""

LEAST_FALL = 0.45
"""A phase without contact in which the center of mass falls with less than this share of gravity is no flight:
something supports the person that the clip does not show. In DeepMimic's run, jump, backflip, spin
and spin kick it reaches 0.5 to 1.7, between contacts of its dance, roll and get-ups at most 0.4."""

LEAST_ANGULAR_MOMENTUM = 0.02
"""Angular momentum below which a drift is no longer given relative to the mean, as a share of mass times m^2/s."""


@dataclass(frozen=True)
class Flight:
    """A phase without contact.

    Attributes:
        first: First frame without contact.
        last: Last frame without contact; in a cyclic clip it may lie in the next cycle.
        clearance_m: Largest height of the lowest point of the body [m].
    """

    first: int
    last: int
    clearance_m: float

    @property
    def num_frames(self) -> int:
        """Number of frames without contact."""
        return self.last - self.first + 1

    @property
    def is_hovering(self) -> bool:
        """Whether the body only floats close above the floor."""
        return self.clearance_m < FLIGHT_CLEARANCE_M


@dataclass(frozen=True)
class FlightFigures:
    """How far a flight phase is from free flight.

    Velocities are central differences; only frames count whose neighbors are without contact, too.

    Attributes:
        flight: The phase.
        residual: Force that is missing for the motion of the center of mass, in body weights [-], shape [F - 2].
        angular_momentum: About the center of mass, world axes [kg m^2/s], shape [F - 2, 3].
        drift: Largest deviation of the angular momentum from its mean, as a share of the mean [-].
        fall: Acceleration at which the center of mass falls (least squares), as a share of gravity [-].
    """

    flight: Flight
    residual: np.ndarray
    angular_momentum: np.ndarray
    drift: float
    fall: float

    @property
    def is_supported(self) -> bool:
        """Whether something that the clip does not show carries the body."""
        return self.fall < LEAST_FALL

    @property
    def residual_max(self) -> float:
        """Largest missing force in body weights [-]."""
        return float(self.residual.max())


def lowest_height(body: Body, qpos: np.ndarray) -> np.ndarray:
    """Return the height of the lowest point of the body in each frame [m], shape [T]."""
    return np.min(list(region_heights(body, qpos).values()), axis=0)


def find_flights(height: np.ndarray, cyclic: bool) -> list[Flight]:
    """Return the phases without contact, hovering ones included, by the height of the lowest point [m], shape [T].

    A phase at the beginning or the end of a clip that is not cyclic is cut off there and still counts; one across the
    seam of a cyclic clip is one phase.
    """
    airborne = height > CONTACT_HEIGHT_M
    if airborne.all():
        return [Flight(0, len(height) - 1, float(height.max()))]
    start = int(np.argmin(airborne)) if cyclic else 0
    turned, heights = np.roll(airborne, -start), np.roll(height, -start)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], turned, [False]]).astype(int)))
    return [
        Flight(int(first) + start, int(end) - 1 + start, float(heights[first:end].max()))
        for first, end in zip(edges[::2], edges[1::2], strict=True)
        if end - first >= SHORTEST_FLIGHT_FRAMES
    ]


def unrolled(clip: MotionClip, first: int, last: int) -> np.ndarray:
    """Return the poses of frames ``first`` to ``last``, which may lie in another cycle, shape [F, nq]."""
    frames = np.arange(first, last + 1)
    poses = clip.qpos[frames % clip.num_frames].copy()
    poses[:, :3] += (frames // clip.num_frames)[:, None] * clip.cycle_displacement
    return poses


def momentum_path(body: Body, qpos: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the center of mass [m], shape [T, 3], and the angular momentum about it [kg m^2/s], shape [T - 2, 3].

    The angular momentum of a frame takes the central difference of the poses beside it.
    """
    data, found = mujoco.MjData(body.model), np.empty((2, len(qpos), 3))
    for frame, state in enumerate(zip(qpos, velocities(body, qpos, fps, None), strict=True)):
        data.qpos[:], data.qvel[:] = state
        found[:, frame] = momentum_of(body.model, data)
    return found[0], found[1, 1:-1]


def central_velocity(body: Body, poses: np.ndarray, fps: float) -> np.ndarray:
    """Return the velocity in the middle of three poses, couplings applied, shape [nv]."""
    before, pose, after = poses
    velocity = np.empty(body.model.nv)
    mujoco.mj_differentiatePos(body.model, velocity, 2.0 / fps, before, after)
    return body.couplings.project_velocity(pose, velocity)


def momentum_of(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Return center of mass [m] and angular momentum about it [kg m^2/s] in the state of ``data``, shapes [3]."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_com[0].copy(), data.subtree_angmom[0].copy()


def flight_figures(body: Body, clip: MotionClip, flight: Flight) -> FlightFigures:
    """Measure a flight phase against free flight."""
    center, momentum = momentum_path(body, unrolled(clip, flight.first, flight.last), clip.fps)
    acceleration = np.diff(center, n=2, axis=0) * clip.fps**2
    residual = np.linalg.norm(acceleration - GRAVITY, axis=1) / np.linalg.norm(GRAVITY)
    mean = momentum.mean(axis=0)
    scale = max(float(np.linalg.norm(mean)), LEAST_ANGULAR_MOMENTUM * body.mass)
    drift = float(np.linalg.norm(momentum - mean, axis=1).max()) / scale
    return FlightFigures(flight, residual, momentum, drift, mean_fall(center, clip.fps))


def mean_fall(center: np.ndarray, fps: float) -> float:
    """Return the acceleration at which a center of mass [m], shape [F, 3], falls, as a share of gravity [-]."""
    return float(2.0 * np.polyfit(np.arange(len(center)) / fps, center[:, 2], 2)[0] / GRAVITY[2])


def floating_height(body: Body, clip: MotionClip) -> float:
    """Return how high the body is lifted where it touches nothing and yet does not fall [m]; 0 where that never is."""
    phases = find_flights(lowest_height(body, clip.qpos), clip.cyclic)
    return max((phase.clearance_m for phase in phases if phase.is_hovering or _is_held(body, clip, phase)), default=0.0)


def _is_held(body: Body, clip: MotionClip, phase: Flight) -> bool:
    center, _ = momentum_path(body, unrolled(clip, phase.first, phase.last), clip.fps)
    return mean_fall(center, clip.fps) < LEAST_FALL
