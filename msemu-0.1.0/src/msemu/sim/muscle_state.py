"""What the muscles are doing, for whoever wants to look."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from msemu.muscle.dynamics import MuscleDynamics


@dataclass
class MuscleState:
    """State of every muscle, each a float32 tensor of shape [E, M].

    It is that of the last physics step, like the forces of a `Simulation`; after a reset that of the new state.

    Attributes:
        activation: Activation [-].
        fiber_length: Fiber length [L0].
        fiber_velocity: Fiber velocity [vmax], positive when it lengthens.
        tendon_strain: Tendon strain [-]; zero for a rigid tendon.
        active_force: Active force along the tendon [N].
        passive_force: Elastic and damping force along the tendon [N].
        power: Power of the muscle and its tendon on the skeleton [W], positive when it shortens.
    """

    activation: torch.Tensor
    fiber_length: torch.Tensor
    fiber_velocity: torch.Tensor
    tendon_strain: torch.Tensor
    active_force: torch.Tensor
    passive_force: torch.Tensor
    power: torch.Tensor

    @classmethod
    def of(cls, muscles: MuscleDynamics) -> MuscleState:
        """Return views of the arrays of ``muscles``, without a copy: they change with the next step."""
        import warp as wp

        return cls(**{field.name: wp.to_torch(getattr(muscles, field.name)) for field in fields(cls)})
