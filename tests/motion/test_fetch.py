"""The catalogue, the download and the cache; wheels are made here, nothing is downloaded."""

import hashlib
import http.server
import io
import json
import sys
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from msemu.errors import MsemuError
from msemu.motion.clip import MotionClip
from msemu.motion.library import catalogue as catalogues
from msemu.motion.library import download as packages
from msemu.motion.library import fetch as fetching
from msemu.motion.library import obtain as library
from msemu.motion.library.catalogue import Entry, Package, cache_folder, catalogue, clip_sets, find_entries, find_entry
from msemu.motion.library.obtain import body_fingerprint, obtain_clip

CONTENT = b"a motion"
PACKAGE = Package("toy", "1.0", "3.11", "any", 1, "MIT", "toy-1.0.dist-info/LICENSE", "made up", "toy/motions")
ENTRY = Entry("hop", "hop.txt", hashlib.sha256(CONTENT).hexdigest(), False, "a hop", PACKAGE)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MSEMU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "motions"


@pytest.fixture
def toy_catalogue(monkeypatch):
    monkeypatch.setattr(fetching, "catalogue", lambda: {"hop": ENTRY})


def make_wheel(path, content=CONTENT, license=True):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/motions/hop.txt", content)
        if license:
            archive.writestr("toy-1.0.dist-info/LICENSE", "MIT")
    return path


def test_the_catalogue_is_complete():
    entries = catalogue()
    assert {"walk", "run", "cartwheel", "backflip", "amp_walk"} <= set(entries)
    for name, entry in entries.items():
        assert entry.name == name
        assert len(entry.sha256) == 64 and int(entry.sha256, 16)
        assert entry.package.license and entry.package.origin and entry.about
    assert {name for name, entry in entries.items() if entry.repair == "contact"} == {"walk", "run"}
    assert entries["walk"].cyclic and not entries["backflip"].cyclic
    assert len({entry.sha256 for entry in entries.values()}) == len(entries)


def test_an_unknown_name_is_refused_with_a_hint():
    with pytest.raises(MsemuError, match=r"no clip 'wlak' in the catalogue; did you mean walk"):
        find_entry("wlak")
    with pytest.raises(MsemuError, match=r"no clip 'swim' in the catalogue; see: msemu-motion fetch"):
        find_entry("swim")


def test_the_cache_folder_follows_the_environment(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == cache, "msemu's own variable comes first"
    monkeypatch.delenv("MSEMU_CACHE")
    assert cache_folder() == tmp_path / "caches/msemu/motions"
    for nowhere in ("", "caches"):  # the specification: a relative path is ignored
        monkeypatch.setenv("XDG_CACHE_HOME", nowhere)
        assert cache_folder() == tmp_path / ".cache/msemu/motions"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache/msemu/motions"


def test_a_clip_is_taken_out_of_the_wheel_with_license_and_source(cache, toy_catalogue, tmp_path):
    path = fetching.fetch(ENTRY, make_wheel(tmp_path / "toy.whl"))
    assert path.read_bytes() == CONTENT
    assert (path.parent / "LICENSE.txt").read_text() == "MIT"
    assert json.loads((path.parent / "SOURCE.json").read_text())["package"] == "toy 1.0"
    assert fetching.fetch(ENTRY, tmp_path / "no longer there.whl") == path


def test_a_damaged_file_in_the_cache_is_fetched_again(cache, toy_catalogue, tmp_path):
    wheel = make_wheel(tmp_path / "toy.whl")
    path = fetching.fetch(ENTRY, wheel)
    path.write_bytes(b"broken")
    assert fetching.fetch(ENTRY, wheel).read_bytes() == CONTENT


def test_a_file_with_another_hash_is_refused_and_nothing_is_kept(cache, toy_catalogue, tmp_path):
    with pytest.raises(MsemuError, match="nothing was kept"):
        fetching.fetch(ENTRY, make_wheel(tmp_path / "toy.whl", b"another motion"))
    assert not cache.exists()


@pytest.mark.parametrize("kind", ["absent", "no zip", "other content"])
def test_a_wrong_wheel_is_refused(cache, toy_catalogue, tmp_path, kind):
    wheel = tmp_path / "toy.whl"
    if kind == "no zip":
        wheel.write_text("hello")
    elif kind == "other content":
        make_wheel(wheel, license=False)
    with pytest.raises(MsemuError, match="no wheel at" if kind == "absent" else "not the wheel of toy"):
        fetching.fetch(ENTRY, wheel)


def test_without_network_one_line_names_the_remedy(cache, toy_catalogue, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(MsemuError, match=r"pip cannot download toy==1.0 .*--wheel FILE.whl") as caught:
        fetching.fetch(ENTRY)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_without_pip_one_line_names_the_remedy(cache, toy_catalogue, monkeypatch, tmp_path):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(MsemuError, match=r"has no pip.*ensurepip"):
        fetching.fetch(ENTRY)


def test_a_cache_that_cannot_be_written_is_named(toy_catalogue, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MSEMU_CACHE", str(tmp_path / "file"))
    with pytest.raises(MsemuError, match="set MSEMU_CACHE"):
        fetching.fetch(ENTRY, make_wheel(tmp_path / "toy.whl"))


def test_a_retargeted_clip_is_cached_by_what_it_depends_on(cache, legs, monkeypatch):
    ball = [1, 0, 0, 0]
    rows = [[1 / 30, 0.01 * i, 0.88, 0, *ball * 4, 0, *ball * 2, 0, *ball, 0, *ball * 2, 0] for i in range(8)]
    content = json.dumps({"Loop": "none", "Frames": rows}).encode()
    entry = Entry("stand", "stand.txt", hashlib.sha256(content).hexdigest(), False, "standing", PACKAGE)
    folder = cache / "toy-1.0"
    folder.mkdir(parents=True)
    (folder / "stand.txt").write_bytes(content)
    monkeypatch.setattr(catalogues, "catalogue", lambda: {"stand": entry})
    monkeypatch.setattr(library, "catalogue", lambda: {"stand": entry})

    path = obtain_clip(find_entry("stand"), legs)
    clip = MotionClip.load(path)
    assert (clip.name, clip.license, clip.source_sha256) == ("stand", "MIT", entry.sha256)
    assert "toy 1.0" in clip.source
    before = path.stat().st_mtime_ns
    assert obtain_clip(find_entry("stand"), legs) == path
    assert path.stat().st_mtime_ns == before
    assert obtain_clip(find_entry("stand"), legs, fps=25.0) != path

    path.write_bytes(b"broken")
    assert np.array_equal(MotionClip.load(obtain_clip(find_entry("stand"), legs)).qpos, clip.qpos)


def test_the_fingerprint_follows_the_body(legs):
    from msemu.models import load_body

    assert body_fingerprint(legs) == body_fingerprint(load_body("myolegs"))
    assert body_fingerprint(legs) != body_fingerprint(load_body("myofullbody"))


@pytest.fixture
def toy_sdist(tmp_path):
    """A source archive with the clip in a folder of its own, and the catalogue entry for it."""
    path = tmp_path / "toy-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("motions/deep/hop.txt", CONTENT), ("LICENSE", b"MIT")):
            member = tarfile.TarInfo(f"toy-1.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    package = Package("toy", "1.0", "", "", 1, "MIT", "toy-1.0/LICENSE", "made up", "toy-1.0/motions", digest)
    entry = Entry("hop", "deep/hop.txt", hashlib.sha256(CONTENT).hexdigest(), False, "a hop", package)
    return path, entry


def test_a_clip_is_taken_out_of_a_source_archive(cache, toy_sdist, monkeypatch):
    path, entry = toy_sdist
    monkeypatch.setattr(fetching, "catalogue", lambda: {"hop": entry})
    found = fetching.fetch(entry, path)
    assert found.name == "hop.txt" and found.read_bytes() == CONTENT
    assert (found.parent / "LICENSE.txt").read_text() == "MIT"


class Index(http.server.BaseHTTPRequestHandler):
    """A package index that answers in JSON or HTML and lists one file at an insecure address."""

    kind = "json"

    def do_GET(self):
        file = "toy-1.0.tar.gz"
        if self.kind == "json":
            text = json.dumps({"files": [{"filename": file, "url": f"http://{self.headers['Host']}/{file}"}]})
        else:
            text = f'<a href="../../{file}#sha256=1">{file}</a>'
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize("kind", ["json", "html"])
def test_a_source_archive_is_not_taken_from_an_insecure_address(cache, toy_sdist, monkeypatch, kind):
    monkeypatch.setattr(Index, "kind", kind)
    server = http.server.HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    try:
        with pytest.raises(MsemuError, match=r"insecure address.*--wheel toy-1.0.tar.gz"):
            fetching.fetch(toy_sdist[1])
    finally:
        server.shutdown()
        server.server_close()
    assert not cache.exists()


def test_the_address_of_a_source_archive_from_both_kinds_of_index():
    page = "https://index/simple/toy/"
    listing = json.dumps({"files": [{"filename": "toy-1.0.tar.gz", "url": "https://files/toy-1.0.tar.gz"}]})
    assert packages._address_of("toy-1.0.tar.gz", page, listing) == "https://files/toy-1.0.tar.gz"
    listing = '<a href="../../p/toy-1.0.tar.gz#sha256=1">toy</a>'
    assert packages._address_of("toy-1.0.tar.gz", page, listing) == "https://index/p/toy-1.0.tar.gz"
    with pytest.raises(LookupError, match="does not list"):
        packages._address_of("toy-2.0.tar.gz", page, listing)


def test_a_source_archive_without_network_names_the_remedy(cache, toy_sdist, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MsemuError, match=r"cannot download toy-1.0.tar.gz .*--wheel toy-1.0.tar.gz"):
        fetching.fetch(toy_sdist[1])
    assert not cache.exists()


def test_the_sets_of_clips():
    sets = clip_sets()
    assert set(sets["all"]) == set(catalogue())
    assert {"walk", "run", "cartwheel", "spinkick", "backflip"} <= set(sets["paper"])
    names = [entry.name for entry in find_entries(["acrobatics", "jump", "walk"])]
    assert len(names) == len(set(names)) and {"jump", "walk", "backflip"} <= set(names)
    with pytest.raises(MsemuError, match="did you mean walk"):
        find_entries(["wlak"])


def test_files_of_one_package_have_different_names():
    names = [(entry.package.package, entry.file_name) for entry in catalogue().values()]
    assert len(set(names)) == len(names)
