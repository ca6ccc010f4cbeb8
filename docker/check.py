"""Lint the Dockerfile, then build: with docker where it runs, else its own layers in a folder, without system packages.

python docker/check.py [--lint]
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker" / "Dockerfile"
_ONE_LINE = re.compile(r"\\\n\s*")


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments."""
    lines = _ONE_LINE.sub("", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def faults(text: str, root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with a Dockerfile."""
    steps = instructions(text)
    sent = [line[1:] for line in (root / ".dockerignore").read_text(encoding="utf-8").split() if line.startswith("!")]
    if not steps or steps[0][0] != "FROM" or not re.fullmatch(r"\S+:(?!latest)\S+", steps[0][1]):
        yield "the first instruction is FROM an image with a tag, not latest"
    for word, rest in steps:
        if word not in ("FROM", "ENV", "RUN", "WORKDIR", "COPY", "EXPOSE", "CMD", "ARG", "LABEL", "USER"):
            yield f"{word} is no instruction that is used here"
        if word == "COPY":
            for source in rest.split()[:-1]:
                if not (root / source).exists():
                    yield f"COPY {source}: there is no such file"
                if not any(fnmatch(source.split("/")[0], name) for name in sent):
                    yield f"COPY {source}: .dockerignore leaves it out"
        if "apt-get install" in rest and not (
            "--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists" in rest
        ):
            yield "apt-get install without --no-install-recommends, or without removing its lists"
        if "pip install" in rest and "--no-cache-dir" not in rest:
            yield "pip install without --no-cache-dir"
        if word == "CMD" and not rest.startswith("["):
            yield "CMD is a list of words, so that signals reach the program"


def build_layers(folder: Path) -> None:
    """Do the COPY instructions and the installation of msemu in a folder, and ask the command that is installed."""
    source = folder / "src"
    for word, rest in instructions(FILE.read_text(encoding="utf-8")):
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                place = source / target / (Path(name).name if (ROOT / name).is_file() else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copy2 if (ROOT / name).is_file() else _copy_tree
                copy(ROOT / name, place)
    _run([sys.executable, "docker/requirements.py", "viewer", "gym", "notebook", "export"], source)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    _run([*install, "--target", str(folder / "site"), "."], source)
    code = "from msemu.cli.commands import train; import sys; sys.argv = ['msemu-train', '--list']; train()"
    said = _run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder / 'site')!r}); {code}"], folder)
    assert "Msemu-Walk-MyoFullBody-v0" in said


def _copy_tree(source: Path, place: Path) -> None:
    shutil.copytree(
        source, place, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Entry point."""
    if unknown := set(sys.argv[1:]) - {"--lint"}:
        print(f"error: unknown option {' '.join(sorted(unknown))}; there is --lint alone", file=sys.stderr)
        raise SystemExit(2)
    wrong = list(faults(FILE.read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))
    print("docker/Dockerfile: no fault found")
    if "--lint" in sys.argv:
        return
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        subprocess.run(["docker", "build", "-t", "msemu", "-f", str(FILE), str(ROOT)], check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        build_layers(Path(folder))
    print("docker does not run here; the layers of msemu itself build and answer")


if __name__ == "__main__":
    main()
