"""How far apart solutions are, and in what space: every formula is in docs/understand/solution_space.md."""

import numpy as np


def torque_weights(matrix: np.ndarray) -> np.ndarray:
    """Return the torque of each muscle at full activation over the joints' capacity, [..., J, M] to [..., M]."""
    return np.linalg.norm(matrix, axis=-2)


def activation_distance(one: np.ndarray, other: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the root mean square difference of activations [..., M], by default of equal weights, shape [...]."""
    weights = np.ones_like(one) if weights is None else np.broadcast_to(weights, one.shape)
    squares = np.square(weights)
    return np.sqrt((squares * np.square(one - other)).sum(-1) / squares.sum(-1))


def null_space_share(difference: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the share of a squared difference [..., M] that the torques ``matrix`` [J, M] do not show, shape [...]."""
    seen = difference @ row_space(matrix)
    size = np.square(difference).sum(-1)
    lost = np.clip(size - np.square(seen).sum(-1), 0.0, None)
    return np.divide(lost, size, out=np.full_like(size, np.nan), where=size > 0.0)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's r of two courses [T, ...] whose channels are each taken from their own mean, all in one sum.

    Channels count by how much they move, so that one that rests has no say; not a number where nothing moves.
    """
    one, other = (series - series.mean(0) for series in (one, other))
    size = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float((one * other).sum() / size) if size > 0.0 else float("nan")


def uncontrolled_manifold_index(repeats: np.ndarray, matrix: np.ndarray) -> float:
    """Return the index of Scholz and Schoener (1999) of repeats [N, M] at one phase; above 0, variance hides.

    Not a number where nothing varies, or where every or no direction changes the torques.
    """
    rows = row_space(matrix)
    difference, count = repeats - repeats.mean(0), repeats.shape[1]
    seen = np.square(difference @ rows).sum()
    total = np.square(difference).sum()
    free = count - rows.shape[1]
    if not total > 0.0 or not free or free == count:
        return float("nan")
    return float(((total - seen) / free - seen / rows.shape[1]) / (total / count))


def spectrum(series: np.ndarray) -> np.ndarray:
    """Return the variances along the principal components of a series [T, M], the greatest first."""
    return np.square(np.linalg.svd(series - series.mean(0), compute_uv=False)) / max(1, len(series) - 1)


def participation_ratio(variances: np.ndarray) -> float:
    """Return how many components share the variance evenly: ``(sum l)^2 / sum l^2``."""
    return float(np.square(variances.sum()) / np.square(variances).sum()) if variances.any() else 0.0


def principal_angles(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Return the angles [rad] between the spaces of the first ``count`` components of two series [T, M]."""
    bases = [np.linalg.svd(series - series.mean(0), full_matrices=False)[2][:count] for series in (one, other)]
    return np.arccos(np.clip(np.linalg.svd(bases[0] @ bases[1].T, compute_uv=False), -1.0, 1.0))


def co_contraction(torques: np.ndarray) -> np.ndarray:
    """Return the torque spent against each other, ``(sum |tau_i| - |sum tau_i|) / 2``, [..., M] to [...]."""
    return 0.5 * (np.abs(torques).sum(-1) - np.abs(torques.sum(-1)))


def row_space(matrix: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the directions that change the torques, shape [M, R]."""
    _, size, rows = np.linalg.svd(matrix, full_matrices=False)
    return rows[size > 1e-9 * size.max(initial=0.0)].T
