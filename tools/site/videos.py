"""Videos of every motion on every body, and of the policies that come with msemu; drawn, not committed.

A clip is drawn as it is retargeted, before any repair, which takes most of the time of preparing it and hardly shows.
"""

import subprocess
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msemu.models import Body
    from msemu.motion.recording import Recording

FOLDER = Path(__file__).parents[2] / "build" / "videos"
"""Where they are."""
MOTIONS_HEADING = "Every motion on every body"

_SECONDS = 4.0
_POLICY_HZ, _CLIP_HZ = 20.0, 12.5
_SIZE = 480, 270
_POLICY, _CLIP = "policy", "clip"


def draw() -> None:
    """Draw those that are missing; a body or clip that cannot be had is left out with a line."""
    from msemu.errors import MsemuError
    from msemu.registry import list_tasks
    from msemu.rl.pretrained import shipped

    FOLDER.mkdir(parents=True, exist_ok=True)
    tasks = [spec.id for spec in list_tasks() if spec.kind == "clips" and spec.origin == "msemu"]
    wanted = [(_POLICY, task) for task in shipped()]
    wanted += [(_CLIP, task) for task in sorted(tasks, key=_body, reverse=True) if task not in shipped()]
    for kind, task in wanted:
        path = FOLDER / f"{kind}_{task}.mp4"
        if path.is_file() and _poster(path).is_file():
            continue
        try:
            _write(path, *(_policy(task) if kind == _POLICY else _clip(task)))
        except MsemuError as error:
            print(f"no {path.name}: {error}", file=sys.stderr)


def _body(task: str) -> str:
    return task.split("-")[2]


def _policy(name: str) -> "tuple[Recording, Body]":
    """Return what a policy that comes with msemu does, and its body."""
    import msemu

    rollout = msemu.load_policy(name).rollout(_SECONDS)
    body = rollout.model or msemu.load_body(rollout.body)
    return rollout.recording(body), body


def _clip(task: str) -> "tuple[Recording, Body]":
    """Return the clip of a task, as it is retargeted, and its body; the beginning of a long one."""
    from msemu.models import load_body
    from msemu.motion.library.catalogue import find_entry
    from msemu.motion.library.obtain import load_source
    from msemu.motion.recording import Recording
    from msemu.motion.retargeting.retarget import RetargetCfg, retarget
    from msemu.registry import get_task

    cfg = get_task(task).load_config()
    body, entry = load_body(cfg.body, cfg.body_path), find_entry(str(cfg.motion))
    source = load_source(entry)
    if not entry.cyclic:
        source = source.part(slice(0, int((source.time_s <= _SECONDS).sum())), "its beginning")
    clip = retarget(body, source, RetargetCfg(fps=_CLIP_HZ, cyclic=entry.cyclic))
    return Recording.from_clip(clip, cycles=max(1, round(_SECONDS / clip.duration_s))), body


def _write(path: Path, recording: "Recording", body: "Body") -> None:
    """Write a video and, beside it, the picture that stands for it until it is played: the middle of it."""
    import imageio_ffmpeg

    from msemu.viewer.drawing.video import write_video

    write_video(recording, body, path, *_SIZE, fps=min(recording.fps, _POLICY_HZ))
    middle = 0.5 * recording.num_frames / recording.fps
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-ss", f"{middle:.3f}", "-i", str(path)]
    subprocess.run([*command, "-frames:v", "1", "-q:v", "5", str(_poster(path))], check=True)


def _poster(video: Path) -> Path:
    return video.with_suffix(".jpg")


def files(folder: Path) -> list[Path]:
    """Return the videos and the pictures that stand for them; not what is being written."""
    return [path for path in sorted(folder.glob("*_*")) if path.suffix in (".mp4", ".jpg") and path.name[0] != "."]


def policies(folder: Path) -> str:
    """Return the videos of policies as a part of a page; a picture where there are none."""
    videos = sorted(folder.glob(f"{_POLICY}_*.mp4"))
    if not videos:
        return "![A trained body beside its reference](images/walk_myolegs.png)"
    place = MOTIONS_HEADING.lower().replace(" ", "-")
    below = f"; [{MOTIONS_HEADING.lower()}](#{place}) is below" if motions(folder) else ""
    return f"Policies that come with msemu, beside their references{below}.\n\n{_grid(videos)}"


def motions(folder: Path) -> str:
    """Return a section with the videos of clips; nothing where there are none."""
    videos = sorted(folder.glob(f"{_CLIP}_*.mp4"))
    said = "The clip as it is retargeted, beside the joint centers of the person who was recorded; no policy."
    return f"## {MOTIONS_HEADING}\n\n{said}\n\n{_grid(videos)}\n" if videos else ""


def _grid(videos: list[Path]) -> str:
    """Return videos side by side, none of which is fetched before it is played."""
    columns = "display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:0.8rem"
    return f'<div style="{columns}">\n' + "\n".join(_figure(path) for path in videos) + "\n</div>"


def _figure(path: Path) -> str:
    video, poster = (f"videos/{escape(file.name)}" for file in (path, _poster(path)))
    width, height = _SIZE
    return (
        '<figure style="margin:0"><video controls muted loop playsinline preload="none" '
        f'width="{width}" height="{height}" style="width:100%;height:auto" poster="{poster}" src="{video}"></video>'
        f"<figcaption>{escape(_heading(path))}</figcaption></figure>"
    )


def _heading(path: Path) -> str:
    _, motion, body, _, *variant = path.stem.partition("_")[2].split("-")
    return ", ".join([f"{motion} on {body}", *variant])


if __name__ == "__main__":
    draw()
