"""Measured forces: read in every form that msemu writes, placed under a movement, refused where they do not fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.analysis.mechanics.export.formats import EXPORTERS
from msemu.analysis.mechanics.loads.agreement import compare_forces
from msemu.analysis.mechanics.loads.placing import LoadsCfg, place
from msemu.analysis.mechanics.loads.reading import read_loads
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import read_storage, write_storage
from msemu.muscle.parameters import MuscleParameters

FORMS = ("external_loads.xml", "grf.mot", "markers.c3d")


@pytest.fixture(scope="module")
def movement(legs: Body, march: MotionClip) -> MechanicalMovement:
    """A march, by static optimization; it does not repeat, so that files end with it."""
    along = differentiate(legs, march, 0.02)
    parameters = MuscleParameters.of(legs.model)
    return MechanicalMovement.of_static_optimization(
        legs, along, optimize(legs, along), parameters, march.fps, "marching"
    )


@pytest.fixture(scope="module")
def folder(movement: MechanicalMovement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its forces in all forms."""
    folder = tmp_path_factory.mktemp("loads")
    EXPORTERS["mot"](movement, folder, ".mot")
    EXPORTERS["c3d"](movement, folder, ".c3d")
    return folder


def placed(movement: MechanicalMovement, path: Path, **options: float | bool) -> tuple:
    found = place(LoadsCfg(path, **options), movement.body, movement.qpos, movement.time, movement.required)
    return found.ground, found.remarks


@pytest.mark.parametrize("form", FORMS)
def test_forces_come_back_as_they_were_written(movement: MechanicalMovement, folder: Path, form: str) -> None:
    if form.endswith("c3d"):
        pytest.importorskip("ezc3d")
    ground, remarks = placed(movement, folder / form)
    own = movement.ground.of(ground.regions)
    assert set(ground.regions) == {"foot_r", "foot_l"} and own.force[..., 2].max() > 300.0
    loaded = own.is_loaded
    np.testing.assert_allclose(ground.force[loaded], own.force[loaded], atol=0.1)
    np.testing.assert_allclose(ground.center[loaded], own.center[loaded], atol=1e-3)
    np.testing.assert_allclose(ground.free_moment[loaded], own.free_moment[loaded], atol=0.1)
    assert bool(remarks) == form.endswith("c3d"), "plates do not say who stood on them"
    for agreement in compare_forces(movement.ground, ground, movement.body.weight).values():
        assert agreement.rms_bw < 0.01 and agreement.correlation > 0.999 and agreement.center_mean_m < 1e-3


def test_a_difference_is_measured(movement: MechanicalMovement) -> None:
    own = movement.ground
    more = (
        own.force
        + np.array([0.0, 0.0, 0.1]) * movement.body.weight * (own.regions.index("foot_r") == np.arange(2))[:, None]
    )
    found = compare_forces(own, replace(own, force=more), movement.body.weight)
    assert found["foot_r"].rms_bw == pytest.approx(0.1) and found["foot_l"].rms_bw == pytest.approx(0.0, abs=1e-9)


def test_plates_in_a_frame_of_their_own_are_turned_and_moved(
    movement: MechanicalMovement, folder: Path, tmp_path: Path
) -> None:
    """A heavier person in a laboratory whose axes are turned by 40 degrees, 5 m away, one second later."""
    stored, angle, shift = read_storage(folder / "grf.mot"), np.radians(40.0), (5.0, 3.0)
    columns = dict(stored.columns)
    for region in ("foot_r", "foot_l"):
        for kind, factor, offset in (
            ("force_v", 1.2, (0.0, 0.0)),
            ("force_p", 1.0, shift),
            ("torque_", 1.2, (0.0, 0.0)),
        ):
            x, z = (columns[f"{region}_{kind}{axis}"] for axis in "xz")
            columns[f"{region}_{kind}x"] = factor * (np.cos(angle) * x + np.sin(angle) * z) + offset[0]
            columns[f"{region}_{kind}z"] = factor * (np.cos(angle) * z - np.sin(angle) * x) + offset[1]
            columns[f"{region}_{kind}y"] = factor * columns[f"{region}_{kind}y"]
    path = tmp_path / "lab.mot"
    time = np.concatenate([[-1.0], stored.time]) + 1.0
    write_storage(path, "grf", time, {name: np.append(values[:1], values) for name, values in columns.items()})
    with pytest.raises(MsemuError, match="--loads-mass"):
        placed(movement, path, start_s=1.0)
    heavy = 1.2 * movement.body.mass
    with pytest.raises(MsemuError, match=r"m from foot_.*--align-loads"):
        placed(movement, path, start_s=1.0, mass_kg=heavy)
    ground, (remark,) = placed(movement, path, start_s=1.0, mass_kg=heavy, align=True)
    assert "turned by -4" in remark or "turned by -3" in remark
    own = movement.ground.of(ground.regions)
    np.testing.assert_allclose(ground.force, own.force, atol=0.05 * movement.body.weight)
    assert np.median(np.linalg.norm((ground.center - own.center)[own.is_loaded], axis=1)) < 0.1


def test_forces_that_do_not_fit_are_refused(movement: MechanicalMovement, folder: Path, tmp_path: Path) -> None:
    for start in (-0.1, 5.0):
        with pytest.raises(MsemuError, match="say with --loads-start"):
            placed(movement, folder / "grf.mot", start_s=start)
    text = (folder / "external_loads.xml").read_text()
    (tmp_path / "grf.mot").write_bytes((folder / "grf.mot").read_bytes())
    for wrong, said in (
        (text.replace("calcn_r", "tibia_r"), "acts on the body 'tibia_r'"),
        (text.replace("foot_l_force_v", "foot_m_force_v"), "no column 'foot_m_force_vx'"),
        (text.replace("<point_identifier>foot_l_force_p", "<point_identifier>"), "no identifier"),
        (text.replace(">ground<", ">pelvis<"), "only ground is understood"),
        (text[:200], "damaged XML"),
        (text.replace("grf.mot", ""), "names no datafile"),
    ):
        (tmp_path / "loads.xml").write_text(wrong)
        with pytest.raises(MsemuError, match=said):
            read_loads(tmp_path / "loads.xml")
    write_storage(tmp_path / "other.mot", "grf", movement.time, {"ground_force_vy": movement.time})
    with pytest.raises(MsemuError, match="foot_r_force_vy"):
        read_loads(tmp_path / "other.mot")


def test_a_c3d_file_without_plates_is_refused(tmp_path: Path, folder: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    empty = ezc3d.c3d()
    empty["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    empty["parameters"]["POINT"]["LABELS"]["value"] = ["a"]
    empty["data"]["points"] = np.ones((4, 1, 5))
    empty.write(str(tmp_path / "empty.c3d"))
    with pytest.raises(MsemuError, match="force plates"):
        read_loads(tmp_path / "empty.c3d")
    (tmp_path / "cut.c3d").write_bytes((folder / "markers.c3d").read_bytes()[:700])
    with pytest.raises(MsemuError, match=r"cut.c3d"):
        read_loads(tmp_path / "cut.c3d")


def test_commands_take_measured_forces(
    movement: MechanicalMovement, march: MotionClip, folder: Path, tmp_path: Path
) -> None:
    march.save(tmp_path / "march.npz")
    given = ("--external-loads", folder / "external_loads.xml")
    code, out, error = run(
        "analyze", "static-optimization", tmp_path / "march.npz", "--body", "myolegs", *given, "--out", tmp_path / "so"
    )
    assert code == 0, error
    contact = read_storage(tmp_path / "so" / "static_optimization_contact.sto").columns
    expected = movement.ground.force[:, movement.ground.regions.index("foot_r"), 2]
    np.testing.assert_allclose(contact["foot_r_z"], expected, atol=0.01)
    code, out, error = run("motion", "check", tmp_path / "march.npz", *given, "--json", tmp_path / "check.json")
    assert code in (0, 1), error
    assert "implied force on foot_r against the measured one: vertical 0.00" in out
    assert_one_clear_line(run("motion", "check", tmp_path / "march.npz", *given, "--loads-start", "3"), "--loads-start")


def test_mechanics_compares_with_measured_forces(march: MotionClip, folder: Path, tmp_path: Path) -> None:
    """Those of the march itself: static optimization finds them again."""
    march.save(tmp_path / "march.npz")
    given = ("--external-loads", folder / "external_loads.xml", "--json", tmp_path / "m.json")
    code, out, error = run("analyze", "mechanics", tmp_path / "march.npz", *given)
    assert code == 0, error
    compared = json.loads((tmp_path / "m.json").read_text())["measured_forces"]
    assert set(compared) == {"foot_r", "foot_l"} and "foot_r" in out
    for part in compared.values():
        assert part["rms_bw"] < 0.05 and part["correlation"] > 0.99
    (tmp_path / "cut.xml").write_text((folder / "external_loads.xml").read_text()[:200])
    assert_one_clear_line(
        run("analyze", "mechanics", "nowhere.npz", "--external-loads", tmp_path / "cut.xml"), "damaged XML"
    )
