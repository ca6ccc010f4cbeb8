"""What people see of the muscles: plots over a joint's range, timings."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from msemu.analysis.muscle_plots import JointSweep, main_joints, plot_muscles, sweep_joint
from msemu.cli.commands import bench
from msemu.models import Body
from msemu.muscle.parameters import MuscleParameters

MAIN_JOINTS = {
    "soleus_r": "ankle_angle_r",
    "vaslat_l": "knee_angle_l",
    "iliacus_r": "hip_flexion_r",
    "addmagMid_r": "hip_adduction_r",
    "perbrev_r": "subtalar_angle_r",
}


def sweep(body: Body, name: str, parameters: MuscleParameters | None = None) -> JointSweep:
    muscle = body.muscle_names.index(name)
    return sweep_joint(body, parameters or MuscleParameters.of(body.model), muscle, int(main_joints(body)[muscle]))


@pytest.mark.parametrize("name", MAIN_JOINTS)
def test_the_moment_arm_is_the_slope_of_the_length(legs: Body, name: str) -> None:
    swept = sweep(legs, name)
    assert swept.joint == MAIN_JOINTS[name]
    # At the knee this holds only if the patella and the sliding of the shank, which follow by couplings, are counted.
    np.testing.assert_allclose(swept.moment_arm, swept.finite_difference, atol=1e-5)
    gradient = np.gradient(swept.length, np.radians(swept.angle_deg))
    np.testing.assert_allclose(swept.moment_arm[1:-1], gradient[1:-1], atol=2e-3)
    assert np.abs(swept.moment_arm).max() > 0.02


def test_the_range_is_that_of_the_joint_and_the_signs_are_those_of_anatomy(legs: Body) -> None:
    ankle = sweep(legs, "soleus_r")
    np.testing.assert_allclose(np.radians(ankle.angle_deg[[0, -1]]), legs.model.joint("ankle_angle_r").range)
    assert (ankle.moment_arm > 0).all(), "dorsiflexion lengthens the soleus"
    assert (sweep(legs, "tibant_r").moment_arm < 0).all(), "and shortens the tibialis anterior"


def test_forces_of_the_levels_over_the_range(legs: Body) -> None:
    parameters = MuscleParameters.of(legs.model)
    swept = sweep(legs, "soleus_r")
    peak = parameters.max_isometric_force[legs.muscle_names.index("soleus_r")]
    np.testing.assert_allclose(swept.force["mujoco"], swept.engine_force, atol=1e-9 * peak)
    assert all((force > 0).all() for force in swept.force.values())
    assert np.abs(swept.force["elastic"] - swept.force["rigid"]).max() > 0.05 * peak
    # A tendon of no length is taken as rigid, and the plot must show what runs.
    no_tendon = sweep(legs, "glmax3_r")
    np.testing.assert_array_equal(no_tendon.force["elastic"], no_tendon.force["rigid"])
    # The engine keeps the model's own parameters.
    other = sweep(legs, "soleus_r", parameters.replaced("soleus_r", {"max_isometric_force": 2 * peak}, "mine"))
    np.testing.assert_allclose(other.force["mujoco"], 2 * swept.force["mujoco"])
    np.testing.assert_array_equal(other.engine_force, swept.engine_force)


def test_plots_are_written_and_not_blank(legs: Body, tmp_path: Path) -> None:
    muscles = [legs.muscle_names.index(name) for name in MAIN_JOINTS]
    paths = plot_muscles(legs, MuscleParameters.of(legs.model), muscles, 3, tmp_path / "plots")
    assert [path.name for path in paths] == ["curves.png", "force.png", "moment_arm.png"]
    for path in paths:
        pixels = imread(path)[:, :, :3]
        assert min(pixels.shape[:2]) > 300
        colored = pixels.reshape(-1, 3)[np.ptp(pixels, axis=2).ravel() > 0.2]
        dark = (pixels.max(2) < 0.3).mean()
        assert dark > 0.005, f"{path.name} has no text"
        assert len(colored) > 1000 or path.name == "moment_arm.png", f"{path.name} has no curves"
    paged = plot_muscles(legs, MuscleParameters.of(legs.model), list(range(13)), None, tmp_path / "pages")
    assert [path.name for path in paged] == [
        "curves.png",
        "force_1.png",
        "moment_arm_1.png",
        "force_2.png",
        "moment_arm_2.png",
    ]


def test_bench_muscle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    sizes = ("--bodies", "myolegs", "--num-envs", "1", "3", "--step-num-envs", "2", "--rounds", "2", "--steps", "3")
    monkeypatch.setattr(sys, "argv", ["msemu-bench", "muscle", *sizes, "--threads", "1", "--json", str(file)])
    bench()
    figures = json.loads(file.read_text())
    assert (figures["threads"], figures["rounds"], figures["steps"]) == (1, 2, 3)
    times, ratios = figures["ns_per_muscle_step"], figures["step_ratio"]
    levels = ["mujoco", "rigid", "elastic"]
    assert [(row["num_envs"], row["level"]) for row in times] == [(n, level) for n in (1, 3) for level in levels]
    assert [(row["num_envs"], row["level"]) for row in ratios] == [(2, level) for level in levels]
    for row in times + ratios:
        assert (row["body"], row["muscles"]) == ("myolegs", 80)
        assert 0 < row["quartiles"][0] <= row["median"] <= row["quartiles"][1]
    # A muscle is no faster than some cycles and no slower than a millisecond; a step is not free.
    assert all(5 < row["median"] < 1e6 for row in times)
    assert all(0.0 < row["median"] < float("inf") for row in ratios)
    out = capsys.readouterr().out
    assert "ns per muscle and step" in out and "elastic" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bodies", "centaur"), "unknown body 'centaur'"),
        (("--rounds", "0"), "--rounds: 0 is not between 1 and"),
        (("--num-envs", "64", "-1"), "--num-envs: -1 is not between 1 and"),
    ],
)
def test_mistakes_of_bench_muscle_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["msemu-bench", "muscle", *arguments])
    with pytest.raises(SystemExit) as stop:
        bench()
    err = capsys.readouterr().err
    assert stop.value.code == 2 and said in err and err.count("\n") == 1
