"""Which parts of the body must not touch the floor."""

from collections.abc import Sequence

import torch

from msemu.errors import MsemuError, suggestion
from msemu.sim import Simulation


class ForbiddenContact:
    """Sees when a part touches the floor that must not.

    Attributes:
        regions: Names of the contact regions that must not.
    """

    def __init__(self, sim: Simulation, allowed: Sequence[str]):
        """Choose the regions.

        Args:
            sim: The physics.
            allowed: Regions that may touch the floor, or parts, without the side; empty allows all.

        Raises:
            MsemuError: The body has no such region.
        """
        known = {*sim.contact_regions, *map(_part, sim.contact_regions)}
        unknown = [name for name in allowed if name not in known]
        if unknown:
            hint = suggestion(unknown[0], sorted(known))
            raise MsemuError(f"env.termination.allowed_contacts: the body has no contact region '{unknown[0]}'{hint}")
        self.regions = tuple(
            region for region in sim.contact_regions if allowed and not {region, _part(region)} & set(allowed)
        )
        self._sim = sim
        indices = [sim.contact_regions.index(region) for region in self.regions]
        self._index = torch.tensor(indices, dtype=torch.long, device=sim.device)

    def touches(self) -> torch.Tensor | bool:
        """Whether one of them touches the floor, shape [E]; False when all may."""
        if not self.regions:
            return False
        return (self._sim.contact_force[:, self._index] != 0.0).flatten(1).any(1)


def _part(region: str) -> str:
    return region.removesuffix("_r").removesuffix("_l")
