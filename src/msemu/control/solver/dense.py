"""Many bounded least-squares problems at once: muscle forces within bounds that balance joint torques best.

    minimize  1/2 |A x - b|^2 + sum_i phi_i(x_i)   subject to  lower <= x <= upper,
    phi_i(x) = linear_i x + quadratic_i / 2 x^2 + cubic_i / 3 x^3

A has few rows (degrees of freedom, 20 to 80) and many columns (muscles, 80 to 800). The method is the primal-dual
interior-point method of Mehrotra (1992, doi 10.1137/0802028): each iteration solves for a Newton step that ignores the
centring and then one that corrects for it. The Newton matrix ``A^T A + diagonal`` is inverted by way of the small
``1 + A diagonal^-1 A^T``, factorized once an iteration. It needs no line search and no active set, so all problems of a
batch do the same work in a fixed number of iterations, and weak regularization, on which the dual Newton method and
active-set iterations failed (docs/understand/static_optimization.md), costs it few iterations more.
"""

from dataclasses import dataclass
from typing import Any

import torch

TO_BOUNDARY = 0.995
"""Share of the way to the nearest bound that a step goes."""
FINISHED = 1e-18
"""Mean complementarity over that of the start below which a problem is left alone: what follows is rounding."""
MIN_OBJECTIVE = 1e-12
"""Share of 1/2 |b|^2 that the relative gap adds to the objective, which may be zero."""


@dataclass
class BoundedLeastSquares:
    """B problems of D rows and N unknowns.

    Attributes:
        matrix: A, shape [B, D, N].
        target: b, shape [B, D].
        quadratic: Factor of x^2 / 2, not negative, shape [B, N].
        lower: Least x, not negative, shape [B, N].
        upper: Greatest x, above `lower`, shape [B, N].
        linear: Factor of x, shape [B, N]; None for zero.
        cubic: Factor of x^3 / 3, not negative, shape [B, N]; None for zero.
    """

    matrix: torch.Tensor
    target: torch.Tensor
    quadratic: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    linear: torch.Tensor | None = None
    cubic: torch.Tensor | None = None

    def to(self, dtype: torch.dtype) -> "BoundedLeastSquares":
        """Return the problems in another precision."""
        values: dict[str, Any] = {key: None if each is None else each.to(dtype) for key, each in vars(self).items()}
        return BoundedLeastSquares(**values)

    def objective(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is minimized, shape [B]."""
        residual = _times(self.matrix, x) - self.target
        return 0.5 * residual.square().sum(-1) + self._regularizer(x).sum(-1)

    def relative_gap(self, x: torch.Tensor) -> torch.Tensor:
        """Return an upper bound of how far ``x`` is above the minimum, over the objective at ``x``, shape [B].

        The bound is the gap between the objective and Fenchel's dual at ``b - A x`` (Boyd and Vandenberghe 2004,
        section 5.2), so it certifies a solution whatever method found it.
        """
        dual = self.target - _times(self.matrix, x)
        gain = _times(self.matrix.mT, dual)
        best = self._unbounded(gain).clamp(self.lower, self.upper)
        bound = (self.target * dual).sum(-1) - 0.5 * dual.square().sum(-1)
        bound -= (gain * best - self._regularizer(best)).sum(-1)
        objective = self.objective(x)
        return (objective - bound) / (objective + MIN_OBJECTIVE * (0.5 * self.target.square().sum(-1) + 1.0))

    def slope(self, x: torch.Tensor) -> torch.Tensor:
        """Return the derivative of the regularizer, shape [B, N]."""
        slope = self.quadratic * x
        if self.linear is not None:
            slope = slope + self.linear
        return slope if self.cubic is None else slope + self.cubic * x.square()

    def curvature(self, x: torch.Tensor) -> torch.Tensor:
        """Return the second derivative of the regularizer, shape [B, N]."""
        return self.quadratic if self.cubic is None else self.quadratic + 2.0 * self.cubic * x

    def _regularizer(self, x: torch.Tensor) -> torch.Tensor:
        value = 0.5 * self.quadratic * x.square()
        if self.linear is not None:
            value = value + self.linear * x
        return value if self.cubic is None else value + self.cubic / 3.0 * x.square() * x

    def _unbounded(self, gain: torch.Tensor) -> torch.Tensor:
        """Return the x >= 0 at which the regularizer's slope is ``gain``, shape [B, N]."""
        gain = (gain if self.linear is None else gain - self.linear).clamp(min=0.0)
        if self.cubic is None:
            return gain / self.quadratic.clamp(min=torch.finfo(gain.dtype).tiny)
        root = (self.quadratic.square() + 4.0 * self.cubic * gain).sqrt()
        return 2.0 * gain / (self.quadratic + root).clamp(min=torch.finfo(gain.dtype).tiny)


@dataclass
class Solution:
    """Solutions of B problems.

    Attributes:
        x: Shape [B, N], within the bounds.
        residual: ``A x - b``, shape [B, D].
        squared: Its square, in the metric of the cost, shape [B].
        relative_gap: See `BoundedLeastSquares.relative_gap`, shape [B].
        converged: Whether the gap is within the tolerance, bool, shape [B]. An unconverged x is within the bounds and
            no more can be said of it than its gap does.
    """

    x: torch.Tensor
    residual: torch.Tensor
    squared: torch.Tensor
    relative_gap: torch.Tensor
    converged: torch.Tensor


def solve(
    problem: BoundedLeastSquares,
    iterations: int = 25,
    tolerance: float = 1e-6,
    start: torch.Tensor | None = None,
    margin: float = 0.05,
) -> Solution:
    """Do a fixed number of interior-point iterations; nothing here waits for the host.

    Args:
        problem: The problems; the regularizer is convex.
        iterations: Their number. 25 reach a gap of 1e-6 from a cold start on muscle problems, fewer from a warm one.
        tolerance: Relative gap at which a problem counts as converged.
        start: A guess, such as the solution a moment ago, shape [B, N].
        margin: Least distance of the start from the bounds, over their distance.
    """
    matrix, lower, upper = problem.matrix, problem.lower, problem.upper
    x = _least_squares(problem) if start is None else start
    reach = margin * (upper - lower)
    x = torch.minimum(torch.maximum(x, lower + reach), upper - reach)
    pull = _times(matrix.mT, _times(matrix, x) - problem.target)
    gradient = pull + problem.slope(x)
    # Multipliers that make the gradient of the Lagrangian zero, made positive.
    least = gradient.abs().mean(-1, keepdim=True) * (1.0 if start is None else margin) + torch.finfo(x.dtype).tiny
    below, above = gradient.clamp(min=0.0) + least, (-gradient).clamp(min=0.0) + least
    identity = torch.eye(matrix.shape[1], dtype=x.dtype, device=x.device)
    first = None
    for _ in range(iterations):
        room_below, room_above = x - lower, upper - x
        gradient = pull + problem.slope(x)
        center = 0.5 * (room_below * below + room_above * above).mean(-1, keepdim=True)
        first = center if first is None else first
        diagonal = problem.curvature(x) + below / room_below + above / room_above
        scaled = matrix / diagonal.unsqueeze(1)
        factor = torch.linalg.cholesky_ex(torch.baddbmm(identity, scaled, matrix.mT))[0]

        # Where the step would go without centring, and how far the bounds let it go there.
        dx, _ = _newton_step(matrix, scaled, diagonal, factor, -gradient)
        d_below, d_above = -below * (1.0 + dx / room_below), -above * (1.0 - dx / room_above)
        length = _length(torch.maximum(-dx / room_below, dx / room_above), 1.0)
        dual_length = _length(torch.maximum(-d_below / below, -d_above / above), 1.0)
        reached = (room_below + length * dx) * (below + dual_length * d_below)
        reached = 0.5 * (reached + (room_above - length * dx) * (above + dual_length * d_above)).mean(-1, keepdim=True)
        wanted = (reached / center) ** 3 * center

        to_below, to_above = wanted - dx * d_below, wanted + dx * d_above
        dx, d_pull = _newton_step(
            matrix, scaled, diagonal, factor, to_below / room_below - to_above / room_above - gradient
        )
        d_below = -below + (to_below - below * dx) / room_below
        d_above = -above + (to_above + above * dx) / room_above
        length = _length(torch.maximum(-dx / room_below, dx / room_above), TO_BOUNDARY)
        dual_length = _length(torch.maximum(-d_below / below, -d_above / above), TO_BOUNDARY)

        moving = (center > FINISHED * first) & torch.isfinite(length) & torch.isfinite(dual_length)
        x = torch.where(moving, x + length * dx, x)
        pull = torch.where(moving, pull + length * d_pull, pull)
        below = torch.where(moving, below + dual_length * d_below, below)
        above = torch.where(moving, above + dual_length * d_above, above)
    gap = problem.relative_gap(x)
    residual = _times(matrix, x) - problem.target
    return Solution(x, residual, residual.square().sum(1), gap, gap <= tolerance)


def _newton_step(
    matrix: torch.Tensor, scaled: torch.Tensor, diagonal: torch.Tensor, factor: torch.Tensor, force: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``dx = (A^T A + diagonal)^-1 force`` by the Woodbury identity, and ``A^T A dx``, shapes [B, N]."""
    change = torch.cholesky_solve(scaled @ force.unsqueeze(-1), factor)  # A dx
    d_pull = (matrix.mT @ change).squeeze(-1)
    return (force - d_pull) / diagonal, d_pull


def _least_squares(problem: BoundedLeastSquares) -> torch.Tensor:
    """Return the least squares without bounds, each unknown weighted by its range, shape [B, N]."""
    matrix, lower = problem.matrix, problem.lower
    weight = (problem.upper - lower).square()
    identity = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    factor = torch.linalg.cholesky_ex(torch.baddbmm(identity, matrix * weight.unsqueeze(1), matrix.mT))[0]
    missing = problem.target - _times(matrix, lower)
    return lower + weight * (matrix.mT @ torch.cholesky_solve(missing.unsqueeze(-1), factor)).squeeze(-1)


def _length(blocking: torch.Tensor, share: float) -> torch.Tensor:
    """Return the step length, at most 1, that goes ``share`` of the way to the first bound, shape [B, 1].

    ``blocking`` is the change over the room of each bound, shape [B, N].
    """
    return share / blocking.amax(-1, keepdim=True).clamp(min=share)


def _times(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
