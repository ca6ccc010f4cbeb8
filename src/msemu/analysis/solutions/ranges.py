"""Feasible ranges of activation: how little and how much of each muscle makes the same joint torques."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from msemu.analysis.solutions.programs import Optima, Polytope, Programs, least_effort
from msemu.analysis.solutions.space import SolutionSpace

FREE_WIDTH = 0.95
"""Range of activation above which a muscle is free in a frame [-] (Simpson et al. 2015)."""
FREE_FRAMES = 0.95
"""Share of the frames in which a free muscle is free [-]."""
NEEDED = 0.01
"""Least activation above which a muscle is necessary in a frame [-]."""

Apply = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]
"""Calls a function with many tuples of arguments, perhaps in several processes, and yields the outcomes in order."""


@dataclass(frozen=True)
class FeasibleRanges:
    """Bounds of T frames and M muscles at B effort budgets; not a number where a program is not solved.

    Attributes:
        budgets: Effort over the least one; infinity for no budget, shape [B].
        least: Least activation [-], 0 where the muscle may be slack, shape [B, T, M].
        greatest: Greatest activation [-], shape [B, T, M].
        effort: Least effort, sum of squared activations [-], shape [T].
        best: Activations of least effort [-], shape [T, M].
        chosen: Muscles that are bounded; the others are inert or not asked for, bool, shape [M].
    """

    budgets: np.ndarray
    least: np.ndarray
    greatest: np.ndarray
    effort: np.ndarray
    best: np.ndarray
    chosen: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """Greatest less least activation [-], shape [B, T, M]."""
        return self.greatest - self.least

    @property
    def unsolved(self) -> np.ndarray:
        """Frames in which a program is not solved, bool, shape [B, T]."""
        return np.isnan(self.width[:, :, self.chosen]).any(2)


def serial(function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """Call in this process."""
    return (function(*each) for each in arguments)


def feasible_ranges(
    space: SolutionSpace,
    budgets: Iterable[float] = (np.inf,),
    tolerance: float = 0.0,
    chosen: np.ndarray | None = None,
    apply: Apply = serial,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    power: int = 2,
) -> FeasibleRanges:
    """Bound the activation of each ``chosen`` muscle, by default of all that move a joint, in every frame.

    ``tolerance`` is how far each torque may be off, over the joint's capacity. Budgets are of ``sum a^power``, over
    that of the solution of least ``sum a^2``.
    """
    factors = np.array(list(budgets), dtype=float)
    chosen = space.moving if chosen is None else chosen
    asked = np.flatnonzero(chosen[space.moving])
    known = space.known[:, space.moving]
    jobs = [(space.polytope(t, tolerance), known[t], factors, asked, power) for t in range(len(space))]
    shape = (len(factors), len(space), len(space.muscle_names))
    least, greatest = np.full(shape, np.nan), np.full(shape, np.nan)
    effort, best = np.full(len(space), np.nan), np.full(shape[1:], np.nan)
    for t, (low, high, point) in enumerate(apply(frame_ranges, jobs)):
        slack = low <= space.lower[t, chosen] + 1e-4
        least[:, t, chosen] = np.where(slack & ~np.isnan(low), 0.0, low)
        greatest[:, t, chosen] = high
        best[t, space.moving] = point
        effort[t] = np.square(point).sum()
        on_frame(t + 1, len(space))
    return FeasibleRanges(factors, least, greatest, effort, best, chosen)


def frame_ranges(
    polytope: Polytope, known: np.ndarray, factors: np.ndarray, asked: np.ndarray, power: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return least and greatest activation of the asked muscles of a frame, [B, K] each, and the least effort's [M]."""
    start = torch.nn.functional.pad(torch.from_numpy(known), (0, len(polytope.lower) - len(known)))
    cheapest = least_effort(polytope, start)
    point = cheapest.x[0, : len(known)].numpy()
    bounds = np.full((2, len(factors), len(asked)), np.nan)
    if cheapest.solved.all():
        for index, factor in enumerate(factors):
            bounds[:, index] = _bounds(polytope, cheapest, factor, asked, power)
    return bounds[0], bounds[1], np.where(cheapest.solved.numpy(), point, np.nan)


def _bounds(polytope: Polytope, cheapest: Optima, factor: float, asked: np.ndarray, power: int) -> np.ndarray:
    """Return the bounds of a frame at one budget, shape [2, K]."""
    point, budget = cheapest.x[0], None
    if np.isfinite(factor) and power == 1:
        polytope, point = polytope.with_most(factor * float((polytope.weight * point).sum()), point)
    elif np.isfinite(factor):
        if factor <= 1.0:  # the point of least effort is the only one
            return np.broadcast_to(point[asked].numpy(), (2, len(asked)))
        budget = factor * float(polytope.effort(point))
    one = torch.eye(len(polytope.lower), dtype=torch.float64)[asked]
    found = Programs(polytope, torch.cat((one, -one)), budget=budget).solve(point)
    value = np.where(found.solved.numpy(), found.value.numpy(), np.nan).reshape(2, -1)
    return np.clip([value[0], -value[1]], 0.0, 1.0)


def classes(ranges: FeasibleRanges, budget: int) -> dict[str, np.ndarray]:
    """Sort muscles, bool, shape [M] each: free ones, necessary ones (in any frame), and optional ones, the rest."""
    good = ~ranges.unsolved[budget]
    width, least = ranges.width[budget, good], ranges.least[budget, good]
    free = ranges.chosen & ((width > FREE_WIDTH).mean(0) >= FREE_FRAMES)
    necessary = ranges.chosen & (least > NEEDED).any(0)
    return {"free": free, "necessary": necessary & ~free, "optional": ranges.chosen & ~free & ~necessary}


def summarize(ranges: FeasibleRanges, space: SolutionSpace) -> dict[str, Any]:
    """Return the figures, budget by budget (``none`` for no budget); unsolved frames are listed and not in them."""
    labels = ["none" if np.isinf(budget) else f"{budget:g}" for budget in ranges.budgets]
    count = max(1, int(ranges.chosen.sum()))
    figures: dict[str, dict[str, Any]] = {}
    for index, label in enumerate(labels):
        good = ~ranges.unsolved[index]
        width, least = (values[index][good][:, ranges.chosen] for values in (ranges.width, ranges.least))
        sorts = classes(ranges, index)
        figures[label] = {
            "share_free": sorts["free"].sum() / count if good.any() else None,
            "share_free_muscle_frames": float((width > FREE_WIDTH).mean()) if width.size else None,
            "share_necessary_muscle_frames": float((least > NEEDED).mean()) if width.size else None,
            "mean_width": float(width.mean()) if width.size else None,
            "muscles": {sort: np.array(space.muscle_names)[which].tolist() for sort, which in sorts.items()},
            "unsolved_frames": space.frames[~good].tolist(),
        }
    return {
        "clip": space.name,
        "body": space.body,
        "frames": len(space),
        "frames_left_out": list(space.left_out),
        "muscles": int(ranges.chosen.sum()),
        "inert_muscles": np.array(space.muscle_names)[~space.moving].tolist(),
        "least_effort_mean": float(np.nanmean(ranges.effort)) if np.isfinite(ranges.effort).any() else None,
        "share_free": {label: figures[label]["share_free"] for label in labels},
        "mean_width": {label: figures[label]["mean_width"] for label in labels},
        "budgets": figures,
    }
