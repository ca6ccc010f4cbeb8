"""Which parts of a body are on the floor, as its reference and its own movement have it."""

from collections.abc import Sequence

import torch

from msemu.control.contact_points import Contacts
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.motion.geometry import FEET
from msemu.motion.reference import ReferenceMotion
from msemu.schema import ContactCfg


class ContactSchedule:
    """Looks up the contacts of a `ReferenceDynamics` for E bodies at frames, shape [E]."""

    def __init__(
        self,
        reference: ReferenceMotion,
        along: ReferenceDynamics,
        regions_of_points: Sequence[str],
        contact: ContactCfg,
        landing: int,
        num_envs: int,
    ):
        """Prepare for contact points in some regions; ``landing`` are the frames of `ContactCfg.landing_s`."""
        self._row, self._touching, self._contact = reference.row, along.touching, contact
        self._feet = [along.regions.index(foot) for foot in FEET]
        self._points = [along.regions.index(region) for region in regions_of_points]
        self._later = torch.arange(1 + landing)
        self._holds = contact.release > 1.0
        self._held = torch.zeros(num_envs, len(self._points), dtype=torch.bool)

    def is_flying(self, frame: torch.Tensor) -> torch.Tensor:
        """Return which references touch the floor with nothing, bool, shape [E]."""
        return ~self._touching[self._row(frame)].any(1)

    def swinging_feet(self, frame: torch.Tensor) -> torch.Tensor:
        """Return which feet are in the air, and not about to touch down, bool, shape [E, F]."""
        return ~self._due(frame)[:, self._feet]

    def touching_points(self, frame: torch.Tensor, contacts: Contacts) -> torch.Tensor:
        """Return which points may be in contact from now on, bool, shape [E, C], and remember them.

        A point comes into contact when it is low and slow. While the reference has its region on the floor it then
        stays so up to `ContactCfg.release` times that height and speed, so that it does not flicker.
        """
        limits = self._contact
        touching = contacts.within(limits)
        if self._holds:
            expected = self._touching[self._row(frame)][:, self._points]
            touching |= self._held & expected & contacts.within(limits, limits.release)
        if limits.landing_s:
            touching |= self.landing_points(frame, contacts)
        self._held = touching
        return touching

    def landing_points(self, frame: torch.Tensor, contacts: Contacts) -> torch.Tensor:
        """Return which points may touch though they are still high or fast, bool, shape [E, C].

        The reference has their region on the floor, or soon will, and at their present speed they soon are there.
        """
        sinking = contacts.velocity[..., 2].clamp(max=0.0) * self._contact.landing_s
        return self._due(frame)[:, self._points] & (contacts.position[..., 2] + sinking < self._contact.height_m)

    def reset(self, mask: torch.Tensor) -> None:
        """Forget the contacts of some bodies, shape [E], bool."""
        self._held = self._held & ~mask.unsqueeze(1)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Everything that the next call depends on."""
        return {"touching": self._held.clone()} if self._holds else {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        if self._holds:
            self._held = state["touching"].clone()

    def _due(self, frame: torch.Tensor) -> torch.Tensor:
        """Return which regions are on the floor in a frame or `ContactCfg.landing_s` after it, bool, shape [E, R]."""
        return self._touching[self._row(frame.unsqueeze(1) + self._later)].any(1)
