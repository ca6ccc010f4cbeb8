"""The notebooks run from beginning to end, with a tiny budget; their outputs are kept, and small."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S
from places import ROOT
from real_clips import recording_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
GREATEST = 400_000
"""Bytes that a notebook may have."""
PREAMBLE = """
import shlex, subprocess, sys

def run(line):
    name, *words = shlex.split(line)
    entry = {"eval": "evaluate"}.get(name.removeprefix("msemu-"), name.removeprefix("msemu-"))
    code = f"from msemu.cli import commands; commands.{entry}()"
    subprocess.run([sys.executable, "-c", code, *words], check=True)
"""
"""What a shell's line of a notebook becomes here."""


def code_of(notebook: Path) -> str:
    """The cells of a notebook as a script."""
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines() if not line.startswith("%")]
    return PREAMBLE + "\n".join(f"run(f{line[1:]!r})" if line.startswith("!") else line for line in lines)


def test_there_are_four() -> None:
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_small(notebook: Path) -> None:
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert sum(bool(cell["outputs"]) for cell in cells) >= len(cells) // 2
    assert notebook.stat().st_size < GREATEST
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert str(Path.home()) not in notebook.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    recording_of("walk")
    environment = os.environ | {"MSEMU_NOTEBOOK_BUDGET": "0.001", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code_of(notebook)]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr[-2000:]
