"""Fatigue: the three-compartment controller with enhanced recovery at rest, 3CC-r.

Motor units are resting, active or fatigued; the shares add up to 1. Looft et al. 2018 (doi
10.1016/j.jbiomech.2018.06.005) move units from resting to active towards a target load, from active to fatigued at the
rate F, and from fatigued to resting at the rate R, or r R while the load falls. Here the active share is the muscle's
activation and the controller its activation dynamics, which aim at the excitation as far as units that are not fatigued
go. So the fatigued share is the only new state.
"""

import warp as wp


@wp.struct
class Fatigue:
    """The fatigued share of each muscle; off when `enabled` is zero."""

    enabled: int
    fatigue_rate: float  # F [1/s]
    recovery_rate: float  # R [1/s]
    rest_multiplier: float  # r [-]
    fatigued: wp.array2d(dtype=float)  # share of fatigued motor units, shape [E, M]


@wp.func
def limit_by_fatigue(fatigue: Fatigue, worldid: int, muscleid: int, excitation: float) -> float:
    """Return the excitation that the units which are not fatigued can follow."""
    if fatigue.enabled == 0:
        return excitation
    return wp.min(excitation, 1.0 - fatigue.fatigued[worldid, muscleid])


@wp.func
def tire(fatigue: Fatigue, worldid: int, muscleid: int, excitation: float, activation: float, dt: float) -> float:
    """Advance the fatigued share by a step and return the rate [1/s] at which activation is lost to it."""
    if fatigue.enabled == 0:
        return 0.0
    fatigued = fatigue.fatigued[worldid, muscleid]
    recovery = fatigue.recovery_rate * wp.where(activation >= excitation, fatigue.rest_multiplier, 1.0)
    lost = fatigue.fatigue_rate * activation
    fatigue.fatigued[worldid, muscleid] = wp.clamp(fatigued + dt * (lost - recovery * fatigued), 0.0, 1.0)
    return lost


@wp.func
def reset_fatigue(fatigue: Fatigue, worldid: int, muscleid: int):
    """Make the muscle fresh."""
    if fatigue.enabled != 0:
        fatigue.fatigued[worldid, muscleid] = 0.0
