"""Ctrl-C and SIGTERM end a command in one line with code 130, and whatever it started; in processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S

from msemu.motion.clip import MotionClip

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
COMMAND = """
import sys, time
from msemu.errors import MsemuError, command
def wait():
    print("ready", flush=True)
    time.sleep(60)
class Waits:
    def __del__(self):
        wait()
@command
def main():
"""
TURNED = """
    try:
        wait()
    except BaseException:
        raise {}
"""


def start(code: str, *arguments: str | Path, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def ends(process: subprocess.Popen, number: int) -> None:
    """Send the signal, and expect the end."""
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (130, "interrupted\n")


@SIGNALS
@pytest.mark.parametrize(
    "body",
    [
        "    wait()\n",
        TURNED.format("ImportError('no numpy')"),
        TURNED.format("MsemuError('no clip')"),
        "    Waits()\n    time.sleep(60)\n",
    ],
    ids=["working", "an import that turns it into an error", "an error of msemu", "a callback that cannot raise it"],
)
def test_a_command_ends(body: str, number: int) -> None:
    process = start(COMMAND + body + "main()")
    assert process.stdout.readline() == "ready\n"
    ends(process, number)


@SIGNALS
def test_a_command_in_the_background_of_a_script_ends(number: int) -> None:
    """A shell without job control lets what runs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(COMMAND + "    wait()\nmain()")
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout.readline() == "ready\n"
    ends(process, number)


@SIGNALS
def test_an_unfinished_file_is_taken_away(number: int, tmp_path: Path) -> None:
    writing = "    from msemu.files import whole_file\n    with whole_file(sys.argv[1]):\n        wait()\n"
    process = start(COMMAND + writing + "main()", tmp_path / "clip.npz")
    assert process.stdout.readline() == "ready\n" and len(os.listdir(tmp_path)) == 1
    ends(process, number)
    assert os.listdir(tmp_path) == []


WORKERS = """
    import os
    from msemu.cli.workers import workers
    with workers(2) as submit:
        tasks = [submit(os.getpid), submit(os.getpid)]
        print(*{task.result() for task in tasks}, flush=True)
        for task in [submit(time.sleep, 60) for _ in range(4)]:
            task.result()
"""


def until(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; false when it does not within some time."""
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("whole_group", [False, True], ids=["the command", "its group, as a terminal does"])
def test_workers_end_with_the_command(number: int, whole_group: bool) -> None:
    process = start(COMMAND + WORKERS + "main()", start_new_session=True)
    pids = [int(word) for word in process.stdout.readline().split()]
    assert pids and all(map(is_running, pids))
    if whole_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert until(lambda: not any(map(is_running, pids)))
    if number != signal.SIGKILL:
        assert process.returncode == 130 and said.endswith("interrupted\n") and "Traceback" not in said


def test_a_worker_that_is_killed_is_named() -> None:
    process = start(COMMAND + WORKERS + "main()")
    os.kill(int(process.stdout.readline().split()[0]), signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2 and said.startswith("error: a process was ended") and said.count("\n") == 1


def test_the_viewer_ends(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "walk.npz")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from msemu.cli.commands import motion; motion()"
    process = start(code, "play", tmp_path / "walk.npz", "--port", str(port), cwd=tmp_path)
    assert process.stdout.readline().startswith(f"viewer: http://127.0.0.1:{port}")
    ends(process, signal.SIGTERM)
    assert os.listdir(tmp_path) == ["walk.npz"]


def test_a_video_that_is_being_drawn_leaves_nothing(march: MotionClip, tmp_path: Path) -> None:
    march.save(tmp_path / "walk.npz")
    code = """
import sys
from msemu.cli.commands import motion
from msemu.viewer.drawing import video
draw = video._Frames.draw
def slow(frames, number):
    print("drawing" if number else "", flush=True)
    return draw(frames, 0)
video._Frames.draw = slow
motion()
"""
    arguments = ("play", tmp_path / "walk.npz", "--cycles", "100", "--video", tmp_path / "walk.mp4")
    process = start(code, *arguments, cwd=tmp_path)
    while process.stdout.readline() != "drawing\n":
        assert process.poll() is None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ends(process, signal.SIGINT)
    assert children and until(lambda: not any(is_running(int(pid)) for pid in children))
    assert os.listdir(tmp_path) == ["walk.npz"]
