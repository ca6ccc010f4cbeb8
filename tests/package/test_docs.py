"""What README.md and the pages of docs name exists: files, headings, commands with their options, tasks, modules."""

import ast
import functools
import io
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from pkgutil import resolve_name
from unittest import mock

import pytest
from places import ROOT

from msemu.config import cfg_names
from msemu.envs import observations, rewards, terminations
from msemu.registry import list_tasks

PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "lab" not in page.parts)]
LAB = sorted((ROOT / "docs/lab").rglob("*.md"))  # old commands stay there as they were: only their links must hold
PACKAGE = ROOT / "src/msemu"
PLACES = (ROOT, PACKAGE, PACKAGE / "rl", ROOT / "cfg", ROOT / "cfg/motion")
"""Folders that the paths of a page start from."""

OWN_BODIES = ("MyBody", "Subject")
"""Titles of bodies of users."""
NO_PATHS = ("runs/", "export/", "my_package/", "my_models/", "body_position/", "joint_rotation/")
"""How words with a slash start that are no paths: folders of users, entries of a discriminator."""
NO_MODULES = {"msemu.tasks"}
"""Entry-point groups."""
FOREIGN_OPTIONS = {"--shutdown-timeout"}
"""Options of other programs that a page explains by themselves."""

MAINS = dict(re.findall(r'"(msemu-\w+) = ([\w.]+:\w+)"', (ROOT / "setup.py").read_text(encoding="utf-8")))
WITH_SUBCOMMANDS = {"msemu-motion", "msemu-model", "msemu-analyze", "msemu-study", "msemu-bench"}
TASK = "Msemu-Walk-MyoLegs-v0"
CHOICES = {"--agent": "agent", "--env.action": "action", "--sim.muscle": "muscle"}
"""Options of msemu-train on which it depends which others there are, and the folder of cfg that names their values."""
TERM_OPTIONS = {
    f"--env.{kind.__name__.rpartition('.')[2]}.{name}"
    for kind in (observations, rewards, terminations)
    for name in kind.TERMS
}
"""Options that give a task a term, in whose help only those are that it has."""
ALL_HELP = "--help-all"
"""Option that shows every option of a command."""
OPTION = re.compile(r"--[a-zA-Z][\w.-]*")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page: Path) -> None:
    found = problems(page.read_text(encoding="utf-8"), page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", LAB, ids=lambda page: page.stem)
def test_links_of_the_lab_book_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page.read_text(encoding="utf-8"), page)) == []


@pytest.mark.parametrize(("index", "pages"), [("docs/index.md", PAGES[1:]), ("docs/lab/README.md", LAB)])
def test_an_index_leads_to_every_page(index: str, pages: list[Path]) -> None:
    start = ROOT / index
    linked = re.findall(r"^\| \[.*?\]\(([\w./]+)\) \|", start.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(pages) <= {start, *(start.parent / page for page in linked)}


@pytest.mark.parametrize(
    "wrong",
    [
        "[page](docs/nowhere.md)",
        "[page](docs/design.md#nowhere)",
        "`tests/muscle/test_nowhere.py`",
        "`nowhere/at_all`",
        "`cfg/agent/nowhere*.yaml`",
        "`msemu-bench nowhere`",
        "`msemu-bench env \\| nowhere`",
        "`msemu-eval RUN --nowhere 3`",
        "the options of `msemu-eval`: `--num-envs`",
        "`--nowhere.at-all`",
        "```bash\nmsemu-train Msemu-Walk-MyoLegs-v0 \\\n    --nowhere\n```",
        "```bash\n./tools/quickstart.sh --nowhere\n```",
        "`Msemu-Nowhere-MyoLegs-v0`",
        "`msemu.envs.rewards.nowhere`",
        "`msemu.nowhere:effort`",
        "```python\nfrom msemu.schema import Nowhere\n```",
    ],
)
def test_what_does_not_exist_is_found(wrong: str) -> None:
    assert len(problems(wrong, ROOT / "README.md")) == 1


def test_what_exists_is_not_found() -> None:
    right = "`msemu-train TASK --agent add --env.action joint --num-envs=3` `cfg/*/add.yaml` [design](docs/design.md)"
    right += "`torchrun --nproc-per-node 4 -m msemu.cli.train Msemu-Walk-MyoLegs-v0 --seed 1` `msemu.models:load_body`"
    assert problems(right, ROOT / "README.md") == []


def problems(text: str, page: Path) -> list[str]:
    """Everything that the text of a page names and that does not exist."""
    tasks = {spec.id for spec in list_tasks()}
    lines = list(lines_of_code(text))
    words = [word for line in lines for code in line for word in code.split()]
    return [
        *broken_links(text, page),
        *(
            f"task {name}"
            for name in re.findall(rf"\bMsemu-\w+-(?!{'|'.join(OWN_BODIES)})\w+-v0\b", text)
            if name not in tasks
        ),
        *(f"path {word}" for word in words if looks_like_path(word) and not is_path(word)),
        *(f"name {name}" for name in names_of_python(" ".join(words), text) if not is_name(name)),
        *wrong_calls(lines),
    ]


def broken_links(text: str, page: Path) -> Iterator[str]:
    """Relative links of a page to no file, or to no heading of it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"link {link}"


def anchors(page: Path) -> set[str]:
    """Names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def lines_of_code(text: str) -> Iterator[list[str]]:
    """The code of a page, by lines: a line of a block, or the spans of a line of prose or of a row of a table."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield [re.sub(r"(^|\s)#.*", "", line)]
    prose = re.sub(r"`[^`]*`", lambda span: span[0].replace("\n", " "), BLOCK.sub("", text))
    for line in prose.replace("\\|", "|").splitlines():
        yield re.findall(r"`([^`]+)`", line)


def looks_like_path(word: str) -> bool:
    """Whether a word of code could be a path of the repository."""
    found = re.fullmatch(r"(\./)?[a-z][a-z0-9_-]*(/[\w.*-]+)+/?|[a-z_]+\.py", word)
    return found is not None and not word.startswith(NO_PATHS)


def is_path(word: str) -> bool:
    """Whether a file has this path, or at least this name."""
    if "/" not in word:
        return any(next((ROOT / folder).rglob(word), None) for folder in ("src", "envs", "models", "tests", "tools"))
    return any(next(place.glob(word.removeprefix("./").rstrip("/")), None) for place in PLACES)


def names_of_python(code: str, text: str) -> Iterator[str]:
    """Modules of msemu that code names, with what it takes from them."""
    yield from re.findall(r"\bmsemu\.[\w.:]*\w", code)
    for module, names in re.findall(r"^from (msemu[\w.]*) import ([\w, ]+)$", text, flags=re.MULTILINE):
        yield from (f"{module}.{name.strip()}" for name in names.split(","))


def is_name(name: str) -> bool:
    """Whether there is such a module of msemu, or such a name in one, without importing it."""
    parts = name.replace(":", ".").split(".")[1:]
    for depth in range(len(parts), -1, -1):
        path = PACKAGE.joinpath(*parts[:depth])
        module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if module.is_file():
            return depth == len(parts) or parts[depth] in names_in(module) or name in NO_MODULES


@functools.cache
def names_in(path: Path) -> set[str]:
    """What a module defines or imports at its top, or tells type checkers of and finds when it is asked."""
    found: set[str] = set()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node in (*body, *(inner for outer in body if isinstance(outer, ast.If) for inner in outer.body)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            found |= {target.id for target in ast.walk(node) if isinstance(target, ast.Name)}
    return found


def wrong_calls(lines: list[list[str]]) -> Iterator[str]:
    """Sub-commands and options that no command has; an option alone is one of a command of its line, or of its page."""
    trained = help_page("msemu-train", "--env.action", "joint", "--sim.muscle", "elastic")
    on_page = [trained, *(page for line in lines for code in line for page in help_pages(code).values())]
    for line in lines:
        on_line: list[str] = []
        for code in line:
            pages = help_pages(code)
            yield from (f"command {words}" for words, page in pages.items() if not page)
            on_line += pages.values()
            if not pages and not code.startswith("--"):
                continue  # an option of a program that is not msemu's
            _, arguments = called(code)
            known = {
                *OPTION.findall("".join(on_line or on_page)),
                "--help",
                "--help-all",
                "--version",
                *FOREIGN_OPTIONS,
                *TERM_OPTIONS,
            }
            options = OPTION.findall(" ".join(arguments) if pages else code) if all(pages.values()) else []
            yield from (f"option {option} in: {code}" for option in options if option not in known)


def help_pages(code: str) -> dict[str, str]:
    """Help of each command in a line of code, by its words; empty where there is no such command."""
    program, words = called(code)
    if program is None:
        return {}
    if program not in MAINS:
        return {program: (ROOT / program).read_text(encoding="utf-8")}
    if program in WITH_SUBCOMMANDS:
        chosen = [word for before, word in zip(["|", *words], words, strict=False) if before == "|" and word.islower()]
        return {f"{program} {word}": help_page(program, word) for word in chosen if not word.startswith("-")}
    return {program: help_page(program, *choices(words))}


def called(code: str) -> tuple[str | None, list[str]]:
    """The command of msemu, or the script of tools, that a line of code calls, and the words that follow."""
    words = code.replace("-m msemu.cli.train", "msemu-train").split()
    for index, word in enumerate(words):
        script = word.removeprefix("./")
        if word in MAINS or (script.startswith("tools/") and (ROOT / script).is_file()):
            return script, words[index + 1 :]
    return None, words


def choices(words: list[str]) -> tuple[str, ...]:
    """Those words of a call of msemu-train that decide which options there are."""
    pairs = [pair for pair in itertools.pairwise(words) if pair[0] in CHOICES]
    return tuple(word for option, name in pairs if name in cfg_names(CHOICES[option]) for word in (option, name))


@functools.cache
def help_page(program: str, *words: str) -> str:
    """All help of a command; empty when it does not know the sub-command."""
    if program == "msemu-train":
        page = run(program, TASK, *words, ALL_HELP)
        return page and " ".join((page, run(program, "--help"), *words))
    page = run(program, *words, ALL_HELP)
    return page if " ".join((program, *words)) in page else ""


def run(program: str, *arguments: str) -> str:
    """What a command prints; empty when it fails."""
    output = io.StringIO()
    with mock.patch.object(sys, "argv", [program, *arguments]), mock.patch.dict("os.environ", COLUMNS="1000"):
        try:
            with redirect_stdout(output), redirect_stderr(io.StringIO()):
                resolve_name(MAINS[program])()
        except SystemExit as end:
            return "" if end.code else output.getvalue()
    return output.getvalue()
