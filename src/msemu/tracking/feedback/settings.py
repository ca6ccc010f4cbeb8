"""Values of the learning of a feedback: what counts as one, what is tried, and what is weighed."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from msemu.schema.ranges import NotNegative, Positive, Range


@dataclass(frozen=True)
class DeviationCfg:
    """A value for each part of a deviation."""

    place: Positive
    rotation: Positive
    velocity: Positive
    turning: Positive
    joint: Positive
    joint_speed: Positive

    def along(self, joints: int) -> np.ndarray:
        """Return the values for L joints, shape [12 + 2 L]."""
        root = np.repeat([self.place, self.rotation, self.velocity, self.turning], 3)
        return np.concatenate((root, np.repeat([self.joint, self.joint_speed], joints)))


@dataclass(frozen=True)
class GuidanceCfg:
    """A value for each part of an action."""

    joint: Positive
    push: Positive
    turn: Positive

    def along(self, joints: int) -> np.ndarray:
        """Return the values for L joints, shape [L + 6]."""
        return np.concatenate((np.repeat(self.joint, joints), np.repeat([self.push, self.turn], 3)))


@dataclass(frozen=True)
class FeedbackCfg:
    """How a feedback is learned."""

    held_steps: Annotated[int, Range(1, 1000)] = 5
    """Control steps for which an action is held."""
    scale: DeviationCfg = DeviationCfg(0.03, 0.07, 0.2, 0.7, 0.06, 1.0)
    """Deviations that count as one [m, rad, m/s, rad/s, rad or m, rad/s]."""
    weight: DeviationCfg = DeviationCfg(2.0, 2.0, 2.0, 1.0, 0.3, 0.1)
    """Weights of the squares of deviations over their scales [-]."""
    explored: GuidanceCfg = GuidanceCfg(0.06, 1.0, 3.0)
    """Standard deviations of the actions that are tried [rad or m, m/s^2, rad/s^2]."""
    greatest: GuidanceCfg = GuidanceCfg(0.35, 4.0, 15.0)
    """Greatest actions [rad or m, m/s^2, rad/s^2]."""
    effort: Positive = 0.3
    """Weight of the squares of actions over what is tried [-]."""
    ridge: Positive = 3.0
    """Weight of the squares of slopes beside the squared errors of all samples [-]."""
    outlier: Positive = 8.0
    """Samples with a scaled value beyond this are left out [-]."""
    samples_a_slope: Positive = 8.0
    """Samples of the first round over the slopes that are fitted to them for each deviation [-]."""
    fresh_share: NotNegative = 0.35
    """Share of the bodies that begins each window on the clip, disturbed, in place of going on [-]."""
    lost_m: Positive = 0.15
    """Distance of a root from the clip from which on its body does not go on [m]."""
