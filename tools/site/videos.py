"""Videos of every motion on every body, and of the policies that come with msemu; drawn, not committed."""

import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "videos"
"""Where they are."""
_SECONDS = "4"


def draw() -> None:
    """Draw those that are missing; a body or clip that cannot be had is left out with a line."""
    from msemu.cli.commands import run
    from msemu.errors import MsemuError
    from msemu.registry import list_tasks
    from msemu.rl.pretrained import shipped

    tasks = [spec.id for spec in list_tasks() if spec.kind == "clips" and spec.origin == "msemu"]
    trained = shipped()
    calls = {f"policy_{task}": [task, "--pretrained"] for task in trained}
    untrained = [task for task in tasks if task not in trained]
    calls |= {f"clip_{task}": [task, "--runs-dir", str(FOLDER / "no_runs")] for task in untrained}
    for name, call in calls.items():
        path = FOLDER / f"{name}.mp4"
        if path.is_file():
            continue
        try:
            run("play", [*call, "--seconds", _SECONDS, "--video", str(path)])
        except MsemuError as error:
            print(f"no {path.name}: {error}", file=sys.stderr)


def gallery(folder: Path) -> str:
    """Return the videos of a folder as a part of a page; a picture where there are none."""
    videos = sorted(folder.glob("*.mp4"), key=lambda path: (not path.stem.startswith("policy"), path.stem))
    if not videos:
        return "![A trained body beside its reference](images/walk_myolegs.png)"
    return "\n\n".join(
        f"{_heading(path)}\n\n<video controls muted loop width=480 src=videos/{escape(path.name)}></video>"
        for path in videos
    )


def _heading(path: Path) -> str:
    kind, _, task = path.stem.partition("_")
    _, motion, body, _, *variant = task.split("-")
    origin = "a policy that comes with msemu" if kind == "policy" else "the clip alone"
    return f"**{motion} on {body}**, {', '.join([origin, *variant])}"


if __name__ == "__main__":
    draw()
