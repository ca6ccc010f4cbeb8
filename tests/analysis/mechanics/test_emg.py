"""One's own EMG beside a movement's activations, and files that are refused before any work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from stepping import stepping

from msemu.analysis.mechanics.emg_agreement import agreements, compare_emg, read_cycle_emg
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip


def write_emg(path: Path, muscle: str = "soleus_r", late: int = 10, places: range = range(101)) -> Path:
    """A sine over the cycle, later by some percent of it."""
    rows = [f"{place},{0.5 + 0.4 * np.sin(2 * np.pi * (place - late) / 100)}" for place in places]
    path.write_text("\n".join([f"percent,{muscle}", *rows]))
    return path


def test_emg_that_is_later_is_found_to_be(legs: Body, tmp_path: Path) -> None:
    """The right foot strikes at 0.76 s of each second; its muscle follows a sine that the envelope lags by 10 %."""
    movement = stepping(legs)
    activation = np.zeros_like(movement.muscles.activation)
    phase = movement.time - 0.76
    activation[:, legs.muscle_names.index("soleus_r")] = 0.5 + 0.4 * np.sin(2 * np.pi * phase)
    movement = replace(movement, muscles=replace(movement.muscles, activation=activation))
    percent = np.arange(101)
    envelope = 0.5 + 0.4 * np.sin(2 * np.pi * (percent - 10) / 100)
    file = tmp_path / "emg.csv"
    rows = [f"{place},{value}" for place, value in zip(percent, envelope, strict=True)]
    file.write_text("\n".join(["percent,soleus_r", *rows]))
    found = compare_emg(movement, file)["soleus_r"]
    assert found.best_shift == pytest.approx(10, abs=1) and found.best_correlation == pytest.approx(1.0, abs=1e-2)
    assert found.correlation == pytest.approx(np.cos(0.2 * np.pi), abs=0.03)
    file.write_text(file.read_text().replace("soleus_r", "soleus_right"))
    with pytest.raises(MsemuError, match="is no muscle of a leg"):
        compare_emg(movement, file)
    file.write_text("time,soleus_r\n" + "\n".join(f"{i / 50},0.1" for i in range(60)))
    with pytest.raises(MsemuError, match="is over time"):
        compare_emg(movement, file)


def test_a_course_is_compared_over_the_cycle(legs: Body, tmp_path: Path) -> None:
    recording = read_cycle_emg(write_emg(tmp_path / "emg.csv", late=20), legs)
    course = np.sin(2 * np.pi * np.arange(101) / 100)
    found = agreements(recording, {"soleus_r": course})["soleus_r"]
    assert found.best_shift == 20 and found.best_correlation == pytest.approx(1.0)
    assert found.correlation == pytest.approx(np.cos(0.4 * np.pi), abs=1e-6)
    assert agreements(recording, {"soleus_r": 0 * course})["soleus_r"].correlation is None


def test_a_wrong_file_is_refused_before_the_work(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    for name, said in (
        (write_emg(tmp_path / "wrong.csv", "soleus_right"), "is no muscle of a leg"),
        (write_emg(tmp_path / "gap.csv", places=range(60)), "41% of the cycle has no row"),
    ):
        result = run("analyze", "mechanics", tmp_path / "march.npz", "--emg", name)
        assert_one_clear_line(result, said)
        assert not result.stdout
