"""What other programs get: read back by other readers than the writers' own."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.analysis.mechanics.export.columns import flat_table
from msemu.analysis.mechanics.export.formats import EXPORTERS
from msemu.analysis.mechanics.joint_reaction import joint_reaction
from msemu.analysis.mechanics.movement import MechanicalMovement
from msemu.control.inverse_dynamics import differentiate
from msemu.control.static_optimization import optimize
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.formats.opensim_storage import read_storage
from msemu.muscle.parameters import MuscleParameters


@pytest.fixture(scope="module")
def movement(legs: Body, standing: Callable[[Body], MotionClip], march: MotionClip) -> MechanicalMovement:
    """Standing on both feet, by static optimization, with the pose of a march."""
    clip = standing(legs)
    along = differentiate(legs, clip, 0.0)
    parameters = MuscleParameters.of(legs.model)
    found = MechanicalMovement.of_static_optimization(
        legs, along, optimize(legs, along), parameters, clip.fps, "standing"
    )
    return replace(found, qpos=march.qpos[:10], reference_qpos=march.qpos[20:30])


def test_opensim_reads_forces_with_y_up(movement: MechanicalMovement, tmp_path: Path) -> None:
    EXPORTERS["mot"](movement, tmp_path, ".mot")
    grf = read_storage(tmp_path / "grf.mot").columns
    ground, right = movement.ground, movement.ground.regions.index("foot_r")
    assert ground.force[:, right, 2].max() > 100.0
    np.testing.assert_allclose(grf["foot_r_force_vy"], ground.force[:, right, 2], rtol=1e-8)
    np.testing.assert_allclose(grf["foot_r_force_vz"], -ground.force[:, right, 1], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(grf["foot_r_force_pz"], -ground.center[:, right, 1], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(grf["foot_r_torque_y"], ground.free_moment[:, right], rtol=1e-8, atol=1e-8)
    assert not grf["foot_r_force_py"].any()
    loads = ElementTree.parse(tmp_path / "external_loads.xml")
    for force in loads.iter("ExternalForce"):
        assert f"{force.findtext('force_identifier')}y" in grf and f"{force.findtext('point_identifier')}x" in grf
    assert [force.findtext("applied_to_body") for force in loads.iter("ExternalForce")] == ["calcn_l", "calcn_r"]


def test_angles_come_back_within_a_hundredth_of_a_degree(
    movement: MechanicalMovement, legs: Body, tmp_path: Path
) -> None:
    EXPORTERS["mot"](movement, tmp_path, ".mot")
    stored = read_storage(tmp_path / "motion.mot")
    assert stored.in_degrees
    knee = movement.qpos[:, 7 + legs.joint_names.index("knee_angle_r")]
    np.testing.assert_allclose(np.abs(stored.columns["knee_angle_r"]), np.degrees(np.abs(knee)), atol=0.01)


def test_a_table_holds_everything(movement: MechanicalMovement, legs: Body, tmp_path: Path) -> None:
    (path,) = EXPORTERS["csv"](movement, tmp_path, ".csv")
    table = np.genfromtxt(path, delimiter=",", names=True, deletechars="", replace_space=" ")
    names = table.dtype.names or ()
    for quantity, name in (("muscle_force", "soleus_r"), ("joint_moment", "knee_angle_l"), ("angle", "hip_flexion_r")):
        assert f"{quantity}/{name}" in names
    force = movement.muscles.force[:, legs.muscle_names.index("soleus_r")]
    np.testing.assert_allclose(table["muscle_force/soleus_r"], force, rtol=1e-7)


def test_root_reference_and_joint_reaction_are_in_the_table(
    movement: MechanicalMovement, legs: Body, tmp_path: Path
) -> None:
    """Joint reaction has OpenSim's axes, as the ground has: a hip that carries has a negative y."""
    (path,) = EXPORTERS["csv"](movement, tmp_path, ".csv")
    table = np.genfromtxt(path, delimiter=",", names=True, deletechars="", replace_space=" ")
    knee = legs.joint_names.index("knee_angle_r")
    reference, reaction = movement.reference_qpos, joint_reaction(movement)
    assert reference is not None
    expected = {
        "root/x": movement.qpos[:, 0],
        "root/qw": movement.qpos[:, 3],
        "root_speed/wz": movement.qvel[:, 5],
        "reference_root/z": reference[:, 2],
        "reference_angle/knee_angle_r": reference[:, 7 + knee],
        "reference_speed/knee_angle_r": np.gradient(reference[:, 7 + knee], 1.0 / movement.fps),
        "episode_start": np.eye(1, 10)[0],
        "joint_reaction/hip_r_fy": reaction.force[:, reaction.names.index("hip_r"), 2],
        "joint_reaction/hip_r_fz": -reaction.force[:, reaction.names.index("hip_r"), 1],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-7, atol=1e-7, err_msg=name)
    alone = flat_table(replace(movement, reference_qpos=None))
    assert not [name for name in alone if name.startswith("reference")]


def test_opensim_reads_joint_reaction_and_reference(movement: MechanicalMovement, tmp_path: Path) -> None:
    paths = EXPORTERS["sto"](movement, tmp_path, ".sto")
    assert all(path.is_file() for path in paths)
    stored = read_storage(tmp_path / "joint_reaction.sto").columns
    assert len(stored) == 18 and stored["knee_l_fy"].max() < 0.0
    assert "knee_angle_r" in read_storage(tmp_path / "reference_angle.sto").columns


def test_parquet_holds_what_csv_does(movement: MechanicalMovement, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    (path,) = EXPORTERS["parquet"](movement, tmp_path, ".parquet")
    read, table = pandas.read_parquet(path), flat_table(movement)
    assert list(read.columns) == list(table)
    np.testing.assert_array_equal(read.to_numpy().T, list(table.values()))


def test_plates_of_a_c3d_give_force_and_center(movement: MechanicalMovement, tmp_path: Path) -> None:
    """ezc3d gives what the foot does to the plate, in N and mm."""
    ezc3d = pytest.importorskip("ezc3d")
    (path,) = EXPORTERS["c3d"](movement, tmp_path, ".c3d")
    file = ezc3d.c3d(str(path), extract_forceplat_data=True)
    for index, plate in enumerate(file["data"]["platform"]):
        loaded = movement.ground.is_loaded[:, index]
        np.testing.assert_allclose(plate["force"].T, -movement.ground.force[:, index], rtol=1e-4, atol=0.01)
        center = plate["center_of_pressure"].T[loaded] / 1000.0
        np.testing.assert_allclose(center, movement.ground.center[loaded, index], atol=1e-4)
        twist = -plate["Tz"][2, loaded] / 1000.0
        np.testing.assert_allclose(twist, movement.ground.free_moment[loaded, index], atol=0.02)
    pelvis = file["data"]["points"][:3, file["parameters"]["POINT"]["LABELS"]["value"].index("pelvis")].T
    assert np.linalg.norm(pelvis / 1000.0 - movement.qpos[:, :3], axis=1).max() < 0.3


def test_commands_measure_and_write(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    code, out, error = run(
        "analyze", "mechanics", tmp_path / "march.npz", "--json", tmp_path / "m.json", "--out", tmp_path / "plots"
    )
    assert code == 0, error
    figures = json.loads((tmp_path / "m.json").read_text())
    keys = ("positive_muscle_power_w", "positive_joint_power_w", "vertical_force_peak_bw", "smoothness")
    assert all(np.isfinite(figures[key]) for key in keys)
    assert "muscle mass" in out and "not plausible" in out.replace("\n", " ")
    assert len(list((tmp_path / "plots").glob("*.png"))) == 4
    assert run("analyze", "export", tmp_path / "march.npz", "--out", tmp_path / "e").returncode == 0
    assert (tmp_path / "e" / "external_loads.xml").is_file()


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    assert_one_clear_line(run("analyze", "mechanics", "wlak"), "--body")
    (tmp_path / "broken.npz").write_bytes(b"PK broken")
    assert_one_clear_line(run("analyze", "export", tmp_path / "broken.npz"), "broken.npz")


def test_opensim_itself_reads_the_files(movement: MechanicalMovement, legs: Body, tmp_path: Path) -> None:
    opensim = pytest.importorskip("opensim")
    paths = EXPORTERS["mot"](movement, tmp_path, ".mot")
    for path in paths:
        if path.suffix != ".xml":
            assert opensim.TimeSeriesTable(str(path)).getNumRows() == movement.num_frames
    motion = opensim.TimeSeriesTable(str(tmp_path / "motion.mot"))
    read = motion.getDependentColumn("knee_angle_r").to_numpy()
    knee = np.degrees(movement.qpos[:, 7 + legs.joint_names.index("knee_angle_r")])
    np.testing.assert_allclose(np.abs(read), np.abs(knee), atol=0.01)
    assert opensim.ExternalLoads(str(tmp_path / "external_loads.xml"), True).getSize() == 2
