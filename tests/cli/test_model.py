"""The command msemu-model, as a user runs it."""

import json
from functools import partial

import command_line
import pytest

from msemu.models import load_body
from msemu.models.recipe import load_recipe
from msemu.muscle.parameters import COLUMNS
from msemu.schema import LEVELS


@pytest.fixture
def run():
    return partial(command_line.run, "model")


def test_list_marks_what_is_not_installed(run, monkeypatch):
    monkeypatch.delenv("MSEMU_MS_HUMAN_700", raising=False)
    code, out, _ = run("list")
    assert code == 0
    assert "musclemimic-models 1.0.6" in out
    assert "myolegs" in out
    if load_recipe("ms_human_700").source.locate() is None:
        assert "MSEMU_MS_HUMAN_700" in out
    monkeypatch.setenv("MSEMU_MS_HUMAN_700", "/nonexistent")
    code, out, _ = run("list")
    assert (code, "no MS-Human-700.xml at /nonexistent" in " ".join(out.split())) == (0, True)


def test_info(run, tmp_path):
    code, out, _ = run("info", "myolegs", "--json", str(tmp_path / "info.json"))
    assert code == 0
    assert "75.0" in out
    facts = json.loads((tmp_path / "info.json").read_text())
    assert (facts["body"], facts["muscles"], facts["nv"], facts["independent_joints"]) == (
        "myolegs",
        80,
        34,
        14,
    )
    assert len(facts["neutral_landmarks_m"]) == 17
    assert facts["smooth_timestep_ms"].keys() == facts["longest_timestep_ms"].keys() == set(LEVELS)
    assert facts["smooth_timestep_ms"]["mujoco"] < 2.0 < facts["longest_timestep_ms"]["mujoco"]


def test_a_body_by_the_path_of_its_recipe(run, tmp_path):
    (tmp_path / "braced.yaml").write_text("base: body/myolegs.yaml\ntitle: Braced\ndescription: with a brace\n")
    code, out, _ = run("info", str(tmp_path / "braced.yaml"))
    assert (code, "with a brace" in out, "75.0" in out) == (0, True, True)


def test_check_reports_errors_by_exit_code(run, tmp_path):
    code, out, _ = run("check", "myolegs")
    assert (code, "0 errors" in out) == (0, True)
    mine = tmp_path / "mine.yaml"
    mine.write_text("base: body/myolegs.yaml\nsite_positions: {soleus_l-P1: [0.02, 0, 0]}\n")
    code, out, _ = run("check", str(mine), "--json", str(tmp_path / "new" / "check.json"))
    assert (code, "1 error," in out, "soleus_l-P1" in out) == (1, True, True)
    result = json.loads((tmp_path / "new" / "check.json").read_text())
    assert result["num_errors"] == sum(item["severity"] == "error" for item in result["findings"])
    assert set(result["findings"][0]) == {"severity", "check", "subject", "message", "value"}


def test_muscles_shows_the_table_and_what_is_implausible(run, tmp_path):
    code, out, _ = run("muscles", "myolegs", "--json", str(tmp_path / "muscles.json"))
    assert code == 0
    assert all(header in out for header in ("F0", "L0", "slack", "pennation", "[deg]", "[L0/s]"))
    rows = [line.split() for line in out.splitlines()]
    assert sum(len(row) == 9 and row[-1] in ("elastic", "rigid") for row in rows) == 80
    assert "2 of 80 tendons" in out
    findings = [cells for cells in map(table_cells, out.splitlines()) if len(cells) == 4]
    slack = [cells[2] for cells in findings if cells[:2] == ["warning", "tendon slack length"]]
    assert slack == ["glmax3_r", "glmax3_l"]
    assert sum(cells[:2] == ["warning", "fiber length"] for cells in findings) == 10
    assert "and 29 more: --json FILE lists all" in out

    facts = json.loads((tmp_path / "muscles.json").read_text())
    assert len(facts["muscles"]) == 80
    muscles = {muscle["name"]: muscle for muscle in facts["muscles"]}
    model = load_body("myolegs").model
    soleus, given = muscles["soleus_r"], model.actuator("soleus_r")
    assert soleus["max_isometric_force_n"] == given.gainprm[2]
    assert soleus["optimal_fiber_length_m"] * (given.gainprm[1] - given.gainprm[0]) == pytest.approx(
        given.lengthrange[1] - given.lengthrange[0]
    )
    assert soleus["activation_time_s"] == 0.01 and soleus["max_contraction_velocity_l0_per_s"] == 10
    assert len(soleus["sources"]) == len(COLUMNS) == len(set(soleus) - {"name", "rigid_tendon", "sources"})
    assert set(soleus["sources"]) < set(soleus)
    assert {name for name, muscle in muscles.items() if muscle["rigid_tendon"]} == {"glmax3_r", "glmax3_l"}
    assert {item["subject"] for item in facts["findings"]} <= set(muscles)


def test_muscles_takes_values_from_a_file_and_a_part_of_a_name(run, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("soleus_r: {pennation_angle: 0.38, tendon_slack_length: 0.01}")
    files = ("--parameters", str(mine), "--json", str(tmp_path / "muscles.json"))
    code, out, _ = run("muscles", "myolegs", "--name", "soleus", *files)
    assert code == 0
    assert "21.8" in out and "1.00" in out and "tibpost" not in out
    facts = json.loads((tmp_path / "muscles.json").read_text())
    right, left = facts["muscles"]
    assert (right["name"], right["pennation_angle_rad"], left["pennation_angle_rad"]) == ("soleus_r", 0.38, 0)
    assert right["sources"]["pennation_angle_rad"] == "mine.yaml"
    assert left["sources"]["pennation_angle_rad"] == "none in MuJoCo"
    assert {(item["subject"], item["check"]) for item in facts["findings"]} >= {
        ("soleus_r", "fiber length"),
        ("soleus_l", "asymmetry"),
    }


def table_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip(" │").split("│")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "myoleg"), "did you mean myolegs"),
        (("info", "myoleg.yaml"), "no configuration file at myoleg.yaml"),
        (("muscles", "myoleg"), "did you mean myolegs"),
        (("muscles", "myolegs", "--name", "biceps"), "no muscle of myolegs has 'biceps' in its name"),
        (("muscles", "myolegs", "--parameters", "/nonexistent.csv"), "no parameter file at /nonexistent.csv"),
        (("muscles", "myolegs", "--parameters", "/nonexistent.yaml"), "/nonexistent.yaml"),
        (("muscles", "myolegs", "--name", "soleus_r", "--plot", "/dev/null/plots"), "cannot write /dev/null/plots"),
        (("check", "ms_human_700", "--body-path", "/nonexistent"), "no MS-Human-700.xml at /nonexistent"),
        (("info", "myolegs", "--json", "/dev/null/info.json"), "cannot write"),
    ],
)
def test_mistakes_end_in_one_line_and_exit_code_2(run, arguments, said):
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
