"""Muscle parameters from published architecture: the fit, the files that come with msemu, bad input."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from msemu.cli.commands import model as model_command
from msemu.cli.model.calibrate import parameter_csv
from msemu.config import load_named
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.calibration.architecture import (
    Architecture,
    MuscleArchitecture,
    installed_architecture,
    read_architecture,
)
from msemu.models.calibration.calibrate import Calibration, calibrate
from msemu.models.calibration.fit import TOLERANCE, fit_lengths
from msemu.models.calibration.passive_moments import PublishedMoment, Term, passive_moments
from msemu.muscle.overrides import configured_parameters, parameter_file, read_overrides
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import MuscleCfg, SimCfg
from msemu.sim import make_simulation

SHIPPED = sorted((Path(__file__).parents[2] / "cfg/muscle/calibrated").glob("*.csv"))
CALIBRATED = MuscleCfg(parameter_file=Path("calibrated"))
FIBER = np.array([0.6, 1.0, 1.35])


@pytest.fixture(scope="module")
def calibration(legs: Body) -> Calibration:
    return calibrate(legs, installed_architecture())


def path(optimal: float, slack: float, pennation: float, fiber: np.ndarray = FIBER) -> np.ndarray:
    """Length of a muscle with its tendon [m], by the sides of a right triangle."""
    return optimal * np.sqrt(fiber**2 - np.sin(pennation) ** 2) + slack


@pytest.mark.parametrize("pennation", [0.0, 0.4])
def test_the_fit_recovers_a_muscle(pennation: float) -> None:
    np.testing.assert_allclose(
        fit_lengths(path(0.08, 0.25, pennation), FIBER, 0.08, pennation), (0.08, 0.25), rtol=1e-9
    )
    # Five people in six are this near to the published length; the path says more than it does.
    found = fit_lengths(path(0.08, 0.25, pennation), FIBER, 0.084, pennation)
    np.testing.assert_allclose(found, (0.08, 0.25), rtol=0.01)


def test_a_path_in_one_pose_gives_the_slack_length_alone() -> None:
    fiber = np.array([0.8])
    np.testing.assert_allclose(fit_lengths(path(0.05, 0.1, 0.2, fiber), fiber, 0.05, 0.2), (0.05, 0.1), rtol=1e-9)


def test_a_slack_tendon_says_nothing_of_the_fiber() -> None:
    lengths = path(0.06, 0.4, 0.2, np.array([np.sin(0.2), 0.7, 1.3])) - [0.02, 0, 0]
    found = fit_lengths(lengths, np.array([np.sin(0.2), 0.7, 1.3]), 0.06, 0.2)
    np.testing.assert_allclose(found, (0.06, 0.4), rtol=1e-9)


def test_the_optimal_length_stays_near_the_published_one() -> None:
    assert fit_lengths(path(0.16, 0.2, 0.0), FIBER, 0.08, 0.0)[0] == pytest.approx(0.08 * (1 + TOLERANCE))
    assert fit_lengths(path(0.02, 0.2, 0.0), FIBER, 0.08, 0.0)[0] == pytest.approx(0.08 * (1 - TOLERANCE))
    assert fit_lengths(path(0.08, -0.05, 0.0), FIBER, 0.08, 0.0)[1] == 0.0


def test_muscles_of_a_body_get_lengths_force_and_speed_at_its_size(legs: Body) -> None:
    subject = Architecture(
        source="made up",
        muscles={"soleus": MuscleArchitecture(0.022, 0.3, 1000.0, neutral=0.9)},
        landmarks=("hip", "knee", "ankle"),
        length_m=0.8045 / 2,
        mass_kg=legs.mass / 8,
        max_contraction_velocity=7.0,
    )
    found = calibrate(legs, {"legs": subject})
    changed = [muscle for muscle in found.muscles if muscle.values]
    assert {muscle.name for muscle in changed} == {"soleus_r", "soleus_l"}
    data = legs.model.actuator_length0  # of the model's own reference pose, that of a straight leg
    for muscle in changed:
        values, index = muscle.values, legs.muscle_names.index(muscle.name)
        assert values["optimal_fiber_length"] == pytest.approx(0.044, rel=1e-3)
        assert values["max_isometric_force"] == pytest.approx(4000.0) and values["max_contraction_velocity"] == 7.0
        rest = path(values["optimal_fiber_length"], values["tendon_slack_length"], 0.3, np.array([0.9]))
        np.testing.assert_allclose(rest, data[index], atol=1e-4)
    others = [index for index, name in enumerate(legs.muscle_names) if "soleus" not in name]
    own = MuscleParameters.of(legs.model)
    np.testing.assert_array_equal(found.parameters.optimal_fiber_length[others], own.optimal_fiber_length[others])


def test_strands_share_the_force_of_their_muscle(legs: Body) -> None:
    whole = MuscleArchitecture(0.15, max_isometric_force=3000.0, neutral=1.0, strands=("glmax?",))
    found = calibrate(legs, {"legs": Architecture(source="made up", muscles={"glmax": whole})}).parameters
    own = MuscleParameters.of(legs.model)
    for side in "rl":
        lines = [own.names.index(f"glmax{number}_{side}") for number in (1, 2, 3)]
        assert found.max_isometric_force[lines].sum() == pytest.approx(3000.0, rel=1e-5)
        shares = own.max_isometric_force[lines] / own.max_isometric_force[lines].sum()
        np.testing.assert_allclose(found.max_isometric_force[lines], 3000.0 * shares, rtol=1e-5)


def test_legs_keep_their_published_range_and_weigh_what_legs_weigh(legs: Body, calibration: Calibration) -> None:
    for muscle in calibration.muscles:
        assert muscle.values and not muscle.reason
        np.testing.assert_allclose(muscle.fiber, muscle.wanted, atol=0.12)
        ratio = muscle.values["optimal_fiber_length"] / muscle.published.muscle.optimal_fiber_length
        assert 0.89 < ratio < 1.11
    assert 0.20 <= calibration.mass_kg("legs") / legs.mass <= 0.25
    assert not calibration.parameters.has_rigid_tendon.any()


def test_the_file_of_myolegs_is_what_the_command_makes(calibration: Calibration) -> None:
    made = list(csv.reader(parameter_csv(calibration).splitlines()))
    shipped = list(csv.reader(next(file for file in SHIPPED if file.stem == "myolegs").read_text().splitlines()))
    assert [row[0] for row in made] == [row[0] for row in shipped] and made[0] == shipped[0]
    np.testing.assert_allclose(
        np.array([row[1:] for row in made[1:]], float), np.array([row[1:] for row in shipped[1:]], float), rtol=1e-3
    )


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_values_that_come_with_msemu_are_those_of_muscles(file: Path) -> None:
    bounds = {
        "max_isometric_force": (20, 7000),
        "optimal_fiber_length": (0.01, 0.5),
        "tendon_slack_length": (0.0, 0.5),
        "pennation_angle": (0.0, 0.55),
        "max_contraction_velocity": (10, 10),
    }
    table = read_overrides(file)
    for muscle, values in table.items():
        assert {"optimal_fiber_length", "tendon_slack_length", "max_contraction_velocity"} <= values.keys(), muscle
        for column, value in values.items():
            assert bounds[column][0] <= value <= bounds[column][1], (muscle, column)
        other = table.get(f"{muscle[:-2]}_l") if muscle.endswith("_r") else None
        for column in other or ():
            assert other[column] == pytest.approx(values[column], rel=0.02), (muscle, column)


def test_the_body_names_its_calibrated_file(legs: Body) -> None:
    assert {file.stem for file in SHIPPED} == {"myolegs", "myofullbody", "ms_human_700"}
    parameters = configured_parameters(legs.model, CALIBRATED)
    assert parameters.optimal_fiber_length[parameters.names.index("recfem_r")] == pytest.approx(0.0759, rel=0.05)
    assert load_named(MuscleCfg, "calibrated").level == "elastic"
    with pytest.raises(MsemuError, match=r"none for the body 'mine': make a file with msemu-model calibrate") as error:
        parameter_file(CALIBRATED, "mine")
    assert "myolegs" in str(error.value) and "\n" not in str(error.value)


def test_a_configuration_of_the_users_own_may_say_calibrated(tmp_path: Path, legs: Body) -> None:
    (tmp_path / "mine.yaml").write_text("level: rigid\nparameter_file: calibrated\n")
    cfg = load_named(MuscleCfg, str(tmp_path / "mine.yaml"))
    assert cfg == replace(CALIBRATED, level="rigid")
    assert parameter_file(cfg, legs.name).samefile(next(file for file in SHIPPED if file.stem == "myolegs"))


@pytest.mark.parametrize("level", ["rigid", "elastic"])
def test_a_second_of_simulation_stays_finite(legs: Body, level: str) -> None:
    sim = make_simulation(legs.model, 2, SimCfg(device="cpu", num_threads=1, muscle=replace(CALIBRATED, level=level)))
    qpos = torch.tensor(legs.neutral_qpos).expand(2, -1)
    act = torch.zeros(2, legs.num_muscles)
    sim.reset(torch.ones(2, dtype=torch.bool), qpos, torch.zeros(2, legs.model.nv), act)
    excitation = torch.rand((2, legs.num_muscles), generator=torch.Generator().manual_seed(0))
    sim.step(excitation, 500)
    assert torch.isfinite(sim.qpos).all() and torch.isfinite(sim.muscle_force).all()
    assert sim.qvel.abs().max() < 200 and (sim.muscle_force <= 1e-3).all()


def test_the_published_passive_moment_is_a_sum_of_exponentials() -> None:
    moment = PublishedMoment((0, 90), 2.0, (Term(1, 0.5, {"hip": 0.01}), Term(-1, 0.0, {"hip": 0.02, "knee": 0.03})))
    assert moment.at({"hip": 10, "knee": -5}) == pytest.approx(2.0 + np.exp(0.6) - np.exp(0.05))


def test_muscles_at_rest_pull_a_joint_back_from_its_limits(legs: Body, calibration: Calibration) -> None:
    found = {moment.joint: moment for moment in passive_moments(legs, calibration.parameters)}
    assert set(found) == {"hip_flexion_r", "knee_angle_r", "ankle_angle_r"}
    for moment in found.values():
        assert moment.muscles_nm[0] > 0 > moment.muscles_nm[-1] and np.abs(moment.muscles_nm).max() < 100
        assert np.corrcoef(moment.muscles_nm, moment.published_nm)[0, 1] > 0.75


ONE = "{optimal_fiber_length: 0.05, neutral: 1.0}"
BAD = {
    "source: me\nmuscles: {solius: " + ONE + "}": r"no muscle 'solius'; did you mean soleus",
    "source: me\nmuscles: {BIClong: " + ONE + "}": r"no muscle 'BIClong'; see: msemu-model muscles myolegs",
    "source: me\nmuscles: {soleus: {optimal_fiber_length: 0.05}}": r"either as 'neutral' or as 'operating_range'",
    "source: me\nmuscles: {soleus: {optimal_fiber_length: -0.05, neutral: 1}}": r"-0.05 is not above 0",
    "source: me\nmuscles: {soleus: {optimal_fibre_length: 0.05}}": r"unknown key 'optimal_fibre_length'",
    "source: me\nmuscles: {soleus: {optimal_fiber_length: 1, neutral: 0.2, pennation_angle: 0.3}}": r"is thick",
    "source: me\nlength_m: 0.8\nmuscles: {soleus: " + ONE + "}": r"two or more 'landmarks' and a 'length_m'",
    "source: me\nlength_m: 1\nlandmarks: [hipp, knee]\nmuscles: {soleus: "
    + ONE
    + "}": r"no landmark 'hipp'; did you mean hip",
    "source: me\nmuscles: {soleus: {optimal_fiber_length: 1, operating_range: [0.8, 1.2, 1]}}": r"to a greatest value",
    "muscles: {soleus: " + ONE + "}": r"the key 'source' is missing",
    "source: me\njoint_ranges: {knee: [0, 1]}\nmuscles: {soleus: " + ONE + "}": r"no joint 'knee'; known: ankle_angle",
    "source: me\nmuscles: {}": r"one at least is wanted",
    "- soleus": r"must hold 'key: value' lines",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_architecture_is_refused_in_one_line(text: str, tmp_path: Path, legs: Body) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(MsemuError, match=BAD[text]) as error:
        read_architecture(file, legs)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


def test_the_command_takes_architecture_of_ones_own(
    tmp_path: Path, legs: Body, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "mine.yaml").write_text("source: me\nmuscles: {soleus_r: {optimal_fiber_length: 0.05, neutral: 1.0}}")
    options = ["--architecture", str(tmp_path / "mine.yaml"), "--output", str(tmp_path / "out.csv")]
    monkeypatch.setattr(
        "sys.argv", ["msemu-model", "calibrate", "myolegs", *options, "--json", str(tmp_path / "a.json")]
    )
    model_command()
    table = read_overrides(tmp_path / "out.csv")
    assert table["soleus_r"]["optimal_fiber_length"] == 0.05 and len(table) == legs.num_muscles
    assert table["soleus_l"]["optimal_fiber_length"] == pytest.approx(0.044, rel=0.1)
    assert "Calibration of myolegs" in capsys.readouterr().out
