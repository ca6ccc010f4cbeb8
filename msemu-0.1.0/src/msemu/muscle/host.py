"""Muscles beside an engine on the host, with its arrays in double precision."""

import numpy as np
import warp as wp

from msemu.muscle.dynamics import MuscleDynamics


class HostMuscles:
    """Steps a `MuscleDynamics` on the CPU with the arrays of an engine on the host.

    The kernels read and write the engine's own memory. Warp runs a kernel on the thread that launches it and releases
    Python's interpreter lock meanwhile, so several threads may each launch the share of some environments.

    Attributes:
        dynamics: The muscles, with everything that can be looked at.
        force: Actuator force [N] of `step` and `reset`, negative when it pulls, float64 of shape [E, M].
        activation: Activation [-], a view of shape [E, M].
        excitation: Neural command in [0, 1] of the launches of `record`, float32 of shape [E, M].
    """

    def __init__(self, dynamics: MuscleDynamics):
        """Allocate the arrays; the muscles are on the device ``cpu``."""
        self.dynamics = dynamics
        self.activation = dynamics.activation.numpy()
        shape = self.activation.shape
        self.force = np.zeros(shape)
        self._excitation, self._length, self._velocity, self._reset_activation = (
            wp.zeros(shape, dtype=float, device="cpu") for _ in range(4)
        )
        self.excitation = self._excitation.numpy()
        self._mask = wp.zeros(shape[0], dtype=bool, device="cpu")

    def step(self, excitation: np.ndarray, muscle_length: np.ndarray, muscle_velocity: np.ndarray) -> None:
        """Do the `MuscleDynamics.step` that keeps the activation itself, with paths in float64, shape [E, M]."""
        self.excitation[:] = excitation
        self.record(range(len(self.force)), muscle_length, muscle_velocity, self.force).launch()

    def record(
        self, environments: range, muscle_length: np.ndarray, muscle_velocity: np.ndarray, force: np.ndarray
    ) -> wp.Launch:
        """Return the launch of a step of N successive environments, which can be launched again and again.

        Muscle-tendon length [m] and speed [m/s] are arrays that the engine keeps up to date, the force [N] is where it
        goes, each float64 of shape [N, M].
        """
        length, velocity, pull = map(shared, (muscle_length, muscle_velocity, force))
        return self.dynamics.record_step(self._excitation, length, velocity, pull, environments)

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


def shared(array: np.ndarray, dtype: type = wp.float64) -> wp.array:
    """Return an array of Warp on the memory of a NumPy array in double precision.

    Vectors and matrices of ``dtype`` are the last dimensions of the array; those of a matrix may be flat.
    """
    if array.dtype != np.float64:
        raise TypeError(f"the muscles beside an engine on the host need float64, not {array.dtype}")
    shape = array.shape if dtype is wp.float64 else array.shape[:2]
    strides = array.strides[: len(shape)]
    return wp.array(ptr=array.ctypes.data, shape=shape, strides=strides, dtype=dtype, device="cpu", copy=False)
