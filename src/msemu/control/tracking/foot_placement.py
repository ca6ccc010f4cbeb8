"""Where a walking body sets its feet: joint offsets that keep it from falling away from its reference."""

from collections.abc import Sequence

import torch

from msemu.control.contact_points import NUM_EDGES, ContactPoints, Contacts
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.tracking.springs import RootDeviation, bounded
from msemu.schema import FootPlacementCfg

_GRAVITY = 9.81


class FootPlacement:
    """Shifts the targets of the legs' joints.

    A foot in swing goes where the *extrapolated center of mass* ``x + v / sqrt(g / h)`` is, as far from the reference's
    foothold as that is from the reference's (Hof 2008, doi 10.1016/j.humov.2007.08.003): with a gain of 1 the body then
    stands over its foot as the reference does. Here the root stands for the center of mass. A foot that stands stays
    where it is; its leg aims at the joint angles with which the root would be in its place above that foot.
    """

    def __init__(self, points: ContactPoints, regions: Sequence[str], settings: FootPlacementCfg):
        """Prepare the feet, which are the contact regions given."""
        self._settings = settings
        self._feet = [
            torch.tensor([index for index, other in enumerate(points.regions) if other == region]) for region in regions
        ]
        # From forces of edges to those of feet along x, y and z: the mean of their points, [C * 4, F * 3].
        mean = torch.zeros(len(points), NUM_EDGES, len(self._feet), 3, dtype=torch.float64)
        for index, foot in enumerate(self._feet):
            slide = 0.5 / (torch.from_numpy(points.friction)[foot] * len(foot))
            for axis in range(2):
                mean[foot, 2 * axis, index, axis], mean[foot, 2 * axis + 1, index, axis] = slide, -slide
            mean[foot, :, index, 2] = 1.0 / (NUM_EDGES * len(foot))
        self._mean = mean.flatten(2).flatten(0, 1)

    def positions(self, contacts: Contacts) -> torch.Tensor:
        """Mean of the contact points of each foot [m], shape [E, F, 3]."""
        return torch.stack([contacts.position[:, foot].mean(1) for foot in self._feet], 1)

    def offsets(
        self,
        contacts: Contacts,
        root: RootDeviation,
        height: torch.Tensor,
        deviation: torch.Tensor,
        load: torch.Tensor,
        step: torch.Tensor | float = 0.0,
        swinging: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return what is added to the joint angles of the reference [rad or m], shape [E, J].

        Args:
            contacts: The contact points.
            root: From the root to its reference.
            height: Height of the root [m], shape [E].
            deviation: From the reference's feet to the body's, world axes [m], shape [E, F, 3].
            load: Vertical force on each foot [body weights], shape [E, F].
            step: What is added to the place of a swinging foot [m], shape [E, 2].
            swinging: Which feet swing in the reference, bool, shape [E, F]; none by default.
        """
        settings = self._settings
        time = (height.clamp(min=0.1) / _GRAVITY).sqrt().unsqueeze(1)
        away, drift = -root.position, -root.linear_velocity
        to_fall = settings.gain * (away + time * drift) - away
        to_fall[:, :2] += step
        shift = torch.where((load > settings.load_bw).unsqueeze(2), deviation, to_fall.unsqueeze(1))
        shift = bounded(shift[..., :2], settings.max_shift_m)
        lift = torch.zeros_like(load)
        if swinging is not None:
            lift = torch.where(swinging, (-deviation[..., 2]).clamp(0.0, settings.max_lift_m), 0.0)
        shift = torch.cat((shift, lift.unsqueeze(2)), 2)
        # Motion of the feet per unit of each joint, the root being still [m/rad], shape [E, J, F * 3].
        motion = (contacts.edge_force.flatten(2) @ self._mean)[:, ROOT_DOFS:]
        jacobian = motion.unflatten(2, (-1, 3)).permute(0, 2, 3, 1)
        gram = jacobian @ jacobian.mT + settings.damping_m**2 * torch.eye(3, dtype=torch.float64)
        weights = torch.linalg.solve(gram, shift.unsqueeze(-1))
        return (motion @ weights.flatten(1).unsqueeze(-1)).squeeze(-1)
