"""No command writes over what it reads, and no option is without effect: by what their declarations say."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, get_args

import numpy as np
import pytest
from command_line import assert_one_clear_line, run

from msemu.cli.checks import check_files
from msemu.cli.commands import COMMANDS
from msemu.cli.motion import format_options
from msemu.cli.motion.options import ImportCfg
from msemu.cli.parsing import fields_of
from msemu.console import Input, Output
from msemu.errors import MsemuError
from msemu.files import unwritten, write_text
from msemu.motion.clip import MotionClip
from msemu.motion.formats import read
from msemu.motion.formats.axes import ReadOptions

WORDS = {
    "clip",
    "name",
    "names",
    "motions",
    "format",
    "renderer",
    "color_by",
    "objective",
    "muscle",
    "up",
    "unit",
    "angle_unit",
    "level",
}
WORDS |= {"device", "engine", "agent", "paths", "strength_set", "runs_dir", "run_name", "muscles", "host"}
WORDS |= {"loss", "observations", "led"}
"""Options of text that name no file; ``clip`` in those of a policy is the name of a clip of its run."""


def marked(words: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Fields of a command's options that carry a mark, with it."""
    for name, hint in fields_of(resolve_name(COMMANDS[words].options)):
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, kind):
                yield name, mark


def pairs(first: type, second: type) -> list[tuple[str, str, str]]:
    """Command, and two of its options of these kinds."""
    return [
        (words, one, other)
        for words in COMMANDS
        for one, _ in marked(words, first)
        for other, _ in marked(words, second)
        if first is not second or one < other
    ]


OUTPUTS = [(words, name) for words in COMMANDS for name, _ in marked(words, Output)]


def options_with(words: str, **values: Path) -> Any:
    """Options of a command of which only some are given."""
    options = object.__new__(resolve_name(COMMANDS[words].options))
    for field in dataclasses.fields(options):
        setattr(options, field.name, values.get(field.name))
    return options


def place_for(words: str, name: str, folder: Path) -> Path:
    """A file, or a folder, that there is and that an output option could name."""
    suffixes = dict(marked(words, Output))[name].suffixes
    path = folder / f"walk{suffixes[0] if suffixes else ''}"
    path.touch() if suffixes else path.mkdir()
    return path


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_that_names_a_file_says_whether_it_is_read_or_written(words: str) -> None:
    declared = {name for kind in (Input, Output) for name, _ in marked(words, kind)}
    for name, hint in fields_of(resolve_name(COMMANDS[words].options)):
        plain = hint.__origin__ if hasattr(hint, "__metadata__") else hint
        kinds = {plain, *get_args(plain)}
        assert name in declared or Path not in kinds, f"declare --{name} of msemu-{words} as Input or Output"
        assert name in declared or name in WORDS or str not in kinds, f"is --{name} of msemu-{words} a file?"


@pytest.mark.parametrize(("words", "output", "read_from"), pairs(Output, Input))
def test_no_output_is_an_input(words: str, output: str, read_from: str, tmp_path: Path) -> None:
    written = place_for(words, output, tmp_path)
    if written.is_dir():
        check_files(options_with(words, **{output: written, read_from: written}))  # it may get files beside its own
        written.rmdir()
        written.touch()
    (tmp_path / "symbolic").symlink_to(written)
    os.link(written, tmp_path / "hard")
    same = (written, tmp_path / "symbolic", tmp_path / "hard", tmp_path / ".." / tmp_path.name / written.name)
    for source in same:
        with pytest.raises(MsemuError, match="is read as"):
            check_files(options_with(words, **{output: written, read_from: source}))


@pytest.mark.parametrize(("words", "output", "other"), pairs(Output, Output))
def test_no_two_outputs_are_one_file(words: str, output: str, other: str, tmp_path: Path) -> None:
    for name in ("walk", "WALK"):
        with pytest.raises(MsemuError, match="is written as"):
            check_files(options_with(words, **{output: tmp_path / "walk", other: tmp_path / name}))


@pytest.mark.parametrize(("words", "output"), OUTPUTS)
def test_a_place_that_will_not_do_is_refused_before_the_work(words: str, output: str, tmp_path: Path) -> None:
    path = place_for(words, output, tmp_path)
    check_files(options_with(words, **{output: path}))
    check_files(options_with(words, **{output: tmp_path / "new" / "folder" / path.name}))
    assert not (tmp_path / "new").exists(), "what is checked is not made"
    check_files(options_with(words, **{output: Path("/dev/null")}))
    (tmp_path / "file").touch()
    wrong = {tmp_path / "file" / path.name: "cannot make the folder", Path("/proc") / "x" / path.name: "/proc/x"}
    if path.is_dir():
        wrong |= {tmp_path / "file": "File exists"}
    else:
        path.with_name("folder.json").mkdir()
        wrong |= {tmp_path / "folder.json": "is a folder", tmp_path / "walk.xyz": "must end in"}
    for place, said in wrong.items():
        with pytest.raises(MsemuError, match=said):
            check_files(options_with(words, **{output: place}))


def test_a_repair_does_not_keep_the_original_over_its_input(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "walk.raw.npz")
    before = (tmp_path / "walk.raw.npz").read_bytes()
    result = run("motion", "repair", tmp_path / "walk.raw.npz", "-o", tmp_path / "walk.npz")
    assert_one_clear_line(result, "walk.raw.npz is read as CLIP")
    assert (tmp_path / "walk.raw.npz").read_bytes() == before


def test_the_writer_itself_refuses_what_the_command_reads(tmp_path: Path) -> None:
    write_text(tmp_path / "in.json", "{}")
    (tmp_path / "link.json").symlink_to("in.json")
    with unwritten([tmp_path / "in.json", tmp_path / "missing"]):
        for name in ("in.json", "link.json"):
            with pytest.raises(MsemuError, match="it is read by this command"):
                write_text(tmp_path / name, "other")
        write_text(tmp_path / "out.json", "[]")
    write_text(tmp_path / "in.json", "[]")
    assert (tmp_path / "in.json").read_text() == "[]"


def test_a_recording_survives_its_import(march: MotionClip, tmp_path: Path) -> None:
    table = tmp_path / "poses.npz"
    np.savez(table, qpos=march.qpos, fps=50.0)
    before = table.read_bytes()
    for output in ("--out", "--json"):
        other = ("--out", tmp_path / "clip.npz") if output == "--json" else ()
        result = run("motion", "import", table, "--body", "myolegs", output, table, *other)
        assert_one_clear_line(result, f"{output} {table}")
    assert table.read_bytes() == before and os.listdir(tmp_path) == ["poses.npz"]


def test_an_export_beside_the_clip_spares_what_is_there(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "walk.npz")
    (tmp_path / "walk.csv").write_text("a recording of somebody's\n")
    assert_one_clear_line(
        run("motion", "export", tmp_path / "walk.npz", "--format", "csv"), "walk.csv already", "--out"
    )
    assert (tmp_path / "walk.csv").read_text() == "a recording of somebody's\n"
    out = tmp_path / "walk.csv"
    assert run("motion", "export", tmp_path / "walk.npz", "--format", "csv", "--out", out).returncode == 0
    assert "," in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "T", "--seed", "1", "--seed", "1"), "--seed is given 2 times"),
        (("eval", "T", "--runs-dir=a", "--runs_dir", "b"), "--runs-dir is given 2 times"),
        (("play", "T", "--pretrained", "--no-pretrained"), "--pretrained is given 2 times"),
        (("motion", "repair", "x.npz", "-o", "a.npz", "--out", "b.npz"), "--out is given 2 times"),
        (("train", "Msemu-Track-MyoLegs-v0", "--agent", "add", "--agent", "amp"), "--agent is given 2 times"),
        (("train", "Msemu-Track-MyoLegs-v0", "--env.assist.fade-end", "1", "--env.assist.fade_end=2"), "2 times"),
        (("play", "T", "--port", "8080", "--video", "x.mp4"), "--port has no effect beside --video"),
        (("motion", "play", "x.npz", "--host", "::1", "--heatmap", "x.png"), "--host has no effect beside --heatmap"),
        (("play", "T", "--renderer", "lines"), "--renderer has no effect without --video"),
        (("play", "T", "--color-by", "activation"), "--color-by has no effect without --video"),
        (("eval", "T", "--pretrained", "--checkpoint", "best"), "--checkpoint has no effect beside --pretrained"),
        (("analyze", "gait", "T", "--pretrained", "--runs-dir", "runs"), "--runs-dir has no effect beside"),
        (("eval", "/", "--runs-dir", "elsewhere"), "leave --runs-dir out"),
        (("play", "Msemu-Track-MyoLegs-v0", "--runs-dir", "/nowhere", "--start-frame", "3"), "is for a policy"),
        (("motion", "fetch", "--wheel", __file__), "--wheel has no effect without NAMES"),
        (("motion", "fetch", "walk", "--wheel", "/nowhere.whl"), "there is no file /nowhere.whl for --wheel"),
        (("train", "--list", "walk"), "--list stands alone"),
        (("train", "Msemu-Track-MyoLegs-v0", "--sim.engine", "mujoco", "--sim.contacts-per-env", "9"), "engine warp"),
        (("bench", "step", "--engine", "warp", "--threads", "2"), "--threads is for the engine mujoco"),
        (
            ("analyze", "static-optimization", "walk", "--body", "myolegs", "--objective", "power", "--power", "3"),
            "--power is the exponent",
        ),
    ],
)
def test_options_without_effect_are_refused(arguments: tuple[str, ...], said: str) -> None:
    assert_one_clear_line(run(*arguments), said)


def test_an_option_that_is_switched_off_is_in_nobodys_way(tmp_path: Path) -> None:
    result = run("eval", "T", "--no-pretrained", "--checkpoint", "last", "--runs-dir", tmp_path)
    assert_one_clear_line(result, "neither a run folder nor a task nor a policy")


def test_cycles_are_for_clips_that_repeat(march_once: MotionClip, tmp_path: Path) -> None:
    march_once.save(tmp_path / "once.npz")
    result = run("motion", "play", tmp_path / "once.npz", "--cycles", "2", "--video", tmp_path / "x.mp4")
    assert_one_clear_line(result, "--cycles is for clips that repeat")


def test_cycles_are_not_for_a_heatmap(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "march.npz")
    result = run("motion", "play", tmp_path / "march.npz", "--cycles", "2", "--heatmap", tmp_path / "x.png")
    assert_one_clear_line(result, "--cycles has no effect on a --heatmap")


@pytest.mark.parametrize(
    ("file", "option", "said"),
    [
        ("poses.npz", ("--smpl-model", __file__), "--smpl-model"),
        ("poses.npz", ("--up", "y"), "--up"),
        ("poses.npz", ("--no-cyclic",), "--no-cyclic is for"),
        ("walk.bvh", ("--retarget",), "--retarget is for OpenSim"),
        ("walk.json", ("--names", "opensim"), "--names"),
        ("walk", ("--unit", "cm"), "--unit"),
    ],
)
def test_options_of_other_formats_are_refused(
    file: str, option: tuple[str, ...], said: str, march: MotionClip, tmp_path: Path
) -> None:
    np.savez(tmp_path / "poses.npz", qpos=march.qpos, fps=50.0)
    (tmp_path / "walk.bvh").write_text("HIERARCHY\n")
    (tmp_path / "walk.json").write_text("{}\n")
    path = tmp_path / file if "." in file else file
    out = tmp_path / "clip.npz"
    assert_one_clear_line(run("motion", "import", path, "--body", "myolegs", "--out", out, *option), said)


def test_every_option_of_import_is_for_all_formats_or_for_those_of_the_table() -> None:
    general = {"file", "body", "out", "body_path", "fps", "name", "json"}
    of_readers = {field.name for field in dataclasses.fields(ReadOptions)}
    rest = {field.name for field in dataclasses.fields(ImportCfg)} - general - of_readers
    assert rest == set(format_options._FORMATS) - of_readers
    assert set(format_options.TITLES) == {*read._SOURCE_READERS, *read.CLIP_FORMATS, "catalogue"}
    assert {each for formats in format_options._FORMATS.values() for each in formats} <= set(format_options.TITLES)
