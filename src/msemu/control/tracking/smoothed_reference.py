"""The reference of a controller: smooth enough to be differentiated twice."""

from dataclasses import dataclass

import numpy as np
import torch

from msemu.control.independent_dofs import IndependentDofs
from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion


@dataclass(frozen=True)
class Target:
    """Where E bodies should be.

    Attributes:
        qpos: Generalized position [m, rad], shape [E, nq].
        qvel: Generalized velocity [m/s, rad/s], shape [E, nv].
        acceleration: Acceleration of the independent degrees of freedom [m/s^2, rad/s^2], shape [E, D].
    """

    qpos: torch.Tensor
    qvel: torch.Tensor
    acceleration: torch.Tensor


class SmoothedReference:
    """A `ReferenceMotion` without its fastest movements, and with accelerations.

    Attributes:
        movements: The smoothed clips.
    """

    def __init__(self, body: Body, reference: ReferenceMotion, smoothing_s: float, feedforward: bool = False):
        """Smooth the clips by a Gaussian of this standard deviation [s], and differentiate them.

        With ``feedforward`` they are as they were simulated, with the accelerations that were wanted there.

        Raises:
            MsemuError: ``feedforward`` is asked for, and a clip was not simulated.
        """
        self._reference = reference
        self.movements: list[Movement] = [
            _as_simulated(clip) if feedforward else differentiate(body, clip, smoothing_s) for clip in reference.clips
        ]

        def table(values: list[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.concatenate(values))

        self._qpos = table([movement.qpos for movement in self.movements])
        self._qvel = table([movement.qvel for movement in self.movements])
        self._acceleration = table([movement.qacc for movement in self.movements])[:, IndependentDofs(body).index]
        self._shift = self._qpos[:, :3] - table([clip.qpos[:, :3] for clip in reference.clips])

    def target(self, frame: torch.Tensor, lookahead: int) -> Target:
        """Look up where bodies should be at frames, shape [E], moved by the cycles that have passed.

        The acceleration is that of ``lookahead`` frames later.
        """
        row = self._reference.row(frame)
        place = self._reference.state(frame)[0][:, :3] + self._shift[row]
        later = self._reference.row(frame + lookahead)
        return Target(torch.cat((place, self._qpos[row, 3:]), 1), self._qvel[row], self._acceleration[later])


def _as_simulated(clip: MotionClip) -> Movement:
    if clip.simulated is None:
        raise MsemuError(
            f"the clip '{clip.name}' comes without wanted accelerations, which controller.feedforward takes; find them"
            " with msemu-track, or leave it out"
        )
    return Movement(clip.qpos, clip.qvel, clip.simulated.wanted_acceleration)
