"""Names of other laboratories and tools: prefixes, marker sets, coordinates that lack, names that stand twice."""

import io
import re

import numpy as np
import pytest
from motion_files import (
    BVH_COLUMNS,
    amass_arrays,
    bvh_rows,
    bvh_text,
    csv_text,
    gait_angles,
    npz_bytes,
    standing_amp,
    stationary_markers,
    storage_text,
    trc_text,
    write_c3d,
)
from rich.console import Console

from msemu.cli.motion.show import show_clip
from msemu.errors import MsemuError
from msemu.motion.formats.read import ReadOptions, read_clip, read_source


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ---------------------------------------------------------------- prefixes

PREFIXES = [
    "mixamorig_",
    "mixamorig:",
    "mixamorig1:",
    "mixamorig",
    "Skeleton_001_",
    "Character1 ",
    "subject 7.",
    "A|B|",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("root", [True, False])
def test_a_prefix_that_nearly_all_joints_share_does_not_matter(tmp_path, prefix, root):
    text = bvh_text("cmu", bvh_rows())
    expected = read_source(write(tmp_path / "a.bvh", text))
    named = re.sub(r"(JOINT|ROOT) (\w)", lambda found: f"{found[1]} {prefix}{found[2]}", text)
    if not root:
        named = named.replace(f"ROOT {prefix}", "ROOT ")
    source = read_source(write(tmp_path / "b.bvh", named))
    np.testing.assert_array_equal(source.positions, expected.positions)
    assert "'cmu'" in source.source


@pytest.mark.parametrize("prefix", ["Anna:", "P01_", "trial 3 Anna "])
def test_a_prefix_of_markers_and_of_coordinates(legs, tmp_path, prefix):
    markers = stationary_markers()
    expected = read_source(write(tmp_path / "a.trc", trc_text(markers)))
    named = {prefix + name: values for name, values in markers.items()} | {"*0": markers["toe_r"]}
    assert np.array_equal(read_source(write(tmp_path / "b.trc", trc_text(named))).positions, expected.positions)
    angles = gait_angles(arms=False)
    clip = read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), legs)
    angles = {prefix.replace(" ", "-") + name: values for name, values in angles.items()}
    assert np.array_equal(read_clip(write(tmp_path / "b.mot", storage_text(angles, True)), legs).qpos, clip.qpos)


def test_a_word_that_some_names_share_is_no_prefix(tmp_path):
    markers = {f"R_{name}": values for name, values in stationary_markers().items() if name.endswith("_r")}
    with pytest.raises(MsemuError, match="do not give"):
        read_source(write(tmp_path / "a.trc", trc_text(markers)))


# ---------------------------------------------------------------- marker sets

CENTERS = {
    "OpenPose": ("{S}{Joint}", {"toe": "{S}BigToe"}),
    "COCO": ("{side}_{joint}", {"toe": "{side}_foot_index"}),
    "SMPL": ("{S}_{Joint}", {"toe": "{S}_Foot"}),
    "Xsens": ("j{Side}{Joint}", {"toe": "j{Side}BallFoot"}),
}
"""How sets of joint centers name a joint, and its exceptions."""


def spelled(pattern: str, joint: str, side: str) -> str:
    word = {"r": "right", "l": "left"}[side]
    return pattern.format(
        S=side.upper(), Joint=joint.capitalize(), side=word, Side=word.capitalize(), joint=joint, s=side
    )


@pytest.mark.parametrize("name", CENTERS)
def test_hips_and_shoulders_stand_in_for_the_pelvis(tmp_path, name):
    pattern, others = CENTERS[name]
    markers = {}
    for key, values in stationary_markers().items():
        joint, _, side = key.partition("_")
        if joint not in ("asis", "sacrum"):
            markers[spelled(others.get(joint, pattern), joint, side)] = values
    source = read_source(write(tmp_path / "a.trc", trc_text(markers)))
    with_pelvis = read_source(write(tmp_path / "b.trc", trc_text(stationary_markers())))
    np.testing.assert_allclose(source.positions, with_pelvis.positions, atol=1e-9)
    np.testing.assert_allclose(source.orientations, with_pelvis.orientations, atol=2e-3)
    assert "pelvis along the trunk, from hips and shoulders" in source.source


def test_a_pelvis_of_joint_centers_turns_with_the_person(tmp_path):
    markers = {name: values for name, values in stationary_markers().items() if name[:4] not in ("asis", "sacr")}
    turned = {name: values[:, [1, 0, 2]] * [-1.0, 1.0, 1.0] for name, values in markers.items()}
    source = read_source(write(tmp_path / "a.trc", trc_text(turned)))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(np.abs(source.orientations[:, 0] @ [half, 0, 0, half]), 1.0, atol=1e-5)
    del markers["shoulder_l"]
    with pytest.raises(MsemuError, match="do not give shoulder_l; nearest map 'joint_centers'"):
        read_source(write(tmp_path / "b.trc", trc_text(markers)))


MARKER_SETS = {
    "opencap": {
        "asis": "{s}.ASIS_study", "psis": "{s}.PSIS_study", "knee": "{s}_knee_study", "inner_knee": "{s}_mknee_study",
        "ankle": "{s}_ankle_study", "inner_ankle": "{s}_mankle_study", "heel": "{s}_calc_study",
        "toe": "{s}_toe_study", "acromion": "{s}_shoulder_study", "elbow": "{s}_lelbow_study",
        "wrist": "{s}_lwrist_study", "hip": "{S}HJC_study",
    },
    "qualisys": {
        "asis": "{S}_IAS", "psis": "{S}_IPS", "knee": "{S}_FLE", "inner_knee": "{S}_FME", "ankle": "{S}_FAL",
        "inner_ankle": "{S}_TAM", "heel": "{S}_FCC", "toe": "{S}_FM2", "acromion": "{S}_SAE", "elbow": "{S}_HLE",
        "wrist": "{S}_RSP", "hip": "{S}_HJC",
    },
    "xsens": {
        "asis": "p{Side}ASI", "knee": "p{Side}KneeLatEpicondyle", "inner_knee": "p{Side}KneeMedEpicondyle",
        "ankle": "p{Side}LatMalleolus", "inner_ankle": "p{Side}MedMalleolus", "heel": "p{Side}HeelFoot",
        "toe": "p{Side}Toe", "acromion": "p{Side}Acromion", "elbow": "j{Side}Elbow", "wrist": "j{Side}Wrist",
        "hip": "j{Side}Hip",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MARKER_SETS)
def test_marker_sets_of_laboratories(tmp_path, name):
    words, points = MARKER_SETS[name], stationary_markers()
    markers = {} if "psis" in words else {"pSacrum": points["sacrum"]}
    for side, out in (("r", [0, -0.05, 0]), ("l", [0, 0.05, 0])):
        own = {key: points[f"{key}_{side}"] for key in ("asis", "hip", "toe", "elbow", "wrist")}
        own |= {"psis": points["sacrum"] + out, "heel": points[f"ankle_{side}"] + [-0.05, 0, -0.05]}
        own |= {"acromion": points[f"shoulder_{side}"] + [0, 0, 0.05]}
        own |= {joint: points[f"{joint}_{side}"] + out for joint in ("knee", "ankle")}
        own |= {f"inner_{joint}": points[f"{joint}_{side}"] - out for joint in ("knee", "ankle")}
        markers |= {spelled(words[key], key, side): values for key, values in own.items() if key in words}
    source = read_source(write(tmp_path / "a.trc", trc_text(markers)))
    assert f"names of '{name}'" in source.source
    for joint in ("hip_r", "knee_r", "ankle_l", "elbow_l", "wrist_r"):
        np.testing.assert_allclose(source.joint(joint), points[joint], atol=1e-5, err_msg=joint)


SKELETONS = {
    "xsens": ("{Side}{}", "UpperLeg LowerLeg Foot Toe UpperArm ForeArm Hand", "Pelvis"),
    "smpl": ("{S}_{}", "Hip Knee Ankle Foot Shoulder Elbow Wrist", "Pelvis"),
    "biped": ("Bip01 {S} {}", "Thigh Calf Foot Toe0 UpperArm Forearm Hand", "Bip01 Pelvis"),
    "unreal": ("{}_{s}", "thigh calf foot ball upperarm lowerarm hand", "pelvis"),
    "rokoko": ("{Side}{}", "Thigh Shin Foot Toe Arm ForeArm Hand", "Hips"),
}


@pytest.mark.parametrize("name", SKELETONS)
def test_skeletons_of_other_programs(tmp_path, name):
    pattern, words, pelvis = SKELETONS[name]
    text = bvh_text("cmu", bvh_rows())
    expected = read_source(write(tmp_path / "a.bvh", text))
    joints = dict(zip(("UpLeg", "Leg", "Foot", "ToeBase", "Arm", "ForeArm", "Hand"), words.split(), strict=True))
    for side in ("Left", "Right"):
        for old, new in joints.items():
            spelling = pattern.format(new, Side=side, S=side[0], s=side[0].lower())
            text = text.replace(f"JOINT {side}{old}\n", f"JOINT {spelling}\n")
    source = read_source(write(tmp_path / "b.bvh", text.replace("ROOT Hips", f"ROOT {pelvis}")))
    assert f"names of '{name}'" in source.source
    np.testing.assert_array_equal(source.positions, expected.positions)


# ---------------------------------------------------------------- coordinates that lack

PLANAR = ["pelvis_list", "pelvis_rotation", "pelvis_tz"] + [
    f"hip_{name}_{side}" for name in ("adduction", "rotation") for side in "rl"
]
LACKING = {
    "planar": [*PLANAR, "lumbar_bending", "lumbar_rotation"],
    "in place": ["pelvis_tx", "pelvis_tz"],
    "arms that swing": [f"arm_{name}_{side}" for name in ("add", "rot") for side in "rl"],
}


@pytest.fixture(scope="module")
def whole():
    from msemu.models import load_body

    return load_body("myofullbody")


@pytest.mark.parametrize("name", LACKING)
def test_coordinates_that_a_model_lacks_are_zero_and_said(whole, tmp_path, name):
    angles = gait_angles(8)
    zero = angles | {column: np.zeros(8) for column in LACKING[name]}
    expected = read_clip(write(tmp_path / "a.mot", storage_text(zero, True)), whole, fps=100.0)
    kept = {column: values for column, values in angles.items() if column not in LACKING[name]}
    clip = read_clip(write(tmp_path / "b.mot", storage_text(kept, True)), whole, fps=100.0)
    np.testing.assert_allclose(clip.qpos, expected.qpos, atol=1e-9)
    said = clip.source.split("not in the file, taken as zero: ")[1].split(", ")
    assert sorted(said) == sorted(LACKING[name])
    assert "taken as zero" not in expected.source


@pytest.mark.parametrize("column", ["pelvis_tilt", "pelvis_ty", "hip_flexion_l", "knee_angle_r", "ankle_angle_l"])
def test_coordinates_without_which_there_is_no_gait(legs, tmp_path, column):
    angles = gait_angles(8, arms=False)
    del angles[column]
    with pytest.raises(MsemuError, match=f"do not give {column};"):
        read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), legs)


def test_the_names_of_the_planar_walker_of_moco(whole, tmp_path):
    angles = {name: values for name, values in gait_angles(8, arms=False).items() if name not in LACKING["planar"]}
    expected = read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), whole, fps=100.0)
    angles["lumbar"] = angles.pop("lumbar_extension")
    paths = {f"/jointset/joint/{name}/value": values for name, values in angles.items()}
    paths |= {f"/jointset/joint/{name}/speed": values for name, values in angles.items()}
    clip = read_clip(write(tmp_path / "b.sto", storage_text(paths, True)), whole, fps=100.0)
    np.testing.assert_allclose(clip.qpos, expected.qpos, atol=1e-9)


# ---------------------------------------------------------------- names that stand twice


def renamed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_a_column_that_is_used_stands_once(legs, tmp_path):
    angles = {"first": np.zeros(8)} | gait_angles(8, arms=False) | {"a": np.zeros(8), "b": np.ones(8)}
    text = storage_text(angles, True)
    expected = read_clip(write(tmp_path / "a.mot", text), legs, fps=100.0)
    path = write(tmp_path / "b.mot", renamed(text, "first", "knee_angle_r"))
    column = 2 + list(angles).index("knee_angle_r")
    twice = (
        rf"b.mot: the name 'knee_angle_r' stands 2 times: knee_angle_r \(column 2\), knee_angle_r \(column {column}\)"
    )
    with pytest.raises(MsemuError, match=twice):
        read_clip(path, legs)
    unused = read_clip(write(tmp_path / "c.mot", renamed(text, "\ta\tb", "\ta\ta")), legs, fps=100.0)
    np.testing.assert_array_equal(unused.qpos, expected.qpos)
    paths = renamed(text, "first", "/jointset/knee/knee_angle_r/value")
    with pytest.raises(MsemuError, match="the name 'knee_angle_r' stands 2 times"):
        read_clip(write(tmp_path / "d.mot", paths), legs)

    from importlib.resources import files

    own = (files("msemu.cfg") / "motion" / "opensim" / "rajagopal.yaml").read_text()
    own = own.replace("[knee_angle_r]", f"['knee_angle_r (column {column})']")
    chosen = read_clip(path, legs, fps=100.0, options=ReadOptions(str(write(tmp_path / "own.yaml", own))))
    np.testing.assert_array_equal(chosen.qpos, expected.qpos)


def test_a_marker_that_is_used_stands_once(tmp_path):
    markers = stationary_markers() | {"a": np.full((30, 3), 0.5), "b": np.ones((30, 3))}
    text = trc_text(markers)
    expected = read_source(write(tmp_path / "a.trc", text))
    source = read_source(write(tmp_path / "b.trc", renamed(text, "\ta\t\t\tb", "\ta\t\t\ta")))
    np.testing.assert_array_equal(source.positions, expected.positions)
    with pytest.raises(MsemuError, match=r"'toe_r' stands 2 times: toe_r \(column \d+\), toe_r \(column \d+\)"):
        read_source(write(tmp_path / "c.trc", renamed(text, "\ta\t\t\tb", "\ttoe_r\t\t\tb")))
    with pytest.raises(MsemuError, match="'knee_l' stands 2 times: Ben:knee_l, Anna:knee_l"):
        both = renamed(renamed(text, "\ta\t\t\tb", "\tAnna:knee_l\t\t\tb"), "\tknee_l\t", "\tBen:knee_l\t")
        read_source(write(tmp_path / "d.trc", both))


def test_a_marker_of_a_c3d_file_that_is_used_stands_once(tmp_path):
    pytest.importorskip("ezc3d")
    markers = stationary_markers() | {"spare": np.full((30, 3), 0.5), "other": np.ones((30, 3))}
    content = write_c3d(tmp_path / "a.c3d", markers).read_bytes()
    assert b"spare" in content and b"other" in content
    expected = read_source(tmp_path / "a.c3d")
    unused = read_source(write(tmp_path / "b.c3d", content.replace(b"other", b"spare")))
    np.testing.assert_array_equal(unused.positions, expected.positions)
    with pytest.raises(MsemuError, match=r"'hip_r' stands 2 times: hip_r \(marker \d+\), hip_r \(marker \d+\)"):
        read_source(write(tmp_path / "c.c3d", content.replace(b"spare", b"hip_r")))


def test_a_joint_that_is_used_stands_once(legs, tmp_path):
    text = bvh_text("cmu", bvh_rows())
    with pytest.raises(MsemuError, match=r"'leftleg' stands 2 times: LeftLeg \(line \d+\), LeftLeg \(line \d+\)"):
        read_source(write(tmp_path / "a.bvh", renamed(text, "JOINT RightToeBase", "JOINT LeftLeg")))
    spine = renamed(text, "JOINT Spine", "JOINT Finger").replace(
        "End Site\n{", "End Site\n{\nOFFSET 0 0 5\n}\nEnd Site\n{"
    )
    assert read_source(write(tmp_path / "b.bvh", spine)).num_frames == 12
    table = csv_text(legs, np.repeat(legs.neutral_qpos[None], 8, axis=0))
    with pytest.raises(MsemuError, match=r"more than once: knee_angle_r \(column \d+\), knee_angle_r \(column \d+\)"):
        read_clip(write(tmp_path / "a.csv", renamed(table, "knee_angle_l", "knee_angle_r")), legs)


# ---------------------------------------------------------------- position channels, arrays


def everywhere(rows: np.ndarray, keep_offsets: bool, displaced: bool) -> str:
    """The skeleton with position channels on every joint: the bones, or zeros beside offsets."""
    text = bvh_text("cmu", rows)
    pattern = r"OFFSET (\S+) (\S+) (\S+)\nCHANNELS 3 "
    offsets = [[float(value) for value in found] for found in re.findall(pattern, text)]
    columns = [rows[:, :6]]
    for index, offset in enumerate(offsets):
        columns += [np.tile([0.0] * 3 if displaced else offset, (len(rows), 1)), rows[:, 6 + 3 * index : 9 + 3 * index]]
    offset = r"OFFSET \1 \2 \3" if keep_offsets else "OFFSET 0 0 0"
    text = re.sub(pattern, offset + r"\nCHANNELS 6 Xposition Yposition Zposition ", text)
    head = text[: text.index("Frame Time:")] + "Frame Time: 0.033333\n"
    return head + "\n".join(" ".join(f"{value:.6f}" for value in row) for row in np.hstack(columns)) + "\n"


@pytest.mark.parametrize(("keep_offsets", "displaced"), [(False, False), (True, False), (True, True)])
def test_position_channels_on_every_joint(tmp_path, keep_offsets, displaced):
    rows = bvh_rows()
    rows[:, 6:] = 5.0 * np.sin(np.arange(12 * (BVH_COLUMNS - 6)).reshape(12, -1))
    expected = read_source(write(tmp_path / "a.bvh", bvh_text("cmu", rows)))
    source = read_source(write(tmp_path / "b.bvh", everywhere(rows, keep_offsets, displaced)))
    np.testing.assert_allclose(source.positions, expected.positions, atol=1e-9)
    np.testing.assert_allclose(source.orientations, expected.orientations, atol=1e-9)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_rate_of_any_shape_and_objects_that_are_not_read(legs, tmp_path, shape):
    objects = {"gender": np.array("female", dtype=object), "labels": np.array([{"a": 1}, None], dtype=object)}
    amass = amass_arrays() | objects | {"mocap_framerate": np.full(shape, 60.0), "betas": np.array([None])}
    assert read_source(write(tmp_path / "a.npz", npz_bytes(amass))).fps == pytest.approx(60.0)
    amp = standing_amp(8) | objects | {"fps": np.full(shape, 60), "dof_positions": np.array([None])}
    assert read_source(write(tmp_path / "b.npz", npz_bytes(amp))).fps == pytest.approx(60.0)
    poses = {"qpos": np.repeat(legs.neutral_qpos[None], 8, axis=0), "fps": np.full(shape, 50.0)} | objects
    assert read_clip(write(tmp_path / "c.npz", npz_bytes(poses)), legs).num_frames == 8


def test_a_map_that_is_asked_for_is_taken(tmp_path):
    path = write(tmp_path / "a.trc", trc_text(stationary_markers()))
    with pytest.raises(MsemuError, match="nearest map 'qualisys'"):
        read_source(path, ReadOptions(names="qualisys"))


def test_names_of_a_file_are_printed_as_they_stand(legs, tmp_path):
    angles = gait_angles(8, arms=False) | {"[red]emg": np.zeros(8), "a\x1b[31mb": np.zeros(8)}
    clip = read_clip(write(tmp_path / "a.mot", storage_text(angles, True)), legs, fps=100.0)
    clip.license = "\x1b]0;title\x07 [/b]"
    console = Console(width=1000, file=io.StringIO())
    show_clip(console, clip, "[/i].npz")
    text = console.file.getvalue()
    assert "\x1b" not in text and "\x07" not in text
    for part in ("not used: [red]emg, a?[31mb", "?]0;title? [/b]", "[/i].npz"):
        assert part in text
