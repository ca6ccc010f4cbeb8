"""A helping hand at the root while a policy learns, which is taken away in the course of the training."""

import torch

from msemu.control.tracking.springs import RootDeviation, bounded, pull
from msemu.models.body import Body
from msemu.motion.reference import ReferenceMotion
from msemu.schema import AssistCfg, ScheduleCfg, SpringCfg
from msemu.sim import Simulation

_RADIUS_M = 0.3
"""Radius of gyration that the body's rotation is taken to have; forces and moments so have one limit [m]."""


class AssistiveWrench:
    """Force and moment on the free root towards the reference, as a spring and damper, bounded, fading to zero.

    The force is that of a spring that holds the whole mass, at most ``max_force_bw`` body weights; the moment that of
    one that turns the mass at a radius of gyration of 0.3 m, at most as much times 0.3 m.
    """

    def __init__(self, cfg: AssistCfg, body: Body, sim: Simulation, reference: ReferenceMotion):
        self._sim, self._reference = sim, reference
        self._spring = SpringCfg(cfg.natural_frequency_hz, cfg.damping_ratio)
        self._schedule = ScheduleCfg(1.0, 0.0, cfg.fade_begin, cfg.fade_end)
        self._mass, self._weight = body.mass, body.weight
        self._max_force = cfg.max_force_bw * self._weight
        self._log: dict[str, torch.Tensor] = {}

    def apply(self, frame: torch.Tensor, steps: int) -> None:
        """Set the root's force for a control step at frames [E] of the reference, after ``steps`` steps of training."""
        sim, share = self._sim, self._schedule.at(steps)
        root = RootDeviation.between(sim.qpos, sim.qvel, *self._states(frame))
        force = self._mass * pull(self._spring, root.position, root.linear_velocity)
        moment = self._mass * _RADIUS_M**2 * pull(self._spring, root.rotation, root.angular_velocity)
        force, moment = bounded(force, self._max_force), bounded(moment, self._max_force * _RADIUS_M)
        sim.root_force.copy_(share * torch.cat((force, moment), 1))
        self._log = {
            "Assist/share": torch.full((), share, device=sim.device),
            "Assist/force_bw": share * (force.norm(dim=1).mean() / self._weight).float(),
        }

    def log(self) -> dict[str, torch.Tensor]:
        """Share of the wrench that is left, and its mean force [body weights], in the last control step."""
        return self._log

    def _states(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        qpos, qvel = self._reference.state(frame)
        return qpos.to(self._sim.qpos.dtype), qvel.to(self._sim.qvel.dtype)
