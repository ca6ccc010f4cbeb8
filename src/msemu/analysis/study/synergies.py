"""Muscle synergies of some solutions, all of the same muscles and frames, beside those of the base."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from msemu.analysis.solutions.synergies import find_synergies, matched_similarity, number_of_synergies
from msemu.analysis.study.atlas import Atlas

_AT_REST = 0.05
"""Greatest activation up to which a muscle rests [-]; one that rests in any solution is left out of all."""
_SHUFFLES = 200


def synergies_of(atlas: Atlas, places: np.ndarray, muscle_names: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Return how many synergies solutions take, and how far theirs are the base's; each muscle is over its greatest.

    VAF and similarity are at as many synergies as the base takes. ``places`` are the solutions, the base first.
    """
    courses = atlas.courses.activation[places]
    greatest = courses.max(1)
    active = (greatest > _AT_REST).all(0)
    figures: dict[str, Any] = {
        "muscles": int(active.sum()),
        "left_out": [name for name, is_active in zip(muscle_names, active, strict=True) if not is_active],
        "frames": courses.shape[1],
        "solutions": {},
    }
    if not active.any():
        return figures
    shown = (courses / greatest[:, None].clip(min=_AT_REST))[:, :, active]
    count = number_of_synergies(shown[0], seed=seed)
    base = find_synergies(shown[0], count, seed=seed).weights
    for place, course in zip(places, shown, strict=True):
        found = find_synergies(course, count, seed=seed)
        figures["solutions"][atlas.names[place]] = {
            "number": number_of_synergies(course, seed=seed),
            "vaf": found.vaf,
            "least_vaf_of_a_muscle": float(found.vaf_of_muscles.min()),
            "similarity": np.sort(matched_similarity(base, found.weights))[::-1].tolist(),
        }
    return figures | {"count": count, "similarity_by_chance": _by_chance(base, seed)}


def _by_chance(weights: np.ndarray, seed: int) -> float:
    """Return the mean similarity of synergies [K, M] with themselves when their muscles change places."""
    random = np.random.default_rng(seed)
    shuffled = (weights[:, random.permutation(weights.shape[1])] for _ in range(_SHUFFLES))
    return float(np.mean([matched_similarity(weights, each) for each in shuffled]))
