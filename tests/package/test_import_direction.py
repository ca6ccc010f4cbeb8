"""Imports point one way: from the commands down to the configuration."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

LAYERS = ["cli", "bench", "console", "rl viewer analysis", "envs", "control", "motion", "models", "sim", "muscle"]
LAYERS += ["registry", "config", "components schema findings files", "errors cfg"]
RANK = {name: rank for rank, names in enumerate(reversed(LAYERS)) for name in names.split()}


def modules() -> list[tuple[str, Path]]:
    """Every module, by its part: the first folder or file below the package."""
    package = ROOT / "src/msemu"
    folders = [package, *(package / name for name in ("envs", "models", "cfg"))]  # rglob does not enter links
    paths = sorted({path for folder in folders for path in folder.rglob("*.py")})
    found = [(path.relative_to(package).parts[0].removesuffix(".py"), path) for path in paths]
    return [(part, path) for part, path in found if part != "__init__"]


def imported_parts(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.module != "msemu" else [f"msemu.{alias.name}" for alias in node.names]
            assert node.level == 0, f"{path}: relative import"
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        parts |= {name.split(".")[1] for name in names if name.startswith("msemu.")}
    return parts & set(RANK)


def test_every_part_has_a_layer() -> None:
    assert {part for part, _ in modules()} == set(RANK)


def test_the_design_page_shows_these_layers() -> None:
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    line = next(block for block in page.split("```") if block.strip().startswith("cli ->"))
    assert [layer.replace(",", " ").split() for layer in line.split("->")] == [names.split() for names in LAYERS]


@pytest.mark.parametrize(
    ("part", "path"), modules(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_no_module_imports_upwards(part: str, path: Path) -> None:
    for other in imported_parts(path):
        below = RANK[other] < RANK[part]
        assert other == part or below, f"{path.relative_to(ROOT)} ({part}) imports msemu.{other}, which is not below it"


def test_the_muscle_part_needs_numpy_and_warp_only() -> None:
    code = "import sys, msemu.muscle.parameters; print({'torch', 'mujoco', 'rsl_rl', 'scipy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["envs", "models", "cfg"])
def test_a_folder_refuses_its_bare_name(name: str) -> None:
    namespace = {"__name__": name}
    with pytest.raises(ImportError, match=f"import msemu.{name}, not {name}"):
        exec(compile((ROOT / name / "__init__.py").read_text(), name, "exec"), namespace)
