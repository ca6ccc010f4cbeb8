#!/usr/bin/env python
"""Mutate small sound motion files of every format and read them: a recording, a clip or one clear line must come out.

    python tools/fuzz/fuzz_motions.py --number 1000 --seed 1 [--formats bvh trc] [--keep FOLDER]

The same seed gives the same files. Any other exception, a warning, a message of several lines, more than `SECONDS` or
`BYTES` for one file is a fault; with ``--keep`` the files with faults are written to a folder. Ends with 1 when there
are any.
"""

import argparse
import contextlib
import io
import resource
import signal
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from motion_files import npz_bytes, small_files

from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.poses import posed
from msemu.motion.formats.msgym import BODY as MSGYM_BODY
from msemu.motion.formats.msgym import free_root
from msemu.motion.formats.read import CLIP_FORMATS, detect_format, read_clip, read_source

SECONDS = 60
"""Longest time for one file [s]."""

BYTES = 4 * 2**30
"""Most addresses that one file may take beside what the process has [bytes]; the state of a body reserves 2**30."""

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]

_TOKENS = (
    b"nan",
    b"-inf",
    b"1e308",
    b"1e999",
    b"-1",
    b"0",
    b"",
    b"x",
    b"9" * 12,
    b"1,5",
    b"{",
    b"}",
    b"\x1b[31m",
    b"\n",
)


def flip(content: bytes, random: Random) -> bytes:
    """Set up to eight bytes to others."""
    changed = bytearray(content)
    for position in random.integers(0, len(content), random.integers(1, 9)):
        changed[position] = random.integers(0, 256)
    return bytes(changed)


def flip_head(content: bytes, random: Random) -> bytes:
    """Set up to eight bytes of the first 600 to others."""
    return flip(content[:600], random) + content[600:]


def truncate(content: bytes, random: Random) -> bytes:
    """Leave the end out."""
    return content[: random.integers(0, len(content))]


def repeat(content: bytes, random: Random) -> bytes:
    """Repeat a part somewhere."""
    first, last = np.sort(random.integers(0, len(content), 2))
    place = random.integers(0, len(content))
    return content[:place] + content[first:last] + content[place:]


def remove_lines(content: bytes, random: Random) -> bytes:
    """Leave one to three lines out."""
    return _edit_lines(content, random, lambda line: [])


def repeat_lines(content: bytes, random: Random) -> bytes:
    """Repeat one to three lines."""
    return _edit_lines(content, random, lambda line: [line, line])


def swap_lines(content: bytes, random: Random) -> bytes:
    """Exchange two lines."""
    lines = content.split(b"\n")
    a, b = random.integers(0, len(lines), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def replace_separators(content: bytes, random: Random) -> bytes:
    """Exchange what separates fields, decimals or lines, everywhere or in the second half."""
    marks = (b"\t", b",", b";", b" ", b".", b"\n", b"\r", b"\r\n", b"")
    old, new = (marks[index] for index in random.integers(0, len(marks), 2))
    start = random.choice([0, len(content) // 2])
    return content[:start] + (content[start:].replace(old, new) if old else content[start:] + b"\0")


def replace_tokens(content: bytes, random: Random) -> bytes:
    """Set one to three words, often of the header, to impossible ones."""
    mark = max((b"\t", b" ", b","), key=content.count)
    words = content.split(mark)
    for _ in range(random.integers(1, 4)):
        last = random.choice([min(60, len(words)), len(words)])
        words[random.integers(0, last)] = _TOKENS[random.integers(0, len(_TOKENS))]
    return mark.join(words)


def encode(content: bytes, random: Random) -> bytes:
    """Write the text in another encoding."""
    text = content.decode("latin-1")
    return text.encode(str(random.choice(["utf-16", "utf-8-sig", "utf-16-le", "utf-32", "cp037"])))


def change_array(content: bytes, random: Random) -> bytes:
    """Change one array of an npz: its values, its shape, its type, its presence."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    key = str(random.choice(sorted(arrays)))
    values = arrays.pop(key)
    ways: list[Callable[[], object]] = [
        lambda: values[..., None], lambda: values[:0] if values.ndim else values, lambda: values.ravel()[:1],
        lambda: np.array(random.choice([np.nan, np.inf, -1.0, 0.0, 1e308, 1e-308])), lambda: np.array("\x1b[31mtext"),
        lambda: np.full(values.shape, random.choice([np.nan, 0.0, 1e30, -1e300, 2.0**70])),
        lambda: values.astype(str), lambda: values.astype(object) if random.random() < 0.3 else values.astype("S8"),
        lambda: np.array([{"a": 1}], dtype=object), lambda: values[..., :-1] if values.ndim else values[None, None],
        lambda: np.concatenate([values.ravel()] * 2), lambda: np.zeros(values.shape, [("a", "f4"), ("b", "i2")]),
    ]  # fmt: skip
    if random.random() < 0.9:
        arrays[key] = np.asarray(ways[random.integers(0, len(ways))]())
    return npz_bytes(arrays)


_ANY: tuple[Mutation, ...] = (flip, flip_head, truncate, repeat)
_TEXT: tuple[Mutation, ...] = (
    *_ANY, remove_lines, repeat_lines, swap_lines, replace_separators, replace_tokens, replace_tokens, encode
)  # fmt: skip
_NPZ: tuple[Mutation, ...] = (*_ANY, change_array, change_array, change_array)


def mutate(content: bytes, random: Random) -> bytes:
    """Return a file changed in one or two ways that fit its kind."""
    ways = _NPZ if content.startswith(b"PK") else _ANY if b"\0" in content else _TEXT
    way = ways[random.integers(0, len(ways))]
    changed = way(content, random)
    for _ in range(random.integers(0, 2) if ways is not _NPZ else 0):
        changed = ways[random.integers(0, len(ways))](changed or b"\n", random)
    return changed


def sound_files(folder: Path, body: Body) -> dict[str, bytes]:
    """Return a small sound file of each format by its name."""
    return small_files(folder, body) | {"msgym": _msgym(body)}


def outcome(path: Path, body: Body) -> str:
    """Read a file as the command does; return ``read``, ``refused`` or the fault."""
    try:
        with _bounded(), warnings.catch_warnings():
            warnings.simplefilter("error")
            kind = detect_format(path)
            if kind in CLIP_FORMATS:
                read_clip(path, replace(body, name=MSGYM_BODY) if kind == "msgym" else body)
            else:
                read_source(path)
    except MsemuError as error:
        text = str(error)
        clear = text.isprintable() and len(text) < 2000
        return "refused" if clear else f"unclear message: {text[:200]!r}"
    except Exception as error:  # whatever else it is, it is the fault that is looked for
        return f"{type(error).__name__}: {error}"
    return "read"


def fuzz(
    folder: Path, body: Body, kind: str, content: bytes, number: int, seed: int, keep: Path | None
) -> Counter[str]:
    """Return how often each outcome occurs among mutated files of one format."""
    found: Counter[str] = Counter()
    for index in range(number):
        random = np.random.default_rng([seed, zlib.crc32(kind.encode()), index])
        path = folder / ("file.csv" if kind == "csv" else "file")
        path.write_bytes(mutate(content, random))
        result = outcome(path, body)
        found[result] += 1
        if keep and result not in ("read", "refused"):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{kind}_{seed}_{index}{path.suffix}").write_bytes(path.read_bytes())
    return found


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1000, help="files of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="+", help="all by default")
    parser.add_argument("--keep", type=Path, help="folder for the files with faults")
    args = parser.parse_args()
    body, faults = load_body("myolegs"), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{'format':12}{'read':>8}{'refused':>10}{'faults':>8}")
        for kind, content in sound_files(folder, body).items():
            if args.formats and kind not in args.formats:
                continue
            found = fuzz(folder, body, kind, content, args.number, args.seed, args.keep)
            wrong = {result: count for result, count in found.items() if result not in ("read", "refused")}
            faults += sum(wrong.values())
            print(f"{kind:12}{found['read']:8}{found['refused']:10}{sum(wrong.values()):8}", flush=True)
            for result, count in wrong.items():
                print(f"    {count} x {result[:300]}")
    sys.exit(1 if faults else 0)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Raise where a file takes more than `SECONDS` or `BYTES`."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long), resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, before[1][1]))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before[1])
        signal.signal(signal.SIGALRM, before[0])


def _edit_lines(content: bytes, random: Random, edit: Callable[[bytes], list[bytes]]) -> bytes:
    lines = content.split(b"\n")
    chosen = set(random.integers(0, len(lines), random.integers(1, 4)).tolist())
    return b"\n".join(part for index, line in enumerate(lines) for part in (edit(line) if index in chosen else [line]))


def _msgym(body: Body) -> bytes:
    """Return a gait of msgym in the coordinates of ``body``."""
    coordinates = np.zeros((12, body.model.nq - 1))
    coordinates[:, 6:] = body.neutral_qpos[7:]
    qpos = np.concatenate([free_root(coordinates[:, :6]), coordinates[:, 6:]], axis=1)
    places = np.array([data.xpos.copy() for data in posed(body.model, qpos)])
    rates = {"framerate": np.array(100.0), "period": np.array(0.12), "stride": np.array(0.1)}
    return npz_bytes({"qpos_traj": coordinates, "xpos_traj": places, **rates})


if __name__ == "__main__":
    main()
