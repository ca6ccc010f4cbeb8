"""What brings a body back to a clip that it has been pushed off: a linear feedback, by window of the clip."""

from dataclasses import dataclass

import numpy as np

ROOT_STATES = 12
"""Deviations of the root: place [m], rotation vector [rad], velocity [m/s] and angular velocity [rad/s]."""
ROOT_ACTIONS = 6
"""Accelerations of the root [m/s^2, rad/s^2]."""
GAIN, GREATEST = "feedback_gain", "feedback_greatest"
"""Their names in the file of a clip."""


@dataclass(frozen=True)
class Feedback:
    """The action ``gain @ deviation``, bounded, chosen at the beginning of each of W windows and held in it.

    A deviation is that of the body from the clip: the root's, place and velocity in world axes, rotation and angular
    velocity in the body's, then angles and speeds of L joints, [12 + 2 L]. An action is what is added to the targets of
    these joints [rad or m] and to the acceleration that is wanted of the root [m/s^2, rad/s^2], [L + 6].

    Attributes:
        joint_names: The L joints.
        held_frames: Frames of a window; the last one may be shorter.
        gain: Shape [W, L + 6, 12 + 2 L].
        greatest: Greatest action of either sign, shape [L + 6].
    """

    joint_names: tuple[str, ...]
    held_frames: int
    gain: np.ndarray
    greatest: np.ndarray

    def check(self, frames: int, joint_names: tuple[str, ...]) -> None:
        """Refuse what does not belong to a clip of so many frames with these joints.

        Raises:
            ValueError: Shapes, joints or values are no such feedback's.
        """
        joints = len(self.joint_names)
        if not 1 <= self.held_frames <= frames or len(set(self.joint_names)) != joints:
            raise ValueError(f"a feedback held for {self.held_frames} frames on {joints} joints")
        if unknown := sorted(set(self.joint_names).difference(joint_names)):
            raise ValueError(f"a feedback on the joint {unknown[0]}, which the clip does not have")
        windows = -(-frames // self.held_frames)
        shapes = (windows, joints + ROOT_ACTIONS, ROOT_STATES + 2 * joints), (joints + ROOT_ACTIONS,)
        if (self.gain.shape, self.greatest.shape) != shapes:
            found = f"{self.gain.shape} and {self.greatest.shape}, not {shapes[0]} and {shapes[1]}"
            raise ValueError(f"{GAIN} and {GREATEST} of shapes {found}")
        if (self.greatest < 0.0).any():
            raise ValueError(f"{GREATEST} has a value below 0")
