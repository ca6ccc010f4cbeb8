"""Metabolic power of muscles after Bhargava et al. 2004 (doi 10.1016/S0021-9290(03)00239-2), as OpenSim has it.

A muscle is known by its mass, ``F0 / specific tension * density * L0``.
"""

import numpy as np
import torch

SPECIFIC_TENSION_PA = 0.25e6
"""Force of a muscle over its cross-section [Pa]."""
DENSITY_KG_M3 = 1059.7
"""Density of muscle [kg/m^3]."""
SLOW_SHARE = 0.5
"""Share of slow fibers where nothing else is known [-]."""
LEAST_HEAT_W_KG = 1.0
"""Least heat of activation and maintenance [W per kg of muscle]."""


def muscle_mass(max_isometric_force: np.ndarray, optimal_fiber_length: np.ndarray) -> np.ndarray:
    """Return the mass of muscles [kg] from their force [N] and fiber length [m]."""
    return max_isometric_force / SPECIFIC_TENSION_PA * DENSITY_KG_M3 * optimal_fiber_length


def bhargava(
    mass: torch.Tensor,
    excitation: torch.Tensor,
    length: torch.Tensor,
    velocity: torch.Tensor,
    force: torch.Tensor,
    active_force: torch.Tensor,
    slow: float = SLOW_SHARE,
) -> torch.Tensor:
    """Return the metabolic power of every muscle without the basal rate [W], shape [N, M].

    Args:
        mass: Muscle mass [kg], shape [M].
        excitation: Excitation, 0 to 1 [-], shape [N, M].
        length: Fiber length [L0], shape [N, M].
        velocity: Lengthening speed of the fiber [m/s], shape [N, M].
        force: Active and passive force of the fiber [N], shape [N, M].
        active_force: Its active part [N], shape [N, M].
        slow: Share of slow fibers [-].
    """
    slow_drive = slow * torch.sin(0.5 * torch.pi * excitation)
    fast_drive = (1.0 - slow) * (1.0 - torch.cos(0.5 * torch.pi * excitation))
    activation = mass * (40.0 * slow_drive + 133.0 * fast_drive)
    of_length = torch.where(length < 1.0, length.clamp(min=0.5), (3.0 - 2.0 * length).clamp(min=0.0))
    maintenance = mass * of_length * (74.0 * slow_drive + 111.0 * fast_drive)
    shortening = 0.25 * force * (-velocity).clamp(min=0.0)
    work = -active_force * velocity
    # What lengthening takes up is given off as heat; the muscle gives no power back.
    shortening = torch.maximum(shortening, -(activation + maintenance + work))
    return torch.maximum(activation + maintenance + shortening, LEAST_HEAT_W_KG * mass) + work
