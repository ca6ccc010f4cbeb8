"""The freedom of muscles, read from ranges and from an atlas, and drawn."""

from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from made_up_rollout import made_up_rollout
from matplotlib.image import imread

from msemu.analysis.solutions.freedom import read_freedom, show_freedom
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.recording import Recording
from msemu.viewer.drawing.video import save_frame


def write_ranges(path: Path, body: Body) -> Path:
    """Two budgets: one that leaves nothing, and one in whose second frame a program is not solved."""
    least = np.zeros((2, 2, body.num_muscles))
    greatest = least.copy()
    greatest[1] = np.linspace(0, 1, body.num_muscles)
    greatest[1, 1, -1] = np.nan
    np.savez(path, least=least, greatest=greatest, muscle_names=np.array(body.muscle_names))
    return path


def write_atlas(path: Path, body: Body) -> Path:
    spread = np.linspace(0.0, 0.2, body.num_muscles)
    spread[0] = np.nan
    np.savez(path, spread_over_solutions=spread, muscle_names=np.array(body.muscle_names))
    return path


@pytest.mark.parametrize("write", [write_ranges, write_atlas])
def test_freedom_goes_from_none_to_all(write, legs: Body, tmp_path: Path) -> None:
    found = read_freedom(write(tmp_path / "f.npz", legs), legs)
    np.testing.assert_allclose(found, np.linspace(0, 1, legs.num_muscles))


def test_muscles_are_drawn_by_their_freedom(legs: Body, tmp_path: Path) -> None:
    qpos = np.repeat(legs.neutral_qpos[None], 2, axis=0)
    recording = Recording("myolegs", 50.0, qpos, None, np.zeros((2, legs.num_muscles)))
    shown = show_freedom(recording, legs, write_atlas(tmp_path / "f.npz", legs))
    for name, color_by in (("rest", "activation"), ("free", "freedom")):
        save_frame(shown, legs, 0, tmp_path / f"{name}.png", 300, 200, "lines", color_by)
    rest, free = (imread(tmp_path / f"{name}.png") for name in ("rest", "free"))
    red = [int((picture[..., 0] - picture[..., 2] > 0.5).sum()) for picture in (rest, free)]
    assert red[1] > red[0] + 100
    with pytest.raises(MsemuError, match="--freedom"):
        save_frame(recording, legs, 0, tmp_path / "x.png", 300, 200, "lines", "freedom")


def test_the_command_draws_a_rollout_by_the_freedom_of_its_muscles(legs: Body, tmp_path: Path) -> None:
    qpos = np.repeat(legs.neutral_qpos[None], 2, axis=0)
    made_up_rollout(legs, qpos, np.zeros((2, legs.model.nv)), np.zeros((2, legs.num_muscles))).save(tmp_path / "r.npz")
    options = ("--renderer", "lines", "--color-by", "freedom", "--video", tmp_path / "free.mp4")
    result = run("play", tmp_path / "r.npz", "--freedom", write_atlas(tmp_path / "atlas.npz", legs), *options)
    assert result.returncode == 0 and (tmp_path / "free.mp4").stat().st_size > 1000, result.stderr
    assert_one_clear_line(run("play", tmp_path / "r.npz", "--freedom", tmp_path / "r.npz", *options), "msemu-study")


def test_what_says_nothing_of_this_body_is_refused(legs: Body, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", spread_over_solutions=np.ones(2), muscle_names=np.array(["biceps", "triceps"]))
    with pytest.raises(MsemuError, match="another body"):
        read_freedom(tmp_path / "other.npz", legs)
    np.savez(tmp_path / "clip.npz", qpos=np.ones(2))
    with pytest.raises(MsemuError, match="msemu-study"):
        read_freedom(tmp_path / "clip.npz", legs)
    np.savez(
        tmp_path / "none.npz",
        spread_over_solutions=np.full(legs.num_muscles, np.nan),
        muscle_names=np.array(legs.muscle_names),
    )
    with pytest.raises(MsemuError, match="wider"):
        read_freedom(tmp_path / "none.npz", legs)
