"""The command msemu-analyze."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from matplotlib.image import imread

from msemu.analysis.static_optimization.plots import gait_cycles
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import read_storage
from msemu.muscle.parameters import MuscleParameters


@pytest.fixture(scope="module")
def outcome(march: MotionClip, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("so")
    march.save(folder / "march.npz")
    files = ("--out", folder / "out", "--json", folder / "figures.json")
    return run("analyze", "so", folder / "march.npz", "--body", "myolegs", *files), folder / "out"


def test_the_report_names_what_is_explained_and_what_is_not(outcome) -> None:
    (code, out, error), folder = outcome
    assert code == 0, error
    assert "50 of 50" in out
    assert "root force unexplained" in out
    figures = json.loads((folder / "static_optimization.json").read_text())
    assert figures["unconverged_frames"] == []
    assert figures["settings"]["power"] == 2


def test_files_hold_the_solution(outcome, legs: Body) -> None:
    _, folder = outcome
    assert (folder / "static_optimization.json").read_text() == (folder.parent / "figures.json").read_text()
    with np.load(folder / "static_optimization.npz", allow_pickle=False) as arrays:
        activation, force = arrays["activation"], arrays["muscle_force"]
        arms = np.zeros((50, legs.num_muscles, len(arrays["dof_names"])))
        arms[:, arrays["moment_arm_muscle"], arrays["moment_arm_dof"]] = arrays["moment_arm"]
        torque = -(force[:, None] @ arms)[:, 0]
        np.testing.assert_allclose(torque, arrays["muscle_torque"], atol=1e-3)
    stored = read_storage(folder / "static_optimization_activation.sto")
    assert tuple(stored.columns) == legs.muscle_names
    np.testing.assert_allclose(np.stack(list(stored.columns.values()), 1), activation, atol=1e-6)
    np.testing.assert_allclose(stored.time, np.arange(50) / 50, atol=1e-9)
    assert "foot_r_z" in read_storage(folder / "static_optimization_contact.sto").columns


def test_plots_are_not_blank(outcome) -> None:
    _, folder = outcome
    for name in ("activations", "joint_torques", "contact_forces"):
        pixels = imread(folder / f"{name}.png")[:, :, :3]
        assert (np.ptp(pixels, axis=2) > 0.2).sum() > 1000, f"{name} has no curves"


def test_cycles_begin_with_the_strike_of_their_foot(legs: Body, march: MotionClip) -> None:
    result = optimize(legs, differentiate(legs, march, 0.02))
    # A stance made up: right foot from frame 20 to 44, left from 45 over the seam to 19.
    frames = np.arange(50)
    force = np.zeros_like(result.contact_force)
    for side, stands in (("r", (frames >= 20) & (frames < 45)), ("l", (frames >= 45) | (frames < 20))):
        point = result.point_regions.index(f"foot_{side}")
        force[stands, point, 2] = result.body_weight
    made_up = replace(result, contact_force=force)
    cycles = gait_cycles(made_up, fps=50.0, cyclic=True)
    assert cycles["r"][0][0] == 20 and cycles["l"][0][0] == 45
    assert sorted(cycles["r"][0]) == list(range(50))
    assert gait_cycles(made_up, fps=50.0, cyclic=False)["r"] == []
    twice = replace(made_up, contact_force=np.concatenate([force, force]))
    (cycle,) = gait_cycles(twice, fps=50.0, cyclic=False)["r"]
    assert (cycle[0], cycle[-1]) == (20, 69)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("march.npz", "--body", "nobody"), "nobody"),
        (("missing.npz", "--body", "myolegs"), "missing.npz"),
        (("march.npz", "--body", "myolegs", "--power", "4"), "--power: 4 is unknown; known: 2, 3"),
        (("march.npz", "--body", "myolegs", "--strength", "0"), "--strength: 0 is not above 0 and at most 100"),
        (("march.npz", "--body", "myofullbody"), "was made for body 'myolegs'"),
    ],
)
def test_wrong_input_ends_in_one_line(
    march: MotionClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    march.save(tmp_path / "march.npz")
    code, _, error = run("analyze", "so", *arguments)
    assert code == 2
    assert error.startswith("error: ") and error.count("\n") == 1
    assert message in error


def test_a_clip_off_the_floor_is_warned_about(march: MotionClip, tmp_path: Path) -> None:
    replace(march, qpos=march.qpos + np.eye(march.qpos.shape[1])[2]).save(tmp_path / "flying.npz")
    code, out, _ = run("analyze", "so", tmp_path / "flying.npz", "--body", "myolegs", "--strength", "0.05")
    assert code == 0
    assert "nothing carries the body" in out
    assert "too weak" in out


def test_muscles_from_a_file_volumes_and_another_level(
    legs: Body, standing: Callable[[Body], MotionClip], tmp_path: Path
) -> None:
    """Twice as strong muscles are half as active; volume and level lead to other activations, and are in the record."""
    standing(legs).save(tmp_path / "standing.npz")
    own = MuscleParameters.of(legs.model)
    columns = zip(legs.muscle_names, 2 * own.max_isometric_force, own.passive_max_isometric_force, strict=True)
    rows = ["muscle,max_isometric_force,passive_max_isometric_force", *(",".join(map(str, row)) for row in columns)]
    (tmp_path / "strong.csv").write_text("\n".join(rows))
    ways: dict[str, tuple[str | Path, ...]] = {
        "plain": (),
        "strong": ("--parameter-file", tmp_path / "strong.csv"),
        "volume": ("--objective", "volume"),
        "rigid": ("--muscle", "rigid"),
    }
    found = {}
    for name, options in ways.items():
        path = tmp_path / f"{name}.json"
        code, _, error = run("analyze", "so", tmp_path / "standing.npz", "--body", "myolegs", *options, "--json", path)
        assert code == 0, error
        found[name] = json.loads(path.read_text())
    effort = {name: figures["sum_of_squared_activation_mean"] for name, figures in found.items()}
    assert found["strong"]["activation_mean"] == pytest.approx(found["plain"]["activation_mean"] / 2, rel=0.02)
    assert effort["volume"] > effort["plain"], "least squares are least without weights"
    assert effort["rigid"] != pytest.approx(effort["plain"], rel=1e-3)
    assert (found["volume"]["settings"]["objective"], found["rigid"]["settings"]["muscle"]) == ("volume", "rigid")
    (tmp_path / "strong.csv").write_text("muscle,max_isometric_force\nsoleus,1\n")
    wrong = ("--body", "myolegs", "--parameter-file", tmp_path / "strong.csv")
    assert_one_clear_line(run("analyze", "so", tmp_path / "standing.npz", *wrong), "soleus")
