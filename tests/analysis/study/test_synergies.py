"""Synergies of solutions that are made of known ones."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_atlas import atlas_of, made_up

from msemu.analysis.study.synergies import synergies_of

NAMES = ("a", "b", "c", "d", "e", "f", "rests in one")


def test_solutions_are_compared_on_the_same_muscles() -> None:
    time = np.linspace(0.0, 2.0 * np.pi, 40)
    bursts = np.stack([np.clip(np.sin(time), 0, 1), np.clip(-np.sin(time), 0, 1)], 1)
    early = bursts @ np.array([[0.8, 0.4, 0.2, 0, 0, 0], [0, 0, 0, 0.5, 0.6, 0.3]])
    crossed = early[:, [0, 3, 2, 1, 4, 5]]
    floor = 1e-6  # no muscle rests altogether
    activation = np.full((3, 40, 7), floor)
    activation[:, :, :6] += np.stack([early, np.roll(early, 7, axis=0), crossed])
    activation[0, :, 6] = 0.5
    atlas = atlas_of(replace(made_up([[0.0] * 7] * 3), activation=activation))
    found = synergies_of(atlas, np.arange(3), NAMES)
    assert (found["muscles"], found["left_out"], found["frames"], found["count"]) == (6, ["rests in one"], 40, 2)
    base, later, other = found["solutions"].values()
    assert [each["number"] for each in (base, later, other)] == [2, 2, 2]
    assert min(each["least_vaf_of_a_muscle"] for each in (base, later, other)) > 0.99
    assert base["similarity"] == pytest.approx([1, 1]) and later["similarity"] == pytest.approx([1, 1], abs=1e-3)
    # Each muscle counts over its greatest, so one of three equal muscles of each synergy has changed sides.
    assert other["similarity"] == pytest.approx([2 / 3, 2 / 3], abs=1e-2)
    assert 1 / 3 < found["similarity_by_chance"] < 0.9


def test_solutions_that_share_no_active_muscle_have_no_synergies() -> None:
    found = synergies_of(atlas_of(made_up([[0.5, 0, 0], [0, 0.5, 0]])), np.arange(2), ("a", "b", "c"))
    assert found["solutions"] == {} and len(found["left_out"]) == 3
