"""Ground reaction as a force plate has it: force, center of pressure and free moment of each part that touches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.signal import butter, sosfiltfilt

from msemu.errors import MsemuError

LOADED_N = 20.0
"""Vertical force from which a center of pressure is given [N]; below it is noise over noise."""


@dataclass(frozen=True)
class GroundReaction:
    """What the floor z = 0 does to R parts of a body over T frames, in world axes (x forward, y left, z up).

    Attributes:
        regions: Names of the parts, such as ``foot_r``.
        fps: Frames per second [Hz].
        force: Force of the floor on each part [N], shape [T, R, 3].
        moment: Its moment about the origin of the world [N m], shape [T, R, 3].
    """

    regions: tuple[str, ...]
    fps: float
    force: np.ndarray
    moment: np.ndarray

    @classmethod
    def of_wrenches(cls, regions: Sequence[str], fps: float, wrench: np.ndarray) -> "GroundReaction":
        """Take forces, their moments about points, and these points, as contact sensors give them, shape [T, R, 9]."""
        force, moment, point = np.split(wrench.astype(np.float64), 3, axis=2)
        return cls(tuple(regions), fps, force, moment + moments_about_origin(point, force))

    @classmethod
    def of_points(cls, regions: Sequence[str], fps: float, position: np.ndarray, force: np.ndarray) -> "GroundReaction":
        """Sum forces [N] on C points [m], shape [T, C, 3] each, of which ``regions`` tells the part of each."""
        names, places = np.unique(np.array(regions), return_inverse=True)
        belongs = (places[:, None] == np.arange(len(names))).astype(float)
        moments = moments_about_origin(position, force)
        return cls(tuple(map(str, names)), fps, *(np.einsum("tcx,cr->trx", each, belongs) for each in (force, moments)))

    @property
    def is_loaded(self) -> np.ndarray:
        """Whether a part carries at least `LOADED_N`, bool, shape [T, R]."""
        return self.force[..., 2] >= LOADED_N

    @cached_property
    def center(self) -> np.ndarray:
        """Center of pressure on the floor [m], shape [T, R, 3].

        While a part is not loaded it is the one of the nearest frame that is, so that splines through it do not
        swing; zero for a part that never is.
        """
        vertical = np.where(self.is_loaded, self.force[..., 2], np.inf)
        x, y = -self.moment[..., 1] / vertical, self.moment[..., 0] / vertical
        center = np.stack([x, y, np.zeros_like(x)], axis=2)
        frames = np.arange(len(center))
        for region, loaded in enumerate(self.is_loaded.T):
            if loaded.any():
                known = frames[loaded]
                center[:, region] = center[known[np.abs(frames[:, None] - known).argmin(1)], region]
        return center

    @cached_property
    def free_moment(self) -> np.ndarray:
        """Moment about the vertical through the center of pressure [N m], shape [T, R]; zero where not loaded."""
        x, y, force = self.center[..., 0], self.center[..., 1], self.force
        return np.where(self.is_loaded, self.moment[..., 2] - (x * force[..., 1] - y * force[..., 0]), 0.0)

    def nothing(self, region: str) -> "GroundReaction":
        """Return that of a part which never touches the floor, over the same frames."""
        zero = np.zeros((len(self.force), 1, 3))
        return replace(self, regions=(region,), force=zero, moment=zero)

    def of(self, regions: Sequence[str]) -> "GroundReaction":
        """Return that of some parts."""
        places = [self.regions.index(region) for region in regions]
        return replace(self, regions=tuple(regions), force=self.force[:, places], moment=self.moment[:, places])

    def filtered(self, cutoff_hz: float) -> "GroundReaction":
        """Return it low-pass filtered: Butterworth of fourth order, forward and backward, without delay.

        Raises:
            MsemuError: The cutoff is not below half the frame rate, or there are too few frames.
        """
        if not 0.0 < cutoff_hz < 0.5 * self.fps:
            raise MsemuError(f"a filter at {cutoff_hz:g} Hz needs more than {2 * cutoff_hz:g} frames a second")
        sections = butter(2, cutoff_hz, fs=self.fps, output="sos")
        if len(self.force) <= 3 * (2 * len(sections) + 1):
            raise MsemuError(f"{len(self.force)} frames are too few to be filtered")
        return replace(
            self, force=sosfiltfilt(sections, self.force, axis=0), moment=sosfiltfilt(sections, self.moment, axis=0)
        )


def moments_about_origin(position: np.ndarray, force: np.ndarray) -> np.ndarray:
    """Return the moments of forces [N] at positions [m] about the origin of the world [N m], shape [..., 3]."""
    return np.cross(position, force)
