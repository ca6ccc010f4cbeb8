"""What the page can do beyond playing: push the body, choose its muscles, record a video."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import viser

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.recording import Push, Recording
from msemu.viewer.drawing.video import write_video
from msemu.viewer.live import Live
from msemu.viewer.muscle_coloring import Coloring

_DIRECTIONS = {"forward": (1, 0), "backward": (-1, 0), "to its left": (0, 1), "to its right": (0, -1)}
_REWIND_S = 0.5


class LivePanel:
    """Simulates again what is played: with a push at the moment shown, or with muscles that prefer otherwise."""

    def __init__(
        self,
        server: viser.ViserServer,
        forward: np.ndarray,
        now_s: Callable[[], float],
        live: Live,
        change: Callable[[Recording, int], None],
    ):
        """Add the controls; ``forward`` is where the body faces, shape [3], ``change`` plays from a frame on."""
        self._forward, self._now_s, self._live, self._change = forward, now_s, live, change
        self._push: Push | None = None
        gui = server.gui
        with gui.add_folder("Push"):
            self._direction = gui.add_dropdown("Direction", list(_DIRECTIONS))
            self._force = gui.add_slider("Force [N]", 10, 1000, 10, 100)
            self._duration = gui.add_slider("Duration [s]", 0.02, 1.0, 0.02, 0.2)
            self._button = gui.add_button("Push now")
        self._button.on_click(lambda event: self._again(event, push=True))
        self._preference = ""
        if live.preferences:
            self._preference = live.preferences[0]
            prefer = gui.add_dropdown("Muscles prefer", live.preferences)
            prefer.on_update(lambda event: self._prefer(event, prefer.value))

    def _prefer(self, event: viser.GuiEvent, preference: str) -> None:
        self._preference = preference
        self._again(event, push=False)

    def _again(self, event: viser.GuiEvent, push: bool) -> None:
        _once(event, self._button, "Simulating ...", lambda: self._simulate(push))

    def _simulate(self, push: bool) -> None:
        now = self._now_s()
        if push:
            self._push = Push(now, self._duration.value, self._force.value * self._chosen_direction())
        recording = self._live.simulate(self._push, self._preference)
        self._change(recording, max(0, round((now - _REWIND_S) * recording.fps)))

    def _chosen_direction(self) -> np.ndarray:
        along, across = _DIRECTIONS[self._direction.value]
        left = np.array([-self._forward[1], self._forward[0], 0.0])
        return along * self._forward + across * left


class VideoPanel:
    """Draws what the page plays as a video, which the browser downloads."""

    def __init__(self, server: viser.ViserServer, body: Body, shown: Callable[[], tuple[Recording, Coloring | None]]):
        """Add the button; ``shown`` returns what is played, and what colors the muscles."""
        self._body, self._shown = body, shown
        self._button = server.gui.add_button("Record video")
        self._button.on_click(self._record)

    def _record(self, event: viser.GuiEvent) -> None:
        if (client := event.client) is not None:
            send = client.send_file_download
            _once(event, self._button, "Drawing ...", lambda: send("msemu.mp4", self._draw(), save_immediately=True))

    def _draw(self) -> bytes:
        recording, coloring = self._shown()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "msemu.mp4"
            write_video(recording, self._body, path, color_by=coloring.field if coloring else "activation")
            return path.read_bytes()


_busy = threading.Lock()


def _once(event: viser.GuiEvent, button: viser.GuiButtonHandle, meanwhile: str, work: Callable[[], None]) -> None:
    """Do what a button is for, which says so meanwhile; a second click on any is left out."""
    if not _busy.acquire(blocking=False):
        return
    label, button.label, button.disabled = button.label, meanwhile, True
    try:
        work()
    except MsemuError as error:
        if event.client is not None:
            event.client.add_notification("msemu", str(error), auto_close_seconds=30.0)
    finally:
        button.label, button.disabled = label, False
        _busy.release()
