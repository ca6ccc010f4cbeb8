"""Files that were damaged or made to do harm: one clear line, no hang, no memory, no code."""

import io
import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from motion_files import (
    amass_arrays,
    bvh_rows,
    bvh_text,
    gait_angles,
    npz_bytes,
    small_files,
    stationary_markers,
    storage_text,
    trc_text,
)

from msemu.errors import MsemuError
from msemu.files import MAX_FILE_BYTES
from msemu.motion.formats.read import CLIP_FORMATS, detect_format, read_clip, read_source

ENOUGH_MEMORY = 64 * 2**20
"""What reading a small file may take at most [bytes]."""


@pytest.fixture(scope="module")
def good_files(legs, tmp_path_factory) -> dict[str, bytes]:
    """A small good file of each format."""
    return small_files(tmp_path_factory.mktemp("good"), legs)


def read(path, body):
    """Read a file as the command does; return whether it was accepted."""
    try:
        if detect_format(path) in CLIP_FORMATS:
            read_clip(path, body)
        else:
            read_source(path)
    except MsemuError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500
        return False
    return True


def name_of(kind):
    return "a.csv" if kind == "csv" else "a.bin"


KINDS = ["bvh", "mot", "trc", "csv", "amass", "qpos", "c3d", "deepmimic", "amp"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_files_are_read(good_files, legs, tmp_path, kind):
    if kind not in good_files:
        pytest.skip("ezc3d, which writes the C3D file, is not installed")
    path = tmp_path / name_of(kind)
    path.write_bytes(good_files[kind])
    assert read(path, legs)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tenth_truncation_is_refused_or_shorter(good_files, legs, tmp_path, kind):
    content = good_files.get(kind, b"\x02\x50")
    path = tmp_path / name_of(kind)
    for share in range(10):
        path.write_bytes(content[: share * len(content) // 10])
        accepted = read(path, legs)
        assert not accepted or kind in ("csv", "trc"), f"{kind} cut to {share}0 % was accepted"


def absurd(kind, content):
    """Return a file that declares 10^12 frames, markers or columns."""
    many = b"1000000000000"
    if kind == "bvh":
        return content.replace(b"Frames: 8", b"Frames: " + many)
    if kind == "mot":
        return content.replace(b"nRows=8", b"nRows=" + many).replace(b"nColumns=", b"nColumns=" + many)
    if kind == "trc":
        return content.replace(b"900\t41", many + b"\t" + many)
    return content[:6] + struct.pack("<HH", 1, 60000) + content[10:]


@pytest.mark.parametrize("kind", ["bvh", "mot", "trc", "c3d"])
def test_absurd_counts_take_no_memory(good_files, legs, tmp_path, kind):
    if kind not in good_files:
        pytest.skip("ezc3d, which writes the C3D file, is not installed")
    path = tmp_path / "a.bin"
    path.write_bytes(absurd(kind, good_files[kind]))
    assert path.read_bytes() != good_files[kind]
    tracemalloc.start()
    accepted = read(path, legs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < ENOUGH_MEMORY
    assert accepted == (kind == "trc"), "published TRC files declare wrong counts, which are not used"


@pytest.mark.parametrize("key", ["poses", "qpos"])
def test_an_array_that_declares_more_than_is_there_takes_no_memory(tmp_path, legs, key):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 156)})
    arrays = amass_arrays(4) | {"fps": np.array(50.0)}
    arrays.pop(key, None)
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes(arrays if key == "poses" else {"fps": arrays["fps"]}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{key}.npy", header.getvalue() + bytes(800))
    tracemalloc.start()
    assert not read(path, legs)
    assert tracemalloc.get_traced_memory()[1] < ENOUGH_MEMORY
    tracemalloc.stop()


@pytest.mark.parametrize("key", ["poses", "qpos"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, legs, key):
    path = tmp_path / "bomb.npz"
    arrays = {name: values for name, values in amass_arrays(4).items() if name != "poses"}
    path.write_bytes(npz_bytes(arrays if key == "poses" else {"fps": np.array(50.0)}))
    shape = (MAX_FILE_BYTES // 8 // 156 + 2, 156)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{key}.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": shape})
        for _ in range(shape[0] * 156 * 8 // 2**20 + 1):
            member.write(bytes(2**20))
    assert path.stat().st_size < 2**23
    tracemalloc.start()
    with pytest.raises(MsemuError, match=r"unpacks to \d+ MB"):
        read_clip(path, legs) if key == "qpos" else read_source(path)
    assert tracemalloc.get_traced_memory()[1] < ENOUGH_MEMORY
    tracemalloc.stop()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("key", ["poses", "trans", "qpos", "joint_names"])
def test_pickled_arrays_are_not_run(tmp_path, legs, key):
    arrays = amass_arrays(4) if key in ("poses", "trans") else {"qpos": np.zeros((4, 35)), "fps": np.array(50.0)}
    arrays[key] = np.array([Trap(tmp_path / "ran")] * 4, dtype=object)
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(MsemuError, match="pickled"):
        read_clip(path, legs) if "qpos" in arrays else read_source(path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    assert not read(tmp_path / "a.pkl", legs)
    assert not (tmp_path / "ran").exists()


def test_a_name_map_runs_no_code(tmp_path, legs):
    from msemu.motion.formats.read import ReadOptions

    names = tmp_path / "map.yaml"
    names.write_text(f"points: !!python/object/apply:builtins.open [{json.dumps(str(tmp_path / 'ran'))}, w]\n")
    path = tmp_path / "a.bvh"
    path.write_text(bvh_text("cmu", bvh_rows(4)))
    with pytest.raises(MsemuError, match="not valid YAML"):
        read_source(path, ReadOptions(names=str(names)))
    assert not (tmp_path / "ran").exists()
    names.write_text("- a\n- b\n")
    with pytest.raises(MsemuError, match="not a name map"):
        read_source(path, ReadOptions(names=str(names)))


BAD_BVH = {
    "no motion": (lambda text: text.split("MOTION")[0], "'MOTION' is missing"),
    "an open bracket": (lambda text: text.replace("}\n}\n", "}\n", 1), "no bracket closes|no part of a skeleton"),
    "an unknown channel": (
        lambda text: text.replace("Xposition", "Wposition"),
        r"line 5 names the channel 'Wposition'; known: Xp",
    ),
    "a wrong channel count": (lambda text: text.replace("CHANNELS 3", "CHANNELS 4", 1), "line 9 must name as many"),
    "an offset of text": (lambda text: text.replace("OFFSET 0 12 0", "OFFSET a b c"), "line .* 'a', which is not a"),
    "a nan": (lambda text: text.replace("92.000000", "nan", 1), "not finite"),
    "a negative frame time": (lambda text: text.replace("Frame Time: 0", "Frame Time: -0"), "frame time"),
    "a missing number": (lambda text: text.rstrip("\n").rsplit(" ", 1)[0], "expected"),
    "too many joints": (
        lambda text: text.replace("MOTION", "JOINT x\n{\n}\n" * 600 + "MOTION"),
        "more than 500|2 skeletons",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_BVH.values(), ids=BAD_BVH)
def test_bvh_says_what_is_wrong(tmp_path, spoil, message):
    path = tmp_path / "a.bvh"
    path.write_text(spoil(bvh_text("cmu", bvh_rows(4))))
    with pytest.raises(MsemuError, match=message):
        read_source(path)


BAD_STORAGE = {
    "no endheader": (lambda text: text.replace("endheader\n", ""), "no line 'endheader'"),
    "no time": (lambda text: text.replace("time\t", "zeit\t"), "'time' first"),
    "times that go back": (lambda text: text.replace("0.02000000", "0.00500000"), "does not increase"),
    "a nan": (lambda text: text.replace("0.02000000\t", "0.02000000\tnan\t", 1), "columns|not finite"),
    "fewer rows": (lambda text: "\n".join(text.splitlines()[:-2]), "declares 8 rows, there are 6"),
    "text": (lambda text: text.replace("0.02000000\t", "0.02x\t"), "not a number"),
    "angles of many turns": (lambda text: text.replace("inDegrees=yes", "inDegrees=no"), "turns|inDegrees"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_STORAGE.values(), ids=BAD_STORAGE)
def test_storage_says_what_is_wrong(tmp_path, legs, spoil, message):
    path = tmp_path / "a.mot"
    angles = gait_angles(8, arms=False) | {"hip_flexion_r": np.full(8, 80.0)}
    path.write_text(spoil(storage_text(angles, True)))
    with pytest.raises(MsemuError, match=message):
        read_clip(path, legs)


def test_many_short_rows_under_many_columns_take_no_memory(tmp_path, legs):
    lines = [
        "PathFileType\t4",
        "DataRate\tUnits",
        "100\tmm",
        "Frame#\tTime\t" + "\t\t\t".join(f"M{i}" for i in range(1600)),
    ]
    path = tmp_path / "a.trc"
    path.write_text("\n".join([*lines, "", *(f"{i}\t{i}" for i in range(90_000))]))
    with pytest.raises(MsemuError, match="at most 100000 frames and 256 MB"):
        read_source(path)
    angles = {f"c{i}": np.zeros(3) for i in range(4900)}
    path.write_text(storage_text(angles, True, 90_003) + "0\n" * 90_000)
    with pytest.raises(MsemuError, match="at most 100000 frames and 256 MB"):
        read_clip(path, legs)


def test_a_few_rows_over_many_years_do_not_become_many_frames(tmp_path, legs):
    path = tmp_path / "a.mot"
    path.write_text(storage_text(gait_angles(5, arms=False), True).replace("0.04000000", "1900.0"))
    with pytest.raises(MsemuError, match="apart"):
        read_clip(path, legs)
    path.write_text(trc_text(stationary_markers(6)).replace("3.0500", "9000000.0"))
    with pytest.raises(MsemuError, match="at most 3600 s"):
        read_source(path)
