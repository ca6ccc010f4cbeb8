"""Metabolic power of muscles by two models, as OpenSim has them.

Both know a muscle by its mass, ``F0 / specific tension * density * L0``. Umberger: 2003 (doi
10.1080/1025584031000091678) with the changes of 2010 (doi 10.1098/rsif.2010.0084); Bhargava et al. 2004 (doi
10.1016/S0021-9290(03)00239-2). Watts follow the muscles' mass, so they mean as much as the lengths and forces of the
muscles do.
"""

from dataclasses import dataclass

import numpy as np
import torch

from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.muscle.in_numpy import active_force_length, passive_force_length
from msemu.muscle.metabolic import LEAST_HEAT_W_KG, SLOW_SHARE, muscle_mass
from msemu.muscle.metabolic import bhargava as bhargava_power

BASAL_W_KG = 1.2
"""Basal rate of Bhargava's model [W per kg of the body]."""
PLAUSIBLE_SHARE = (0.15, 0.45)
"""Share of the body's mass that its muscles plausibly are [-]: those of the legs 0.20 to 0.25, all of them 0.40."""
_AEROBIC = 1.5
_STANDS_M_S = 0.1


@dataclass(frozen=True)
class FiberState:
    """What the models ask for, shape [T, M] each unless it says otherwise.

    Attributes:
        mass: Muscle mass [kg], shape [M].
        excitation: Excitation, 0 to 1 [-].
        activation: Activation, 0 to 1 [-].
        length: Fiber length [L0].
        velocity: Lengthening speed of the fiber [m/s].
        optimal_length: Optimal fiber length L0 [m], shape [M].
        max_velocity: Greatest shortening speed of fast fibers [L0/s], shape [M].
        active_force: Active force of the fiber [N].
        force: Active and passive force of the fiber [N].
        isometric: Active force-length factor at the present length [-].
    """

    mass: np.ndarray
    excitation: np.ndarray
    activation: np.ndarray
    length: np.ndarray
    velocity: np.ndarray
    optimal_length: np.ndarray
    max_velocity: np.ndarray
    active_force: np.ndarray
    force: np.ndarray
    isometric: np.ndarray


def bhargava(fiber: FiberState, slow: float = SLOW_SHARE) -> np.ndarray:
    """Return the metabolic power of every muscle without the basal rate [W], shape [T, M]."""
    names = ("mass", "excitation", "length", "velocity", "force", "active_force")
    return bhargava_power(**{name: torch.as_tensor(getattr(fiber, name)) for name in names}, slow=slow).numpy()


def umberger(fiber: FiberState, slow: float = SLOW_SHARE) -> np.ndarray:
    """Return the metabolic power of every muscle [W], shape [T, M]; lengthening takes up no work (2010)."""
    drive = np.where(fiber.excitation > fiber.activation, fiber.excitation, 0.5 * (fiber.excitation + fiber.activation))
    stretched = np.where(fiber.length > 1.0, 0.4 + 0.6 * fiber.isometric, 1.0)
    steady = (128.0 * (1.0 - slow) + 25.0) * drive**0.6 * _AEROBIC * stretched
    speed = fiber.velocity / fiber.optimal_length
    slow_coefficient = 100.0 / (fiber.max_velocity / 2.5)
    shortening = slow * np.minimum(100.0, -slow_coefficient * speed)
    shortening = (shortening - (1.0 - slow) * 153.0 / fiber.max_velocity * speed) * drive**2 * _AEROBIC
    lengthening = 0.3 * slow_coefficient * speed * drive * _AEROBIC
    moving = np.where(speed <= 0.0, shortening, lengthening)
    moving *= np.where(fiber.length > 1.0, fiber.isometric, 1.0)
    heat = np.maximum(steady + moving, LEAST_HEAT_W_KG)
    return fiber.mass * heat + fiber.active_force * np.maximum(-fiber.velocity, 0.0)


@dataclass(frozen=True)
class MuscleMass:
    """The muscle mass that metabolic watts hang on.

    Attributes:
        muscle_mass_kg: Mass of all muscles [kg].
        muscle_mass_share: Share of the body's mass [-].
        is_plausible: Whether that share is within `PLAUSIBLE_SHARE`; the watts mean nothing if it is not.
    """

    muscle_mass_kg: float
    muscle_mass_share: float
    is_plausible: bool

    @classmethod
    def of_muscles(cls, muscle_masses: np.ndarray, body_mass: float) -> "MuscleMass":
        """Add up the masses of muscles [kg], shape [M], in a body of a mass [kg]."""
        mass = float(muscle_masses.sum())
        share = mass / body_mass
        return MuscleMass(mass, share, PLAUSIBLE_SHARE[0] <= share <= PLAUSIBLE_SHARE[1])


@dataclass(frozen=True)
class MetabolicCost(MuscleMass):
    """Mean metabolic power of a movement, and the muscle mass that it hangs on.

    Attributes:
        bhargava_w: Bhargava's model, with the basal rate [W].
        umberger_w: Umberger's model, without one [W].
        bhargava_j_kg_m: Bhargava's cost of transport [J/kg/m]; None where the body goes nowhere.
    """

    bhargava_w: float
    umberger_w: float
    bhargava_j_kg_m: float | None

    @classmethod
    def of(cls, movement: MechanicalMovement) -> "MetabolicCost":
        """Measure a movement."""
        fiber, mass = fiber_state(movement), movement.body.mass
        power = float(bhargava(fiber).sum(1).mean()) + BASAL_W_KG * mass
        speed = float(np.linalg.norm(movement.qvel[:, :2].mean(0)))
        return cls(
            **vars(MuscleMass.of_muscles(fiber.mass, mass)),
            bhargava_w=power,
            umberger_w=float(umberger(fiber).sum(1).mean()),
            bhargava_j_kg_m=power / mass / speed if speed > _STANDS_M_S else None,
        )


def fiber_state(movement: MechanicalMovement) -> FiberState:
    """Return what the models ask for of a movement.

    The active part of a force is what is beyond the passive one of the fiber's length (curves of De Groote et al. 2016,
    as `msemu.muscle` has them), not less than nothing.
    """
    muscles, parameters = movement.muscles, movement.parameters
    passive = parameters.max_isometric_force * passive_force_length(muscles.fiber_length)
    return FiberState(
        mass=muscle_mass(parameters.max_isometric_force, parameters.optimal_fiber_length),
        excitation=muscles.excitation,
        activation=muscles.activation,
        length=muscles.fiber_length,
        velocity=muscles.fiber_velocity,
        optimal_length=parameters.optimal_fiber_length,
        max_velocity=parameters.max_contraction_velocity,
        active_force=np.maximum(muscles.force - passive, 0.0),
        force=muscles.force,
        isometric=active_force_length(muscles.fiber_length),
    )
