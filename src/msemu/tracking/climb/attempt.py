"""A search at one condition, about one clip."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import ReferenceMotion
from msemu.tracking.climb.order import Order
from msemu.tracking.cost import TrackingCost
from msemu.tracking.environment import Condition, make_env
from msemu.tracking.found import errors_along
from msemu.tracking.particles import Particles
from msemu.tracking.reason import Place, Reason
from msemu.tracking.reference.adaptation import adapted
from msemu.tracking.reference.retiming import at_speed
from msemu.tracking.reference.windows import Windows, is_run, phase_windows, regular_windows
from msemu.tracking.search import Search, spread_of
from msemu.tracking.space import ONE_DECODING, GuidedCfg

_COMPARED = ("joint_angle_deg", "body_position_cm")
"""Errors whose sum says which of two ways is closer to the clip as it was."""


def particles_at(order: Order, clip: MotionClip, condition: Condition, count: int) -> Particles:
    """Return ``count`` bodies at a condition that follow ``clip``, given at its own speed."""
    action = GuidedCfg(controller=replace(order.controller, **ONE_DECODING))
    followed = at_speed(order.body, clip, condition.speed)
    env = make_env(order.cfg, order.body, followed, count, condition, action, order.seed)
    limit = order.cfg.env.terminations["body_position_deviation"].limit
    return Particles(env, TrackingCost(env, order.search.selection, limit))


class Attempt:
    """A search at one condition, about one clip.

    Attributes:
        condition: The condition.
        clip: The clip that is followed, at its own speed.
        particles: The bodies that try.
        search: The search.
    """

    def __init__(self, order: Order, condition: Condition, clip: MotionClip):
        """Begin a search for ``order``."""
        self._order, self.condition, self.clip = order, condition, clip
        self.particles = particles_at(order, clip, condition, order.bodies)
        spread = spread_of(self.body, self.particles.dofs, order.search.spread)
        self.search = Search(self.particles, spread, _windows(order, condition), order.search, order.seed)

    @property
    def body(self) -> Body:
        """The body at this condition."""
        return self.particles.env.body

    @property
    def failed_in(self) -> Place:
        """The window that no body has come through, after the best way so far."""
        done, windows = len(self.search.best.layers) if self.search.best else 0, self.search.windows
        first = sum(map(sum, windows[:done]))
        return Place(done + 1, len(windows), first, first + sum(windows[done]))

    @cached_property
    def reason(self) -> Reason:
        """What the body lacks for the clip as it is followed."""
        return Reason(self.body, self.particles.env.reference.clips[0])

    @cached_property
    def _as_it_was(self) -> ReferenceMotion:
        """The clip as it was before it gave way."""
        if self.clip is self._order.clip:
            return self.particles.env.reference
        original = at_speed(self._order.body, self._order.unrolled, self.condition.speed)
        return ReferenceMotion(original, self.body, original.fps, torch.device("cpu"))

    def errors(self) -> dict[str, float] | None:
        """Return mean errors of the best way [deg, cm], against the clip as it was; None where there is no way."""
        best = self.search.best
        return errors_along(self.particles.env, best, self._as_it_was) if best else None

    def changed_clip(self) -> MotionClip:
        """Return the clip as it gives way to the best way, within the order's tolerance."""
        order, best = self._order, self.search.best
        assert best
        fading = 0 if self.search.completed else order.search.back[0] * order.search.window_steps
        poses = np.concatenate([self.clip.qpos[:1], best.qpos.numpy()])
        return adapted(order.body, order.unrolled, poses, order.tolerance, fading=fading)

    def is_no_worse_than(self, before: "Attempt") -> bool:
        """Whether the best way leads further than another one's, or as far and as close to the clip as it was."""
        own, old = self.search.best, before.search.best
        errors, earlier = self.errors(), before.errors()
        if not (own and old and errors and earlier):
            return False
        if len(own) != len(old):
            return len(own) > len(old)
        return sum(errors[name] for name in _COMPARED) <= sum(earlier[name] for name in _COMPARED)


def _windows(order: Order, condition: Condition) -> Windows:
    total, steps = order.total_at(condition), order.search.window_steps
    clip = at_speed(order.body, order.clip, condition.speed)
    is_cut = order.windows == "phase" or (order.windows == "auto" and is_run(order.body, clip, total))
    return phase_windows(order.body, clip, total, steps) if is_cut else regular_windows(total, steps)
