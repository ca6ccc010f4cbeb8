"""Pictures of the body through MuJoCo's OpenGL renderer, where EGL is installed."""

import copy
import subprocess
import sys
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np

from msemu.models.body import Body
from msemu.viewer.camera import ELEVATION_DEG, FIELD_OF_VIEW_DEG, Camera
from msemu.viewer.drawing.floor import TILE_M, faded, floor_tiles
from msemu.viewer.drawing.image import SUPERSAMPLING, averaged_down
from msemu.viewer.floor_forces import HEAD_M, NO_ARROWS, SHAFT_M, drawn
from msemu.viewer.geometry import HIDDEN_GROUPS
from msemu.viewer.palette import BACKGROUND_RGB, FORCE_RGB, activation_colors, muscle_opacity, muscle_radius_m

_MAX_GEOMS = 20_000
_BACKDROP_M = 12.0
_TUBE_SIDES = 8
_HEAD_STEPS = 8
_GLOW = 0.3
"""Emission of arrows."""

_PROBE = """
import mujoco
from mujoco.egl import GLContext
context = GLContext(64, 64)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), 100)
from OpenGL.GL import GL_RENDERER, glGetString
print(glGetString(GL_RENDERER).decode())
"""
_SOFTWARE_DEVICES = ("llvmpipe", "softpipe", "swrast", "SwiftShader")
_PROBE_TIMEOUT_S = 60


@dataclass(frozen=True)
class EglTrial:
    """What came of trying EGL.

    Attributes:
        device: Name of the device that draws; empty when EGL does not work.
        problem: Why EGL does not work; empty when it does.
    """

    device: str = ""
    problem: str = ""

    @property
    def in_hardware(self) -> bool:
        """Whether a graphics card draws, not a program on the processor."""
        return bool(self.device) and not any(name in self.device for name in _SOFTWARE_DEVICES)


@cache
def try_egl() -> EglTrial:
    """Try EGL in a process of its own, because a broken driver may end the process that loads it."""
    if find_library("EGL") is None:
        return EglTrial(problem="libEGL is not installed")
    try:
        result = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return EglTrial(problem=f"no answer within {_PROBE_TIMEOUT_S} s")
    if result.returncode == 0:
        return EglTrial(device=result.stdout.strip())
    complaint = result.stderr.strip().splitlines() or [f"the trial ended with code {result.returncode}"]
    return EglTrial(problem=complaint[-1])


class OpenGLPane:
    """Draws one body in a picture with MuJoCo's renderer; see `msemu.viewer.drawing.software.DrawnPane`.

    ``mujoco.Renderer`` picks its OpenGL platform from an environment variable when mujoco is first imported,
    too early for a program that may turn out to have no EGL. The context is therefore made here.
    """

    def __init__(self, body: Body, width: int, height: int, bone_rgb: np.ndarray):
        from mujoco.egl import GLContext

        width, height = SUPERSAMPLING * width, SUPERSAMPLING * height
        self._model = _for_display(body.model, width, height, bone_rgb)
        self._data = mujoco.MjData(self._model)
        self._tendon = self._model.actuator_trnid[:, 0]
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MAX_GEOMS)
        self._scene.flags[:] = 0
        self._option = mujoco.MjvOption()
        self._option.geomgroup[HIDDEN_GROUPS:] = 0
        self._option.sitegroup[:] = 0
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._context = GLContext(width, height)
        self._context.make_current()
        self._render = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._render)

    def draw(
        self, qpos: np.ndarray, activation: np.ndarray | None, camera: Camera, arrows: np.ndarray = NO_ARROWS
    ) -> np.ndarray:
        """Return the picture of a pose [nq]; see `msemu.viewer.drawing.video.PaneRenderer.draw`."""
        self._option.flags[mujoco.mjtVisFlag.mjVIS_TENDON] = activation is not None
        if activation is not None:
            opacity = muscle_opacity(activation)[:, None]
            self._model.tendon_rgba[self._tendon] = np.concatenate([activation_colors(activation), opacity], axis=1)
            self._model.tendon_width[self._tendon] = muscle_radius_m(activation)
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_tendon(self._model, self._data)
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._option,
            None,
            _mujoco_camera(camera),
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        self._add_surroundings(camera)
        self._add_arrows(arrows)
        self._context.make_current()
        mujoco.mjr_render(self._rectangle, self._scene, self._render)
        image = np.empty((self._rectangle.height, self._rectangle.width, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, self._rectangle, self._render)
        return averaged_down(image[::-1])

    def _add_surroundings(self, camera: Camera) -> None:
        """Add the floor tiles and a wall of background color behind them."""
        tiles, colors = floor_tiles(camera.lookat)
        size = np.array([TILE_M / 2, TILE_M / 2, 0.001])
        colors = faded(colors, tiles + TILE_M / 2, camera.lookat)
        for corner, color in zip(tiles, colors, strict=True):
            self._add_box(np.array([*(corner + TILE_M / 2), -0.001]), np.eye(3), size, color)
        right, up, forward = camera.axes()
        frame = np.stack([right, up, -forward], axis=1)
        self._add_box(
            camera.lookat + _BACKDROP_M * forward, frame, np.array([20.0, 20.0, 0.01]), BACKGROUND_RGB, emission=1.0
        )

    def _add_box(self, position, frame, half_size, rgb, emission: float = 0.55) -> None:
        geom = self._scene.geoms[self._scene.ngeom]
        rgba = np.array([*rgb, 1.0], np.float32)
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_BOX, half_size, position, frame.flatten(), rgba)
        geom.emission = emission
        self._scene.ngeom += 1

    def _add_arrows(self, arrows: np.ndarray) -> None:
        """Add arrows as cylinders, their heads as some that get thinner, as long in every release of MuJoCo."""
        for start, end in drawn(arrows).astype(float):
            head = (end - start) * min(1.0, HEAD_M[1] / np.linalg.norm(end - start))
            self._add_rod(start, end - head, SHAFT_M)
            for step in range(_HEAD_STEPS):
                begin = end - head * (1.0 - step / _HEAD_STEPS)
                self._add_rod(begin, begin + head / _HEAD_STEPS, HEAD_M[0] * (1.0 - (step + 0.5) / _HEAD_STEPS))

    def _add_rod(self, start: np.ndarray, end: np.ndarray, radius: float) -> None:
        kind, rgba = mujoco.mjtGeom.mjGEOM_CYLINDER, np.array([*FORCE_RGB, 1.0], np.float32)
        geom = self._scene.geoms[self._scene.ngeom]
        mujoco.mjv_initGeom(geom, kind, np.zeros(3), np.zeros(3), np.eye(3).flatten(), rgba)
        mujoco.mjv_connector(geom, kind, radius, start, end)
        geom.emission = _GLOW
        self._scene.ngeom += 1


def _for_display(model: mujoco.MjModel, width: int, height: int, bone_rgb: np.ndarray) -> mujoco.MjModel:
    """Return a copy of the model with plain bones, no floor, one light and a small picture buffer."""
    model = copy.copy(model)
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    model.vis.global_.fovy = FIELD_OF_VIEW_DEG
    model.vis.quality.offsamples = 0
    model.vis.quality.numslices, model.vis.quality.numstacks = _TUBE_SIDES, 2
    model.vis.headlight.active = 1
    model.vis.headlight.ambient[:] = 0.35
    model.vis.headlight.diffuse[:] = 0.65
    model.vis.headlight.specular[:] = 0.05
    model.light_active[:] = 0
    model.geom_matid[:] = -1
    model.tendon_matid[:] = -1
    model.tendon_rgba[:, 3] = 0.0
    is_mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    model.geom_rgba[is_mesh, :3] = bone_rgb
    model.geom_rgba[~is_mesh, 3] = 0.0
    return model


def _mujoco_camera(camera: Camera) -> mujoco.MjvCamera:
    result = mujoco.MjvCamera()
    result.type = mujoco.mjtCamera.mjCAMERA_FREE
    result.lookat[:] = camera.lookat
    result.azimuth, result.elevation, result.distance = camera.azimuth_deg, ELEVATION_DEG, camera.distance_m
    return result
