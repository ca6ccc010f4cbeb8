"""Muscles beside an engine on the host: NumPy in double precision outside, several threads inside."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import warp as wp

from msemu.muscle.dynamics import MuscleDynamics


class HostMuscles:
    """Steps a `MuscleDynamics` on the CPU with the arrays of an engine on the host.

    Warp runs a kernel on one thread of the CPU. Here several threads launch it, each for a share of the environments;
    they run side by side because a launch releases Python's interpreter lock.

    Attributes:
        dynamics: The muscles, with everything that can be looked at.
        force: Actuator force [N], negative when it pulls, a view of shape [E, M].
        activation: Activation [-], a view of shape [E, M].
    """

    def __init__(self, dynamics: MuscleDynamics, num_threads: int = 1):
        """Prepare the launches.

        Args:
            dynamics: Muscles on the device ``cpu``.
            num_threads: Threads, at most one per environment.
        """
        self.dynamics = dynamics
        self.force = dynamics.force.numpy()
        self.activation = dynamics.activation.numpy()
        shape = self.force.shape
        self._excitation, self._length, self._velocity, self._reset_activation = (
            wp.zeros(shape, dtype=float, device="cpu") for _ in range(4)
        )
        self._mask = wp.zeros(shape[0], dtype=bool, device="cpu")
        bounds = np.linspace(0, shape[0], min(num_threads, shape[0]) + 1).astype(int).tolist()
        self._launches = [
            dynamics.record_step(self._excitation, self._length, self._velocity, range(start, end))
            for start, end in pairwise(bounds)
        ]
        self._threads = ThreadPoolExecutor(len(self._launches), "muscle") if len(self._launches) > 1 else None

    def step(self, excitation: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray) -> None:
        """Do the `MuscleDynamics.step` that keeps the activation itself."""
        _copy(self._excitation, excitation)
        _copy(self._length, muscle_length)
        _copy(self._velocity, muscle_velocity)
        if self._threads is None:
            self._launches[0].launch()
        else:
            list(self._threads.map(wp.Launch.launch, self._launches))

    def reset(
        self, mask: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray, activation: np.ndarray
    ) -> None:
        """Do a `MuscleDynamics.reset`."""
        _copy(self._mask, mask)
        _copy(self._length, muscle_length)
        _copy(self._velocity, muscle_velocity)
        _copy(self._reset_activation, activation)
        self.dynamics.reset(self._mask, self._length, self._velocity, self._reset_activation)


def _copy(target: wp.array, source: np.ndarray) -> None:
    np.copyto(target.numpy(), source, casting="same_kind")
