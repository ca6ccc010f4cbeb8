"""Help pages and wrong options of every command: short, and answered without what computing needs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pkgutil import resolve_name

import pytest
from command_line import assert_one_clear_line, run
from patience import PATIENCE_S

from msemu.cli.commands import ALIASES, COMMANDS, TITLES, subcommands
from msemu.cli.parsing import option_names
from msemu.cli.task_list import task_list
from msemu.cli.train import FIRST
from msemu.registry import TaskSpec, get_task
from msemu.schema import TrainCfg

SCREEN = 60  # lines
WIDTH = 100  # characters
TASKS = ("Msemu-Walk-MyoLegs-v0", "Msemu-Run-MyoFullBody-v0", "Msemu-Track-MsHuman700-v0")
SPOKEN = [*TITLES, *COMMANDS, "train", *(f"train {task}" for task in TASKS)]
"""All commands as they are typed, and a task of each body."""
ASK_ALL = """
import contextlib, io, json, sys
from msemu.cli import commands, train

def ask(words, option):
    name, *rest = words.split()
    sys.argv = ["msemu", *rest, option]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            (train.main if name == "train" else commands.program(name))()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
    heavy = sorted({"torch", "mujoco", "warp", "rsl_rl"} & set(sys.modules))
    said = {name: stream.buffer.getvalue().decode() for name, stream in (("out", out), ("err", err))}
    return {"code": code, "heavy": heavy, **said}

options = ("-h", "--help", "--help-all", "--nonsense", "--version")
print(json.dumps({words: {option: ask(words, option) for option in options} for words in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, dict]]:
    """What every command answers to help and to a wrong option, all in one process."""
    command = [sys.executable, "-c", ASK_ALL, *SPOKEN, "train --list", *ALIASES]
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def options_on(page: str) -> set[str]:
    """Options that have an entry on a help page."""
    entries = (line.strip(" │").split("  ")[0] for line in page.splitlines() if line.startswith("│"))
    found = {option for entry in entries if entry.startswith("-") for option in re.findall(r"--[a-z][\w.-]*", entry)}
    return found - {"--help"}


def without_switches(options: Iterable[str]) -> set[str]:
    return {option for option in options if not re.match(r"--(.*\.)?no-", option)}


@pytest.mark.parametrize("words", SPOKEN)
def test_help_is_a_screen_and_needs_no_torch(words: str, answers: dict) -> None:
    for option in ("-h", "--help"):
        page = answers[words][option]
        assert page["code"] == 0 and page["out"].startswith("usage: msemu-") and not page["err"]
        lines = page["out"].splitlines()
        assert len(lines) <= SCREEN and max(map(len, lines[1:])) <= WIDTH
        assert page["heavy"] == []
    assert len(answers[words]["--help-all"]["out"]) >= len(page["out"])
    assert answers[words]["--help-all"]["code"] == 0 and answers[words]["--help-all"]["heavy"] == []


@pytest.mark.parametrize("words", SPOKEN)
def test_a_wrong_option_is_one_line_and_needs_no_torch(words: str, answers: dict) -> None:
    answer = answers[words]["--nonsense"]
    assert answer["code"] == 2 and answer["err"].startswith("error: ") and answer["err"].count("\n") == 1
    assert "--nonsense" in answer["err"] and re.search("did you mean|known: |see: ", answer["err"])
    assert answer["out"] == "" and answer["heavy"] == []


def test_the_list_of_tasks_needs_no_torch() -> None:
    code = "import sys; from msemu.cli.train import main; main(); assert not {'torch', 'mujoco'} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code, "--list"], capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0 and "Msemu-Walk-MyoLegs-v0" in result.stdout, result.stderr


@pytest.mark.parametrize("words", SPOKEN)
def test_every_command_tells_its_release(words: str, answers: dict) -> None:
    answer = answers[words]["--version"]
    assert (answer["code"], answer["out"], answer["heavy"]) == (0, f"msemu {metadata.version('msemu')}\n", [])


def test_tasks_are_listed_by_body_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSEMU_MS_HUMAN_700", "/nowhere")
    bodies = {block.splitlines()[0]: block.splitlines()[1:] for block in task_list().split("\n\n")}
    missing, whole, legs, marks = bodies
    assert (whole, legs) == ("myofullbody", "myolegs")
    assert missing.startswith("ms_human_700, not installed: no MS-Human-700.xml at /nowhere")
    headings = [line.strip() for line in bodies[whole] if not line.startswith("   ") and line[2] != "*"]
    assert headings == ["any motion", "clips", "sets of clips"]
    after = bodies[whole].index("  sets of clips")
    assert any("-Acrobatics-" in line for line in bodies[whole][after:])
    marked = {line.split()[1] for lines in bodies.values() for line in lines if line.startswith("  * ")}
    assert marked == {
        "Msemu-Walk-MyoLegs-v0",
        "Msemu-Walk-MyoFullBody-v0",
        "Msemu-Jump-MyoFullBody-v0",
        "Msemu-Kick-MyoFullBody-v0",
        "Msemu-Jump-MsHuman700-v0",
        "Msemu-Cartwheel-MsHuman700-v0",
        "Msemu-Walk-MsHuman700-v0",
        "Msemu-Run-MyoLegs-v0",
        "Msemu-Run-MyoFullBody-v0",
    }
    assert marks.startswith("* a trained policy") and "--pretrained" in marks


def test_a_task_of_a_plugin_is_listed_without_body_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    own = TaskSpec("Plug-In-v0", "track", "a dance", origin="plug-in")
    monkeypatch.setattr("msemu.cli.task_list.list_tasks", lambda: [own])
    assert task_list().splitlines()[:3] == ["other tasks", "  others", "    Plug-In-v0  a dance  (from plug-in)"]


@pytest.mark.parametrize("words", COMMANDS)
def test_the_pages_show_all_options_and_the_first_ones(words: str, answers: dict) -> None:
    known = set(option_names(resolve_name(COMMANDS[words].options)))
    assert options_on(answers[words]["--help-all"]["out"]) == known
    first = {f"--{name.replace('_', '-')}" for name in COMMANDS[words].first.split()} & known
    page = answers[words]["--help"]["out"]
    assert without_switches(options_on(page)) == without_switches(first or known)
    assert ("Every option: " in page) == bool(first)


@pytest.mark.parametrize("task", TASKS)
def test_the_pages_of_a_task(task: str, answers: dict) -> None:
    spec = get_task(task)
    default = spec.load_training()
    pages = answers[f"train {task}"]
    assert options_on(pages["--help"]["out"]) == {f"--{name.replace('_', '-')}" for name in FIRST}
    assert (
        "--agent add, amp" in pages["--help"]["out"]
        and f"Every option: msemu-train {task} --help-all" in (pages["--help"]["out"])
    )
    known = set(option_names(TrainCfg, default))
    assert {"--env.rewards.joint-angle.weight", "--agent.algorithm.learning-rate"} <= known
    assert options_on(pages["--help-all"]["out"]) == known


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_works_and_is_not_listed(alias: str, answers: dict) -> None:
    assert answers[alias]["--help"]["out"].startswith(f"usage: msemu-{ALIASES[alias]} ")
    name, word = alias.split()
    assert word not in answers[name]["--help"]["out"].split()


@pytest.mark.parametrize("name", TITLES)
def test_an_unknown_subcommand_names_the_known_ones(name: str) -> None:
    assert_one_clear_line(run(name, "xyzzy"), f"msemu-{name} has no sub-command xyzzy", *subcommands(name))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("clip.bvh", "--boddy", "myolegs", "--out", "x.npz"), "has no option --boddy; did you mean --body"),
        (("clip.bvh", "--body", "myolegs", "--out", "x.npz", "--fps", "quick"), "--fps: could not convert"),
        (("clip.bvh", "--body", "myolegs"), "--out PATH"),
        (("clip.bvh", "more", "--body", "myolegs", "--out", "x.npz"), "Unrecognized options: more"),
    ],
)
def test_options_that_do_not_fit_end_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = run("motion", "import", *arguments)
    assert_one_clear_line(result, said)
    assert result.stderr.count("\n") == 1
