"""Files appear whole or not at all, whoever writes them."""

import ast
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT

from msemu.errors import MsemuError
from msemu.files import remove_partial, whole_file, write_text

WRITERS = {"write_text", "write_bytes", "touch", "savefig", "imsave", "savez", "savez_compressed", "savetxt"}
WRITERS |= {"tofile", "copyfile", "copy2", "copyfileobj", "mkstemp", "NamedTemporaryFile", "write_frames", "to_csv"}
SAVERS = {"torch.save", "np.save", "torch.jit.script.save", "torch.onnx.export", "shutil.move", "os.replace"}
SAVERS |= {"torch.jit.save", "json.dump", "pickle.dump", "yaml.dump"}
ALLOWED = {
    ("files.py", "touch"): "the writer itself",
    ("rl/export/write.py", "export"): "a graph in memory",
    ("bench/train.py", "write_text"): "a switch of the kernel",
    ("analysis/plausibility/report.py", "savefig"): "into memory, for the page",
    ("analysis/report/page.py", "savefig"): "into memory, for the page",
}


def modules() -> Iterator[Path]:
    package = ROOT / "src/msemu"
    for folder in (package, *(package / name for name in ("envs", "models", "cfg"))):  # rglob does not enter links
        yield from folder.rglob("*.py")


def dotted(node: ast.expr) -> str:
    """Return the name of what is called, ``torch.jit.script.save`` for ``torch.jit.script(x).save``."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return dotted(node.func) if isinstance(node, ast.Call) else getattr(node, "id", "")


def opens_to_write(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes += call.args[:1] if isinstance(call.func, ast.Attribute) else []
    modes = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    nowhere = call.args and dotted(call.args[0]) == "os.devnull"
    return not nowhere and any(set(mode) & set("wax+") and len(mode) <= 3 for mode in modes)


def writes(node: ast.AST, within: bool = False) -> Iterator[ast.Call]:
    """Yield the calls below a node that write a file outside of a block of `whole_file`."""
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        within = within or any(dotted(call) == "whole_file" for call in calls)
    if isinstance(node, ast.Call) and not within:
        name = dotted(node.func)
        method = isinstance(node.func, ast.Attribute)
        last = name.split(".")[-1]
        if (method and last in WRITERS) or name in SAVERS or (last == "open" and opens_to_write(node)):
            yield node
    for child in ast.iter_child_nodes(node):
        yield from writes(child, within)


def test_every_file_is_written_whole() -> None:
    found = set()
    for path in modules():
        relative = str(path.relative_to(ROOT / "src/msemu"))
        for call in writes(ast.parse(path.read_text(encoding="utf-8"))):
            key = (relative, dotted(call.func).split(".")[-1])
            assert key in ALLOWED, f"{relative}:{call.lineno} writes with {key[1]}; use msemu.files.whole_file"
            found.add(key)
    assert found == set(ALLOWED), "an exception that is no longer needed"


@pytest.mark.parametrize(
    "line", ["open(a, 'w')", "a.open('wb')", "a.write_text('')", "np.savez(a)", "torch.save(a, b)", "figure.savefig(a)"]
)
def test_the_search_finds_what_it_is_for(line: str) -> None:
    assert len(list(writes(ast.parse(line)))) == 1
    assert not list(writes(ast.parse(f"with whole_file(x) as a:\n    {line}")))


def test_a_file_takes_its_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.npz"
    with whole_file(path) as unfinished:
        unfinished.write_bytes(b"half")
        assert not path.exists()
        assert unfinished.suffix == ".npz"
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(b"before")
    with pytest.raises(error), whole_file(path) as unfinished:
        unfinished.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(MsemuError, match="it is a folder; give another path"), whole_file(tmp_path):
        raise AssertionError("nothing may be written")


def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(b"before")
    said = r"cannot write .*clip\.npz: No space left on device; give another path"
    with pytest.raises(MsemuError, match=said), whole_file(path), open("/dev/full", "w") as file:
        file.write("all")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    earlier = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(earlier)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_link_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "text"
    write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_what_a_killed_process_left_can_be_removed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with whole_file(tmp_path / "a.pt"):
            os._exit(0)
    os.waitpid(child, 0)
    write_text(tmp_path / "b.pt", "")
    assert len(list(tmp_path.iterdir())) == 2
    remove_partial(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "b.pt"]
