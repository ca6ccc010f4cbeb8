"""Mutated files of every format end in a movement or in one line: ``tools/fuzz/fuzz_motions.py`` in small."""

import numpy as np
import pytest
from fuzz_motions import fuzz, mutate, outcome, sound_files

KINDS = ["bvh", "trc", "mot", "csv", "deepmimic", "amp", "amass", "qpos", "c3d", "msgym"]


@pytest.fixture(scope="module")
def sound(legs, tmp_path_factory) -> dict[str, bytes]:
    return sound_files(tmp_path_factory.mktemp("sound"), legs)


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(sound, legs, tmp_path, kind):
    if kind not in sound:
        pytest.skip("ezc3d, which writes the C3D file, is not installed")
    path = tmp_path / ("a.csv" if kind == "csv" else "a")
    path.write_bytes(sound[kind])
    assert outcome(path, legs) == "read"
    found = fuzz(tmp_path, legs, kind, sound[kind], number=40, seed=7, keep=None)
    assert set(found) == {"read", "refused"}, found


def test_the_formats_are_all_there(sound):
    assert set(sound) | {"c3d"} == set(KINDS)


def test_a_seed_gives_the_same_files(sound):
    first, again, other = (mutate(sound["bvh"], np.random.default_rng([seed, 3])) for seed in (1, 1, 2))
    assert first == again != other


def test_a_fault_is_found(legs, tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"HIERARCHY")
    for fault in (ZeroDivisionError("divided"), RuntimeWarning("warned")):
        monkeypatch.setattr("fuzz_motions.detect_format", lambda path, fault=fault: (_ for _ in ()).throw(fault))
        assert outcome(path, legs) == f"{type(fault).__name__}: {fault}"
