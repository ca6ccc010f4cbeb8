"""What a reference does beside its poses: where its center of mass and its feet are, and what it puts on the floor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from msemu.control.dynamics import DynamicsReader, DynamicsState
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.models.body import Body
from msemu.models.geoms import is_round
from msemu.motion.geometry import FEET
from msemu.schema import ContactCfg


@dataclass(frozen=True)
class ReferenceDynamics:
    """Tables over T frames of some movements, one after another.

    Attributes:
        regions: Contact regions R of the body, those of shapes that have contact points.
        touching: Whether each region is on the floor, bool, shape [T, R].
        feet: Mean of the contact points of each of `FEET` relative to the root [m], shape [T, 2, 3].
        center: Center of mass relative to the root [m], shape [T, 3].
        center_velocity: Its velocity [m/s], shape [T, 3].
        center_acceleration: Its acceleration [m/s^2], shape [T, 3].
    """

    regions: tuple[str, ...]
    touching: torch.Tensor
    feet: torch.Tensor
    center: torch.Tensor
    center_velocity: torch.Tensor
    center_acceleration: torch.Tensor

    @classmethod
    def along(cls, body: Body, movements: Sequence[Movement]) -> "ReferenceDynamics":
        """Follow some movements."""
        regions = tuple(region for region, geoms in body.contact_regions.items() if is_round(body.model, geoms))
        found = (pair for movement in movements for pair in dynamics_along(body, movement, regions))
        return cls(regions, *map(torch.cat, zip(*(_look(*pair, regions) for pair in found), strict=True)))

    def touched(self) -> tuple[str, ...]:
        """Return the regions that are on the floor in any frame."""
        return tuple(self.regions[index] for index in self.touching.any(0).nonzero().flatten().tolist())


def _look(reader: DynamicsReader, state: DynamicsState, regions: Sequence[str]) -> tuple[torch.Tensor, ...]:
    """Return the tables of some frames in their order."""
    limits, contacts, owner = ContactCfg(), state.contacts, np.array(reader.points.regions)
    touches = (contacts.position[..., 2] < limits.height_m) & (contacts.velocity.norm(dim=-1) < limits.speed_m_s)
    points = {region: torch.from_numpy(np.flatnonzero(owner == region)) for region in regions}
    root = reader.read_root_position()
    return (
        torch.stack([touches[:, points[region]].any(1) for region in regions], 1),
        torch.stack([contacts.position[:, points[foot]].mean(1) for foot in FEET], 1) - root[:, None],
        reader.read_center_of_mass() - root,
        state.mass_matrix.center_velocity(reader.read_velocity()),
        reader.center_acceleration(state),
    )
