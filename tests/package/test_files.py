"""Files of the cache appear whole or not at all."""

from pathlib import Path

import pytest

from msemu.files import whole_file


def test_a_file_takes_its_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.npz"
    with whole_file(path) as unfinished:
        unfinished.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(b"before")
    with pytest.raises(KeyError), whole_file(path) as unfinished:
        unfinished.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
