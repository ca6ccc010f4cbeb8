"""Muscles beside an engine on the host: its arrays in double precision outside, several threads inside."""

from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import warp as wp

from msemu.muscle.dynamics import MuscleDynamics


class HostMuscles:
    """Steps a `MuscleDynamics` on the CPU with the arrays of an engine on the host.

    The kernels read and write the engine's own memory. Warp runs a kernel on one thread of the CPU; here several
    threads launch it, each for a share of the environments. They run side by side, and beside the engine, because a
    launch releases Python's interpreter lock.

    Attributes:
        dynamics: The muscles, with everything that can be looked at.
        force: Actuator force [N], negative when it pulls, float64 of shape [E, M].
        activation: Activation [-], a view of shape [E, M].
        groups: Environments that can be stepped apart from the others: two halves where there are threads for it.
    """

    def __init__(self, dynamics: MuscleDynamics, num_threads: int = 1, force: np.ndarray | None = None):
        """Prepare the threads.

        Args:
            dynamics: Muscles on the device ``cpu``.
            num_threads: Threads, at most one per environment.
            force: Where to write the actuator force, float64 of shape [E, M]; by default an array of its own.
        """
        self.dynamics = dynamics
        self.activation = dynamics.activation.numpy()
        shape = self.activation.shape
        self.force = np.zeros(shape) if force is None else force
        self._excitation, self._length, self._velocity, self._reset_activation = (
            wp.zeros(shape, dtype=float, device="cpu") for _ in range(4)
        )
        self._mask = wp.zeros(shape[0], dtype=bool, device="cpu")
        num_threads = min(num_threads, shape[0])
        self.groups = _split(range(shape[0]), min(num_threads, 2))
        self._tasks_per_group = num_threads // len(self.groups)
        self._threads = ThreadPoolExecutor(num_threads, "muscle") if num_threads > 1 else None
        self._path: tuple[np.ndarray, ...] = ()
        self._launches: list[list[wp.Launch]] = []

    def step(self, excitation: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray) -> None:
        """Do the `MuscleDynamics.step` that keeps the activation itself; arguments as in `connect`."""
        self.connect(excitation, muscle_length, muscle_velocity)
        under_way = [self.begin(group) for group in range(len(self.groups))]
        for futures in under_way:
            wait(futures)

    def connect(self, excitation: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray) -> None:
        """Say what the next steps read; an engine may write new values into length and velocity between them.

        Args:
            excitation: Neural command in [0, 1], shape [E, M]; copied.
            muscle_length: Muscle-tendon length [m], float64 of shape [E, M].
            muscle_velocity: Muscle-tendon lengthening speed [m/s], alike.
        """
        np.copyto(self._excitation.numpy(), excitation, casting="same_kind")
        if self._path and self._path[0] is muscle_length and self._path[1] is muscle_velocity:
            return
        self._path = (muscle_length, muscle_velocity)
        arrays = [self._excitation, *map(_shared, (muscle_length, muscle_velocity, self.force))]
        self._launches = [
            [self.dynamics.record_step(*arrays, share) for share in _split(group, self._tasks_per_group)]
            for group in self.groups
        ]

    def begin(self, group: int) -> list[Future]:
        """Start a step of one of the `groups`; `wait` for what is returned before its force is read."""
        if self._threads is None:
            for launch in self._launches[group]:
                launch.launch()
            return []
        return [self._threads.submit(launch.launch) for launch in self._launches[group]]

    def reset(
        self, mask: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray, activation: np.ndarray
    ) -> None:
        """Do a `MuscleDynamics.reset`."""
        for target, source in (
            (self._mask, mask),
            (self._length, muscle_length),
            (self._velocity, muscle_velocity),
            (self._reset_activation, activation),
        ):
            np.copyto(target.numpy(), source, casting="same_kind")
        self.dynamics.reset(self._mask, self._length, self._velocity, self._reset_activation)
        self.force[mask] = self.dynamics.force.numpy()[mask]


def wait(under_way: list[Future]) -> None:
    """Return when a step that `HostMuscles.begin` started is done."""
    for future in under_way:
        future.result()


def _split(environments: range, parts: int) -> list[range]:
    """Cut a range into parts of nearly equal length."""
    bounds = np.linspace(environments.start, environments.stop, parts + 1).astype(int).tolist()
    return [range(start, end) for start, end in pairwise(bounds)]


def _shared(array: np.ndarray) -> wp.array:
    """Return an array of Warp on the memory of a NumPy array in double precision."""
    if array.dtype != np.float64:
        raise TypeError(f"the muscles beside an engine on the host need float64, not {array.dtype}")
    return wp.array(
        ptr=array.ctypes.data, shape=array.shape, strides=array.strides, dtype=wp.float64, device="cpu", copy=False
    )
