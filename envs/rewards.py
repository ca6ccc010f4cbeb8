"""Reward terms.

A term gives one number for each environment. The configuration gives its weight and, for an error, the sensitivity of
the exponential around it. The errors are mean squares, so that a body with more joints or landmarks does not have a
harder reward. Form of the terms after DeepMimic (doi:10.1145/3197517.3201311).
"""

import torch

from msemu.envs.action.space import Scene
from msemu.envs.emg import EmgError
from msemu.envs.metabolic import MetabolicPower
from msemu.envs.readings import Transition
from msemu.envs.terms import Terms
from msemu.envs.tracking_error import landmark_offset
from msemu.motion import rotation
from msemu.schema import RewardTermCfg


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
    return step.muscles.activation.square().mean(1)


def power(step: Transition) -> torch.Tensor:
    """Mean absolute mechanical power of the muscles, in units of F0 L0 / s."""
    return (step.muscles.force * step.muscles.rigid_fiber_velocity).abs().mean(1)


def muscle_power(step: Transition) -> torch.Tensor:
    """Mechanical power that a muscle and its tendon give to the skeleton, mean of the positive part [W]."""
    return step.muscles.power.clamp(min=0.0).mean(1)


def smoothness(step: Transition) -> torch.Tensor:
    """Mean squared change of the excitation from one control step to the next [-]."""
    return (step.muscles.excitation - step.previous_excitation).square().mean(1)


TERMS = {
    term.__name__: term
    for term in (
        *(joint_angle, joint_velocity, body_position, root_position, root_rotation, root_velocity),
        *(effort, power, muscle_power, smoothness),
    )
} | {"emg": EmgError, "metabolic": MetabolicPower}


class RewardSum(Terms):
    """The weighted sum of the configured terms."""

    kind = "reward"

    def __init__(self, where: str, cfgs: dict[str, RewardTermCfg], scene: Scene):
        super().__init__(where, TERMS, cfgs, scene)
        self._weighted = [(name, cfg.weight, cfg.sensitivity) for name, cfg in cfgs.items()]

    def __call__(self, step: Transition) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reward, shape [E], and the share of each term, shape [E, number of terms]."""
        shares = []
        for name, weight, sensitivity in self._weighted:
            value = self._ask(name, step)
            share = weight * (torch.exp(-sensitivity * value) if sensitivity > 0 else value)
            shares.append(self._finite(name, share, step))
        num_envs = len(step.frame)
        stacked = torch.stack(shares, dim=1) if shares else torch.zeros(num_envs, 0, device=step.frame.device)
        return stacked.sum(1), stacked
