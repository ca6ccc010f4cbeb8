"""What is installed: wheel and sdist, away from the source tree."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from places import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import check_wheel
from patience import PATIENCE_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the wheel."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*command, str(distributions[1])], check=True, timeout=PATIENCE_S)
    return target


def run(code: str, site: Path, folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=PATIENCE_S)


def source_files() -> set[str]:
    """Every module and value file that git knows or would know, by the name it must have when installed."""
    folders = {ROOT / "src/msemu": "msemu", **{ROOT / name: f"msemu/{name}" for name in ("envs", "models", "cfg")}}
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for folder, name in folders.items()
        for path in folder.rglob("*")
        if path.suffix in (".py", ".yaml", ".csv", ".typed")
    }


def test_the_wheel_holds_every_file_and_one_top_level_name(distributions: tuple[Path, Path]) -> None:
    names = zipfile.ZipFile(distributions[1]).namelist()
    assert source_files() <= set(names)
    assert {name.split("/")[0] for name in names} == {"msemu", next(n for n in names if "dist-info" in n).split("/")[0]}
    top_level = next(name for name in names if name.endswith("top_level.txt"))
    assert zipfile.ZipFile(distributions[1]).read(top_level).decode().split() == ["msemu"]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_the_wheel_is_made_of(distributions: tuple[Path, Path]) -> None:
    with tarfile.open(distributions[0]) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {
        "LICENSE",
        "README.md",
        "setup.py",
        "pyproject.toml",
        "src/msemu/cfg/task/track.yaml",
        "src/msemu/envs/tasks.py",
    } <= names


def test_an_installed_wheel_works_away_from_the_source(installed: Path, tmp_path: Path) -> None:
    code = (
        "import torch, msemu, msemu.cfg; from pathlib import Path;"
        "from msemu.models import load_body; from msemu.registry import get_task, list_tasks;"
        "from msemu.sim import make_simulation;"
        "assert [spec for spec in list_tasks() if spec.load_config() is None] == [];"
        "cfg = get_task('Msemu-Walk-MyoLegs-v0').load_config(); body = load_body(cfg.body);"
        "sim = make_simulation(body.model, 1, cfg.sim); sim.step(torch.zeros(1, body.num_muscles), 1);"
        "print(Path(msemu.__file__).parent, Path(msemu.cfg.__file__).parent)"
    )
    result = run(code, installed, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(installed / "msemu"), str(installed / "msemu/cfg")]


def test_the_commands_are_installed(installed: Path, tmp_path: Path) -> None:
    scripts = {path.name for path in (installed / "bin").iterdir()}
    names = ("train", "play", "eval", "distill", "export", "track", "report", "motion", "model", "analyze", "bench")
    wanted = {f"msemu-{name}" for name in names}
    assert wanted <= scripts
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    for name in sorted(wanted):
        command = [sys.executable, str(installed / "bin" / name), "--help"]
        result = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=PATIENCE_S
        )
        assert result.returncode == 0 and "usage" in result.stdout, result.stderr


@pytest.mark.parametrize("name", ["envs", "models", "cfg"])
def test_the_folders_cannot_be_imported_by_accident(name: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_S
    )
    assert result.returncode == 1 and f"import msemu.{name}, not {name}" in result.stderr


def test_the_check_of_the_wheel_knows_the_pythons_of_the_release(distributions: tuple[Path, Path]) -> None:
    wheel = zipfile.ZipFile(distributions[1])
    said = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    assert all(f"Classifier: Programming Language :: Python :: {version}\n" in said for version in check_wheel.VERSIONS)
    assert "Python 3.11 to 3.13" in (ROOT / "docs/guide/start.md").read_text(encoding="utf-8")
    assert check_wheel.version(sys.executable) == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert check_wheel.find_pythons().keys() == set(check_wheel.VERSIONS)


@pytest.mark.parametrize("wrong", ["/bin/false", "/nowhere/python3.12"])
def test_the_check_of_the_wheel_refuses_what_is_no_python(wrong: str) -> None:
    command = [sys.executable, str(ROOT / "tools/check_wheel.py"), wrong]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 2 and result.stderr == f"error: no Python from 3.11 to 3.13: {wrong}\n"


def test_a_python_in_which_the_wheel_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        check_wheel.run(sys.executable, "-c", "raise SystemExit(3)", folder=tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/of/the/source")
    check_wheel.run(sys.executable, "-c", "import os; assert 'PYTHONPATH' not in os.environ", folder=tmp_path)
