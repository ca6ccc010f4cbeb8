"""The command msemu-model, as a user runs it."""

import json
import subprocess
import sys

import pytest

from msemu.cli.model import main
from msemu.models.sources import MS_HUMAN_700_VARIABLE, SOURCES


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; returns exit code, output and error output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["msemu-model", *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_list_marks_what_is_not_installed(run, monkeypatch):
    monkeypatch.delenv(MS_HUMAN_700_VARIABLE, raising=False)
    code, out, _ = run("list")
    assert code == 0
    assert "musclemimic-models 1.0.6" in out
    assert "myolegs" in out
    if SOURCES["ms_human_700"].locate() is None:
        assert MS_HUMAN_700_VARIABLE in out
    monkeypatch.setenv(MS_HUMAN_700_VARIABLE, "/nonexistent")
    code, out, _ = run("list")
    assert (code, "no MS-Human-700.xml at /nonexistent" in " ".join(out.split())) == (0, True)


def test_info(run, tmp_path):
    code, out, _ = run("info", "myolegs", "--json", str(tmp_path / "info.json"))
    assert code == 0
    assert "84.27" in out
    facts = json.loads((tmp_path / "info.json").read_text())
    assert (facts["body"], facts["muscles"], facts["nv"], facts["independent_joints"]) == (
        "myolegs",
        80,
        34,
        14,
    )
    assert len(facts["neutral_landmarks_m"]) == 17


def test_check_reports_errors_by_exit_code(run, tmp_path):
    code, out, _ = run("check", "myolegs")
    assert (code, "0 errors" in out) == (0, True)
    code, out, _ = run("check", "myofullbody", "--json", str(tmp_path / "new" / "check.json"))
    assert (code, "13 errors" in out, "LTpT_T12_l" in out) == (1, True, True)
    result = json.loads((tmp_path / "new" / "check.json").read_text())
    assert result["num_errors"] == sum(item["severity"] == "error" for item in result["findings"])
    assert set(result["findings"][0]) == {"severity", "check", "subject", "message", "value"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "myoleg"), "did you mean myolegs"),
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


def test_help_names_the_subcommands():
    command = [sys.executable, "-c", "from msemu.cli.model import main; main()", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(word in result.stdout for word in ("list", "info", "check"))
