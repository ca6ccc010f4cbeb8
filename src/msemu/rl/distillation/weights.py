"""How much an error of each excitation counts in what a student learns."""

import torch

from msemu.control.activation_inverse import ActivationInverse
from msemu.envs.action.space import Scene
from msemu.models.muscle_paths import moment_arms
from msemu.muscle.parameters import MuscleParameters

_POSES = 16
"""Poses of the reference over which moment arms are averaged."""


class ErrorWeights:
    """Factors of the squared errors of the excitations, of one mean over the muscles where torque counts.

    * ``activation``: the square of how far the excitation, from 0 to 1, moves the activation within the control
      step. The error of the excitation then counts as that of the activation does.
    * ``torque_weighted``: the square of what the muscle's greatest isometric force does at the joints,
      ``|moment arms x F0|``, over the mean of that.
    """

    def __init__(self, of_activation: bool, torque_weighted: bool, scene: Scene):
        """Prepare the factors of a scene."""
        parameters, step = MuscleParameters.of(scene.body.model), float(scene.sim.model.opt.timestep)
        self._sim = scene.sim
        dynamics = scene.muscle.activation_dynamics
        self._inverse = ActivationInverse(parameters, scene.substeps, step, dynamics) if of_activation else None
        self._of_muscle = torch.ones(len(parameters))
        if torque_weighted:
            self._of_muscle = torque_weights(scene, parameters)

    def now(self) -> torch.Tensor:
        """Return the factors of a control step that begins now, shape [E, M]."""
        activation = self._sim.act.detach().float().cpu().contiguous()
        if self._inverse is None:
            return self._of_muscle.expand_as(activation)
        lower, upper = self._inverse.reachable(activation)
        return (upper - lower).square() * self._of_muscle


def torque_weights(scene: Scene, parameters: MuscleParameters) -> torch.Tensor:
    """Return the mean square over the reference of ``|moment arms x F0|`` of each muscle, over its mean, shape [M]."""
    qpos = scene.reference.clips[0].qpos
    arms = moment_arms(scene.body.model, qpos[:: max(1, len(qpos) // _POSES)])
    torques = torch.as_tensor(arms * parameters.max_isometric_force[:, None], dtype=torch.float32)
    squares = torques.square().sum(dim=2).mean(dim=0)
    return squares / squares.mean()
