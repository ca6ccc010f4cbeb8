"""Recordings of other axes, units and frames are refused with what mends them; mended, they are the sound one."""

import re

import numpy as np
import pytest
from motion_files import (
    bvh_text,
    gait_angles,
    stationary_markers,
    storage_text,
    trc_text,
    walking_amass,
    walking_markers,
    walking_rows,
)
from scipy.spatial.transform import Rotation

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.checks.frames import FIRST_POSE
from msemu.motion.formats.read import ReadOptions, read_clip, read_source
from msemu.motion.library.catalogue import catalogue
from msemu.motion.library.obtain import load_source
from msemu.motion.retargeting.looping import face_forward
from msemu.motion.source import JOINT_CENTERS


def turn(*rows):
    """A matrix whose row i has a sign in the column of the axis that the new axis i is: 1, 2, 3 or their negatives."""
    return np.array([np.sign(row) * np.eye(3)[abs(row) - 1] for row in rows])


DOWN, Z_UP, Z_DOWN, X_UP, X_DOWN = (turn(*rows) for rows in ((1, -2, -3), (3, 1, 2), (1, -3, 2), (2, 3, 1), (-2, 1, 3)))
UP_OF = {"-y": DOWN, "z": Z_UP, "x": X_UP, "-x": X_DOWN}
LEFT_HANDED = {"z": np.diag([1.0, 1.0, -1.0]), "x": np.diag([-1.0, 1.0, 1.0])}


def write_trc(path, markers, matrix=None, unit="mm", scale=1000.0):
    """Markers, z up, in a file whose axes are those of a file with y up turned by a matrix."""
    y_up = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    back = {
        name: values @ (np.eye(3) if matrix is None else y_up.T @ matrix @ y_up).T for name, values in markers.items()
    }
    path.write_text(trc_text(back, unit, scale))
    return path


def write_bvh(path, rows, matrix=None, frame_time=1 / 30):
    """A skeleton all of whose offsets, positions and rotations are those of `bvh_text` in axes changed by a matrix."""
    matrix = np.eye(3) if matrix is None else matrix
    rows = rows.copy()
    rows[:, :3] = rows[:, :3] @ matrix.T
    for first in range(3, rows.shape[1], 3):
        turns = Rotation.from_euler("ZXY", rows[:, first : first + 3], degrees=True).as_matrix()
        rows[:, first : first + 3] = Rotation.from_matrix(matrix @ turns @ matrix.T).as_euler("ZXY", degrees=True)

    def turned(line):
        offset = matrix @ np.array(line[1].split(), dtype=float)
        return "OFFSET " + " ".join(f"{value:.6f}" for value in offset)

    path.write_text(re.sub(r"OFFSET (.*)", turned, bvh_text("cmu", rows, frame_time)))
    return path


def write_amass(path, matrix=None, local=None):
    """An AMASS motion in a world turned by a matrix from z up; ``local`` reflects the axes of the joints."""
    arrays, matrix = walking_amass(), np.eye(3) if matrix is None else matrix
    local = np.eye(3) if local is None else local
    poses = arrays["poses"].reshape(len(arrays["poses"]), -1, 3)
    matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(*poses.shape[:2], 3, 3)
    matrices[:, 0] = matrix @ matrices[:, 0] @ local
    matrices[:, 1:] = local @ matrices[:, 1:] @ local
    turns = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().reshape(len(poses), -1)
    pelvis = np.array([0.0, 0.04 * 1.7, 0.0])  # above the hips in the zero pose: what the translation is added to
    moved = (arrays["trans"] + pelvis) @ matrix.T - pelvis
    np.savez(path, **arrays | {"poses": turns, "trans": moved})
    return path


def assert_same(source, other, tolerance=1e-4):
    """The recordings agree when both face forward from the origin, up to their height."""
    one, two = face_forward(source), face_forward(other)
    height = two.positions[0, 0, 2] - one.positions[0, 0, 2]
    np.testing.assert_allclose(one.positions + np.array([0, 0, height]), two.positions, atol=tolerance)
    agreement = np.abs((one.orientations * two.orientations).sum(-1))
    np.testing.assert_allclose(agreement, 1.0, atol=tolerance)


# ---------------------------------------------------------------- up


@pytest.mark.parametrize("up", UP_OF)
@pytest.mark.parametrize("kind", ["trc", "bvh"])
def test_another_vertical_is_refused_and_read_when_it_is_said(tmp_path, kind, up):
    if kind == "trc":
        paths = [
            write_trc(tmp_path / f"{name}.trc", walking_markers(), m) for name, m in (("a", None), ("b", UP_OF[up]))
        ]
    else:
        paths = [write_bvh(tmp_path / f"{name}.bvh", walking_rows(), m) for name, m in (("a", None), ("b", UP_OF[up]))]
    with pytest.raises(MsemuError, match=f"--up {up}, or --up y if"):
        read_source(paths[1])
    assert_same(read_source(paths[1], ReadOptions(up=up)), read_source(paths[0]))
    assert read_source(paths[1], ReadOptions(up="y")).num_frames  # what the user says is not doubted


@pytest.mark.parametrize(("up", "matrix"), [("y", Z_UP.T), ("x", Z_UP), ("-z", turn(1, -2, -3))])
def test_another_vertical_of_an_amass_motion(tmp_path, up, matrix):
    sound = read_source(write_amass(tmp_path / "a.npz"))
    with pytest.raises(MsemuError, match=f"--up {up}, or --up z if"):
        read_source(write_amass(tmp_path / "b.npz", matrix))
    assert_same(read_source(tmp_path / "b.npz", ReadOptions(up=up)), sound)


def test_markers_of_the_legs_alone_tell_what_is_up(tmp_path):
    legs = {
        name: values for name, values in walking_markers().items() if name[:-2] not in ("shoulder", "elbow", "wrist")
    }
    with pytest.raises(MsemuError, match="--up -y"):
        read_source(write_trc(tmp_path / "a.trc", legs, DOWN))


def test_who_stands_still_at_the_origin_of_a_file_with_z_up(tmp_path):
    with pytest.raises(MsemuError, match="--up z"):
        read_source(write_trc(tmp_path / "a.trc", stationary_markers(), Z_UP))


def test_who_lies_on_the_floor_is_not_refused(tmp_path):
    """A person who stands is laid down: the front is up, and the back a hand above the floor."""
    lying = {name: values[:, [2, 1, 0]] * [-1, 1, 1] + [0.3, 0, 0.2] for name, values in stationary_markers().items()}
    assert read_source(write_trc(tmp_path / "a.trc", lying)).num_frames == 30


def test_who_stands_on_the_hands_is_not_refused(tmp_path):
    points = walking_markers()
    for side in "rl":
        for name, height in (("elbow", 0.3), ("wrist", 0.6)):
            points[f"{name}_{side}"] = points[f"shoulder_{side}"] + [0.05, 0, height]
    upside_down = {name: values * [1, -1, -1] + [0, 0, 2.0] for name, values in points.items()}
    assert read_source(write_trc(tmp_path / "a.trc", upside_down)).num_frames == 60


# ---------------------------------------------------------------- left and right


@pytest.mark.parametrize("axis", LEFT_HANDED)
def test_left_handed_axes_are_refused_and_mirrored(tmp_path, axis):
    sound = write_trc(tmp_path / "a.trc", walking_markers()), write_bvh(tmp_path / "a.bvh", walking_rows())
    left = LEFT_HANDED[axis]
    mirrored = (
        write_trc(tmp_path / "b.trc", walking_markers(), left),
        write_bvh(tmp_path / "b.bvh", walking_rows(), left),
    )
    for path, right in zip(mirrored, sound, strict=True):
        with pytest.raises(MsemuError, match="--mirror"):
            read_source(path)
        assert_same(read_source(path, ReadOptions(mirror=True)), read_source(right))
        with pytest.raises(MsemuError, match="leave out --mirror"):
            read_source(right, ReadOptions(mirror=True))


def test_left_handed_amass_motions_are_mirrored(tmp_path):
    sound = read_source(write_amass(tmp_path / "a.npz"))
    reflection = np.diag([-1.0, 1.0, 1.0])
    read = read_source(write_amass(tmp_path / "b.npz", reflection, reflection), ReadOptions(mirror=True))
    assert_same(read, sound)


def test_names_of_left_and_right_that_are_exchanged_are_refused(tmp_path):
    exchanged = {
        f"{name[:-1]}{'rl'[name[-1] == 'r']}": values for name, values in walking_markers().items() if "_" in name
    }
    exchanged |= {"sacrum": walking_markers()["sacrum"]}
    with pytest.raises(MsemuError, match="names of left and right that are exchanged"):
        read_source(write_trc(tmp_path / "a.trc", exchanged))
    text = bvh_text("cmu", walking_rows())
    text = text.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
    (tmp_path / "b.bvh").write_text(text)
    with pytest.raises(MsemuError, match="exchanged"):
        read_source(tmp_path / "b.bvh")


def test_who_walks_backward_is_read_with_a_remark(tmp_path):
    rows = walking_rows()
    rows[:, 2] *= -1
    assert "moves backward at 1.2 m/s" in read_source(write_bvh(tmp_path / "a.bvh", rows)).source
    rows = "\n".join(f"{i / 50},{i / 40},0,0.95,0,0,0,1,{0.3 + 0.2 * np.sin(i / 5):.4f}" for i in range(40))
    header = "time,root_x,root_y,root_z,root_qw,root_qx,root_qy,root_qz,knee_angle_r\n"
    (tmp_path / "xyzw.csv").write_text(header + rows + "\n")
    assert "(w, x, y, z)" in read_clip(tmp_path / "xyzw.csv", load_body("myolegs")).source


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("unit", "scale", "right"), [("m", 1000.0, "mm"), ("mm", 1.0, "m"), ("cm", 1000.0, "mm"), ("mm", 100.0, "cm")]
)
def test_a_stated_unit_of_length_is_tested(tmp_path, unit, scale, right):
    path = write_trc(tmp_path / "a.trc", walking_markers(), None, unit, scale)
    with pytest.raises(MsemuError, match=f"in {unit}, thigh and shank are .* long: --unit {right} makes it 0.9 m"):
        read_source(path)
    assert read_source(path, ReadOptions(unit=right)).leg_length() == pytest.approx(0.82, abs=0.01)
    with pytest.raises(MsemuError, match="--unit cm makes it"):
        read_source(write_bvh(tmp_path / "a.bvh", walking_rows()), ReadOptions(unit="mm"))


def test_translations_in_another_unit_are_refused(tmp_path):
    arrays = walking_amass()
    np.savez(tmp_path / "a.npz", **arrays | {"trans": 100 * arrays["trans"]})
    with pytest.raises(MsemuError, match=r"pelvis moves at 120 m/s.* --unit"):
        read_source(tmp_path / "a.npz")
    assert read_source(tmp_path / "a.npz", ReadOptions(unit="cm")).num_frames == 45
    angles = gait_angles(arms=False)
    angles |= {name: 1000 * angles[name] for name in ("pelvis_tx", "pelvis_ty", "pelvis_tz")}
    (tmp_path / "a.mot").write_text(storage_text(angles, True))
    legs = load_body("myolegs")
    with pytest.raises(MsemuError, match=r"pelvis moves at .* --unit"):
        read_clip(tmp_path / "a.mot", legs)
    speed = read_clip(tmp_path / "a.mot", legs, options=ReadOptions(unit="mm")).qvel[:, 0]
    np.testing.assert_allclose(speed[5:-5], 1.2, atol=0.05)


@pytest.mark.parametrize("in_degrees", [False, None])
def test_degrees_that_are_read_as_radians(tmp_path, in_degrees):
    legs, angles = load_body("myolegs"), gait_angles(arms=False)
    text = storage_text(angles, False)
    path = tmp_path / "a.mot"
    path.write_text(text if in_degrees is False else text.replace("inDegrees=no\n", ""))
    with pytest.raises(MsemuError, match=r"degrees at .* s.*--angle-unit deg, or inDegrees=yes"):
        read_clip(path, legs)
    with pytest.raises(MsemuError, match="--angle-unit deg"):
        read_source(path)
    (tmp_path / "b.mot").write_text(storage_text(angles, True))
    found = read_clip(path, legs, options=ReadOptions(angle_unit="deg"))
    np.testing.assert_allclose(found.qpos, read_clip(tmp_path / "b.mot", legs).qpos)


def test_radians_that_are_read_as_degrees_are_a_statue(tmp_path):
    legs, angles = load_body("myolegs"), gait_angles(arms=False)
    radians = {
        name: values if "pelvis_t" in name and name != "pelvis_tilt" else np.radians(values)
        for name, values in angles.items()
    }
    (tmp_path / "a.mot").write_text(storage_text(radians, True))
    with pytest.raises(MsemuError, match=r"glides 0.4. m like a statue.*--angle-unit rad"):
        read_clip(tmp_path / "a.mot", legs)
    (tmp_path / "b.mot").write_text(storage_text(angles, True))
    found = read_clip(tmp_path / "a.mot", legs, options=ReadOptions(angle_unit="rad"))
    np.testing.assert_allclose(found.qpos, read_clip(tmp_path / "b.mot", legs).qpos, atol=1e-6)

    rows = walking_rows()
    rows[:, 3:] = np.radians(rows[:, 3:])
    (tmp_path / "a.bvh").write_text(bvh_text("cmu", rows))
    with pytest.raises(MsemuError, match="--angle-unit rad"):
        read_source(tmp_path / "a.bvh")
    sound = read_source(write_bvh(tmp_path / "b.bvh", walking_rows()))
    assert_same(read_source(tmp_path / "a.bvh", ReadOptions(angle_unit="rad")), sound, 1e-3)


def test_who_stands_calmly_is_no_statue(tmp_path):
    sway = 0.02 * np.sin(np.arange(30) / 5)[:, None] * [1, 0.5, 0]
    swaying = {
        name: values + sway * (name[:5] not in ("ankle", "toe_r", "toe_l"))
        for name, values in stationary_markers().items()
    }
    assert read_source(write_trc(tmp_path / "a.trc", swaying)).num_frames == 30


def test_a_statue_on_the_spot(tmp_path):
    rows = walking_rows()
    rows[:, 3:], rows[:, 1], rows[:, 2] = np.radians(rows[:, 3:]), 92 + 2 * np.sin(np.arange(45) / 3), 0.0
    with pytest.raises(MsemuError, match=r"glides 0\.04 m like a statue"):
        read_source(write_bvh(tmp_path / "a.bvh", rows))


def test_rotations_in_degrees_of_formats_in_radians(tmp_path):
    arrays = walking_amass()
    np.savez(tmp_path / "a.npz", **arrays | {"poses": np.degrees(arrays["poses"])})
    with pytest.raises(MsemuError, match="--angle-unit deg"):
        read_source(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", **arrays)
    assert_same(read_source(tmp_path / "a.npz", ReadOptions(angle_unit="deg")), read_source(tmp_path / "b.npz"))
    (tmp_path / "a.csv").write_text(
        "time,root_x,root_y,root_z,root_qw,root_qx,root_qy,root_qz,knee_angle_r\n"
        + "".join(f"{i / 50},0,0,0.95,1,0,0,0,{20 + i}\n" for i in range(30))
    )
    legs = load_body("myolegs")
    with pytest.raises(MsemuError, match=r"knee_angle_r is 2807 degrees at 0\.580 s.*--angle-unit deg"):
        read_clip(tmp_path / "a.csv", legs)
    knee = 7 + legs.joint_names.index("knee_angle_r")
    found = read_clip(tmp_path / "a.csv", legs, options=ReadOptions(angle_unit="deg"))
    np.testing.assert_allclose(np.degrees(found.qpos[:, knee]), 20 + np.arange(30), atol=1e-6)


def test_degrees_that_are_called_radians(tmp_path):
    with pytest.raises(MsemuError, match=r"a rotation by 75, which no joint makes in radians: leave out --angle-unit"):
        read_source(write_bvh(tmp_path / "a.bvh", walking_rows()), ReadOptions(angle_unit="rad"))


# ---------------------------------------------------------------- frames


def test_a_first_frame_of_another_pose_is_left_out(tmp_path):
    rows = walking_rows()
    pose = np.zeros((1, rows.shape[1]))
    pose[0, 1] = 92.0
    source = read_source(write_bvh(tmp_path / "a.bvh", np.concatenate([pose, rows])))
    assert "the first frame, of another pose, is left out" in source.source
    assert_same(
        source, read_source(write_bvh(tmp_path / "b.bvh", rows)), 1e-3
    )  # the standing feet count one frame more

    angles = gait_angles(arms=False)
    legs = load_body("myolegs")
    (tmp_path / "b.mot").write_text(storage_text(angles, True))
    first = {name: np.concatenate([[0.0], values]) for name, values in angles.items()}
    (tmp_path / "a.mot").write_text(storage_text(first, True))
    clip = read_clip(tmp_path / "a.mot", legs, 100.0)
    assert "left out" in clip.source
    np.testing.assert_allclose(clip.qpos[:, 7:], read_clip(tmp_path / "b.mot", legs, 100.0).qpos[:, 7:], atol=1e-6)


@pytest.mark.parametrize("name", ["knee_r", "toe_l", "shoulder_r"])
def test_a_marker_at_the_origin_is_a_missing_one(tmp_path, name):
    markers = walking_markers()
    sound = read_source(write_trc(tmp_path / "a.trc", markers))
    markers[name] = markers[name].copy()
    markers[name][20:23] = 0.0
    found = read_source(write_trc(tmp_path / "b.trc", markers))
    np.testing.assert_allclose(found.positions, sound.positions, atol=1e-3)


SPOILED = {
    "spike of an ankle": (lambda m: m["ankle_r"].__setitem__((30, 0), m["ankle_r"][30, 0] + 0.5), "ankle_r", 30),
    "spike of a wrist": (lambda m: m["wrist_l"].__setitem__((41, 2), 3.0), "wrist_l", 41),
    "ankles exchanged": (
        lambda m: m.update(
            ankle_r=np.concatenate([m["ankle_r"][:25], m["ankle_l"][25:33], m["ankle_r"][33:]]),
            ankle_l=np.concatenate([m["ankle_l"][:25], m["ankle_r"][25:33], m["ankle_l"][33:]]),
        ),
        "ankle_",
        25,
    ),
}


@pytest.mark.parametrize(("spoil", "name", "frame"), SPOILED.values(), ids=SPOILED)
def test_spikes_and_exchanges_are_named_with_frame_and_time(tmp_path, spoil, name, frame):
    markers = {key: values.copy() for key, values in walking_markers().items()}
    spoil(markers)
    with pytest.raises(
        MsemuError, match=rf"{name}.* jumps in frame \d+ of 60 \(0\.\d+ s\).*--start and --end"
    ) as refusal:
        read_source(write_trc(tmp_path / "a.trc", markers))
    found = int(re.search(r"frame (\d+)", str(refusal.value))[1])
    assert abs(found - 1 - frame) <= 2 or (frame == 25 and abs(found - 1 - 33) <= 2)


@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions(start=0.3)], ids=["whole", "part"])
@pytest.mark.parametrize("frame", [17, 20, 31])
def test_a_spike_of_a_frame_of_a_moving_body_is_that_frame_of_the_file(tmp_path, frame, options):
    rows = walking_rows()
    rows[frame, 2] += 150.0
    with pytest.raises(MsemuError, match=rf"jumps in frame {frame + 1} of 45 \({frame / 30:.3f} s\)"):
        read_source(write_bvh(tmp_path / "a.bvh", rows), options)


def test_a_marker_that_is_never_seen_is_named_as_such(tmp_path):
    markers = walking_markers()
    markers["knee_r"][:] = 0.0
    with pytest.raises(MsemuError, match=r"do not give knee_r.*\(empty, or at 0, 0, 0\) are seen: knee_r"):
        read_source(write_trc(tmp_path / "a.trc", markers))


def test_frames_at_the_ends_without_markers_are_left_out_and_said(tmp_path):
    markers = walking_markers()
    whole = read_source(write_trc(tmp_path / "a.trc", markers))
    for values in markers.values():
        values[:3] = values[-1:] = 0.0
    part = read_source(write_trc(tmp_path / "b.trc", markers))
    np.testing.assert_allclose(part.positions, whole.positions[3:-1], atol=1e-9)
    assert "the first 3 and the last 1 frames, in which markers are not seen, are left out" in part.source
    assert part.begin == (3, pytest.approx(0.03))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [(4, 0.0, "the root's quaternion .* is not of length 1"), (1, 2e4, "the root's position is beyond 10 km")],
)
def test_a_row_without_a_pose_is_named(tmp_path, column, value, reason):
    rows = np.column_stack([np.arange(30) / 50, np.tile([0, 0, 0.95, 1, 0, 0, 0, 0.3], (30, 1))])
    rows[7, column] = value
    header = "time,root_x,root_y,root_z,root_qw,root_qx,root_qy,root_qz,knee_angle_r\n"
    (tmp_path / "a.csv").write_text(header + "".join(",".join(map(str, row)) + "\n" for row in rows))
    with pytest.raises(MsemuError, match=rf"{reason} in row 8 \(0\.140 s\), and in 1 of 30"):
        read_clip(tmp_path / "a.csv", load_body("myolegs"))


def test_a_bone_that_changes_its_length_is_named(tmp_path):
    markers = walking_markers()
    markers["elbow_l"] = markers["elbow_l"] - np.outer(np.exp(-(((np.arange(60) - 40) / 8) ** 2)), [0, 0, 0.15])
    with pytest.raises(MsemuError, match=r"from elbow to wrist \(left\) it is 0\.1. m in frame 4. of 60"):
        read_source(write_trc(tmp_path / "a.trc", markers))


def test_a_marker_of_the_pelvis_that_jumps_turns_it(tmp_path):
    markers = walking_markers()
    markers["asis_r"][20] += [0.3, 0, 0.1]
    with pytest.raises(MsemuError, match=r"the orientation of pelvis jumps in frame 21 of 60 \(0\.200 s\)"):
        read_source(write_trc(tmp_path / "a.trc", markers))


def test_a_rotation_that_flips_for_a_frame_is_named(tmp_path):
    rows = walking_rows()
    rows[20, 7] += 120
    with pytest.raises(MsemuError, match=r"jumps in frame 21 of 45 \(0\.667 s\)"):
        read_source(write_bvh(tmp_path / "a.bvh", rows))


# ---------------------------------------------------------------- parts


def test_a_part_of_a_recording(tmp_path):
    whole, options = read_source(write_bvh(tmp_path / "a.bvh", walking_rows())), ReadOptions(start=0.5, end=1.0)
    part = read_source(tmp_path / "a.bvh", options)
    np.testing.assert_allclose(part.positions, whole.positions[15:31], atol=1e-9)
    assert part.time_s[0] == 0.0 and "from 0.5 s to 1 s of it" in part.source
    markers = walking_markers()
    markers["knee_r"][5:40] = np.nan  # too long a gap, but before the part
    part = read_source(write_trc(tmp_path / "a.trc", markers), ReadOptions(start=0.45))
    assert part.num_frames == 15 and "from 0.45 s to the end of it" in part.source
    legs = load_body("myolegs")
    (tmp_path / "a.mot").write_text(storage_text(gait_angles(arms=False), True))
    joints = read_clip(tmp_path / "a.mot", legs, 100.0).qpos[:, 7:]
    clip = read_clip(tmp_path / "a.mot", legs, 100.0, ReadOptions(end=0.2))
    assert clip.num_frames == 21 and "from 0 s to 0.2 s of it" in clip.source
    np.testing.assert_allclose(clip.qpos[:, 7:], joints[:21], atol=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 9.0}, "lasts 1.467 s; --start 9"),
        ({"end": 9.0}, "lasts 1.467 s; --start 0 to --end 9"),
        ({"start": 0.5, "end": 0.55}, "has 2 frames from"),
        ({"start": 1.0, "end": 0.5}, "in this order"),
        ({"start": -1.0}, "in this order"),
        ({"start": float("nan")}, "in this order"),
        ({"up": "w"}, "--up w is not one of x, y, z, -x"),
        ({"unit": "mile"}, "--unit mile is not one of"),
        ({"angle_unit": "gon"}, "--angle-unit gon is not one of deg, rad"),
        ({"smpl_model": "model.npz"}, "of a format that --smpl-model does not apply to"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, options, message):
    with pytest.raises(MsemuError, match=message):
        read_source(write_bvh(tmp_path / "a.bvh", walking_rows()), ReadOptions(**options))


# ---------------------------------------------------------------- sound recordings


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue())
def test_no_clip_of_the_catalogue_is_refused(name):
    try:
        source = load_source(catalogue()[name])
    except MsemuError as error:
        if "cannot" not in str(error) and "network" not in str(error):
            raise
        pytest.skip(f"the recording is not in the cache and cannot be fetched: {error}")
    assert FIRST_POSE not in source.source and "warning" not in source.source
    assert source.positions.shape[1] == len(JOINT_CENTERS)
