"""What samples of a solution space say, frame by frame: how different two solutions are, and where a known one lies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from msemu.analysis.solutions.measures import activation_distance, torque_weights
from msemu.analysis.solutions.programs import Polytope, Programs
from msemu.analysis.solutions.ranges import Apply, serial
from msemu.analysis.solutions.sampling import Samples, sample
from msemu.analysis.solutions.space import SolutionSpace

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class SampledSpace:
    """Samples of the M moving muscles in T frames; Q of `QUANTILES`. Frames that are not converged are no numbers.

    Attributes:
        dimension: Of the space, shape [T].
        r_hat: Greatest split R-hat, shape [T].
        effective: Least effective sample size, shape [T].
        converged: Whether the frame's samples count, shape [T].
        quantiles: Of each muscle's activation [-], shape [T, Q, M].
        correlation: Between muscles, the mean over frames, shape [M, M].
        distance: Of two random solutions [-], median, shape [T].
        weighted_distance: The same weighted by the muscles' torque [-], shape [T].
        effort: Sum of squared activations, `QUANTILES` of it, shape [T, Q].
        known_percentile: Share of the samples with less of each muscle than the known solution has, shape [T, M].
        known_effort_percentile: Share of the samples of less effort than the known solution, shape [T].
        known_distance_percentile: Share of the samples that are nearer to the samples' mean, weighted, shape [T].
        others_percentile: Share of the samples with less of each muscle than K other solutions have; not a number
            where these know nothing, shape [T, K, M].
    """

    dimension: np.ndarray
    r_hat: np.ndarray
    effective: np.ndarray
    converged: np.ndarray
    quantiles: np.ndarray
    correlation: np.ndarray
    distance: np.ndarray
    weighted_distance: np.ndarray
    effort: np.ndarray
    known_percentile: np.ndarray
    known_effort_percentile: np.ndarray
    known_distance_percentile: np.ndarray
    others_percentile: np.ndarray


def sample_space(
    space: SolutionSpace,
    chains: int = 16,
    samples: int = 100,
    seed: int = 0,
    apply: Apply = serial,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    others: np.ndarray | None = None,
) -> SampledSpace:
    """Sample the activations of every frame; equal seeds give equal samples.

    ``others`` are further solutions, whose places among the samples are found, in the space's frames, [K, T, M].
    """
    moving, beside = space.moving, np.zeros((0, *space.known.shape)) if others is None else others
    jobs = [
        (
            space.polytope(t),
            space.known[t, moving],
            space.matrix[t][:, moving],
            beside[:, t, moving],
            chains,
            samples,
            [seed, t],
        )
        for t in range(len(space))
    ]
    rows = []
    for row in apply(_sampled_frame, jobs):
        rows.append(row)
        on_frame(len(rows), len(space))
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    counted = values["converged"]
    for name, value in values.items():
        if name not in ("dimension", "r_hat", "effective", "converged"):
            value[~counted] = np.nan
    correlation = values.pop("correlation")
    mean = np.nanmean(correlation, 0) if counted.any() else correlation[0]
    return SampledSpace(correlation=mean, **values)


def _sampled_frame(
    polytope: Polytope,
    known: np.ndarray,
    matrix: np.ndarray,
    others: np.ndarray,
    chains: int,
    samples: int,
    seed: list[int],
) -> dict[str, Any]:
    drawn = sample_polytope(polytope, known, chains, samples, seed)
    weights = torque_weights(matrix)
    points = drawn.chains.reshape(-1, len(known))
    one, other = points, np.roll(drawn.chains, 1, axis=0).reshape(-1, len(known))
    effort, mean = np.square(points).sum(1), points.mean(0)
    return {
        "dimension": drawn.dimension,
        "r_hat": drawn.r_hat,
        "effective": drawn.effective,
        "converged": drawn.converged,
        "quantiles": np.quantile(points, QUANTILES, axis=0),
        "correlation": _correlation(points),
        "distance": np.median(activation_distance(one, other)),
        "weighted_distance": np.median(activation_distance(one, other, weights)),
        "effort": np.quantile(effort, QUANTILES),
        "known_percentile": (points < known).mean(0),
        "known_effort_percentile": (effort < np.square(known).sum()).mean(),
        "known_distance_percentile": (
            activation_distance(points, mean, weights) < activation_distance(known, mean, weights)
        ).mean(),
        "others_percentile": np.where(np.isnan(others), np.nan, (points[:, None] < others).mean(0)),
    }


def sample_polytope(polytope: Polytope, known: np.ndarray, chains: int, samples: int, seed: int | list[int]) -> Samples:
    """Draw samples of one frame, from the mean of the extreme points of all muscles."""
    count = len(known)
    one = torch.eye(count, dtype=torch.float64)
    found = Programs(polytope, torch.cat((one, -one))).solve(torch.from_numpy(known))
    inside = found.x.mean(0)
    inside = inside - polytope.matrix.mT @ (polytope.matrix @ inside - polytope.target)
    width = -found.value[count:] - found.value[:count]
    return sample(polytope, inside.numpy(), width.numpy(), chains, samples, seed)


def _correlation(points: np.ndarray) -> np.ndarray:
    """Return the correlation of muscles, [N, M] to [M, M]; 0 for those that do not vary."""
    centered = points - points.mean(0)
    size = np.linalg.norm(centered, axis=0)
    normed = np.divide(centered, size, out=np.zeros_like(centered), where=size > 1e-9)
    return normed.T @ normed


def percentiles(sampled: SampledSpace, space: SolutionSpace, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return of each named other solution the mean percentile of each muscle that it knows, by name."""
    muscles, found = np.array(space.muscle_names)[space.moving], {}
    for place, name in enumerate(names):
        values = sampled.others_percentile[:, place]
        known = np.isfinite(values).any(0)
        found[name] = dict(zip(muscles[known].tolist(), np.nanmean(values[:, known], 0).tolist(), strict=True))
    return found


def summarize(sampled: SampledSpace, space: SolutionSpace) -> dict[str, Any]:
    """Return the figures; frames whose chains have not converged are listed and not in them."""
    names = np.array(space.muscle_names)[space.moving]
    good = sampled.converged
    figures: dict[str, Any] = {
        "clip": space.name,
        "body": space.body,
        "frames": len(space),
        "frames_left_out": list(space.left_out),
        "unconverged_frames": space.frames[~good].tolist(),
        "muscles": len(names),
        "dimension": {"least": int(sampled.dimension.min()), "greatest": int(sampled.dimension.max())},
        "r_hat_max": float(sampled.r_hat.max()),
        "effective_samples_min": float(sampled.effective.min()),
    }
    if not good.any():
        return figures
    pairs = np.argwhere(np.triu(np.ones_like(sampled.correlation, bool), 1))
    order = np.argsort(-np.abs(sampled.correlation[tuple(pairs.T)]))[:10]
    return figures | {
        "distance_median": float(np.nanmedian(sampled.distance)),
        "weighted_distance_median": float(np.nanmedian(sampled.weighted_distance)),
        "effort_median": float(np.nanmedian(sampled.effort[:, QUANTILES.index(0.5)])),
        "known_effort": float(np.square(space.known[good][:, space.moving]).sum(1).mean()),
        "known_effort_percentile": float(np.nanmean(sampled.known_effort_percentile)),
        "known_distance_percentile": float(np.nanmean(sampled.known_distance_percentile)),
        "strongest_correlations": [
            {"muscles": names[pairs[index]].tolist(), "correlation": float(sampled.correlation[tuple(pairs[index])])}
            for index in order
        ],
        "median_activation": dict(
            zip(names.tolist(), np.nanmean(sampled.quantiles[:, QUANTILES.index(0.5)], 0).tolist(), strict=True)
        ),
        "known_percentile": dict(zip(names.tolist(), np.nanmean(sampled.known_percentile, 0).tolist(), strict=True)),
    }
