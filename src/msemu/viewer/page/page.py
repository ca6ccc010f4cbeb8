"""The page that plays a recording: its controls and what they do."""

import html
import threading
import time
from dataclasses import replace

import numpy as np
import viser

from msemu.models.body import Body
from msemu.motion.recording import Recording
from msemu.viewer.camera import FIELD_OF_VIEW_DEG, framing, heading_deg
from msemu.viewer.floor_forces import force_arrows
from msemu.viewer.live import Live
from msemu.viewer.muscle_coloring import COLORINGS
from msemu.viewer.page.actions import LivePanel, VideoPanel
from msemu.viewer.page.muscle_list import color_scale, muscle_list
from msemu.viewer.page.playback import Playback
from msemu.viewer.page.scene import BodyScene
from msemu.viewer.readout import restarts, tracking_errors

_REFRESH_HZ = 30.0
_LISTED_MUSCLES = 16
_BESIDE_M = 0.9
_SOURCE_BESIDE_M = 1.3


class Page:
    """A running page.

    A ``picture``, shape [H, W, 3], uint8, is shown below the controls. A ``live``
    simulation lets people push the body and choose among its muscles.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        recording: Recording,
        body: Body,
        picture: np.ndarray | None = None,
        live: Live | None = None,
    ):
        self._server = server
        self._body = body
        self._swap = threading.Lock()  # held while a frame is drawn, and while another recording takes over
        self._colorings = {
            coloring.label: coloring for coloring in COLORINGS.values() if coloring.levels(recording) is not None
        }
        self._coloring = self._colorings.get("muscle activation")
        self._take(recording)
        self._playback = Playback(recording.num_frames, recording.fps)
        self._scene = BodyScene(
            server,
            body,
            with_muscles=recording.activation is not None,
            with_reference=recording.reference_qpos is not None,
            source_segments=None if recording.source_segments is None else recording.source_segments[0],
            arrows=None if self._arrows is None else self._arrows[0],
        )
        reference = recording.qpos if recording.reference_qpos is None else recording.reference_qpos
        heading = heading_deg(reference[0], body)
        self._forward = np.array([np.cos(np.radians(heading)), np.sin(np.radians(heading)), 0.0])
        self._sideways = np.array([-np.sin(np.radians(heading)), np.cos(np.radians(heading)), 0.0])
        self._shown: int | None = None
        self._stopped = threading.Event()
        if self._scene.source is not None:
            self._scene.source.shift(_SOURCE_BESIDE_M * self._sideways)
        self._set_view(heading)
        self._add_playback_controls()
        self._add_view_controls()
        self._add_muscle_panel()
        if live is not None:
            LivePanel(server, self._forward, lambda: self._playback.frame / recording.fps, live, self.change)
        VideoPanel(server, body, lambda: (self._recording, self._coloring))
        if picture is not None:
            server.gui.add_image(picture, label="Distance from the recorded movement", format="png")
        self._show(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the page."""
        host = self._server.get_host()
        return f"http://{'localhost' if host == '0.0.0.0' else host}:{self._server.get_port()}"

    def stop(self) -> None:
        """End the page and free its port."""
        self._stopped.set()
        self._thread.join()
        self._server.stop()

    def change(self, recording: Recording, frame: int) -> None:
        """Play another recording of the same body, from a frame on."""
        with self._swap:
            self._take(recording)
            self._scrub.max = max(recording.num_frames - 1, 1)
            self._playback.change(recording.num_frames, frame)
            self._redraw()

    def _take(self, recording: Recording) -> None:
        """Compute what is shown of a recording."""
        self._recording = recording
        self._errors = tracking_errors(recording, self._body)
        self._restarts = restarts(recording)
        self._arrows = force_arrows(recording, self._body)
        self._levels = None if self._coloring is None else self._coloring.levels(recording)

    def _set_view(self, heading: float) -> None:
        poses = self._recording.qpos
        camera = framing(poses, self._body, heading)
        camera = replace(camera, lookat=camera.lookat * (0.0, 0.0, 1.0))
        self._server.initial_camera.position = tuple(camera.position)
        self._server.initial_camera.look_at = tuple(camera.lookat)
        self._server.initial_camera.fov = np.radians(FIELD_OF_VIEW_DEG)
        self._server.gui.configure_theme(control_layout="fixed", show_logo=False, show_share_button=False)

    def _add_playback_controls(self) -> None:
        gui, playback = self._server.gui, self._playback
        title = html.escape(self._recording.title or self._recording.body)
        gui.add_html(f'<div style="padding:0 0.85em;font-weight:bold;overflow-wrap:anywhere">{title}</div>')
        self._readout = gui.add_markdown("")
        self._play = gui.add_button("Pause")
        self._scrub = gui.add_slider("Frame", 0, max(self._recording.num_frames - 1, 1), 1, 0)
        self._bind(gui.add_slider("Speed", 0.1, 2.0, 0.1, playback.speed), playback, "speed")
        self._bind(gui.add_checkbox("Loop", playback.loop), playback, "loop")

        @self._play.on_click
        def _(_) -> None:
            if playback.playing:
                playback.playing = False
            else:
                playback.play()

        @self._scrub.on_update
        def _(event: viser.GuiEvent) -> None:
            if event.client is not None:
                playback.playing = False
                playback.seek(self._scrub.value)

    def _add_view_controls(self) -> None:
        gui, scene = self._server.gui, self._scene
        with gui.add_folder("View"):
            self._follow = gui.add_checkbox("Camera follows", True)
            self._follow.on_update(lambda _: self._redraw())
            for label, group in (
                ("Bones", scene.bones),
                ("Muscles", scene.muscles),
                ("Reference", scene.ghost),
                ("Recorded movement", scene.source),
                ("Ground reaction", scene.forces),
                ("Contact shapes", scene.contacts),
            ):
                if group is not None:
                    self._bind(gui.add_checkbox(label, group.visible), group, "visible")
            if (ghost := scene.ghost) is not None:
                beside = gui.add_checkbox("Reference beside", False)
                beside.on_update(lambda _: ghost.shift(_BESIDE_M * self._sideways * beside.value))

    def _bind(self, control: viser.GuiInputHandle, target: object, name: str) -> None:
        """Let a control set an attribute."""

        @control.on_update
        def _(_) -> None:
            setattr(target, name, control.value)
            self._redraw()

    def _add_muscle_panel(self) -> None:
        if (muscles := self._scene.muscles) is None:
            return
        with self._server.gui.add_folder("Muscles"):
            color = self._server.gui.add_dropdown("Color", list(self._colorings))
            self._scale = self._server.gui.add_html(color_scale(self._coloring) if self._coloring else "")
            search = self._server.gui.add_text("Name has", "", hint="Shows only muscles whose name contains this.")
            self._list = self._server.gui.add_html("")

        color.on_update(lambda _: self._color_by(color.value))

        @search.on_update
        def _(_) -> None:
            wanted = search.value.strip().lower()
            muscles.shown = np.array([wanted in name.lower() for name in self._body.muscle_names])
            self._redraw()

    def _color_by(self, label: str) -> None:
        """Choose the quantity that the muscles show."""
        with self._swap:
            self._coloring = self._colorings[label]
            self._levels = self._coloring.levels(self._recording)
        self._scale.content = color_scale(self._coloring)
        self._redraw()

    def _redraw(self) -> None:
        """Show the present frame again, because what is to be seen of it has changed."""
        self._shown = None

    def _run(self) -> None:
        """Play while somebody watches, so a movement starts when its page is opened."""
        last = time.monotonic()
        while not self._stopped.wait(1 / _REFRESH_HZ):
            now = time.monotonic()
            elapsed, last = now - last, now
            if self._server.get_clients():
                with self._swap:
                    self._tick(elapsed)

    def _tick(self, elapsed_s: float) -> None:
        """Let some wall-clock time pass, and show what is due."""
        self._playback.advance(elapsed_s)
        label = "Pause" if self._playback.playing else "Play"
        if self._play.label != label:
            self._play.label = label
        if self._playback.frame != self._shown:
            self._show(self._playback.frame)

    def _show(self, frame: int) -> None:
        recording = self._recording
        self._shown = frame
        level = None if self._levels is None else self._levels[frame]
        reference = None if recording.reference_qpos is None else recording.reference_qpos[frame]
        source = None if recording.source_segments is None else recording.source_segments[frame]
        arrows = None if self._arrows is None else self._arrows[frame]
        self._scene.show(recording.qpos[frame], reference, level, self._follow.value, source, arrows)
        self._scrub.value = frame  # type: ignore[misc]  # mypy overlooks the setter, which is apart from the getter
        self._readout.content = self._readout_text(frame)
        if self._scene.muscles is not None and level is not None and self._coloring is not None:
            shown = self._scene.muscles.shown
            names = self._body.muscle_names
            self._list.content = muscle_list(names, level, shown, _LISTED_MUSCLES, self._coloring)

    def _readout_text(self, frame: int) -> str:
        lines = [f"{frame / self._recording.fps:.2f} s of {self._recording.num_frames / self._recording.fps:.2f} s"]
        if self._errors is not None:
            joint_deg, root_cm = (values[frame] for values in self._errors)
            lines += [f"joint angle error **{joint_deg:.1f}°**", f"root offset **{root_cm:.1f} cm**"]
        if self._restarts[-1]:
            lines.append(f"restarts **{self._restarts[frame]}** of {self._restarts[-1]}")
        return "  \n".join(lines)
