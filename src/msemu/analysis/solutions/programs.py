"""Many linear and convex quadratic programs over one polytope at once: what a muscle may do at given joint torques.

    minimize  cost.x + q h(x)   subject to  A x = b,  lower <= x <= upper,  2 h(x) <= budget,   h(x) = 1/2 sum w_i x_i^2

The method is the primal-dual interior-point method of Mehrotra (1992, doi 10.1137/0802028), as in
`msemu.control.solver.dense`; the budget is the last row of the Newton matrix, with the multiplier as its unknown. All
programs share A, so that their Newton matrices ``A diagonal^-1 A^T`` are one product of the diagonals and the outer
products of A's columns. Lagrange's dual bounds the minimum from below whatever multipliers it is given (Boyd and
Vandenberghe 2004, section 5.1.3): it certifies each solution.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch

_ITERATIONS = 60
_TO_BOUNDARY = 0.995
"""Share of the way to what stops a step that it goes."""
_CAREFUL = 0.7
"""The same for programs that got stuck."""
_MARGIN = 0.1
"""Least distance of the start from the bounds, over their distance."""
_CENTERED = 1e-3
"""Least product of a room and its multiplier over the mean of all."""
_EFFORT_GAP = 1e-5
"""Greatest gap of the least effort."""
_RANK = 1e-9
"""Singular value over the greatest one below which a row of A adds nothing."""
_FEASIBLE = 1e-6
"""Greatest violation of the rows, of norm one each."""
_WITHIN_BUDGET = 1e-4
"""Share of the budget by which it may be exceeded."""


@dataclass(frozen=True)
class Polytope:
    """Where ``A x = b`` and ``lower <= x <= upper``, with the rows of A orthonormal.

    Attributes:
        matrix: A, shape [R, N].
        target: b, shape [R].
        lower: Shape [N].
        upper: Shape [N].
        weight: w of the effort, shape [N].
    """

    matrix: torch.Tensor
    target: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(
        cls, matrix: np.ndarray, target: np.ndarray, lower: np.ndarray, upper: np.ndarray, tolerance: float = 0.0
    ) -> "Polytope":
        """Make it of any rows [D, M], those that follow from others left out.

        A ``tolerance`` lets each row miss its target by so much: the miss is one more unknown, without effort. The
        target has to be within reach of the rows.
        """
        misses = len(matrix) if tolerance > 0.0 else 0
        wide = np.hstack((matrix, np.eye(len(matrix))[:, :misses]))
        left, size, rows = np.linalg.svd(wide, full_matrices=False)
        kept = size > _RANK * max(size.max(initial=0.0), 1e-300)
        bound = np.full(misses, tolerance)
        arrays = (
            rows[kept],
            (left.T @ target)[kept] / size[kept],
            np.concatenate((lower, -bound)),
            np.concatenate((upper, bound)),
            np.concatenate((np.ones(matrix.shape[1]), np.zeros(misses))),
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))

    def with_most(self, most: float, x: torch.Tensor) -> tuple["Polytope", torch.Tensor]:
        """Return the part where ``sum w x <= most``, and a point x of it: what is left of it is one more unknown."""
        rows = np.vstack((np.pad(self.matrix.numpy(), ((0, 0), (0, 1))), np.append(self.weight.numpy(), 1.0)))
        target, left = np.append(self.target.numpy(), most), most - (self.weight * x).sum()
        part = Polytope.of(rows, target, np.append(self.lower.numpy(), 0.0), np.append(self.upper.numpy(), most))
        part.weight[-1] = 0.0
        return part, torch.cat((x, left.reshape(1)))

    def effort(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``sum w x^2``, shape [K]."""
        return (self.weight * x.square()).sum(-1)


@dataclass(frozen=True)
class Optima:
    """Solutions of K programs.

    Attributes:
        x: Shape [K, N].
        value: What is minimized, shape [K].
        gap: Distance of the value from the lower bound of the minimum, shape [K].
        solved: Whether the gap and all violations are within the tolerance, shape [K].
    """

    x: torch.Tensor
    value: torch.Tensor
    gap: torch.Tensor
    solved: torch.Tensor


@dataclass
class _Iterate:
    """Unknowns and multipliers of K programs; ``slack`` is what the budget leaves, over two."""

    x: torch.Tensor
    rows: torch.Tensor
    below: torch.Tensor
    above: torch.Tensor
    slack: torch.Tensor
    price: torch.Tensor

    def moved(self, step: "_Iterate", length: torch.Tensor) -> "_Iterate":
        pairs = zip(vars(self).values(), vars(step).values(), strict=True)
        return _Iterate(*(value + length * change for value, change in pairs))


def _only(at: _Iterate, chosen: torch.Tensor) -> _Iterate:
    return _Iterate(*(value[chosen] for value in vars(at).values()))


class Programs:
    """K programs over one polytope."""

    def __init__(self, polytope: Polytope, cost: torch.Tensor, quadratic: float = 0.0, budget: float | None = None):
        """Take the costs, shape [K, N], q, and the budget of all programs; None for none."""
        self._of, self._cost, self._quadratic = polytope, cost, quadratic
        self._to_boundary = _TO_BOUNDARY
        most = polytope.effort(torch.maximum(polytope.lower.abs(), polytope.upper.abs()))
        self._budget = most + 1.0 if budget is None else torch.as_tensor(budget, dtype=cost.dtype)
        row, column = torch.tril_indices(len(polytope.matrix), len(polytope.matrix))
        self._triangle = row, column
        self._outer = (polytope.matrix[row] * polytope.matrix[column]).mT.contiguous()

    def solve(self, start: torch.Tensor, tolerance: float = 1e-4) -> Optima:
        """Start from a guess, shape [N], and stop when every gap is within the tolerance.

        The few programs that get stuck are solved once more with shorter steps.
        """
        found = self._solve(start, tolerance)
        stuck = torch.nonzero(~found.solved).squeeze(1)
        if len(stuck):
            careful = self._only(stuck)
            careful._to_boundary = _CAREFUL
            for kept, value in zip(vars(found).values(), vars(careful._solve(start, tolerance)).values(), strict=True):
                kept[stuck] = value
        return found

    def _solve(self, start: torch.Tensor, tolerance: float) -> Optima:
        at, programs = self._begin(start), self
        left, found = torch.arange(len(self._cost)), self._certified(at, tolerance)
        best = [value.clone() for value in vars(found).values()]
        for _ in range(_ITERATIONS):
            at, programs, left = _only(at, ~found.solved), programs._only(~found.solved), left[~found.solved]
            if not len(left):
                break
            step, length = programs._step(at)
            at = programs._centered(at.moved(step, length.nan_to_num(0.0)))
            found = programs._certified(at, tolerance)
            for kept, value in zip(best, vars(found).values(), strict=True):
                kept[left] = value
        return Optima(*best)

    def _only(self, chosen: torch.Tensor) -> "Programs":
        """Return some of the programs."""
        part = copy(self)
        part._cost = self._cost[chosen]
        return part

    def _centered(self, at: _Iterate) -> _Iterate:
        """Raise multipliers whose product with its room has become too small: they would block every later step."""
        least = _CENTERED * self._complementarity(at, 2 * at.x.shape[1] + 1)
        at.below = torch.maximum(at.below, least / (at.x - self._of.lower))
        at.above = torch.maximum(at.above, least / (self._of.upper - at.x))
        at.price = torch.maximum(at.price, least / at.slack)
        return at

    def _begin(self, start: torch.Tensor) -> _Iterate:
        of, count = self._of, len(self._cost)
        reach = _MARGIN * (of.upper - of.lower)
        x = torch.minimum(torch.maximum(start, of.lower + reach), of.upper - reach).expand(count, -1)
        slack = (0.5 * (self._budget - of.effort(x))).clamp(min=0.1 * float(self._budget)).unsqueeze(1)
        rows = x.new_zeros(count, len(of.target))
        return _Iterate(x, rows, 0.1 / (x - of.lower), 0.1 / (of.upper - x), slack, 0.1 / slack)

    def _slope(self, at: _Iterate) -> torch.Tensor:
        """Return the gradient of the Lagrangian without the bounds' multipliers, shape [K, N]."""
        return self._cost + (self._quadratic + at.price) * self._of.weight * at.x - at.rows @ self._of.matrix

    def _certified(self, at: _Iterate, tolerance: float) -> Optima:
        of = self._of
        gain, curve = self._cost - at.rows @ of.matrix, (self._quadratic + at.price) * of.weight
        best = torch.where(curve > 0.0, -gain / curve.clamp(min=1e-300), -torch.inf * gain.sign())
        best = torch.minimum(torch.maximum(best.nan_to_num(), of.lower), of.upper)
        bound = at.rows @ of.target - 0.5 * at.price.squeeze(1) * self._budget
        bound = bound + (gain * best + 0.5 * curve * best.square()).sum(1)
        value = (self._cost * at.x).sum(1) + 0.5 * self._quadratic * of.effort(at.x)
        miss = (at.x @ of.matrix.mT - of.target).norm(dim=1)
        over = of.effort(at.x) / self._budget - 1.0
        gap = value - bound
        return Optima(at.x, value, gap, (gap.abs() <= tolerance) & (miss <= _FEASIBLE) & (over <= _WITHIN_BUDGET))

    def _step(self, at: _Iterate) -> tuple[_Iterate, torch.Tensor]:
        """Return the step and its length, shape [K, 1]."""
        of = self._of
        room_below, room_above = at.x - of.lower, of.upper - at.x
        diagonal = (self._quadratic + at.price) * of.weight + at.below / room_below + at.above / room_above
        inverse, pull = 1.0 / diagonal, of.weight * at.x
        newton = self._newton_matrix(inverse, pull, at)
        factor = torch.linalg.cholesky_ex(newton)[0]
        slope, missing = self._slope(at), of.target - at.x @ of.matrix.mT
        left = 0.5 * (self._budget - of.effort(at.x)).unsqueeze(1) - at.slack
        pairs = at.x.shape[1] * 2 + 1

        def step(below: torch.Tensor, above: torch.Tensor, price: torch.Tensor, left: torch.Tensor) -> _Iterate:
            """Solve for the wanted products of the bounds' and the budget's rooms and multipliers."""
            force = slope - below / room_below + above / room_above
            spare = left + at.slack - price / at.price
            right = torch.cat(
                (
                    missing + (inverse * force) @ of.matrix.mT,
                    -spare - (pull * inverse * force).sum(1, keepdim=True),
                ),
                1,
            )
            multipliers = torch.cholesky_solve(right.unsqueeze(-1), factor).squeeze(-1)
            rows, d_price = multipliers[:, :-1], multipliers[:, -1:]
            dx = inverse * (rows @ of.matrix - d_price * pull - force)
            d_below = below / room_below - at.below - at.below / room_below * dx
            d_above = above / room_above - at.above + at.above / room_above * dx
            d_slack = price / at.price - at.slack - at.slack / at.price * d_price
            return _Iterate(dx, rows, d_below, d_above, d_slack, d_price)

        zero = torch.zeros_like(at.x)
        ahead = step(zero, zero, torch.zeros_like(at.price), left)
        center = self._complementarity(at, pairs)
        reached = self._complementarity(at.moved(ahead, self._length(at, ahead, 1.0)), pairs)
        wanted = (reached / center) ** 3 * center
        final = step(
            wanted - ahead.x * ahead.below,
            wanted + ahead.x * ahead.above,
            wanted - ahead.slack * ahead.price,
            left - 0.5 * (of.weight * ahead.x.square()).sum(1, keepdim=True),
        )
        return final, self._length(at, final, self._to_boundary)

    def _newton_matrix(self, inverse: torch.Tensor, pull: torch.Tensor, at: _Iterate) -> torch.Tensor:
        count = len(self._of.target)
        newton = inverse.new_zeros(len(inverse), count + 1, count + 1)
        entries = inverse @ self._outer
        row, column = self._triangle
        newton[:, row, column] = entries
        newton[:, column, row] = entries
        border = -(inverse * pull) @ self._of.matrix.mT
        newton[:, :-1, -1] = newton[:, -1, :-1] = border
        newton[:, -1, -1] = (inverse * pull.square()).sum(1) + (at.slack / at.price).squeeze(1)
        return newton

    def _complementarity(self, at: _Iterate, pairs: int) -> torch.Tensor:
        products = (at.x - self._of.lower) * at.below + (self._of.upper - at.x) * at.above
        return (products.sum(1, keepdim=True) + at.slack * at.price) / pairs

    def _length(self, at: _Iterate, step: _Iterate, share: float) -> torch.Tensor:
        """Return the length of a step that goes ``share`` of the way to what stops it, 1 at most, shape [K, 1]."""
        blocking = [
            -step.x / (at.x - self._of.lower),
            step.x / (self._of.upper - at.x),
            -step.below / at.below,
            -step.above / at.above,
            -step.slack / at.slack,
            -step.price / at.price,
        ]
        return share / torch.cat(blocking, 1).amax(1, keepdim=True).clamp(min=share)


def least_effort(polytope: Polytope, start: torch.Tensor) -> Optima:
    """Return the one point of least effort."""
    nothing = torch.zeros(1, len(polytope.lower), dtype=torch.float64)
    return Programs(polytope, nothing, quadratic=2.0).solve(start, _EFFORT_GAP)
