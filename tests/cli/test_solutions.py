"""The commands msemu-analyze ranges and sample."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from matplotlib.image import imread

from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import StaticOptimizationCfg, optimize
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.muscle.levels import LEVELS


@pytest.fixture(scope="module")
def clip(march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "march.npz"
    march.save(path)
    return path


def test_ranges_are_printed_and_written(clip: Path, tmp_path: Path) -> None:
    files = ("--json", tmp_path / "r.json", "--out", tmp_path / "r.npz", "--plot", tmp_path / "r.png")
    code, out, error = run(
        "analyze", "ranges", clip, "--body", "myolegs", "--stride", "20", "--effort", "1.2", "1.0", *files
    )
    assert code == 0, error
    figures = json.loads((tmp_path / "r.json").read_text())
    assert list(figures["share_free"]) == ["1", "1.2", "none"]
    assert figures["mean_width"]["1"] < 1e-3 < figures["mean_width"]["1.2"] < figures["mean_width"]["none"]
    assert len(figures["by_muscle"]) == figures["muscles"] == 80
    with np.load(tmp_path / "r.npz", allow_pickle=False) as arrays:
        assert arrays["least"].shape == (3, figures["frames"], 80)
        assert (arrays["least"][1] <= arrays["known"] + 2e-3).all()
    assert (np.ptp(imread(tmp_path / "r.png")[:, :, :3], axis=2) > 0.2).sum() > 1000
    assert "no budget" in out


def test_samples_are_printed_and_written(clip: Path, tmp_path: Path) -> None:
    code, out, error = run(
        "analyze", "sample", clip, "--body", "myolegs", "--stride", "50", "--json", tmp_path / "s.json"
    )
    assert code == 0, error
    figures = json.loads((tmp_path / "s.json").read_text())
    assert figures["unconverged_frames"] == [] and figures["settings"]["stride"] == 50
    assert figures["dimension"]["greatest"] == 66  # 80 muscles, 14 degrees of freedom
    assert figures["effort_median"] > figures["known_effort"]
    assert "split R-hat" in out


def test_measured_muscles_have_their_place_among_the_samples(clip: Path, tmp_path: Path) -> None:
    emg = tmp_path / "emg.csv"
    emg.write_text("percent,soleus_r,tibant_r\n" + "".join(f"{5 * k},{0.0},{1.0}\n" for k in range(21)))
    files = ("--compare", emg, "--json", tmp_path / "s.json")
    code, out, error = run("analyze", "sample", clip, "--body", "myolegs", "--stride", "50", *files)
    assert code == 0, error
    placed = json.loads((tmp_path / "s.json").read_text())["compared_percentile"]
    assert placed == {str(emg): {"soleus_r": 0.0, "tibant_r": 1.0}}
    assert "emg.csv" in out
    emg.write_text(emg.read_text().replace("soleus_r", "soleu_r"))
    code, _, error = run("analyze", "sample", clip, "--body", "myolegs", "--compare", emg)
    assert code != 0 and "soleu_r" in error and len(error.strip().splitlines()) == 1


def bounds(clip: Path, path: Path, *options: str) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest activation of two muscles in the frames 0 and 25, by budget."""
    two = ("--muscles", "soleus_r", "recfem_l", "--stride", "25", "--out", path)
    code, _, error = run("analyze", "ranges", clip, "--body", "myolegs", *two, *options)
    assert code == 0, error
    with np.load(path, allow_pickle=False) as arrays:
        chosen = np.isin(arrays["muscle_names"], ["soleus_r", "recfem_l"])
        assert np.isnan(arrays["least"][:, :, ~chosen]).all()
        return arrays["least"][:, :, chosen], arrays["greatest"][:, :, chosen]


def test_two_processes_find_what_one_does_and_a_tolerance_widens_it(clip: Path, tmp_path: Path) -> None:
    least, greatest = bounds(clip, tmp_path / "one.npz", "--effort", "1.2")
    again = bounds(clip, tmp_path / "two.npz", "--effort", "1.2", "--jobs", "2")
    for one, other in zip((least, greatest), again, strict=True):
        np.testing.assert_array_equal(one, other)
    lower, higher = bounds(clip, tmp_path / "loose.npz", "--effort", "1.2", "--tolerance", "0.05")
    free = -1  # a budget is over the least effort, which is less with a tolerance
    assert (lower[free] <= least[free] + 1e-4).all() and (higher[free] >= greatest[free] - 1e-4).all()
    assert higher[free].sum() > greatest[free].sum() + 0.02


def test_a_window_bounds_the_frame_in_its_middle(clip: Path, tmp_path: Path) -> None:
    lower, higher = bounds(clip, tmp_path / "window.npz", "--window", "3")
    assert lower.shape == (1, 2, 2) == higher.shape
    assert (higher >= lower - 1e-6).all()
    with np.load(tmp_path / "window.npz", allow_pickle=False) as arrays:
        assert arrays["frames"].tolist() == [1, 26]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("ranges", "--effort", "0.5"), "--effort"),
        (("ranges", "--effort", "1.2", "--window", "3"), "--window"),
        (("ranges", "--muscles", "soleu_r"), "soleus_r"),
        (("ranges", "--window", "90"), "--window"),
        (("ranges", "--tolerance", "-1"), "--tolerance"),
        (("sample", "--chains", "1"), "--chains"),
        (("sample", "--compare", "none.npz"), "none.npz"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(clip: Path, options: tuple[str, ...], named: str) -> None:
    code, _, error = run("analyze", options[0], clip, "--body", "myolegs", *options[1:])
    assert code != 0
    assert named in error
    assert len(error.strip().splitlines()) == 1


def test_a_clip_that_no_activation_explains_is_refused(march: MotionClip, tmp_path: Path) -> None:
    from dataclasses import replace

    fast = replace(march, fps=900.0, qvel=18.0 * march.qvel)
    fast.save(tmp_path / "fast.npz")
    code, _, error = run("analyze", "ranges", tmp_path / "fast.npz", "--body", "myolegs", "--smoothing-s", "0")
    assert code != 0
    assert "no activation explains" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["static-optimization", "ranges", "sample"])
def test_levels_are_those_of_the_table_now(clip: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """One that a plug-in puts there after the command was imported; a name that nobody has is refused with all."""
    monkeypatch.setitem(LEVELS, "own", replace(LEVELS["rigid"], about="somebody's"))
    result = run("analyze", command, clip, "--body", "myolegs", "--muscle", "hill")
    assert_one_clear_line(result, "--muscle: 'hill' is unknown; known: mujoco, rigid, elastic, own")
    # The option is taken: what is refused is the clip.
    result = run("analyze", command, "nowhere.npz", "--body", "myolegs", "--muscle", "own")
    assert_one_clear_line(result, "nowhere.npz")


def test_a_level_of_a_plug_in_is_computed_with(march: MotionClip, legs: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEVELS, "own", replace(LEVELS["rigid"], about="somebody's"))
    movement = differentiate(legs, march, 0.02).every(10)
    own, rigid = (optimize(legs, movement, StaticOptimizationCfg(level=level)) for level in ("own", "rigid"))
    np.testing.assert_array_equal(own.activation, rigid.activation)
