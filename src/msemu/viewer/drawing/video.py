"""Videos and pictures of a recording, on machines with and without OpenGL."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from msemu.errors import MsemuError
from msemu.files import save_image, whole_file
from msemu.models.body import Body
from msemu.motion.recording import Recording
from msemu.viewer import RendererName
from msemu.viewer.camera import Camera, following_cameras, heading_deg
from msemu.viewer.drawing.composition import Composition
from msemu.viewer.drawing.stick_pane import StickPane
from msemu.viewer.floor_forces import NO_ARROWS, force_arrows
from msemu.viewer.muscle_coloring import pick_coloring
from msemu.viewer.palette import BONE_RGB, REFERENCE_RGB
from msemu.viewer.readout import check_recording, restarts, tracking_errors


class PaneRenderer(Protocol):
    """What makes a picture of one body in one pose."""

    def draw(
        self, qpos: np.ndarray, activation: np.ndarray | None, camera: Camera, arrows: np.ndarray = NO_ARROWS
    ) -> np.ndarray:
        """Return the picture, shape [height, width, 3], uint8; no activation, no muscles; arrows are [R, 2, 3] [m]."""
        ...


def write_video(
    recording: Recording,
    body: Body,
    path: Path,
    width: int = 960,
    height: int = 540,
    fps: float = 25.0,
    renderer: RendererName = "auto",
    color_by: str = "activation",
    forces: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Write the recording as an mp4 (H.264) in real time; the reference stands beside it when there is one.

    Args:
        recording: What to show.
        body: The body of the recording.
        path: Where to write; an existing file is replaced when the new one is complete.
        width: Width [pixel], even.
        height: Height [pixel], even.
        fps: Frames per second of the video [Hz].
        renderer: ``egl`` (OpenGL through MuJoCo), ``lines`` (drawn in software, without OpenGL), or ``auto``:
            EGL where a graphics card draws; EGL in software is slower than ``lines`` and looks no better.
        color_by: What colors the muscles: ``activation``, ``muscle_force`` or ``fiber_length``.
        forces: Whether the floor's forces are drawn as arrows, where they are recorded.
        progress: Called with the number of frames done and of all frames.

    Returns:
        The renderer used, ``egl`` or ``lines``.

    Raises:
        MsemuError: The recording does not fit the body, size, rate or name is impossible, EGL was asked for and does
            not work, or the file cannot be written.
    """
    if width % 2 or height % 2 or width < 320 or height < 180:
        raise MsemuError(f"a video of {width} x {height} pixels is not possible; use even numbers from 320 x 180")
    if not fps > 0:
        raise MsemuError(f"a video of {fps} frames per second is not possible; use a positive number")
    if path.suffix.lower() != ".mp4":
        raise MsemuError(f"{path} is no name of a video; give one that ends with .mp4")
    frames = _Frames(recording, body, width, height, renderer, color_by, forces)
    shown = np.arange(0, recording.num_frames, recording.fps / fps).astype(int)
    _encode(frames, shown, path, (width, height), fps, progress)
    return frames.renderer


def save_frame(
    recording: Recording,
    body: Body,
    frame: int,
    path: Path,
    width: int = 960,
    height: int = 540,
    renderer: RendererName = "auto",
    color_by: str = "activation",
    forces: bool = True,
) -> None:
    """Write one frame of the recording as PNG, in the layout of the video; see `write_video`.

    Raises:
        MsemuError: As in `write_video`, or there is no such frame.
    """
    if not 0 <= frame < recording.num_frames:
        raise MsemuError(f"there is no frame {frame}; the recording has frames 0 to {recording.num_frames - 1}")
    image = _Frames(recording, body, width, height, renderer, color_by, forces).draw(frame)
    save_image(image, path)


def _encode(frames: "_Frames", shown: np.ndarray, path: Path, size: tuple[int, int], fps: float, progress) -> None:
    """Draw the frames with the indices ``shown`` and write them to ``path``."""
    import imageio_ffmpeg

    with whole_file(path) as unfinished:
        writer = imageio_ffmpeg.write_frames(
            str(unfinished), size, fps=fps, macro_block_size=2, output_params=["-movflags", "+faststart"]
        )
        writer.send(None)
        try:
            for count, frame in enumerate(shown, start=1):
                writer.send(np.ascontiguousarray(frames.draw(frame)))
                if progress is not None:
                    progress(count, len(shown))
        finally:
            writer.close()


class _Frames:
    """Draws the frames of a recording: the movement on the left, its reference or its source on the right."""

    def __init__(
        self,
        recording: Recording,
        body: Body,
        width: int,
        height: int,
        renderer: RendererName,
        color_by: str,
        forces: bool,
    ):
        check_recording(recording, body)
        coloring = pick_coloring(recording, color_by)
        self._levels = coloring.levels(recording)
        self._recording = recording
        self._arrows = force_arrows(recording, body) if forces else None
        self._errors = tracking_errors(recording, body)
        self._restarts = restarts(recording)
        reference = recording.reference_qpos
        poses = [recording.qpos] if reference is None else [recording.qpos, reference]
        labels = [""] if reference is None else ["simulated", "reference"]
        self._source = recording.source_segments
        if self._source is not None:
            labels = [label or "clip" for label in labels] + ["recorded"]
        scale = None if self._levels is None else coloring
        self._composition = Composition(width, height, recording.title or recording.body, labels, scale)
        size = self._composition.pane_width, self._composition.pane_height
        self.renderer = _chosen(renderer)
        make = _renderer_class(self.renderer)
        self._panes: list[PaneRenderer] = [make(body, *size, rgb) for rgb in (BONE_RGB, REFERENCE_RGB)[: len(poses)]]
        self._source_pane = None if self._source is None else StickPane(*size)
        heading = heading_deg(poses[-1][0], body)
        self._poses = poses
        self._cameras = [
            following_cameras(pose, recording.fps, recording.episode_start, body, heading) for pose in poses
        ]

    def draw(self, frame: int) -> np.ndarray:
        """Return frame ``frame`` of the recording as an image, shape [height, width, 3], uint8."""
        muscles = None if self._levels is None else self._levels[frame]
        arrows = NO_ARROWS if self._arrows is None else self._arrows[frame]
        views = zip(self._panes, self._poses, self._cameras, (muscles, None), (arrows, NO_ARROWS), strict=False)
        pictures = [
            pane.draw(poses[frame], level, cameras[frame], force) for pane, poses, cameras, level, force in views
        ]
        if self._source_pane is not None and self._source is not None:
            pictures.append(self._source_pane.draw(self._source[frame], self._cameras[-1][frame]))
        caption = ""
        if self._errors is not None:
            joint_deg, root_cm = (values[frame] for values in self._errors)
            caption = f"joint angle error {joint_deg:.1f}°   root offset {root_cm:.1f} cm"
        if self._restarts[frame]:
            caption += f"   restarts {self._restarts[frame]}"
        return self._composition.compose(pictures, f"{frame / self._recording.fps:5.2f} s", caption)


def _chosen(renderer: RendererName) -> str:
    if renderer == "lines":
        return renderer
    from msemu.viewer.drawing.opengl import try_egl

    if renderer == "auto":
        return "egl" if try_egl().in_hardware else "lines"
    if problem := try_egl().problem:
        raise MsemuError(f"EGL does not work here ({problem}); use the renderer 'lines', which needs no OpenGL")
    return renderer


def _renderer_class(name: str) -> Callable[..., PaneRenderer]:
    if name == "egl":
        from msemu.viewer.drawing.opengl import OpenGLPane

        return OpenGLPane
    from msemu.viewer.drawing.software import DrawnPane

    return DrawnPane
