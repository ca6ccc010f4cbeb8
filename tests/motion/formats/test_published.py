"""Published recordings of each format, fetched from packages; nothing of them is kept in the repository.

Skipped where they are neither in the cache nor to be had.
"""

import tarfile

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.formats.c3d import read_c3d
from msemu.motion.formats.opensim_storage import read_storage
from msemu.motion.formats.read import read_clip, read_source
from msemu.motion.formats.write import WRITERS
from msemu.motion.library.catalogue import Package, find_entry
from msemu.motion.library.download import download
from msemu.motion.library.fetch import fetch
from msemu.motion.library.obtain import load_source
from msemu.motion.retargeting.retarget import retarget
from msemu.motion.source import SEGMENTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole():
    return load_body("myofullbody")


def obtain(name):
    try:
        return fetch(find_entry(name))
    except MsemuError as error:
        pytest.skip(f"the recording is not in the cache and cannot be fetched: {error}")


@pytest.mark.parametrize(("name", "fps"), [("opensim_run", 60.0), ("opensim_walk", 50.0)])
def test_published_joint_angles_come_back(whole, tmp_path, name, fps):
    path = obtain(name)
    clip = read_clip(path, whole, fps)
    WRITERS["mot"](tmp_path / "out.mot", clip, whole)
    there, back = read_storage(path), read_storage(tmp_path / "out.mot")
    columns = {label.removesuffix("/value").rsplit("/", 1)[-1]: values for label, values in there.columns.items()}
    unit = 1.0 if there.in_degrees else 180 / np.pi
    compared = [column for column in back.columns if column in columns and column not in ("pelvis_ty",)]
    assert len(compared) >= 25
    for column in compared:
        wanted = CubicSpline(there.time - there.time[0], columns[column])(back.time)
        if column in ("pelvis_tx", "pelvis_tz"):
            continue
        wanted = unit * (np.abs(wanted) * np.sign(back.columns[column]) if column.startswith("knee") else wanted)
        np.testing.assert_allclose(back.columns[column], wanted, atol=0.01, err_msg=column)


def test_hips_and_knees_of_the_legs_are_the_persons_own(legs, tmp_path):
    """On a trunk that is rigid, too: against the coordinates in the file, read and written by other code."""
    path = obtain("opensim_walk")
    WRITERS["mot"](tmp_path / "out.mot", retarget(legs, load_source(find_entry("opensim_walk"))), legs)
    there, back = read_storage(path), read_storage(tmp_path / "out.mot")
    own = {label.rsplit("/", 2)[-2]: values for label, values in there.columns.items() if label.endswith("/value")}
    for joint in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle"):
        for name in (f"{joint}_r", f"{joint}_l"):
            wanted = np.degrees(CubicSpline(there.time - there.time[0], own[name])(back.time))
            assert np.sqrt(np.mean((back.columns[name] - wanted) ** 2)) < 2.0, name


def knee_flexion(source, side):
    thigh = source.joint(f"knee_{side}") - source.joint(f"hip_{side}")
    shank = source.joint(f"ankle_{side}") - source.joint(f"knee_{side}")
    cosine = (thigh * shank).sum(1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_markers_and_joint_angles_of_one_trial_agree(whole):
    """OpenSim's inverse kinematics of the same trial is the independent reference of the marker reader."""
    angle_path, marker_path = obtain("opensim_walk"), obtain("opensim_walk_markers")
    angles, markers = read_source(angle_path), read_source(marker_path)
    begin = float(marker_path.read_text().splitlines()[6].split("\t")[1])
    instants = angles.time_s + read_storage(angle_path).time[0] - begin
    inside = (instants > 0) & (instants < markers.time_s[-1])
    assert inside.sum() > 50
    for side in "rl":
        from_markers = np.interp(instants[inside], markers.time_s, knee_flexion(markers, side))
        difference = from_markers - knee_flexion(angles, side)[inside]
        assert np.abs(difference - np.median(difference)).mean() < 5.0
    for segment, limit in (("pelvis", 6.0), ("thorax", 7.0), ("ankle_r", 10.0), ("ankle_l", 10.0)):
        index = SEGMENTS.index(segment)
        nearest = np.round(np.interp(instants[inside], markers.time_s, np.arange(markers.num_frames))).astype(int)
        product = np.abs((markers.orientations[nearest, index] * angles.orientations[inside, index]).sum(1))
        assert np.degrees(2 * np.arccos(np.clip(product, 0, 1))).mean() < limit, segment


@pytest.mark.parametrize("name", ["opensim_walk_c3d", "treadmill_walk"])
def test_a_published_c3d_file_is_read_as_ezc3d_reads_it(name):
    ezc3d = pytest.importorskip("ezc3d")
    path = obtain(name)
    _, markers, unit, _ = read_c3d(path)
    theirs = ezc3d.c3d(str(path))
    labels = theirs["parameters"]["POINT"]["LABELS"]["value"]
    points = theirs["data"]["points"][:3]
    assert unit == theirs["parameters"]["POINT"]["UNITS"]["value"][0].strip()
    for label in ("RASI", "LASI"):
        np.testing.assert_allclose(markers[label], points[:, labels.index(label)].T, rtol=1e-6, equal_nan=True)
    source = read_source(path)
    assert 0.75 < source.leg_length() < 0.95 and source.pelvis[:, 2].mean() > 0.8


def test_the_treadmill_run_goes_forward():
    obtain("opensim_run")
    source = load_source(find_entry("opensim_run"))
    assert source.time_s[-1] > 9.5
    speed = np.linalg.norm(source.pelvis[-1, :2] - source.pelvis[0, :2]) / source.time_s[-1]
    assert 3.0 < speed < 4.5


BVHTOOLBOX = Package(
    "bvhtoolbox", "0.1.3", "", "", 1, "MIT", "bvhtoolbox-0.1.3/LICENSE", "bvhtoolbox", "bvhtoolbox-0.1.3/tests",
    "2d9dcae87cd6bfa28c89463450de84497e612682ca0697ea088fc7f2ef0f937f",
)  # fmt: skip
"""A package whose tests hold two published BVH files, of Mixamo's and of a motion bank's naming."""


@pytest.mark.parametrize(("name", "names"), [("test_freebvh.bvh", "cmu"), ("test_mocapbank.bvh", "100style")])
def test_published_bvh_files_are_people_on_a_floor(tmp_path, name, names):
    try:
        archive = download(BVHTOOLBOX, tmp_path)
    except MsemuError as error:
        pytest.skip(f"the recording cannot be fetched: {error}")
    with tarfile.open(archive) as file:
        content = file.extractfile(f"bvhtoolbox-0.1.3/tests/example_files/{name}").read()
    (tmp_path / name).write_bytes(content)
    source = read_source(tmp_path / name)
    assert f"'{names}'" in source.source
    for near, far in (("hip_r", "knee_r"), ("knee_l", "ankle_l"), ("shoulder_l", "elbow_l"), ("elbow_r", "wrist_r")):
        lengths = np.linalg.norm(source.joint(near) - source.joint(far), axis=1)
        assert 0.2 < lengths.mean() < 0.5 and np.ptp(lengths) < 1e-9
    assert np.percentile(source.sole_height.min(axis=(1, 2)), 20) == pytest.approx(0.0, abs=0.06)
    forward = np.cross(source.joint("hip_l") - source.joint("hip_r"), [0.0, 0.0, 1.0])
    toes = source.sole_points[:, :, 1] - source.sole_points[:, :, 0]
    assert ((toes * forward[:, None]).sum(-1) > 0).mean() > 0.9
