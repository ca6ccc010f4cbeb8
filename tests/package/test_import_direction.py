"""Imports point one way: from the commands down to the configuration; folders stay small."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from patience import PATIENCE_S
from places import ROOT

LAYERS = [
    "gymnasium",
    "cli api",
    "bench",
    "console",
    "tracking",
    "rl viewer analysis",
    "envs",
    "control",
    "motion",
    "models",
    "sim",
    "muscle",
]
LAYERS += ["registry", "config", "schema", "components findings files", "errors cfg"]
RANK = {name: rank for rank, names in enumerate(reversed(LAYERS)) for name in names.split()}
MOST_FILES = 14
PACKAGE = ROOT / "src/msemu"


def modules() -> dict[str, Path]:
    """Every module below the package, by its dotted name without ``msemu``."""
    folders = [PACKAGE, *(PACKAGE / name for name in ("envs", "models", "cfg"))]  # rglob does not enter links
    paths = sorted({path for folder in folders for path in folder.rglob("*.py")} - {PACKAGE / "__init__.py"})
    names = {path: path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for path in paths}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


MODULES = modules()


def imports_of(path: Path) -> set[str]:
    """Modules of the package that one imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name.removeprefix("msemu.") in MODULES else node.module or "" for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("msemu.") for name in found} & MODULES.keys()


GRAPH = {name: imports_of(path) - {name} for name, path in MODULES.items()}


def part(module: str) -> str:
    return module.split(".")[0]


def folder(module: str) -> Path:
    return MODULES[module].parent


def test_every_part_has_a_layer() -> None:
    assert {part(module) for module in MODULES} == set(RANK)


def test_the_design_page_shows_these_layers() -> None:
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    line = next(block for block in page.split("```") if block.strip().startswith("gymnasium ->"))
    assert [layer.replace(",", " ").split() for layer in line.split("->")] == [names.split() for names in LAYERS]


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_upwards(module: str) -> None:
    wrong = [
        other for other in GRAPH[module] if part(other) != part(module) and RANK[part(other)] >= RANK[part(module)]
    ]
    assert not wrong, f"{module} imports {wrong}, not below it"


def test_no_imports_go_in_circles() -> None:
    tuple(TopologicalSorter(GRAPH).static_order())  # raises a CycleError that names the modules


def test_no_two_folders_know_each_other() -> None:
    """But for a folder and one within it, which is a room of its own."""
    known = {(folder(module), folder(other)) for module, others in GRAPH.items() for other in others}
    mutual = {(one, two) for one, two in known if one < two and (two, one) in known}
    assert [pair for pair in mutual if pair[0] not in pair[1].parents and pair[0] != PACKAGE] == []


def test_folders_are_small() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    parents = [Path(name).parent for name in files]
    sizes = {str(place): parents.count(place) for place in parents}
    large = {place: size for place, size in sizes.items() if size > MOST_FILES}
    assert set(large) <= {"src/msemu/motion/formats"}, large


def test_the_muscle_part_needs_numpy_and_warp_only() -> None:
    code = "import sys, msemu.muscle.parameters; print({'torch', 'mujoco', 'rsl_rl', 'scipy'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["envs", "models", "cfg"])
def test_a_folder_refuses_its_bare_name(name: str) -> None:
    namespace = {"__name__": name}
    with pytest.raises(ImportError, match=f"import msemu.{name}, not {name}"):
        exec(compile((ROOT / name / "__init__.py").read_text(), name, "exec"), namespace)


def test_a_training_needs_no_viewer() -> None:
    """The commands of a cluster, with viser kept away as where it is not installed."""
    modules = [f"msemu.cli.{name}" for name in ("train", "training", "eval", "play", "policy.distill", "policy.export")]
    code = f"import sys; sys.modules['viser'] = None; import {', '.join([*modules, 'msemu.gymnasium'])}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr
