"""Muscles that lengthen and shorten together."""

import numpy as np
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from msemu.models.body import Body
from msemu.models.muscle_paths import muscle_lengths
from msemu.models.poses import random_poses

_NUM_POSES = 500


def length_correlation(body: Body) -> np.ndarray:
    """Correlation of muscle lengths over random poses, shape [M, M]; zero for a muscle whose length is constant."""
    lengths = muscle_lengths(body.model, random_poses(body.model, _NUM_POSES, seed=0))
    deviations = lengths - lengths.mean(axis=0)
    size = np.linalg.norm(deviations, axis=0)
    directions = np.divide(deviations, size, out=np.zeros_like(deviations), where=size > 1e-9)
    correlation = directions.T @ directions
    np.fill_diagonal(correlation, 1.0)
    return correlation


def group_by_length(body: Body, num_groups: int) -> np.ndarray:
    """Divide the muscles into groups whose lengths go together; return the number of each one's group, shape [M].

    DynSyn (arXiv:2407.11472) clusters the same correlations by K-medoids; here it is agglomeration by mean distance
    ``1 - correlation``, which needs no random start. Antagonists are far apart.
    """
    distance = np.clip(1.0 - length_correlation(body), 0.0, 2.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    return cut_tree(tree, n_clusters=num_groups)[:, 0]
