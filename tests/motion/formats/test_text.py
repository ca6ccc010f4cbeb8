"""Text as many programs write it is read as the plain file is; what is refused is refused with its line."""

import re

import numpy as np
import pytest
from motion_files import bvh_rows, bvh_text, csv_text, gait_angles, stationary_markers, storage_text, trc_text

from msemu.errors import MsemuError
from msemu.files import MIN_FRAMES
from msemu.motion.formats.read import CLIP_FORMATS, detect_format, read_clip, read_source

FRAMES = 12


@pytest.fixture(scope="module")
def plain(legs) -> dict[str, str]:
    """A file of each text format, by the end of its name."""
    qpos = np.repeat(legs.neutral_qpos[None], FRAMES, axis=0)
    qpos[:, 0] += 0.01 * np.arange(FRAMES)
    rows = bvh_rows(FRAMES)
    rows[:, 6:] = 4.0 * np.sin(np.arange(FRAMES * (rows.shape[1] - 6)).reshape(FRAMES, -1))
    markers = {name: values + 0.01 * np.arange(FRAMES)[:, None] for name, values in stationary_markers(FRAMES).items()}
    markers["wrist_r"] = markers["wrist_r"] + 0.03 * np.sin(0.5 * np.arange(FRAMES))[:, None]
    trc = trc_text(markers).replace("100\t100\t900\t41\t", f"100\t100\t{FRAMES}\t{len(markers)}\t")
    return {
        "bvh": bvh_text("cmu", rows),
        "trc": trc,
        "mot": storage_text(gait_angles(FRAMES, arms=False), True),
        "csv": csv_text(legs, qpos),
    }


def values_and_source(path, body):
    """What a file says of the movement, and the text about where it is from."""
    if detect_format(path) in CLIP_FORMATS:
        clip = read_clip(path, body, fps=100.0)
        return clip.qpos, clip.source
    source = read_source(path)
    return source.positions, source.source


def read(folder, kind, text, body):
    path = folder / f"file.{kind}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return values_and_source(path, body)


def decimal_commas(text: str, separator: str, old: str) -> str:
    """Numbers with decimal commas, fields apart by ``separator``."""
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text.replace(old, separator) if old != separator else text)


def dearth(text: str) -> str:
    """A blank line after each line."""
    return text.replace("\n", "\n  \n")


ANY = {
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "big endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "windows": lambda text: text.replace("\n", "\r\n"),
    "old macintosh": lambda text: text.replace("\n", "\r"),
    "blank lines": lambda text: "\n\n \t\n" + dearth(text) + "\n\n\n",
    "trailing separators": lambda text: text.replace("\n", "\t\t\n"),
}
BVH = {
    "case of keywords": lambda text: text.replace("CHANNELS", "channels").replace("rotation", "Rotation")
    .replace("HIERARCHY", "Hierarchy").replace("End Site", "end site").replace("JOINT", "Joint")
    .replace("MOTION", "motion").replace("Frame Time:", "FRAME TIME :").replace("Frames:", "frames:\t"),
    "brackets on the line": lambda text: text.replace("\n{", " {").replace("\n}", " }"),
    "bracket at the name": lambda text: text.replace("\n{\n", "{"),
    "the skeleton on one line": lambda text: re.sub(r"\nOFFSET (.*)\nCHANNELS", r" OFFSET \1 CHANNELS", text),
    "tabs": lambda text: text.replace(" ", "\t").replace("End\tSite", "End Site").replace("Frame\tTime", "Frame Time"),
    "commas": lambda text: re.sub(r"(?<=\d) (?=-?\d)", ", ", text),
    "semicolons, decimal commas": lambda text: re.sub(r"(?<=\d)\.", ",", re.sub(r"(?<=\d) (?=-?\d)", ";", text)),
    "decimal commas": lambda text: re.sub(r"(?<=\d)\.", ",", text),
}  # fmt: skip
TABLE = {
    "semicolons": lambda text: text.replace("\t", ";"),
    "commas": lambda text: text.replace("\t", ","),
    "commas and blanks": lambda text: text.replace("\t", ", "),
    "semicolons, decimal commas": lambda text: decimal_commas(text, ";", "\t"),
    "tabs, decimal commas": lambda text: decimal_commas(text, "\t", "\t"),
}
STORAGE = TABLE | {
    "blanks": lambda text: text.replace("\t", "   "),
    "blanks, decimal commas": lambda text: decimal_commas(text, " ", "\t"),
    "a header from a spreadsheet": lambda text: text.replace("\n", ",,\n").replace("\t", ","),
    "case of keywords": lambda text: text.replace("endheader", "EndHeader").replace("time\t", "Time\t")
    .replace("nRows=", "NROWS = ").replace("inDegrees=yes", "indegrees=YES"),
}  # fmt: skip
TRC = TABLE | {
    "case of keywords": lambda text: text.replace("PathFileType", "PATHFILETYPE").replace(
        "Frame#\tTime", "frame#\tTIME"
    ),
    "blanks": lambda text: re.sub(r"\t+", " ", text),
    "columns of blanks": lambda text: re.sub(r"\t+", "    ", text),
    "one tab a marker": lambda text: text.replace("\t\t\t", "\t"),
    "no blank line": lambda text: text.replace("\n\n", "\n"),
    "no axes": lambda text: text.replace("\t\tX1\tY1\tZ1\n", ""),
}
CSV = {
    "tabs": lambda text: text.replace(",", "\t"),
    "semicolons": lambda text: text.replace(",", ";"),
    "blanks": lambda text: text.replace(",", " "),
    "semicolons, decimal commas": lambda text: decimal_commas(text, ";", ","),
    "tabs, decimal commas": lambda text: decimal_commas(text, "\t", ","),
    "a spreadsheet": lambda text: "sep=;\n" + decimal_commas(text, ";", ",").replace("\n", ";;\n"),
    "quotation marks": lambda text: re.sub(r"[^,\n]+", lambda found: f'"{found[0]}"', text),
    "a comment's sign": lambda text: "# " + text.replace("time,", "Time,", 1),
}
VARIANTS = [
    (kind, name, change)
    for kind, own in {"bvh": BVH, "trc": TRC, "mot": STORAGE, "csv": CSV}.items()
    for name, change in (ANY | own).items()
]


@pytest.mark.parametrize(("kind", "name", "change"), VARIANTS, ids=[f"{kind}: {name}" for kind, name, _ in VARIANTS])
def test_text_of_other_programs_is_read_as_the_plain_file(plain, legs, tmp_path, kind, name, change):
    expected, source = read(tmp_path, kind, plain[kind], legs)
    changed = change(plain[kind])
    assert changed != plain[kind]
    values, said = read(tmp_path, kind, changed, legs)
    np.testing.assert_array_equal(values, expected)
    assert said == source, "nothing was mended that has to be said"


COUNTS = [("bvh", "Frames: ", "frames"), ("mot", "nRows=", "rows"), ("trc", "100\t100\t", "frames")]


@pytest.mark.parametrize(("kind", "before", "what"), COUNTS)
@pytest.mark.parametrize("error", [-1, 1])
def test_a_count_that_is_off_by_one_is_said(plain, legs, tmp_path, kind, before, what, error):
    text = plain[kind].replace(f"{before}{FRAMES}", f"{before}{FRAMES + error}")
    values, source = read(tmp_path, kind, text, legs)
    np.testing.assert_array_equal(values, read(tmp_path, kind, plain[kind], legs)[0])
    assert f"the header declares {FRAMES + error} {what}, there are {FRAMES}" in source


@pytest.mark.parametrize(("kind", "before"), [("bvh", "Frames: "), ("mot", "nRows=")])
@pytest.mark.parametrize("count", [str(FRAMES + 2), str(FRAMES - 2), "many", "-1", "9" * 5000])
def test_a_file_of_which_much_is_missing_is_refused(plain, legs, tmp_path, kind, before, count):
    with pytest.raises(MsemuError, match=rf"declares {count[:20]} (rows|frames), there are {FRAMES}; is the file"):
        read(tmp_path, kind, plain[kind].replace(f"{before}{FRAMES}", f"{before}{count}"), legs)


def lines_of(text: str) -> tuple[list[str], int]:
    """The lines, and the index of the fifth row of the table."""
    lines = text.splitlines()
    return lines, len(lines) - FRAMES + 4


@pytest.mark.parametrize("kind", ["trc", "mot", "csv"])
def test_a_row_that_stands_twice_is_left_out_and_said(plain, legs, tmp_path, kind):
    lines, row = lines_of(plain[kind])
    text = "\n".join([*lines[: row + 1], lines[row], *lines[row + 1 :]])
    values, source = read(tmp_path, kind, text, legs)
    np.testing.assert_array_equal(values, read(tmp_path, kind, plain[kind], legs)[0])
    assert f"left out: 1 rows that repeat a time, first line {row + 2}" in source


@pytest.mark.parametrize("kind", ["trc", "mot", "csv"])
def test_times_that_are_rounded_or_go_back_are_refused(plain, legs, tmp_path, kind):
    lines, row = lines_of(plain[kind])
    doubled = [line for index, line in enumerate(lines) for line in [line] * (2 if index >= row else 1)]
    with pytest.raises(MsemuError, match=rf"line {row + 2} repeats the time .* as 8 of 20 rows do"):
        read(tmp_path, kind, "\n".join(doubled).replace(f"nRows={FRAMES}", "nRows=20"), legs)
    lines[row], lines[row + 1] = lines[row + 1], lines[row]
    with pytest.raises(MsemuError, match=rf"line {row + 2} has the time .* after .*: time does not increase"):
        read(tmp_path, kind, "\n".join(lines), legs)


@pytest.mark.parametrize("kind", ["bvh", "trc", "mot", "csv"])
def test_a_refusal_names_the_line_of_the_file_and_what_is_there(plain, legs, tmp_path, kind):
    lines = dearth(plain[kind]).rstrip().splitlines()
    row = len(lines) - 1
    mark = "," if kind == "csv" else "\t" if kind in ("trc", "mot") else " "
    cells = lines[row].split(mark)
    spoilt = mark.join([*cells[:5], "4\x1b[31m7", *cells[6:]])
    with pytest.raises(MsemuError, match=rf"line {row + 1} holds '4\?\[31m7', which is not a number"):
        read(tmp_path, kind, "\n".join([*lines[:row], spoilt, *lines[row + 1 :]]), legs)
    longer = lines[row] + " 1 2" if kind in ("bvh", "mot", "csv") else lines[row] + "\t1\t2"
    with pytest.raises(MsemuError, match=rf"line {row + 1} (has \d+ columns, expected|holds '[\d.]+ 1 2')"):
        read(tmp_path, kind, "\n".join([*lines[:row], longer, *lines[row + 1 :]]), legs)


def test_an_empty_cell_is_a_gap_of_a_marker_and_an_error_of_a_joint(plain, legs, tmp_path):
    lines, row = lines_of(plain["trc"])
    cells = lines[row].split("\t")
    cells[5:8] = ["", "", ""]
    gap = "\n".join([*lines[:row], "\t".join(cells), *lines[row + 1 :]])
    for text in (gap, gap.replace("\t", ","), decimal_commas(gap, ";", "\t")):
        values, _ = read(tmp_path, "trc", text, legs)
        np.testing.assert_allclose(values, read(tmp_path, "trc", plain["trc"], legs)[0], atol=1e-5)
    lines, row = lines_of(plain["csv"])
    cells = lines[row].split(",")
    cells[9] = ""
    with pytest.raises(MsemuError, match=f"line {row + 1} leaves column 10 empty"):
        read(tmp_path, "csv", "\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]), legs)


BAD_SKELETONS = {
    "a bracket that is not closed": (
        lambda text: text.replace("}\n}\nMOTION", "}\nMOTION"),
        "no bracket closes 'Hips'",
    ),
    "two skeletons": (lambda text: text.replace("MOTION", "ROOT b\n{\nOFFSET 0 0 0\n}\nMOTION"), "2 skeletons"),
    "a word that belongs to nothing": (lambda text: text.replace("OFFSET", "OFSET", 1), "line 4 is no part of"),
    "two numbers": (lambda text: text.replace("OFFSET 0 12 0", "OFFSET 0 12"), r"line \d+ has 2 columns, expected 3"),
    "a channel twice": (lambda text: text.replace("Yposition", "Xposition"), "line 5 must name as many different"),
    "no time": (lambda text: text.replace("Frame Time:", "Time:"), "'Frames:' and 'Frame Time:' must follow"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_SKELETONS.values(), ids=BAD_SKELETONS)
def test_a_skeleton_that_is_refused(plain, legs, tmp_path, spoil, message):
    with pytest.raises(MsemuError, match=message):
        read(tmp_path, "bvh", spoil(plain["bvh"]), legs)


@pytest.mark.parametrize("kind", ["bvh", "trc", "mot", "csv"])
@pytest.mark.parametrize("frames", [0, 1, MIN_FRAMES - 1])
def test_a_shorter_recording_than_the_shortest_is_one_line(plain, legs, tmp_path, kind, frames):
    lines, row = lines_of(plain[kind])
    text = "\n".join(lines[: row - 4 + frames]).replace(f"nRows={FRAMES}", f"nRows={frames}")
    with pytest.raises(MsemuError, match=f"has {frames} frames; {MIN_FRAMES} to 100000 are accepted"):
        read(tmp_path, kind, text.replace(f"Frames: {FRAMES}", f"Frames: {frames}"), legs)


@pytest.mark.parametrize("kind", ["trc", "mot", "csv"])
def test_rows_that_repeat_a_time_do_not_count(plain, legs, tmp_path, kind):
    lines, row = lines_of(plain[kind])
    first = row - 4
    text = "\n".join([*lines[: first + MIN_FRAMES - 1], lines[first + MIN_FRAMES - 2]]).replace("nRows=12", "nRows=4")
    with pytest.raises(MsemuError, match=f"has {MIN_FRAMES - 1} frames"):
        read(tmp_path, kind, text, legs)


@pytest.mark.parametrize("kind", ["bvh", "trc", "mot", "csv"])
def test_many_lines_take_no_memory(legs, tmp_path, plain, kind):
    with pytest.raises(MsemuError, match="has more than 400000 lines"):
        read(tmp_path, kind, plain[kind] + "\n" * 500_000, legs)
