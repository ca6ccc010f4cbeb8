"""Readers and writers of motion formats against files written independently and against hand computations."""

import mujoco
import numpy as np
import pytest
from motion_files import (
    BVH_COLUMNS,
    LEFT_OF,
    PLUG_IN_GAIT,
    amass_arrays,
    bvh_rows,
    bvh_text,
    gait_angles,
    knee_between,
    stationary_markers,
    storage_text,
    trc_text,
    write_c3d,
)
from scipy.interpolate import CubicSpline

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.models.anatomy.landmarks import LANDMARKS
from msemu.motion.clip import MotionClip
from msemu.motion.formats.amass import read_amass
from msemu.motion.formats.c3d import read_c3d
from msemu.motion.formats.clip_source import source_from_clip
from msemu.motion.formats.opensim_storage import read_storage, write_storage
from msemu.motion.formats.read import ReadOptions, read_clip, read_source
from msemu.motion.formats.trc import read_trc
from msemu.motion.formats.write import WRITERS
from msemu.motion.geometry import landmark_path
from msemu.motion.retargeting.retarget import retarget
from msemu.motion.retargeting.treadmill import belt_velocity, overground
from msemu.motion.source import SEGMENTS


@pytest.fixture(scope="module")
def whole():
    return load_body("myofullbody")


def write(path, text):
    path.write_text(text)
    return path


def axis_of(source, segment, axis):
    """Direction of a segment's axis in the first frame."""
    w, x, y, z = source.orientations[0, SEGMENTS.index(segment)]
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, np.array([w, x, y, z]))
    return matrix.reshape(3, 3)[:, axis]


# ---------------------------------------------------------------- OpenSim storage


def test_storage_round_trip(tmp_path):
    time = np.linspace(0, 1, 7)
    columns = {"a": np.sin(time), "/jointset/b/value": 1e-7 * time}
    write_storage(tmp_path / "x.sto", "two words", time, columns, in_degrees=True)
    storage = read_storage(tmp_path / "x.sto")
    assert storage.in_degrees and storage.name == "two words"
    np.testing.assert_allclose(storage.time, time, rtol=1e-9)
    for name, values in columns.items():
        np.testing.assert_allclose(storage.columns[name], values, rtol=1e-9)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": np.zeros(3)}, "values, not"),
        ({"a": np.full(4, np.nan)}, "not finite"),
        ({"a b": np.zeros(4)}, "blanks"),
    ],
)
def test_storage_refuses_to_write_what_opensim_cannot_read(tmp_path, columns, message):
    with pytest.raises(MsemuError, match=message):
        write_storage(tmp_path / "x.sto", "x", np.arange(4.0), columns)
    assert not (tmp_path / "x.sto").exists()


def test_a_simm_header_means_degrees(tmp_path):
    text = "x\nnRows=4\nnColumns=2\n\n# SIMM Motion File Header:\nname x\nendheader\ntime a\n0 1\n1 2\n2 3\n3 4\n"
    assert read_storage(write(tmp_path / "x.mot", text)).in_degrees
    assert not read_storage(write(tmp_path / "y.mot", text.replace("SIMM", "Other"))).in_degrees


# ---------------------------------------------------------------- joint angles


@pytest.mark.parametrize("suffix", ["mot", "sto"])
def test_joint_angles_come_back_within_a_hundredth_of_a_degree(whole, tmp_path, suffix):
    angles = gait_angles()
    clip = read_clip(write(tmp_path / "in.mot", storage_text(angles, True)), whole, fps=100.0)
    assert np.abs(whole.couplings.residual(clip.qpos)).max() < 1e-9
    out = tmp_path / f"out.{suffix}"
    WRITERS[suffix](out, clip, whole)
    back = read_storage(out)
    assert back.in_degrees == (suffix == "mot")
    factor = 1.0 if back.in_degrees else 180 / np.pi
    rotations = [name for name in angles if not name.startswith("pelvis_t") or name == "pelvis_tilt"]
    assert set(rotations) <= set(back.columns)
    for name in rotations:
        np.testing.assert_allclose(factor * back.columns[name], angles[name], atol=0.01, err_msg=name)
    for name in ("pelvis_tx", "pelvis_tz"):
        np.testing.assert_allclose(back.columns[name], angles[name], atol=1e-6, err_msg=name)
    shift = back.columns["pelvis_ty"] - angles["pelvis_ty"]
    np.testing.assert_allclose(shift, clip.quality["floor_shift_cm"] / 100, atol=1e-6)


def test_joint_angles_at_another_rate_are_interpolated(legs, tmp_path):
    angles = gait_angles(arms=False)
    clip = read_clip(write(tmp_path / "in.mot", storage_text(angles, True)), legs, fps=40.0)
    times = np.arange(clip.num_frames) / 40.0
    expected = CubicSpline(np.arange(40) / 100, np.radians(angles["knee_angle_r"]))(times)
    np.testing.assert_allclose(clip.qpos[:, 7 + clip.joint_names.index("knee_angle_r")], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("column", "degrees", "from_to", "direction"),
    [
        ("arm_flex_r", 60, ("shoulder_r", "elbow_r"), (np.sin(np.pi / 3), 0, -np.cos(np.pi / 3))),
        ("arm_flex_l", 60, ("shoulder_l", "elbow_l"), (np.sin(np.pi / 3), 0, -np.cos(np.pi / 3))),
        ("arm_add_r", -60, ("shoulder_r", "elbow_r"), (0, -np.sin(np.pi / 3), -np.cos(np.pi / 3))),
        ("arm_add_l", -60, ("shoulder_l", "elbow_l"), (0, np.sin(np.pi / 3), -np.cos(np.pi / 3))),
        ("pelvis_tilt", -20, ("hip_r", "knee_r"), (-np.sin(np.pi / 9), 0, -np.cos(np.pi / 9))),
        ("pelvis_rotation", 90, ("hip_r", "hip_l"), (-1, 0, 0)),
        ("hip_flexion_l", 40, ("hip_l", "knee_l"), (np.sin(np.pi / 4.5), 0, -np.cos(np.pi / 4.5))),
        ("hip_adduction_l", -25, ("hip_l", "knee_l"), (0, np.sin(np.pi / 7.2), -np.cos(np.pi / 7.2))),
    ],
)
def test_each_angle_moves_its_limb_as_in_opensim(whole, tmp_path, column, degrees, from_to, direction):
    still = {name: np.zeros(6) for name in gait_angles(6)}
    still |= {"pelvis_ty": np.full(6, 0.95), "arm_add_r": np.full(6, -20.0), "arm_add_l": np.full(6, -20.0)}
    still[column] = np.full(6, float(degrees))
    if column.startswith("arm_flex"):
        still[column.replace("flex", "add")] = np.zeros(6)
    clip = read_clip(write(tmp_path / "in.mot", storage_text(still, True)), whole, fps=100.0)
    positions, _ = landmark_path(whole, clip.qpos[:1])
    near, far = (positions[0, LANDMARKS.index(name)] for name in from_to)
    found = (far - near) / np.linalg.norm(far - near)
    assert found @ np.array(direction) > np.cos(np.radians(2.0))


def test_leaning_forward_brings_the_shoulders_forward(whole, tmp_path):
    angles = {name: np.zeros(6) for name in gait_angles(6)} | {"lumbar_extension": np.full(6, -30.0)}
    clip = read_clip(write(tmp_path / "in.mot", storage_text(angles, True)), whole, fps=100.0)
    positions, matrices = landmark_path(whole, clip.qpos[:1])
    assert positions[0, LANDMARKS.index("shoulder_r"), 0] > positions[0, LANDMARKS.index("hip_r"), 0] + 0.1
    np.testing.assert_allclose(matrices[0, LANDMARKS.index("thorax")][:, 0], [np.sqrt(0.75), 0, -0.5], atol=1e-5)


def test_knees_that_bend_by_negative_angles_are_told_from_the_others(legs, tmp_path):
    angles = gait_angles(arms=False)
    bent = angles | {name: -angles[name] for name in ("knee_angle_r", "knee_angle_l")}
    one = read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), legs)
    other = read_clip(write(tmp_path / "b.mot", storage_text(bent, True)), legs)
    assert "'rajagopal'" in one.source and "'gait2392'" in other.source
    np.testing.assert_allclose(one.qpos[:, 7:], other.qpos[:, 7:], atol=1e-9)


def test_unknown_coordinates_are_listed_with_the_maps(legs, tmp_path):
    angles = {f"sensor{i}": np.zeros(5) for i in range(3)} | {"hip_flexoin_r": np.zeros(5)}
    with pytest.raises(MsemuError, match=r"'hip_flexoin_r' may be 'hip_flexion_r'.*sensor0.*maps: gait2392, hamner"):
        read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), legs)


def test_radians_under_a_degrees_flag_and_the_reverse(legs, tmp_path):
    with pytest.raises(MsemuError, match="inDegrees"):
        read_clip(
            write(tmp_path / "a.mot", storage_text(gait_angles() | {"pelvis_list": np.full(40, 200.0)}, False)), legs
        )


def test_a_clip_is_a_recording_for_another_body(whole, legs, tmp_path):
    clip = read_clip(write(tmp_path / "in.mot", storage_text(gait_angles(), True)), whole)
    source = source_from_clip(whole, clip)
    assert source.num_frames == clip.num_frames and abs(source.ankle_height_m - 0.064) < 0.01
    result = retarget(legs, source)
    assert result.quality["error_mean_cm"] < 1.0
    knee = result.joint_names.index("knee_angle_r")
    difference = result.qpos[:, 7 + knee] - clip.qpos[:, 7 + clip.joint_names.index("knee_angle_r")]
    assert np.degrees(np.abs(difference).mean()) < 3.0


# ---------------------------------------------------------------- BVH


@pytest.mark.parametrize("style", LEFT_OF)
def test_bvh_of_each_naming(tmp_path, style):
    source = read_source(write(tmp_path / "a.bvh", bvh_text(style, bvh_rows())))
    assert f"'{style}'" in source.source
    np.testing.assert_allclose(source.joint("hip_l")[0], [0.09, 0, 0.88], atol=1e-6)
    np.testing.assert_allclose(source.joint("ankle_r")[0], [-0.09, 0, 0.06], atol=1e-6)
    np.testing.assert_allclose(source.joint("wrist_l")[0], [0.71, 0, 1.34], atol=1e-6)
    np.testing.assert_allclose(source.joint("hip_l")[-1] - source.joint("hip_l")[0], [0, -0.11, 0], atol=1e-6)
    for segment in SEGMENTS:
        np.testing.assert_allclose(axis_of(source, segment, 0), [0, -1, 0], atol=1e-6, err_msg=segment)
        np.testing.assert_allclose(axis_of(source, segment, 2), [0, 0, 1], atol=1e-6, err_msg=segment)


def test_bvh_rotations_in_the_order_of_the_file(tmp_path):
    rows = bvh_rows()
    rows[:, 3:6] = [0.0, 0.0, 90.0]
    rows[:, 6:9] = [0.0, -50.0, 0.0]
    rows[:, 9:12] = [0.0, 60.0, 0.0]
    source = read_source(write(tmp_path / "a.bvh", bvh_text("cmu", rows)))
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    cos, sin = np.cos(np.radians(50)), np.sin(np.radians(50))
    knee = np.array([0, 92, 0]) + turn @ (np.array([9, -4, 0]) + np.array([0, -42 * cos, 42 * sin]))
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))
    ankle = knee + turn @ np.array([0, -40 * cos, -40 * sin])
    for name, (x, y, z) in {"knee_l": knee, "ankle_l": ankle}.items():
        np.testing.assert_allclose(source.joint(name)[0], 0.01 * np.array([x, -z, y]), atol=1e-6, err_msg=name)
    np.testing.assert_allclose(axis_of(source, "pelvis", 0), [1, 0, 0], atol=1e-6)


def test_units_and_axes_of_a_bvh(tmp_path):
    text = bvh_text("cmu", bvh_rows())
    path = write(tmp_path / "a.bvh", text)
    with pytest.raises(MsemuError, match="--unit"):
        read_source(path, ReadOptions(unit="mile"))
    with pytest.raises(MsemuError, match=r"--unit cm makes it 0\.82 m"):
        read_source(path, ReadOptions(unit="inch"))
    assert read_source(path, ReadOptions(unit="cm")).leg_length() == pytest.approx(0.82)
    lying = bvh_rows()
    lying[:, 1:3] = 0.0, 92.0
    lying[:, 4] = 90.0
    with pytest.raises(MsemuError, match="--up z"):
        read_source(write(tmp_path / "b.bvh", bvh_text("cmu", lying)))
    assert read_source(tmp_path / "b.bvh", ReadOptions(up="y")).num_frames == 12
    with pytest.raises(MsemuError, match="--up w"):
        read_source(path, ReadOptions(up="w"))


def test_a_map_of_ones_own(tmp_path):
    text = bvh_text("cmu", bvh_rows()).replace("LeftUpLeg", "Oberschenkel").replace("RightUpLeg", "Thigh")
    path = write(tmp_path / "a.bvh", text)
    with pytest.raises(MsemuError, match=r"do not give hip_r, hip_l; nearest map.*Oberschenkel"):
        read_source(path)
    from importlib.resources import files

    own = (files("msemu.cfg") / "motion" / "bvh" / "cmu.yaml").read_text()
    own = own.replace("LeftUpLeg", "Oberschenkel").replace("RightUpLeg", "Thigh")
    names = write(tmp_path / "own.yaml", own)
    assert "'own'" in read_source(path, ReadOptions(names=str(names))).source
    with pytest.raises(MsemuError, match="neither a map"):
        read_source(path, ReadOptions(names="nobody"))


# ---------------------------------------------------------------- AMASS


def test_amass_zero_pose_stands_upright_with_arms_spread(tmp_path):
    np.savez(tmp_path / "a.npz", **amass_arrays())
    source = read_source(tmp_path / "a.npz")
    assert source.fps == pytest.approx(60.0)
    np.testing.assert_allclose(axis_of(source, "pelvis", 0), [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(axis_of(source, "head", 2), [0, 0, 1], atol=1e-9)
    assert source.joint("wrist_l")[0, 0] > 0.5 > -0.5 > source.joint("wrist_r")[0, 0]
    assert source.leg_length() == pytest.approx(0.491 * 1.70)


@pytest.mark.parametrize("columns", [66, 72, 156, 165])
def test_amass_knee_bends_backward(tmp_path, columns):
    arrays = amass_arrays(columns=columns)
    arrays["poses"][:, 12] = np.pi / 2
    np.savez(tmp_path / "a.npz", **arrays)
    source = read_source(tmp_path / "a.npz")
    shank = source.joint("ankle_l")[0] - source.joint("knee_l")[0]
    np.testing.assert_allclose(shank / np.linalg.norm(shank), [0, 1, 0], atol=1e-9)


def test_amass_with_a_body_model_takes_its_joints(tmp_path):
    joints = np.random.default_rng(0).normal(size=(24, 3))
    model = {"v_template": joints, "shapedirs": np.zeros((24, 3, 10)), "J_regressor": np.eye(24)}
    model["shapedirs"][4, 1, 0] = 0.5
    np.savez(tmp_path / "model.npz", **model)
    arrays = amass_arrays()
    arrays["betas"][0] = 2.0
    np.savez(tmp_path / "a.npz", **arrays)
    source = read_amass(tmp_path / "a.npz", ReadOptions(smpl_model=tmp_path / "model.npz"))
    thigh = np.linalg.norm(joints[4] + [0, 1.0, 0] - joints[1])
    assert np.linalg.norm(source.joint("knee_l")[0] - source.joint("hip_l")[0]) == pytest.approx(thigh)


# ---------------------------------------------------------------- markers


def walking_markers(body, clip):
    """Plug-in Gait markers fixed to the segments of a body that moves."""
    positions, matrices = landmark_path(body, clip.qpos)

    def on(landmark, offset):
        index = LANDMARKS.index(landmark)
        return positions[:, index] + matrices[:, index] @ np.array(offset)

    markers = {name: on(segment, offset) for name, (segment, offset) in PLUG_IN_GAIT.items()}
    for word, side, out in (("R", "r", -1.0), ("L", "l", 1.0)):
        markers |= {
            f"{word}KNE": on(f"knee_{side}", (0, 0.05 * out, 0)), f"{word}KNM": on(f"knee_{side}", (0, -0.05 * out, 0)),
            f"{word}ANK": on(f"ankle_{side}", (0, 0.04 * out, 0)),
            f"{word}MED": on(f"ankle_{side}", (0, -0.04 * out, 0)),
            f"{word}HEE": on(f"ankle_{side}", (-0.05, 0, -0.03)), f"{word}TOE": on(f"ankle_{side}", (0.14, 0, -0.03)),
            f"{word}HJC": on(f"hip_{side}", (0, 0, 0)),
            f"{word}SJC": on(f"shoulder_{side}", (0, 0, 0)), f"{word}ELB": on(f"elbow_{side}", (0, 0, 0)),
            f"{word}WRA": on(f"wrist_{side}", (0.01, 0, 0)), f"{word}WRB": on(f"wrist_{side}", (-0.01, 0, 0)),
        }  # fmt: skip
    return markers


def test_c3d_markers_are_reproduced_within_the_fits_own_report(legs, march_once, tmp_path):
    pytest.importorskip("ezc3d")
    clip = march_once
    markers = walking_markers(legs, clip)
    source = read_source(write_c3d(tmp_path / "walk.c3d", {f"Anna:{n}": v for n, v in markers.items()}, rate=clip.fps))
    assert "'plug_in_gait'" in source.source
    result = retarget(legs, source)
    again = walking_markers(legs, result)
    legs_only = [name for name in markers if name[1:] in ("ASI", "PSI", "KNE", "KNM", "ANK", "MED", "HJC")]
    recorded = np.stack([markers[name] for name in legs_only], axis=1)
    fitted = np.stack([again[name] for name in legs_only], axis=1)
    offset = np.median((fitted - recorded).reshape(-1, 3), axis=0)
    error = 100 * np.linalg.norm(fitted - recorded - offset, axis=-1)
    assert result.quality["recorded_error_mean_cm"] < 1.0
    assert error.mean() < result.quality["recorded_error_mean_cm"] + 1.0
    assert error.max() < result.quality["recorded_error_max_cm"] + 2.5


def test_c3d_against_ezc3d(tmp_path):
    ezc3d = pytest.importorskip("ezc3d")
    rng = np.random.default_rng(3)
    path = write_c3d(tmp_path / "a.c3d", {f"M{i}": rng.normal(size=(9, 3)) for i in range(300)}, rate=120.0)
    time, markers, unit, _ = read_c3d(path)
    theirs = ezc3d.c3d(str(path))["data"]["points"][:3]
    assert unit == "mm" and len(markers) == 300
    np.testing.assert_allclose(np.diff(time), 1 / 120)
    np.testing.assert_allclose(np.stack(list(markers.values()), axis=1), theirs.transpose(2, 1, 0), rtol=1e-6)


def test_trc_with_a_wrong_header_count_and_a_gap(tmp_path):
    markers = stationary_markers()
    markers["knee_r"][10:14] = np.nan
    source = read_source(write(tmp_path / "a.trc", trc_text(markers)))
    assert source.time_s[0] == 0.0 and source.fps == pytest.approx(100)
    np.testing.assert_allclose(source.joint("knee_r")[12], [0, -0.09, 0.48], atol=1e-6)
    for segment in SEGMENTS:
        np.testing.assert_allclose(axis_of(source, segment, 0), [1, 0, 0], atol=1e-3, err_msg=segment)
    markers["knee_r"][3:29] = np.nan
    with pytest.raises(MsemuError, match=r"knee_r is not seen for 0\.27 s"):
        read_source(write(tmp_path / "b.trc", trc_text(markers)))
    markers["knee_r"][:] = np.nan
    with pytest.raises(MsemuError, match="do not give knee_r"):
        read_source(write(tmp_path / "c.trc", trc_text(markers)))


@pytest.mark.parametrize(("unit", "scale"), [("m", 1.0), ("cm", 100.0), ("", 1000.0), ("", 1.0)])
def test_units_of_a_trc(tmp_path, unit, scale):
    source = read_source(write(tmp_path / "a.trc", trc_text(stationary_markers(), unit, scale)))
    assert source.leg_length() == pytest.approx(0.82, abs=1e-6)


def test_hips_by_regression_and_knees_from_lateral_markers(tmp_path):
    markers = stationary_markers()
    for side in "rl":
        del markers[f"hip_{side}"]
    names = {
        "sacrum": "SACR",
        "knee": "KNE",
        "ankle": "ANK",
        "asis": "ASI",
        "toe": "TOE",
        "shoulder": "SHO",
        "elbow": "ELB",
        "wrist": "WRA",
    }
    renamed = {}
    for name, values in markers.items():
        word = names[name.split("_")[0]]
        renamed[word if word == "SACR" else f"{name[-1].upper()}{word}"] = values
    source = read_source(write(tmp_path / "a.trc", trc_text(renamed)))
    width, depth = 0.26, np.hypot(0.20, 0.0116)
    tilt = np.arctan2(0.0116, 0.20)
    back, down = 0.24 * depth + 0.0099, 0.30 * width + 0.0109
    forward, up = np.array([np.cos(tilt), 0, -np.sin(tilt)]), np.array([np.sin(tilt), 0, np.cos(tilt)])
    hip = np.array([0.06, 0, 1.0]) - back * forward - down * up
    np.testing.assert_allclose(source.pelvis[0], hip, atol=1e-4)
    assert np.linalg.norm(source.joint("hip_l")[0] - source.joint("hip_r")[0]) == pytest.approx(
        2 * (0.33 * width + 0.0073), abs=1e-4
    )
    np.testing.assert_allclose(np.linalg.norm(source.joint("knee_r")[0] - [0, -0.09, 0.48]), 0.057, atol=1e-6)
    assert source.joint("knee_r")[0, 1] > -0.09


def test_trc_export_brings_the_movement_back(legs, march_once, tmp_path):
    WRITERS["trc"](tmp_path / "a.trc", march_once, legs)
    time, markers, unit, _ = read_trc(tmp_path / "a.trc")
    assert unit == "m" and len(time) == march_once.num_frames
    positions, _ = landmark_path(legs, march_once.qpos)
    x, y, z = positions[:, LANDMARKS.index("knee_l")].T
    np.testing.assert_allclose(markers["knee_l"], np.column_stack([x, z, -y]), atol=1e-6)
    result = retarget(legs, read_source(tmp_path / "a.trc"))
    assert result.quality["error_mean_cm"] < 0.62
    knee = 7 + march_once.joint_names.index("knee_angle_r")
    assert np.degrees(np.abs(result.qpos[3:-3, knee] - march_once.qpos[3:-3, knee]).mean()) < 3.0


# ---------------------------------------------------------------- plain poses, treadmill


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_plain_poses_come_back(legs, march_once, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    WRITERS[suffix](path, march_once, legs)
    clip = read_clip(path, legs, fps=march_once.fps)
    np.testing.assert_allclose(clip.qpos, march_once.qpos, atol=1e-8)
    assert isinstance(clip, MotionClip) and not clip.cyclic
    assert read_clip(path, legs, fps=25.0).num_frames == 25


def test_poses_of_another_body_are_refused(legs, march_once, tmp_path):
    WRITERS["csv"](tmp_path / "a.csv", march_once, legs)
    text = (tmp_path / "a.csv").read_text()
    with pytest.raises(MsemuError, match="unknown columns wing"):
        read_clip(write(tmp_path / "b.csv", text.replace("hip_flexion_r", "wing")), legs)
    np.savez(tmp_path / "c.npz", qpos=np.zeros((5, 9)), fps=50.0)
    with pytest.raises(MsemuError, match=r"qpos has shape \(5, 9\)"):
        read_clip(tmp_path / "c.npz", legs)
    np.savez(tmp_path / "d.npz", qpos=march_once.qpos)
    with pytest.raises(MsemuError, match="needs 'fps'"):
        read_clip(tmp_path / "d.npz", legs)


def test_a_treadmills_belt_is_found_and_added(tmp_path):
    frames, speed = 200, 0.9
    markers = stationary_markers(frames)
    for name, values in markers.items():
        values[:, 2] -= 0.08 * (name[:4] not in ("ankl", "toe_"))
    time = np.arange(frames) / 100
    for side, shift in (("r", 0.0), ("l", 0.5)):
        share = (time + shift) % 1.0
        stance = share < 0.6
        path = np.where(stance, 0.27 - speed * share, -0.27 + 0.54 * (share - 0.6) / 0.4)
        lift = np.where(stance, 0.0, 0.12 * np.sin(np.pi * (share - 0.6) / 0.4))
        for joint in ("ankle", "toe"):
            markers[f"{joint}_{side}"][:, 0] += path
            markers[f"{joint}_{side}"][:, 2] += lift
        markers[f"knee_{side}"] = knee_between(markers[f"hip_{side}"], markers[f"ankle_{side}"])
    source = read_source(write(tmp_path / "a.trc", trc_text(markers)))
    np.testing.assert_allclose(belt_velocity(source), [-speed, 0, 0], atol=0.05)
    moved = overground(source)
    np.testing.assert_allclose(moved.pelvis[-1] - moved.pelvis[0], [speed * time[-1], 0, 0], atol=0.1)
    with pytest.raises(MsemuError, match="not on a treadmill"):
        overground(moved)


def test_rows_of_bvh_fit_its_channels():
    assert bvh_rows().shape[1] == BVH_COLUMNS
