"""The page about movements."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import assert_one_clear_line, run
from stepping import SPEED, stepping

from msemu.analysis.mechanics.gait_parameters import GaitParameters
from msemu.analysis.mechanics.measured import Measured
from msemu.analysis.report.page import Subject, render
from msemu.models import Body
from msemu.motion.clip import MotionClip


@pytest.mark.parametrize(("cyclic", "cycles"), [(False, 6), (True, 8)])
def test_gait_parameters_of_a_made_up_walk(legs: Body, cyclic: bool, cycles: int) -> None:
    """A movement that repeats has the same, and the cycle over its end as well."""
    gait = GaitParameters.of(replace(stepping(legs), cyclic=cyclic))
    assert gait is not None and gait.cycles == cycles
    assert gait.speed_m_s == pytest.approx(SPEED)
    assert gait.cadence_steps_min == pytest.approx(120.0)
    assert gait.stride_length_m == pytest.approx(SPEED)
    assert gait.stance == pytest.approx(0.6, abs=0.02)
    # The feet stand side by side, so neither is before the other by more than its pose.
    assert gait.step_length_m["r"] == pytest.approx(-gait.step_length_m["l"], abs=1e-6)


def test_the_page_stands_alone_and_shows_both(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    march.save(tmp_path / "other.npz")
    page = tmp_path / "page.html"
    both, figures = (tmp_path / "march.npz", tmp_path / "other.npz"), tmp_path / "page.json"
    code, _, error = run("report", *both, "--out", page, "--json", figures)
    assert code == 0, error
    text = page.read_text()
    assert not re.search(r"(src|href)=[\"']?(https?:|/)", text.replace('xlink:href="#', ""))
    drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawn) >= 8
    for figure in drawn:
        ElementTree.fromstring(figure)
    for words in ("Ground reaction", "Joint reaction", "muscle mass [kg]", "Work", "Provenance", "march", "other"):
        assert words in text
    assert "nothing that was to be followed" in text and f"msemu-report {both[0]}" in text
    first, second = json.loads(figures.read_text())["movements"]
    assert (first["name"], second["name"], first["tracking_error_deg"]) == ("march", "other", None)
    assert first["provenance"]["source"].startswith("static optimization of the clip")
    assert first["positive_muscle_power_w"] == second["positive_muscle_power_w"] > 0.0


def test_a_name_with_marks_of_html_is_text(legs: Body) -> None:
    page = render([Subject("<b>x</b>", Measured.of(stepping(legs)), {"what": "<script>"})])
    assert "<b>x" not in page and "<script>" not in page


def test_nothing_to_report_is_one_line(tmp_path: Path) -> None:
    assert_one_clear_line(run("report", "nobody", "--out", tmp_path / "r.html"), "--body")
    assert_one_clear_line(run("report", tmp_path / "x.npz", "--out", tmp_path / "r.txt"), ".html")
