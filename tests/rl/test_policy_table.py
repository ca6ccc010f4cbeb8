"""The table of the policies that come with msemu."""

from pathlib import Path

import policy_table
import pytest
from policy_table import BEGIN, END, about, between_marks, ends, tabulate

from msemu.errors import MsemuError
from msemu.rl.pretrained import PretrainedRun

FIGURES = {
    "survival": 0.836,
    "survival_time_s": 9.04,
    "joint_angle_error_deg": 2.84,
    "body_position_error_cm": None,
    "root_rotation_error_deg": 1.2,
    "root_translation_error_cm": 3.4,
    "muscle_power_w": 263.7,
    "recorded_joint_angle_error_deg": 3.21,
    "turned_deg": 331.2,
    "reference_turned_deg": 359.0,
}


def test_a_row_says_what_was_measured_and_what_it_took() -> None:
    made = {"samples": 1183744, "cpu_hours": 0.5, "strength_set": "own", "commit": "502246a"}
    row = tabulate([("Msemu-Backflip-MyoFullBody-v0", FIGURES, made)]).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:8] == ["`Msemu-Backflip-MyoFullBody-v0`", "84%", "9.0 s", "2.8 deg", "", "1.2 deg", "3.4 cm", "264 W"]
    assert cells[8:10] == ["3.2 deg", ""]
    assert cells[10:] == ["", "331 of 359 deg", "own", "1,183,744", "0.5", "502246a"]


def test_an_undisturbed_episode_has_its_own_cell_and_says_how_far_the_body_turned() -> None:
    made = {"samples": None, "cpu_hours": None, "strength_set": "athlete", "commit": "502246a"}
    once = {"survival": 1.0, "joint_angle_error_deg": 0.5, "body_position_error_cm": 1.2}
    once |= {"recorded_joint_angle_error_deg": 4.46, "turned_deg": 374.4, "reference_turned_deg": 363.0}
    row = tabulate([("Msemu-Cartwheel-MsHuman700-v0", FIGURES | {"undisturbed": once}, made)]).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[10:13] == ["100%, 4.5 deg, 1.2 cm", "374 of 363 deg", "athlete"]


def test_rows_are_as_wide_as_the_heading() -> None:
    lines = tabulate([]).splitlines()
    assert len({line.count("|") for line in lines}) == 1 and len(lines) > 3


def test_what_it_took_stands_in_the_policy_that_ships() -> None:
    made = about("Msemu-Walk-MyoLegs-v0")
    assert made["samples"] == pytest.approx(1.15e6, rel=0.01)  # docs/results.md
    assert len(made["commit"]) == 7


def test_a_simulated_clip_of_one_that_repeats_ends(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("clips: [{cyclic: true}]")
    assert not ends(PretrainedRun(tmp_path, "Msemu-Walk-MyoLegs-v0"))
    (tmp_path / "motion.npz").touch()
    assert ends(PretrainedRun(tmp_path, "Msemu-Walk-MyoLegs-v0"))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Msemu-Run-MyoLegs-v0", [{"--episodes=63", "--seconds=10"}]),  # learned in episodes of 2 s
        (
            "Msemu-Jump-MsHuman700-v0",
            [{"--episodes=63", "--from-start", "--start-noise-deg=5"}, {"--episodes=1", "--from-start"}],
        ),
    ],
)
def test_each_policy_is_measured_over_all_that_it_follows(
    task: str, expected: list[set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []

    def run(*arguments: str) -> None:
        calls.append(arguments)
        (file,) = (Path(each.removeprefix("--json=")) for each in arguments if each.startswith("--json="))
        file.write_text(f'{{"call": {len(calls)}}}')

    monkeypatch.setattr(policy_table, "run", run)
    found = policy_table.measured(task, 63, tmp_path)
    assert found == ({"call": 1} if len(expected) == 1 else {"call": 1, "undisturbed": {"call": 2}})
    for arguments, options in zip(calls, expected, strict=True):
        assert arguments[:3] == ("eval", task, "--pretrained") and "--timestep-s=0.002" in arguments
        own = {"--episodes=63", "--episodes=1", "--seconds=10", "--from-start", "--start-noise-deg=5"}
        assert options == set(arguments) & own
    assert policy_table.measured(task, 63, tmp_path) == found and len(calls) == len(expected)


def test_only_what_is_between_the_marks_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert between_marks(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text(f"before\n{END}\n{BEGIN}\n")
    with pytest.raises(MsemuError, match="has no line"):
        between_marks(page, "new")
