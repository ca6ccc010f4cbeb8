"""``msemu-motion prepare`` and ``msemu-bench motion`` on the smallest body."""

import json
from pathlib import Path

import pytest
from real_clips import recording_of

from msemu.bench.motion import bench_motion
from msemu.bench.options import MotionBenchCfg
from msemu.cli.motion.options import PrepareCfg
from msemu.cli.motion.prepare import prepare
from msemu.errors import MsemuError


@pytest.fixture(scope="module", autouse=True)
def _recordings() -> None:
    recording_of("walk")


@pytest.mark.slow
def test_clips_are_prepared_by_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    prepare(PrepareCfg(("walk", "run"), body="myolegs", jobs=2, json=path))
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert list(figures) == ["walk", "run"]
    assert figures["walk"]["clip"] == figures["walk"]["retargeted"]
    run = figures["run"]["clip"]
    assert run["repair_residual_after"] < 0.5 * run["repair_residual_before"]
    assert run["error_mean_cm"] > figures["run"]["retargeted"]["error_mean_cm"]
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows] == 2 * ["clip", "walk", "run"]  # figures, then angles
    assert all(row[9].strip() == "" for row in rows[4:])  # no angles of its own: nothing about the ankle


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (PrepareCfg(("wlak",), body="myolegs"), "did you mean walk"),
        (PrepareCfg(("walk",), body="nobody"), "nobody"),
    ],
)
def test_wrong_requests_are_refused_before_any_work(arguments: PrepareCfg, message: str) -> None:
    with pytest.raises(MsemuError, match=message):
        prepare(arguments)


def test_retargeting_is_timed(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    bench_motion(MotionBenchCfg(bodies=("myolegs",), motions=("walk",), rounds=1, json=path))
    (row,) = json.loads(path.read_text(encoding="utf-8"))["clips"]
    assert row["frames"] == 63
    assert 0.1 < row["cpu_seconds_per_1000_frames"] < 300.0
