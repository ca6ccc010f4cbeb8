"""Muscle activity of a policy that walks, over the gait cycles of each leg."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from msemu.analysis.gait.cycles import LOADED_BW, find_cycles
from msemu.analysis.rollout import Policy, measure_episodes
from msemu.control.gait_phase import find_stances, find_strikes
from msemu.control.textbook_timing import TextbookTiming
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import sole_heights

SIDES = "rl"

_LIFTED_M = 0.005
"""Height above its lowest from which a foot of the reference has left the floor [m]."""
_SETTLING_S = 1.0
"""Time after the start that is left out [s]."""


@dataclass(frozen=True)
class LegActivity:
    """Activity of the muscles of one leg.

    Attributes:
        activation: Of every channel in every cycle [-], shape [C, 101, K].
        stance: Share of each cycle in which the foot stands, shape [C].
        left_out: Number of cycles that are far too short or too long.
    """

    activation: np.ndarray
    stance: np.ndarray
    left_out: int


@dataclass(frozen=True)
class GaitActivity:
    """Activity of the muscles of both legs.

    Attributes:
        legs: By side, ``r`` and ``l``.
        muscles: Mean activation of all M muscles of the body over the cycles of each leg [-], by side, shape [101, M].
        survival: Share of the episodes without a failure [-].
    """

    legs: dict[str, LegActivity]
    muscles: dict[str, np.ndarray]
    survival: float

    @property
    def mean(self) -> np.ndarray:
        """Mean over the cycles of a leg, then over the legs, shape [101, K]."""
        return np.mean([leg.activation.mean(0) for leg in self.legs.values()], axis=0)


def stride_duration_s(body: Body, clip: MotionClip) -> float:
    """How long one gait cycle of a clip lasts [s].

    Raises:
        MsemuError: The clip does not repeat, or a foot does not leave the floor and come down again.
    """
    if not clip.cyclic:
        raise MsemuError(f"the clip '{clip.name}' does not repeat; gait cycles need a cyclic one, such as walk")
    strides = []
    for height in sole_heights(body, clip.qpos).T:
        stands = find_stances(height < height.min() + _LIFTED_M, clip.fps, cyclic=True)
        strides.append(len(find_strikes(stands, cyclic=True)))
    if not all(strides) or strides[0] != strides[1]:
        raise MsemuError(
            f"the clip '{clip.name}' is no gait: its right foot comes down {strides[0]} times, its left {strides[1]}"
        )
    return clip.duration_s / strides[0]


def measure_gait(
    env: MotionTrackingEnv,
    policy: Policy,
    steps: int,
    timing: TextbookTiming,
    clip: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> GaitActivity:
    """Let a policy walk, and cut what the muscles do into gait cycles by the floor's force on each foot.

    The first second is left out, and everything from a failure on. As for `measure_episodes`, the environment's
    episodes must not be shorter.

    Raises:
        MsemuError: The clip is no gait, the muscles have other names, or a leg finishes no cycle.
    """
    duration_s = stride_duration_s(env.body, env.reference.clips[clip])
    weights_of_sides = [timing.weights(env.body, side) for side in SIDES]
    feet = [env.sim.contact_regions.index(f"foot_{side}") for side in SIDES]
    least = LOADED_BW * env.body.weight
    activation, touches = [], []

    def keep(done: int, total: int) -> None:
        activation.append(env.sim.act.cpu().numpy().copy())
        touches.append((env.sim.contact_force[:, feet, 2] > least).cpu().numpy())
        on_step(done, total)

    failed_at = measure_episodes(env, policy, steps, keep, clip).failed_at
    series, fps = np.stack(activation), env.cfg.env.control_frequency_hz
    whole = {
        side: cut(series, np.stack(touches)[:, :, leg], failed_at, fps, duration_s) for leg, side in enumerate(SIDES)
    }
    legs = {
        side: replace(leg, activation=leg.activation @ weights)
        for (side, leg), weights in zip(whole.items(), weights_of_sides, strict=True)
    }
    survival = float((failed_at == steps).mean())
    if not all(len(leg.activation) for leg in legs.values()):
        raise MsemuError(
            f"a leg finishes no gait cycle of about {duration_s:.2f} s after the first second; {survival:.0%} of the"
            f" episodes last {steps / fps:g} s, and the median one {np.median(failed_at) / fps:.2f} s"
        )
    return GaitActivity(legs, {side: leg.activation.mean(0) for side, leg in whole.items()}, survival)


def cut(
    activation: np.ndarray, touches: np.ndarray, failed_at: np.ndarray, fps: float, duration_s: float
) -> LegActivity:
    """Cut the activity of one leg into gait cycles.

    Args:
        activation: Of each channel in each episode [-], shape [T, E, K].
        touches: Whether the foot touches the floor, shape [T, E].
        failed_at: Step of each episode's failure, from which on nothing counts, shape [E].
        fps: Steps per second [Hz].
        duration_s: How long a cycle should last [s].
    """
    first = round(_SETTLING_S * fps)
    curves, stances, left_out = [], [], 0
    for episode, end in enumerate(failed_at):
        if end <= first:
            continue
        cycles, odd = find_cycles(touches[first:end, episode], fps, duration_s)
        curves += [cycle.resample(activation[first:end, episode]) for cycle in cycles]
        stances += [cycle.stance for cycle in cycles]
        left_out += odd
    empty = np.empty((0, 101, activation.shape[2]))
    return LegActivity(np.stack(curves) if curves else empty, np.array(stances), left_out)
