"""Install the wheel as a user does, in a clean environment of each Python that msemu is for, and use it there.

    python tools/check_wheel.py [PYTHON ...] [--folder FOLDER]

Without a PYTHON, every one of 3.11 to 3.13 on the PATH or of pyenv is taken, and those that are not here are named. pip
takes the newest versions that it finds, not those of constraints.txt. An environment needs gigabytes and is removed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
"""Those of docs/guide/start.md."""

TASK = "Msemu-Walk-MyoLegs-v0"
THREE_LINES = f"""
import msemu
env = msemu.make("{TASK}", num_envs=2)
env.get_observations()
"""
FIVE_LINES = f"""
import msemu
policy = msemu.load_policy("{TASK}")
rollout = policy.rollout(seconds=0.2)
table = rollout.to_pandas("muscle_force")
assert table.shape == (rollout.num_frames, 80), table.shape
"""
GYMNASIUM = f"""
import gymnasium
envs = gymnasium.make_vec("msemu.gymnasium:{TASK}", num_envs=2)
envs.reset(seed=1)
envs.step(envs.action_space.sample())
"""


def version(python: str) -> str | None:
    """Return the version of a Python, such as 3.12; None where it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def find_pythons() -> dict[str, str | None]:
    """Return a program for each of `VERSIONS`; None where there is none on this machine."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = {
        wanted: [f"python{wanted}", *map(str, sorted(pyenv.glob(f"{wanted}.*/bin/python")))] for wanted in VERSIONS
    }
    return {
        wanted: next((python for python in candidates if version(python) == wanted), None)
        for wanted, candidates in places.items()
    }


def check(python: str, wheel: Path, folder: Path) -> float:
    """Install and use the wheel; return the time from the begin of pip to the end of a policy's video [s].

    Raises:
        subprocess.CalledProcessError: Something failed; its output was shown.
    """
    run(python, "-m", "venv", str(folder))
    begin = time.monotonic()
    pip(folder, "install", str(wheel))
    run(folder / "bin/msemu-play", TASK, "--pretrained", "--seconds", "2", "--video", "walk.mp4", folder=folder)
    plays_s = time.monotonic() - begin
    pip(folder, "check")
    run(folder / "bin/msemu-train", "--list", folder=folder)
    run(folder / "bin/python", "-c", THREE_LINES, folder=folder)
    for package in ("viser", "gymnasium", "pandas", "wandb", "onnxruntime"):
        run(folder / "bin/python", "-c", f"import importlib.util as i; assert i.find_spec('{package}') is None")
    pip(folder, "install", f"{wheel}[viewer,gym,notebook,export]")
    for code in (FIVE_LINES, GYMNASIUM, "import msemu.viewer.page.browser, onnxruntime"):
        run(folder / "bin/python", "-c", code, folder=folder)
    return plays_s


def pip(environment: Path, *words: str) -> None:
    """Run pip of an environment."""
    run(environment / "bin/python", "-m", "pip", *words, *(["--quiet"] if words[0] == "install" else []))


def run(*command: str | Path, folder: Path | None = None) -> None:
    """Run a command away from the source; show what it says where it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    result = subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)
    if result.returncode:
        print(result.stdout, result.stderr, sep="\n", file=sys.stderr)
        result.check_returncode()


def main() -> int:
    """Check every Python; return 1 where one fails or none is here, 2 where one that was named cannot be checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="programs, such as python3.13")
    parser.add_argument("--folder", type=Path, help="where environments are made; a temporary folder by default")
    args = parser.parse_args()
    found = {version(python) or python: python for python in args.pythons} or find_pythons()
    if unfit := [name for name in found if name not in VERSIONS]:
        print(f"error: no Python from {VERSIONS[0]} to {VERSIONS[-1]}: {', '.join(unfit)}", file=sys.stderr)
        return 2
    ended = []
    with tempfile.TemporaryDirectory(dir=args.folder) as temporary:
        folder = Path(temporary)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
        for name, python in found.items():
            if python is None:
                print(f"Python {name}: not checked, there is none here", flush=True)
                continue
            try:
                plays_s = check(python, next(folder.glob("*.whl")), folder / name)
                print(f"Python {name}: works; a policy had played {plays_s:.0f} s after pip began", flush=True)
                ended.append(True)
            except subprocess.CalledProcessError as error:
                print(f"Python {name}: fails at {' '.join(error.cmd)[:120]}", flush=True)
                ended.append(False)
            shutil.rmtree(folder / name, ignore_errors=True)
    return 0 if ended and all(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
