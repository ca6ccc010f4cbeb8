"""Termination terms: when a body has failed and its episode ends early.

A term gives one number for each environment; beyond the configured limit, and where it is not a number, the body has
failed. So it has where the simulation has blown up.
"""

from dataclasses import dataclass

import torch

from msemu.envs.action.space import Scene
from msemu.envs.readings import Transition
from msemu.envs.terms import Term, Terms
from msemu.errors import MsemuError, suggestion
from msemu.schema import TerminationTermCfg


def body_position_deviation(step: Transition) -> torch.Tensor:
    """Mean distance of the landmarks from the reference, world frame [m]."""
    return (step.state.landmark_position - step.reference.landmark_position).norm(dim=-1).mean(1)


@dataclass(frozen=True)
class AllowedContacts:
    """Which parts may touch the floor."""

    allowed: tuple[str, ...] = ()
    """Contact regions, such as hand_r, or parts without the side, such as foot; empty allows all."""


class ForbiddenContact(Term):
    """Greatest force of the floor on a part that must not touch it [body weights].

    Attributes:
        regions: Names of the contact regions that must not.
    """

    Options = AllowedContacts

    def __init__(self, options: AllowedContacts, scene: Scene):
        """Choose the regions.

        Raises:
            MsemuError: The body has no such region.
        """
        regions, allowed = scene.sim.contact_regions, set(options.allowed)
        known = {*regions, *map(_part, regions)}
        for name in options.allowed:
            if name not in known:
                hint = suggestion(name, sorted(known))
                raise MsemuError(f"allowed contacts: the body has no contact region '{name}'{hint}")
        self.regions = tuple(name for name in regions if allowed and not {name, _part(name)} & allowed)
        indices = [regions.index(name) for name in self.regions]
        self._index = torch.tensor(indices, dtype=torch.long, device=scene.sim.device)
        self._none = torch.zeros(scene.sim.num_envs, device=scene.sim.device)

    def __call__(self, step: Transition) -> torch.Tensor:  # noqa: D102
        if not self.regions:
            return self._none
        return step.contact_force.index_select(1, self._index).norm(dim=-1).amax(1)


TERMS = {"body_position_deviation": body_position_deviation, "forbidden_contact": ForbiddenContact}


class Terminations(Terms):
    """The configured terms."""

    kind = "termination"
    when_not_finite = "ends the episode"

    def __init__(self, cfgs: dict[str, TerminationTermCfg], scene: Scene):
        super().__init__("env.terminations", TERMS, cfgs, scene)
        self._cfgs = cfgs

    def __call__(self, step: Transition) -> torch.Tensor:
        """Which bodies have failed, shape [E], bool."""
        failed = ~step.finite
        for name in self.names:
            value = self._ask(name, step)
            self._finite(name, value, step)
            # Written so that a value that is not a number counts as a failure.
            failed = failed | ~(value <= self._cfgs[name].limit)
        return failed

    def _is_wrong(self, value: torch.Tensor) -> torch.Tensor:
        return value.isnan()


def _part(region: str) -> str:
    return region.removesuffix("_r").removesuffix("_l")
