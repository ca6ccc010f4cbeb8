"""Reward terms.

A term is a function of a `Transition` that returns one number for each environment. The configuration gives its weight
and, for an error, the sensitivity of the exponential around it. The errors are mean squares, so that a body with more
joints or landmarks does not have a harder reward. Form of the terms after DeepMimic (doi:10.1145/3197517.3201311).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from rsl_rl.utils import resolve_callable

from msemu.envs.tracking_error import landmark_offset
from msemu.errors import MsemuError
from msemu.motion import rotation
from msemu.motion.kinematics import Kinematics
from msemu.schema import RewardTermCfg
from msemu.sim import Simulation
from msemu.sim.muscle_state import MuscleState


@dataclass
class Transition:
    """What a reward term may look at, after a control step.

    Attributes:
        state: The body.
        reference: Where it should be.
        excitation: Muscle excitation of this step [-], shape [E, M].
        previous_excitation: Muscle excitation of the step before [-], shape [E, M].
        activation: Muscle activation [-], shape [E, M].
        muscle_force: Muscle force over the greatest isometric force, positive when it pulls [-], shape [E, M].
        muscle_velocity: Muscle-tendon lengthening [optimal fiber lengths/s], shape [E, M].
        sim: The physics, for terms that need more, such as `muscles`.
        sound: False where the simulation has blown up and the rest is meaningless, shape [E].
        emg_error: Mean squared difference of activation and measured envelopes [-], shape [E]; None without a file.
    """

    state: Kinematics
    reference: Kinematics
    excitation: torch.Tensor
    previous_excitation: torch.Tensor
    activation: torch.Tensor
    muscle_force: torch.Tensor
    muscle_velocity: torch.Tensor
    sim: Simulation
    sound: torch.Tensor
    emg_error: torch.Tensor | None = None

    @cached_property
    def muscles(self) -> MuscleState:
        """State of the muscles, read from the engine when a term first asks; `sim` is reset after the rewards."""
        return self.sim.read_muscles()


def joint_angle(step: Transition) -> torch.Tensor:
    """Mean squared error of the independent joints [rad^2]."""
    return (step.state.joint_position - step.reference.joint_position).square().mean(1)


def joint_velocity(step: Transition) -> torch.Tensor:
    """Mean squared error of the joint velocities [rad^2/s^2]."""
    return (step.state.joint_velocity - step.reference.joint_velocity).square().mean(1)


def body_position(step: Transition) -> torch.Tensor:
    """Mean squared distance of the landmarks, relative to the pelvis [m^2]."""
    return landmark_offset(step.state, step.reference).square().sum(-1).mean(1)


def root_position(step: Transition) -> torch.Tensor:
    """Squared distance of the pelvis [m^2]."""
    return (step.state.root_position - step.reference.root_position).square().sum(1)


def root_rotation(step: Transition) -> torch.Tensor:
    """Squared angle of the pelvis [rad^2]."""
    return rotation.angle_between(step.state.root_quaternion, step.reference.root_quaternion).square()


def root_velocity(step: Transition) -> torch.Tensor:
    """Squared error of the pelvis velocity, the angular part weighted by 0.1 [m^2/s^2]."""
    linear = (step.state.root_linear_velocity - step.reference.root_linear_velocity).square().sum(1)
    angular = (step.state.root_angular_velocity - step.reference.root_angular_velocity).square().sum(1)
    return linear + 0.1 * angular


def effort(step: Transition) -> torch.Tensor:
    """Mean squared activation [-]."""
    return step.activation.square().mean(1)


def power(step: Transition) -> torch.Tensor:
    """Mean absolute mechanical power of the muscles, in units of F0 L0 / s."""
    return (step.muscle_force * step.muscle_velocity).abs().mean(1)


def muscle_power(step: Transition) -> torch.Tensor:
    """Mechanical power that a muscle and its tendon give to the skeleton, mean of the positive part [W]."""
    return step.muscles.power.clamp(min=0.0).mean(1)


def smoothness(step: Transition) -> torch.Tensor:
    """Mean squared change of the excitation from one control step to the next [-]."""
    return (step.excitation - step.previous_excitation).square().mean(1)


def emg(step: Transition) -> torch.Tensor:
    """Mean squared difference of activation and measured EMG envelopes [-] (`msemu.envs.emg`)."""
    return step.emg_error


class RewardSum:
    """The weighted sum of the configured terms.

    Attributes:
        names: Names of the terms.
    """

    def __init__(self, terms: dict[str, RewardTermCfg]):
        """Look the functions of the terms up.

        Raises:
            MsemuError: A term has no function.
        """
        self.names = tuple(terms)
        self._terms = [(_resolve(name, term), term.weight, term.sensitivity) for name, term in terms.items()]

    def __call__(self, step: Transition) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reward, shape [E], and the share of each term, shape [E, number of terms]."""
        shares = []
        for function, weight, sensitivity in self._terms:
            value = function(step)
            shares.append(weight * (torch.exp(-sensitivity * value) if sensitivity > 0 else value))
        stacked = torch.stack(shares, dim=1) if shares else step.activation.new_zeros(len(step.activation), 0)
        return stacked.sum(1), stacked


def _resolve(name: str, term: RewardTermCfg) -> Callable[[Transition], torch.Tensor]:
    try:
        return resolve_callable(term.function or f"{__name__}:{name}")
    except (ImportError, AttributeError, ValueError) as error:
        raise MsemuError(
            f"reward term '{name}' has no function '{term.function or name}' ({error}); "
            "name one of msemu.envs.rewards or give function: module:name"
        ) from error
