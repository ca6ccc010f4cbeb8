"""Units of a recording, from how large people are, how fast they get and how they get on."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.motion.checks.remedies import Remedies
from msemu.motion.source import SourceMotion

LEG_M = (0.3, 1.3)
"""Shortest and longest thigh plus shank, of a toddler of 0.65 m and beyond the tallest man there was [m]."""

MAX_SPEED_M_S = 15.0
"""No pelvis is faster for a tenth of a recording; the fastest sprinter reaches 12.4 m/s [m/s]."""

STATUE = 0.08
"""A body is rigid whose joint centers and soles move less than this, seen from the pelvis, over the length of the
legs; angles that are 57 times too small leave 0.05 of a run, and a step takes 0.5."""

GLIDE_M = 0.3
"""Distance that no rigid body comes along by itself [m]."""

STATUE_ON_THE_SPOT, BOB_M = 0.03, 0.03
"""The same for a body whose soles go up and down by so much [m], which takes bent knees or heels that rise."""


def check_size(path: Path, source: SourceMotion, remedies: Remedies) -> None:
    """Refuse legs and a speed of no person.

    Raises:
        MsemuError: One of them is found.
    """
    leg = source.leg_length()
    if not LEG_M[0] <= leg <= LEG_M[1]:
        raise MsemuError(
            f"{path}: thigh and shank together are {leg:.3g} m, not {LEG_M[0]} to {LEG_M[1]} m: {remedies.length}"
        )
    velocity = np.gradient(source.pelvis, source.time_s, axis=0)
    speed = float(np.percentile(np.linalg.norm(velocity, axis=1), 90))
    if speed > MAX_SPEED_M_S:
        raise MsemuError(
            f"{path}: the pelvis moves at {speed:.3g} m/s, people at most at {MAX_SPEED_M_S:g}: {remedies.length}, or"
            " is the frame rate wrong?"
        )


def check_moves(path: Path, source: SourceMotion, remedies: Remedies) -> None:
    """Refuse a body that glides along, or up and down, without moving a joint.

    Raises:
        MsemuError: It does.
    """
    leg, moved = source.leg_length(), _largest_move(source)
    glide, bob = float(np.ptp(source.pelvis, axis=0).max()), float(np.ptp(source.sole_height.min(axis=(1, 2))))
    if (moved < STATUE * leg and glide > GLIDE_M) or (moved < STATUE_ON_THE_SPOT * leg and bob > BOB_M):
        raise MsemuError(
            f"{path}: the person glides {max(glide, bob):.2f} m like a statue, no joint moves more than"
            f" {100 * moved:.1f} cm against the pelvis: {remedies.angle}"
        )


def _largest_move(source: SourceMotion) -> float:
    """Return how far a joint center or a point of a sole moves as seen from the pelvis [m]."""
    soles = source.sole_points.reshape(source.num_frames, -1, 3)
    points = np.concatenate([source.positions, soles], axis=1) - source.pelvis[:, None]
    turn = Rotation.from_quat(source.orientations[:, 0], scalar_first=True).as_matrix()
    return float(np.ptp(np.einsum("tji,tpj->tpi", turn, points), axis=0).max())
