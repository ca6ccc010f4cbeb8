"""What a kernel knows about a muscle: its constants, and its momentary contraction."""

import numpy as np
import warp as wp

from msemu.muscle.levels.de_groote import SHORTEST_FIBER, TENDON_SCALE
from msemu.muscle.parameters import COLUMNS, MuscleParameters
from msemu.muscle.quiet_warp import start_quietly
from msemu.muscle.validation import MAX_PENNATION_ANGLE

# Every kernel of the muscles starts from these records.
start_quietly()

_EXPONENT_STEP = 0.01
"""Change of the tendon's exponent [-] over which its force is a parabola to 2e-7."""
_FIBER_STEP = 5e-5
"""Change of the fiber length [L0] over which the force-velocity curve is one to 1e-6, at 2 ms and 10 L0/s."""


@wp.struct
class Muscle:
    """Constants of one muscle: the columns of `MuscleParameters`, and what follows from them."""

    max_isometric_force: float
    optimal_fiber_length: float
    tendon_slack_length: float
    pennation_angle: float
    max_contraction_velocity: float
    fiber_damping: float
    tendon_strain: float
    activation_time: float
    deactivation_time: float
    activation_smoothing: float
    lmin: float
    lmax: float
    fvmax: float
    fpmax: float
    passive_lmax: float
    passive_max_isometric_force: float
    passive_optimal_fiber_length: float
    passive_tendon_slack_length: float
    width: float  # thickness of the pennate muscle [L0], which does not change
    shortest_fiber: float  # least fiber length [L0]
    tendon_stiffness: float  # exponent of De Groote's tendon curve [-]
    small_step: float  # change of the fiber length [L0] over which the force curves are parabolas
    has_rigid_tendon: int


@wp.struct
class Contraction:
    """State of one muscle at one instant; forces are along the tendon."""

    fiber_length: float  # [L0]
    fiber_velocity: float  # [vmax], lengthening is positive
    tendon_strain: float  # [-]
    active_force: float  # [N]
    passive_force: float  # [N], elastic and damping


def muscle_array(parameters: MuscleParameters, device: str) -> wp.array:
    """Put the table on a device, one `Muscle` record per muscle."""
    record = np.zeros(len(parameters), Muscle.numpy_dtype())
    for column in COLUMNS:
        record[column] = getattr(parameters, column)
    record["width"] = np.sin(parameters.pennation_angle)
    record["shortest_fiber"] = np.maximum(SHORTEST_FIBER, record["width"] / np.sin(MAX_PENNATION_ANGLE))
    record["tendon_stiffness"] = np.log(1 + 1 / TENDON_SCALE) / parameters.tendon_strain
    softness = parameters.tendon_slack_length / parameters.optimal_fiber_length / record["tendon_stiffness"]
    record["small_step"] = np.minimum(_EXPONENT_STEP * softness, _FIBER_STEP)
    record["has_rigid_tendon"] = parameters.has_rigid_tendon
    return wp.array(record, dtype=Muscle, device=device)
