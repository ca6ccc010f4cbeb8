"""The linear feedback of clips at work: how far bodies are off, and what is added to a controller's targets."""

import numpy as np
import torch

from msemu.control.independent_dofs import ROOT_DOFS, IndependentDofs
from msemu.control.tracking.springs import RootDeviation
from msemu.errors import MsemuError
from msemu.motion.feedback import ROOT_STATES
from msemu.motion.reference import ReferenceMotion
from msemu.sim import CpuSimulation, Simulation

_NONE = -1
"""Window of a body whose action has not been chosen yet."""


def deviation_from(
    reference: ReferenceMotion, frame: torch.Tensor, sim: Simulation, dofs: torch.Tensor
) -> torch.Tensor:
    """Return how far bodies are off the reference in frames, shape [E], as `Feedback` has it, shape [E, 12 + 2 L].

    ``dofs`` are the places of L joints in ``qvel``.
    """
    qpos, qvel = reference.state(frame)
    root = RootDeviation.between(sim.qpos, sim.qvel, qpos, qvel)
    joints = (qpos - sim.qpos)[:, dofs + 1], (qvel - sim.qvel)[:, dofs]
    to_reference = (root.position, root.rotation, root.linear_velocity, root.angular_velocity, *joints)
    return -torch.cat(to_reference, 1)


class LinearFeedback:
    """The actions of E bodies, each chosen when a window of its clip begins, and after a reset."""

    def __init__(self, reference: ReferenceMotion, dofs: IndependentDofs, sim: CpuSimulation):
        """Take the feedbacks of the clips; one without any is followed without.

        Raises:
            MsemuError: No clip has one.
        """
        feedbacks = [clip.simulated.feedback if clip.simulated else None for clip in reference.clips]
        if not any(feedbacks):
            raise MsemuError(
                f"the clip '{reference.names[0]}' comes without a feedback, which controller.feedback takes; learn one"
                " with msemu-stabilize, or leave it out"
            )
        names, self._dofs = dofs.names[ROOT_DOFS:], dofs.index[ROOT_DOFS:]
        joints = len(names)
        gains: list[np.ndarray] = []
        bounds: list[np.ndarray] = []
        windows: list[np.ndarray] = []
        for clip, feedback in zip(reference.clips, feedbacks, strict=True):
            gain, greatest = np.zeros((1, joints + ROOT_DOFS, ROOT_STATES + 2 * joints)), np.zeros(joints + ROOT_DOFS)
            held = clip.num_frames
            if feedback:
                place = np.array([names.index(name) for name in feedback.joint_names], dtype=int)
                rows = np.concatenate((place, joints + np.arange(ROOT_DOFS)))
                columns = np.concatenate((np.arange(ROOT_STATES), ROOT_STATES + place, ROOT_STATES + joints + place))
                gain = np.zeros((len(feedback.gain), *gain.shape[1:]))
                gain[:, rows[:, None], columns] = feedback.gain
                greatest[rows], held = feedback.greatest, feedback.held_frames
            windows.append(sum(len(each) for each in gains) + np.arange(clip.num_frames) // held)
            gains.append(gain)
            bounds.append(np.broadcast_to(greatest, (len(gain), len(greatest))))
        self._reference, self._sim = reference, sim
        self._gain, self._greatest, self._window = (
            torch.from_numpy(np.concatenate(parts)) for parts in (gains, bounds, windows)
        )
        self._chosen = torch.full((sim.num_envs,), _NONE)
        self._action = torch.zeros(sim.num_envs, joints + ROOT_DOFS, dtype=torch.float64)

    def action(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is added to joint targets, shape [E, J], and to the root's acceleration, shape [E, 6]."""
        window = self._window[self._reference.row(frame)]
        if (rows := (window != self._chosen).nonzero()[:, 0]).numel():
            off = deviation_from(self._reference, frame, self._sim, self._dofs)[rows]
            found = torch.einsum("eux,ex->eu", self._gain[window[rows]], off)
            greatest = self._greatest[window[rows]]
            self._action = self._action.index_copy(0, rows, found.clamp(-greatest, greatest))
            self._chosen = window
        joints = self._action.shape[1] - ROOT_DOFS
        return self._action[:, :joints], self._action[:, joints:]

    def reset(self, mask: torch.Tensor) -> None:
        """Choose the actions of some bodies anew, shape [E], bool."""
        self._chosen = torch.where(mask, _NONE, self._chosen)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next call depends on beside the simulation."""
        return {"feedback_window": self._chosen.clone(), "feedback_action": self._action.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self._chosen, self._action = state["feedback_window"].clone(), state["feedback_action"].clone()
