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
    def along(cls, body: Body, movements: Sequence[Movement], limits: ContactCfg | None = None) -> "ReferenceDynamics":
        """Follow some movements, whose regions touch the floor within some ``limits``, by default `ContactCfg`'s."""
        limits = limits or ContactCfg()
        regions = tuple(region for region, geoms in body.contact_regions.items() if is_round(body.model, geoms))
        parts = []
        for movement in movements:
            found = [_look(*pair, regions, limits) for pair in dynamics_along(body, movement, regions)]
            coming, staying, *others = map(torch.cat, zip(*found, strict=True))
            parts.append((held(coming, staying, movement.cyclic), *others))
        return cls(regions, *map(torch.cat, zip(*parts, strict=True)))

    def touched(self) -> tuple[str, ...]:
        """Return the regions that are on the floor in any frame."""
        return tuple(self.regions[index] for index in self.touching.any(0).nonzero().flatten().tolist())


def held(coming: torch.Tensor, staying: torch.Tensor, cyclic: bool) -> torch.Tensor:
    """Return which regions touch along frames, bool, shape [T, R].

    A region touches from a frame in which it is ``coming`` on, for as long as it is ``staying``; in a ``cyclic``
    movement also over its end.
    """
    touching = coming.clone()
    # What touches in the last frame of a cycle is known after the first round.
    for start in (0, 0) if cyclic else (1,):
        for frame in range(start, len(touching)):
            touching[frame] |= touching[frame - 1] & staying[frame]
    return touching


def _look(
    reader: DynamicsReader, state: DynamicsState, regions: Sequence[str], limits: ContactCfg
) -> tuple[torch.Tensor, ...]:
    """Return which regions come and stay, and then the other tables of some frames, in their order."""
    contacts, owner = state.contacts, np.array(reader.points.regions)
    points = {region: torch.from_numpy(np.flatnonzero(owner == region)) for region in regions}
    root = reader.read_root_position()

    def touching(factor: float) -> torch.Tensor:
        low_and_slow = contacts.within(limits, factor)
        return torch.stack([low_and_slow[:, points[region]].any(1) for region in regions], 1)

    return (
        touching(1.0),
        touching(limits.release),
        torch.stack([contacts.position[:, points[foot]].mean(1) for foot in FEET], 1) - root[:, None],
        reader.read_center_of_mass() - root,
        state.mass_matrix.center_velocity(reader.read_velocity()),
        reader.center_acceleration(state),
    )
