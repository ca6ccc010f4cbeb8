"""The tuner of the controller on costs that are known, without a simulation."""

import math
from pathlib import Path
from typing import Any

import pytest

from msemu.bench.prior import PriorSubject
from msemu.config import load_named, to_dict
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.registry import get_task
from msemu.schema import ActionCfg, ControllerCfg, JointCfg

pytest.importorskip("cma")
from tune_controller import at_border, measuring, remembering, shares_of, tune, values_of

TASK = "Msemu-Track-MyoLegs-v0"
BEST_HZ = 3.7
SUBJECTS = ("a:walk", "b:jump")


def pretend(survival: float, lasting: bool = True, asked: list[str] | None = None) -> Any:
    """Figures that are best at 3.7 Hz of the joints' spring, whatever the subject; without errors if none lasts."""

    def measure(candidates: list[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
        figures = []
        for values in candidates:
            error = 30 * abs(math.log(values["joints"]["natural_frequency_hz"] / BEST_HZ)) if lasting else None
            rest = {"survival_time_s": 1.0, "episode_length_s": 2.0, "survival": survival}
            figures.append({"joint_angle_error_deg": error, "root_rotation_error_deg": error} | rest)
            if asked is not None:
                asked.append(subject)
        return figures

    return measure


def test_the_tuner_finds_the_best_values_and_writes_them_as_an_action_space(tmp_path: Path) -> None:
    tune(SUBJECTS, (pretend(0.5), pretend(0.5)), generations=15, population=8, seed=1, out=tmp_path)
    found = load_named(ActionCfg, str(tmp_path / "controller.yaml"))
    assert isinstance(found, JointCfg)
    assert found.controller.joints.natural_frequency_hz == pytest.approx(BEST_HZ, rel=0.03)
    lines = (tmp_path / "controller.md").read_text().splitlines()
    assert [line.split(" |")[0] for line in lines[2:]] == [f"| {subject}" for subject in SUBJECTS]


def test_what_other_starts_like_less_is_not_taken(tmp_path: Path) -> None:
    def judge(candidates: list[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
        start = ControllerCfg().joints.natural_frequency_hz
        error = [abs(values["joints"]["natural_frequency_hz"] - start) for values in candidates]
        rest = {"survival_time_s": 1.0, "episode_length_s": 2.0, "survival": 0.5}
        return [{"joint_angle_error_deg": each, "root_rotation_error_deg": each} | rest for each in error]

    tune(SUBJECTS, (pretend(0.5), judge), generations=5, population=6, seed=1, out=tmp_path)
    found = load_named(ActionCfg, str(tmp_path / "controller.yaml"))
    assert isinstance(found, JointCfg)
    assert found.controller.joints == ControllerCfg().joints


def test_values_at_the_border_of_their_range_are_named() -> None:
    values = to_dict(ControllerCfg())
    assert not at_border(values)
    values["decoder"]["iterations"], values["reach"] = 20, 0.5
    assert [line.split()[0] for line in at_border(values)] == ["reach", "decoder.iterations"]


@pytest.mark.parametrize("lasting", [True, False])
def test_a_search_without_a_survivor_says_how_far_it_came(tmp_path: Path, lasting: bool) -> None:
    with pytest.raises(MsemuError, match=r"the longest mean time is 1\.00 of 2\.00 s; use fewer --seconds$"):
        tune(SUBJECTS, (pretend(0.0, lasting),) * 2, generations=1, population=4, seed=1, out=tmp_path)
    assert not (tmp_path / "controller.yaml").exists()


def test_a_tiny_search_is_simulated_and_its_file_drives_a_body(tmp_path: Path, legs: Body, march: MotionClip) -> None:
    subject = PriorSubject(TASK, get_task(TASK).load_config(), legs, march)
    short, long = (measuring({"myolegs:march": subject}, 2, seconds, 0, tmp_path) for seconds in (0.1, 5.0))
    with pytest.raises(MsemuError, match=r"the longest mean time is [0-4]\.[0-9]+ of 5\.00 s"):
        tune(["myolegs:march"], (short, long), generations=0, population=4, seed=1, out=tmp_path)
    assert not (tmp_path / "controller.yaml").exists(), "the made-up march is not one that a body can follow for long"
    tune(["myolegs:march"], (short, short), generations=1, population=4, seed=1, out=tmp_path)
    assert subject.measure(str(tmp_path / "controller.yaml"), 2, 0.1).survival == 1.0
    assert "| myolegs:march | 0.10 -> 0.10 | 1.00 -> 1.00 |" in (tmp_path / "controller.md").read_text()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("walk", "BODY:MOTION, such as myolegs:walk, not 'walk'"),
        ("myolegs:", "not 'myolegs:'"),
        (":walk", "not ':walk'"),
        ("myolegs:wlk", "did you mean walk"),
        ("legs:walk", "did you mean myolegs"),
    ],
)
def test_a_subject_that_is_none_is_refused_in_one_line(name: str, why: str) -> None:
    with pytest.raises(MsemuError, match=why) as raised:
        PriorSubject.named(name)
    assert "\n" not in str(raised.value)


def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    def ask(generations: int, out: Path) -> int:
        out.mkdir(exist_ok=True)
        asked: list[str] = []
        kept = remembering(pretend(0.5, asked=asked), out / "measured.json", "16 x 5 s")
        tune(SUBJECTS, (kept, pretend(0.5)), generations, population=4, seed=1, out=out)
        return len(asked)

    first, rest, whole = ask(2, tmp_path / "a"), ask(5, tmp_path / "a"), ask(5, tmp_path / "b")
    assert first > 0 and rest > 0 and first + rest == whole
    assert (tmp_path / "a/controller.yaml").read_text() == (tmp_path / "b/controller.yaml").read_text()


def test_the_search_begins_at_the_values_of_the_controller() -> None:
    start = values_of(shares_of(to_dict(ControllerCfg())))
    assert start["joints"]["natural_frequency_hz"] == pytest.approx(ControllerCfg().joints.natural_frequency_hz)
    assert start["decoder"]["effort"] == pytest.approx(ControllerCfg().decoder.effort)
    assert start["decoder"]["iterations"] == ControllerCfg().decoder.iterations
