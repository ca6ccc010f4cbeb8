"""Parameters of the muscles of a MuJoCo model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class MuscleParameters:
    """Parameters per muscle, recovered from MuJoCo's muscle actuators.

    MuJoCo stores no fibre or tendon length: it gives the muscle-tendon length range [m] (``lengthrange``) and what that
    range is in units of the optimal fibre length (``range``). Inverting the two gives both lengths
    (mujoco.readthedocs.io, "Muscle actuators").

    Attributes:
        max_isometric_force: Peak isometric force [N], shape [M].
        optimal_fiber_length: Fibre length of greatest force [m], shape [M].
        tendon_slack_length: Length of the rigid tendon [m], shape [M].
        max_contraction_velocity: Greatest shortening speed [optimal fibre lengths/s], shape [M].
    """

    max_isometric_force: np.ndarray
    optimal_fiber_length: np.ndarray
    tendon_slack_length: np.ndarray
    max_contraction_velocity: np.ndarray

    @classmethod
    def of(cls, model: mujoco.MjModel) -> MuscleParameters:
        """Recover the parameters of every actuator of ``model``, all of which must be muscles."""
        range_low, range_high, force, scale = model.actuator_gainprm[:, :4].T
        length_low, length_high = model.actuator_lengthrange.T
        optimal_fiber_length = (length_high - length_low) / (range_high - range_low)
        # MuJoCo scales a force that is not given by the acceleration that a unit force causes; zero for an inert muscle.
        per_acceleration = np.divide(scale, model.actuator_acc0, out=np.zeros_like(scale), where=model.actuator_acc0 > 0)
        return cls(
            max_isometric_force=np.where(force < 0, per_acceleration, force),
            optimal_fiber_length=optimal_fiber_length,
            tendon_slack_length=length_low - range_low * optimal_fiber_length,
            max_contraction_velocity=model.actuator_gainprm[:, 6].copy(),
        )
