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
class Instant:
    """When E bodies are: after a frame of the reference by a share of the time to the next.

    Attributes:
        row: Row of the frame in tables of all frames, shape [E].
        next_row: Row of the next frame, shape [E].
        share: The share, in [0, 1).
    """

    row: torch.Tensor
    next_row: torch.Tensor
    share: float

    @classmethod
    def of(cls, reference: ReferenceMotion, frame: torch.Tensor, share: float = 0.0) -> "Instant":
        """Find the rows of frames, shape [E]."""
        return cls(reference.row(frame), reference.row(frame + 1), share)

    def look_up(self, table: torch.Tensor) -> torch.Tensor:
        """Return what a table, shape [T, ...], holds, linear between frames, shape [E, ...]."""
        here = table[self.row]
        return here + self.share * (table[self.next_row] - here) if self.share else here

    def look_up_turn(self, table: torch.Tensor) -> torch.Tensor:
        """Return what a table of quaternions holds, shape [T, 4], linear between frames and of length one."""
        if not self.share:
            return table[self.row]
        here, there = table[self.row], table[self.next_row]
        there = there * torch.where((here * there).sum(1, keepdim=True) < 0.0, -1.0, 1.0)
        return torch.nn.functional.normalize(torch.lerp(here, there, self.share), dim=1)


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

    def target(self, frame: torch.Tensor, now: Instant, later: Instant) -> Target:
        """Look up where bodies should be after frames, shape [E], moved by the cycles that have passed.

        The acceleration is that of ``later``.
        """
        place = self._reference.state(frame)[0][:, :3]
        if now.share:
            place = torch.lerp(place, self._reference.state(frame + 1)[0][:, :3], now.share)
        place = place + now.look_up(self._shift)
        turn, joints = now.look_up_turn(self._qpos[:, 3:7]), now.look_up(self._qpos[:, 7:])
        qpos = torch.cat((place, turn, joints), 1)
        return Target(qpos, now.look_up(self._qvel), later.look_up(self._acceleration))


def _as_simulated(clip: MotionClip) -> Movement:
    if clip.simulated is None:
        raise MsemuError(
            f"the clip '{clip.name}' comes without wanted accelerations, which controller.feedforward takes; find them"
            " with msemu-track, or leave it out"
        )
    return Movement(clip.qpos, clip.qvel, clip.simulated.wanted_acceleration, clip.fps)
