"""The atlas of solutions against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_atlas import BINS, atlas_of, made_up

from msemu.analysis.mechanics.energy.metabolic import MuscleMass
from msemu.analysis.study.determined import determined
from msemu.analysis.study.page import render
from msemu.analysis.study.tables import figures_of


def test_what_is_within_the_spread_of_one_policy_is_not_distinct() -> None:
    near, far = [0.1 * np.sqrt(3), 0, 0], [0, 0.5, 0]
    atlas = atlas_of(made_up([[0, 0, 0], near, far], activation_variance=[0.02, 0.0, 0.0]))
    np.testing.assert_allclose(atlas.spread, [0.2, 0, 0])
    np.testing.assert_allclose(atlas.distances[0], [0, 0.1, 0.5 / np.sqrt(3)], atol=1e-9)
    assert atlas.distinct.tolist() == [0, 2]
    assert atlas_of(made_up([[0, 0, 0], near, far])).distinct.tolist() == [0, 1, 2]
    figures = figures_of(atlas)
    assert (figures["solutions"], figures["distinct_solutions"]) == (3, 2)
    assert figures["median_activation_distance"] == pytest.approx(0.5 / np.sqrt(3))


def test_other_movements_are_left_out_with_the_reason() -> None:
    courses = made_up(
        [[0.1, 0, 0]] * 5,
        error_deg=[2.0, 2.4, 2.6, 2.0, 2.0],
        vertical=[1.0, 1.0, 1.0, 1.15, 1.05],
        survived=[1.0, 1.0, 1.0, 1.0, 0.5],
    )
    atlas = atlas_of(courses)
    assert atlas.reasons == ("", "", "kinematics", "ground force", "falls")
    np.testing.assert_allclose(atlas.ground_difference, [0, 0, 0, 0.15, 0.05])
    assert figures_of(atlas)["left_out"] == {"falls": 1, "kinematics": 1, "ground force": 1}


def test_a_movement_is_beside_the_base_and_beside_its_own_cycles() -> None:
    courses = made_up([[0.1, 0, 0]] * 3, angle_variance=[0.5, 2.0, 8.0], ground_variance=[0.0, 0.02, 0.5])
    swing, step = np.array([-1.0, 0.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0, -1.0])
    angle = np.stack([swing, 2.0 * swing + 3.0, -swing])[:, :, None] * [1.0, 0.0]
    ground = np.zeros((3, BINS, 2, 3))
    ground[:, :, 0, 2] = 1.0 + 0.1 * np.stack([step, step, step + swing])
    _, other, mirrored = figures_of(atlas_of(replace(courses, angle_deg=angle, ground_bw=ground)))["table"]
    assert [other["angle_r"], mirrored["angle_r"]] == pytest.approx([1.0, -1.0])
    assert [other["ground_r"], mirrored["ground_r"]] == pytest.approx([1.0, 3.0 / np.sqrt(2.0 * 6.0)])
    assert mirrored["angle_difference_deg"] == pytest.approx(np.sqrt(8.0 / (2 * BINS)))
    assert [other["angle_spread_deg"], mirrored["angle_spread_deg"]] == pytest.approx([2.0, 4.0])
    assert [other["ground_spread_bw"], mirrored["ground_spread_bw"]] == pytest.approx([0.2, 1.0])


def test_differences_that_no_joint_shows_are_in_the_null_space() -> None:
    atlas = atlas_of(made_up([[0.2, 0.2, 0.0], [0.4, 0.0, 0.3], [0.4, 0.4, 0.0], [0.4, 0.2, 0.2]]))
    shares = [atlas.null_share(place) for place in (1, 2, 3)]
    np.testing.assert_allclose(shares, [1.0, 0.0, (0.02 + 0.04) / (0.04 + 0.04)], atol=1e-9)


def test_solutions_load_joints_by_what_they_prefer() -> None:
    courses = made_up([[0.1, 0.1, 0.5], [0.5, 0.5, 0.5], [0.2, 0.2, 0.0]], vertical=[1.0, 1.0, 1.05])
    figures = figures_of(atlas_of(courses))
    rows = figures["table"]
    assert [row["joint_reaction_peak_bw"]["hip_r"] for row in rows] == pytest.approx([1.3, 2.5, 1.65])
    assert [row["joint_stiffness_nm_rad"]["hip_flexion_r"] for row in rows] == pytest.approx([6.0, 18.0, 9.0])
    assert figures["joint_reaction_peak_bw"]["hip_r"] == pytest.approx({"least": 1.3, "median": 1.65, "most": 2.5})
    assert figures["joint_stiffness_nm_rad"]["hip_flexion_r"]["most"] == pytest.approx(18.0)


def test_without_any_solution_there_are_figures_and_a_map() -> None:
    atlas = atlas_of(made_up([[0.1, 0, 0]], survived=[0.0]))
    figures = figures_of(atlas)
    assert (figures["solutions"], figures["median_activation_distance"], figures["survival"]) == (0, None, None)
    assert atlas.map()[0].shape == (0, 2)


def test_a_movement_determines_the_muscles_in_which_solutions_agree() -> None:
    atlas = atlas_of(made_up([[0.2, 0.8, 0.5], [0.4, 0.2, 0.0], [0.3, 0.5, 0.1]]), [[1.0, 1.0, 0.0]])
    found = determined(atlas, ("steady", "loose", "moves nothing"))
    deviation = np.std([0.2, 0.3, 0.4])
    assert found["muscles"].keys() == {"steady", "loose"}
    steady = {"activation": 0.3, "spread": deviation, "relative_spread": deviation / 0.3}
    assert found["muscles"]["steady"] == pytest.approx(steady)
    assert list(found["by_spread"]["most_determined"]) == ["steady", "loose"]
    assert list(found["by_relative_spread"]["least_determined"]) == ["loose", "steady"]
    atlas = atlas_of(made_up([[0.2, 0.001, 0.0], [0.4, 0.002, 0.0]]), [[1.0, 1.0, 0.0]])
    assert list(determined(atlas, ("used", "rests", "nothing"))["by_relative_spread"]["most_determined"]) == ["used"]
    assert determined(atlas_of(made_up([[0.2, 0.1, 0.0]])), ("a", "b", "c"))["muscles"] == {}


def test_metabolic_watts_stand_beside_the_muscle_mass_they_hang_on() -> None:
    falls = np.nan
    courses = made_up([[0.2, 0.8, 0.5], [0.4, 0.4, 0.0], [0.1, 0.1, 0.0]], metabolic_w=[400.0, 500.0, falls])
    atlas = atlas_of(replace(courses, error_deg=np.array([2.0, 2.0, falls])))
    for mass, said in (
        (MuscleMass.of_muscles(np.array([10.0, 5.0]), 75.0), "15.0 kg of muscle, 20 %"),
        (MuscleMass.of_muscles(np.array([40.0, 4.7]), 75.0), "44.7 kg of muscle, 60 % of the body, is not plausible"),
    ):
        weighed = replace(atlas, muscle_mass=mass)
        figures = figures_of(weighed)
        assert figures["is_plausible"] == ("not" not in said)
        assert figures["muscle_mass_kg"] == pytest.approx(mass.muscle_mass_kg)
        assert [row["metabolic_ratio"] for row in figures["table"][:2]] == [1.0, 1.25]
        more = {"determined": determined(weighed, ("a", "b", "c")), "synergies": {"solutions": {}}}
        page = render("made up", weighed, figures | more, ("one", "other"), ("a", "b", "c"), {})
        assert said in page and "least determined" in page and ">nan<" not in page
