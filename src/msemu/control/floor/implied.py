"""What the floor does to a body along a movement, as the movement implies it, continuous from frame to frame.

A frame alone does not tell how two feet share the load, and noise in the accelerations of a trunk moves the center of
pressure by a decimeter. So the forces of all frames are found together: not negative along the edges of the friction
cones, they

    minimize, summed over frames,  |missing root force / force error|^2 + |missing root moment / moment error|^2
                                   + |net joint torques / joint error|^2 + effort |edge forces|^2
                                   + |second derivative of each part's wrench / curvature|^2

A wrench is force and moment about the middle of the part, at a lever of a decimeter; it is zero in the air, so that a
part takes up its load from nothing and gives it up to nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
import torch

from msemu.control.contact_points import NUM_EDGES
from msemu.control.dynamics import DynamicsReader, DynamicsState
from msemu.control.floor.forces import FloorForces
from msemu.control.floor.phases import ContactPhasesCfg, standing_points
from msemu.control.independent_dofs import ROOT_DOFS
from msemu.control.inverse_dynamics import Movement
from msemu.control.solver.banded import solve_not_negative
from msemu.schema import ContactCfg
from msemu.schema.ranges import Positive

_LEAST_STRENGTH = 0.01
"""Least strength of a joint over that of the strongest [-]; one without muscles would outweigh all others."""
_LEVER_M = 0.1
"""Lever at which the moment of a wrench counts as its force [m]."""
_TURN_S = 0.5
"""How much of a cycle is added on either side, so that forces are continuous over its ends [s]."""


@dataclass(frozen=True)
class FloorCfg:
    """How the floor's forces are found along a movement."""

    phases: ContactPhasesCfg = field(default_factory=ContactPhasesCfg)
    force_error_bw: Positive = 0.02
    """Error of the force on the root that counts as much as the others [body weights]."""
    moment_error_bw_m: Positive = 0.2
    """The same of its moment [body weights times meters]."""
    joint_error_bw_m: Positive = 1.0
    """The same of the net torque of the strongest joint [body weights times meters], of others in proportion to their
    strength; neither how strong a body is nor into how many strands its muscles are split matters."""
    curvature_bw_s2: Positive = 800.0
    """Second derivative of a wrench [body weights per squared second]."""
    effort: Positive = 0.2
    """Weight of the squared edge forces [per squared body weight]; it spreads the load over points."""


def implied_forces(
    movement: Movement,
    parts: list[tuple[DynamicsReader, DynamicsState]],
    max_isometric_force: np.ndarray,
    body_weight: float,
    contact: ContactCfg,
    floor: FloorCfg,
    touching: np.ndarray | None = None,
) -> FloorForces:
    """Find the forces that a movement implies.

    Args:
        movement: The movement.
        parts: The equation of motion along it, in order.
        max_isometric_force: Of the muscles [N], shape [M].
        body_weight: Weight of the body [N].
        contact: Where contacts begin.
        floor: How the forces are found.
        touching: Points that may push, shape [T, C]; by default those that stand.
    """
    points = parts[0][0].points
    position, velocity, edge_force, required = (
        torch.cat([read(state) for _, state in parts]).numpy()
        for read in (
            lambda state: state.contacts.position,
            lambda state: state.contacts.velocity,
            lambda state: state.contacts.edge_force,
            lambda state: state.required_force,
        )
    )
    if touching is None:
        touching = standing_points(
            position[..., 2],
            np.linalg.norm(velocity, axis=-1),
            tuple(points.regions),
            movement.fps,
            movement.cyclic,
            contact,
            floor.phases,
        )
    error = errors_alike(parts, max_isometric_force, body_weight, floor)
    wrenches = _wrenches(position, points.edges.numpy(), points.regions)
    frames = [
        _Frame(
            np.flatnonzero(np.repeat(touches, NUM_EDGES)),
            (body_weight * forces.reshape(len(error), -1) / error[:, None])[:, np.repeat(touches, NUM_EDGES)],
            needed / error,
            wrench[:, np.repeat(touches, NUM_EDGES)],
        )
        for touches, forces, needed, wrench in zip(touching, edge_force, required, wrenches, strict=True)
    ]
    factors = np.zeros((len(frames), touching.shape[1] * NUM_EDGES))
    bend = (movement.fps**2 / floor.curvature_bw_s2) ** 2
    for frame, solution in _solved(frames, movement, bend, floor.effort):
        factors[frame, frames[frame].columns] = body_weight * solution
    factors = factors.reshape(*touching.shape, NUM_EDGES)
    return FloorForces(
        tuple(points.regions),
        touching,
        position,
        points.force(torch.from_numpy(factors)).numpy(),
        np.einsum("tdck,tck->td", edge_force, factors),
    )


def errors_alike(
    parts: list[tuple[DynamicsReader, DynamicsState]],
    max_isometric_force: np.ndarray,
    body_weight: float,
    floor: FloorCfg,
) -> np.ndarray:
    """Return the error of each degree of freedom that counts as much as those of others [N m or N], shape [D]."""
    error = np.empty(len(parts[0][0].dofs))
    error[:3], error[3:ROOT_DOFS] = floor.force_error_bw, floor.moment_error_bw_m
    error[ROOT_DOFS:] = floor.joint_error_bw_m * _relative_strength(parts, max_isometric_force)
    return body_weight * error


def _relative_strength(parts: list[tuple[DynamicsReader, DynamicsState]], force: np.ndarray) -> np.ndarray:
    """Return the torque that all muscles of each joint could give over that of the strongest one, shape [D - 6]."""
    arms = torch.cat([state.moment_arms.abs().mean(0, keepdim=True) for _, state in parts]).mean(0).numpy()
    strength = force @ arms[:, ROOT_DOFS:]
    return np.maximum(strength / max(strength.max(initial=0.0), 1e-9), _LEAST_STRENGTH)


@dataclass(frozen=True)
class _Frame:
    """One frame's share: edges that may push, what a body weight along each gives, what is needed, its wrench."""

    columns: np.ndarray
    matrix: np.ndarray
    target: np.ndarray
    wrench: np.ndarray


def _wrenches(position: np.ndarray, edges: np.ndarray, regions: list[str]) -> np.ndarray:
    """Return each region's wrench per unit along each edge, its moment about the middle, shape [T, 6 R, 4 C]."""
    rows = []
    for region in dict.fromkeys(regions):
        inside = np.array(regions) == region
        lever = position - position[:, inside].mean(1, keepdims=True)
        moment = np.cross(lever[:, :, None], edges[None]) / _LEVER_M
        wrench = np.concatenate([np.broadcast_to(edges, moment.shape), moment], axis=3) * inside[:, None, None]
        rows.append(wrench.reshape(len(position), -1, 6).transpose(0, 2, 1))
    return np.concatenate(rows, axis=1)


def _solved(frames: list[_Frame], movement: Movement, bend: float, effort: float) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each frame with the forces along its edges [body weights]; ``bend`` weights squared second differences."""
    count = len(frames)
    turn = min(count, round(_TURN_S * movement.fps)) if movement.cyclic else 0
    order = np.arange(-turn, count + turn) % count
    starts = np.cumsum([0, *(len(frames[frame].columns) for frame in order)])
    coupling = bend * _second_differences(len(order))
    rows, columns, values = [], [], []
    for place, index in enumerate(order):
        frame = frames[index]
        for ahead in range(min(3, len(order) - place)):
            later = frames[order[place + ahead]]
            block = coupling[ahead, place] * later.wrench.T @ frame.wrench
            if not ahead:
                block = np.tril(block + frame.matrix.T @ frame.matrix + effort * np.eye(len(frame.columns)))
            row, column = np.nonzero(block)
            rows.append(starts[place + ahead] + row)
            columns.append(starts[place] + column)
            values.append(block[row, column])
    where = np.concatenate(rows), np.concatenate(columns)
    half = scipy.sparse.coo_array((np.concatenate(values), where), shape=(starts[-1], starts[-1]))
    target = np.concatenate([frames[frame].matrix.T @ frames[frame].target for frame in order])
    solution = solve_not_negative(half, target)
    for place in range(turn, turn + count):
        yield int(order[place]), solution[starts[place] : starts[place + 1]]


def _second_differences(count: int) -> np.ndarray:
    """Return the diagonals of ``D^T D``, D the second differences of some frames, the main one first, [3, count]."""
    stencil, diagonals = (1.0, -2.0, 1.0), np.zeros((3, count))
    for later in range(3):
        for earlier in range(later + 1):
            diagonals[later - earlier, earlier : earlier + max(count - 2, 0)] += stencil[later] * stencil[earlier]
    return diagonals
