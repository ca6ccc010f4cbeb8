"""Pictures of the body without OpenGL: shaded triangles drawn from far to near by matplotlib's Agg."""

import numpy as np

from msemu.models.body import Body
from msemu.viewer.camera import Camera
from msemu.viewer.drawing.canvas import Canvas, opaque, strips
from msemu.viewer.floor_forces import HEAD_M, NO_ARROWS, SHAFT_M, drawn
from msemu.viewer.geometry import bone_meshes
from msemu.viewer.palette import FORCE_RGB, SHADOW_RGB, activation_colors, muscle_opacity, muscle_radius_m
from msemu.viewer.pose import Pose, Poser

_BONE_DETAIL_M = 0.016

_LIGHT_IN_CAMERA = np.array([-0.45, 0.65, -0.6]) / np.linalg.norm([-0.45, 0.65, -0.6])
_AMBIENT = 0.5

_EDGE = 0.6
"""Brightness at the edge of a muscle against its middle; makes a band look round."""

_MUSCLE_PIECE_M = 0.06
"""Long segments are cut so that each piece can be sorted by depth among the bones."""

_MUSCLE_IN_FRONT_M = 0.01
"""Muscles lie on bones: they are sorted as if this much nearer to the camera."""


class DrawnPane:
    """Draws one body in a picture of some width and height [pixel], its bones in a color."""

    def __init__(self, body: Body, width: int, height: int, bone_rgb: np.ndarray):
        self._canvas = Canvas(width, height)
        self._poser = Poser(body.model)
        self._bone_rgb = np.asarray(bone_rgb)
        meshes = bone_meshes(body.model, _BONE_DETAIL_M)
        first = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
        self._vertices = np.concatenate([mesh.vertices for mesh in meshes])
        self._normals = np.concatenate([mesh.normals for mesh in meshes])
        self._faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, first, strict=False)])
        self._vertex_body = np.repeat([mesh.body_id for mesh in meshes], np.diff(first))

    def draw(
        self, qpos: np.ndarray, activation: np.ndarray | None, camera: Camera, arrows: np.ndarray = NO_ARROWS
    ) -> np.ndarray:
        """Return the picture of a pose [nq]; see `msemu.viewer.drawing.video.PaneRenderer.draw`."""
        pose = self._poser.pose(qpos)
        rotation = pose.rotation[self._vertex_body]
        vertices = np.einsum("vij,vj->vi", rotation, self._vertices) + pose.position[self._vertex_body]
        normals = np.einsum("vij,vj->vi", rotation, self._normals)

        self._canvas.clear()
        self._canvas.paint_floor(camera)
        self._canvas.paint(*self._shadow(vertices, camera))
        parts = [self._bones(vertices, normals, camera), self._arrows(drawn(arrows), camera)]
        if activation is not None:
            parts.append(self._muscles(pose, activation, camera))
        triangles, colors, depth = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        far_to_near = np.argsort(-depth)
        self._canvas.paint(triangles[far_to_near], colors[far_to_near])
        return self._canvas.picture()

    def _shadow(self, vertices: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """Return a quarter of the bone triangles flattened on the floor."""
        corners = (vertices * [1.0, 1.0, 0.0])[self._faces[::4]]
        return camera.project(corners, *self._canvas.size)[..., :2], opaque(np.broadcast_to(SHADOW_RGB, corners.shape))

    def _bones(self, vertices: np.ndarray, normals: np.ndarray, camera: Camera):
        """Return the triangles that face the camera, their colors and depths."""
        screen = camera.project(vertices, *self._canvas.size)
        corners = screen[self._faces]
        edge, other = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
        towards_camera = edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0] < 0
        faces, corners = self._faces[towards_camera], corners[towards_camera]
        light = np.maximum(normals @ camera.axes().T @ _LIGHT_IN_CAMERA, 0.0)
        shade = _AMBIENT + (1.0 - _AMBIENT) * light
        colors = self._bone_rgb * shade[:, None]
        return corners[..., :2], opaque(colors[faces]), corners[..., 2].mean(axis=1)

    def _muscles(self, pose: Pose, activation: np.ndarray, camera: Camera):
        """Return four triangles for each piece of a muscle path, their colors and depths."""
        start, end, muscle = _cut(pose.segments, pose.segment_muscle, _MUSCLE_PIECE_M)
        level = activation[muscle]
        radius, opacity = muscle_radius_m(level), muscle_opacity(level)
        colors = np.concatenate([activation_colors(level), opacity[:, None]], axis=1)
        return self._rods(start, end, radius, radius, colors, camera)

    def _arrows(self, arrows: np.ndarray, camera: Camera):
        """Return the same of shafts, cut into pieces as well, and heads of arrows [m], shape [R, 2, 3]."""
        along = arrows[:, 1] - arrows[:, 0]
        length = np.linalg.norm(along, axis=1, keepdims=True)
        neck = arrows[:, 1] - along * np.minimum(HEAD_M[1] / np.maximum(length, 1e-9), 1.0)
        start, end, _ = _cut(np.stack([arrows[:, 0], neck], axis=1), np.arange(len(arrows)), _MUSCLE_PIECE_M)
        wide = np.concatenate([np.full(len(start), SHAFT_M), np.full(len(neck), HEAD_M[0])])
        narrow = np.concatenate([np.full(len(start), SHAFT_M), np.zeros(len(neck))])
        colors = np.broadcast_to([*FORCE_RGB, 1.0], (len(wide), 4))
        return self._rods(
            np.concatenate([start, neck]), np.concatenate([end, arrows[:, 1]]), wide, narrow, colors, camera
        )

    def _rods(
        self,
        start: np.ndarray,
        end: np.ndarray,
        radius: np.ndarray,
        end_radius: np.ndarray,
        colors: np.ndarray,
        camera: Camera,
    ):
        """Return triangles of straight pieces from one radius to another, shape [S] each, their colors and depths."""
        first, last = camera.project(start, *self._canvas.size), camera.project(end, *self._canvas.size)
        depth = (first[:, 2] + last[:, 2]) / 2
        scale = camera.pixels_per_m(depth, self._canvas.size[1])
        triangles, brightness = strips(first[:, :2], last[:, :2], radius * scale, _EDGE, end_radius * scale)
        rgb = colors[:, None, None, :3] * brightness[..., None]
        opacity = np.broadcast_to(colors[:, None, None, 3:], (*rgb.shape[:-1], 1))
        return (
            triangles.reshape(-1, 3, 2),
            np.concatenate([rgb, opacity], axis=-1).reshape(-1, 3, 4),
            np.repeat(depth - _MUSCLE_IN_FRONT_M, 4),
        )


def _cut(segments: np.ndarray, muscle: np.ndarray, longest_m: float):
    """Cut segments [S, 2, 3] into pieces up to ``longest_m``; return their starts, ends and muscles."""
    start, step = segments[:, 0], segments[:, 1] - segments[:, 0]
    pieces = np.maximum(np.ceil(np.linalg.norm(step, axis=1) / longest_m), 1).astype(int)
    parent = np.repeat(np.arange(len(segments)), pieces)
    place = np.arange(len(parent)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (place / pieces[parent])[:, None]
    next_share = ((place + 1) / pieces[parent])[:, None]
    return start[parent] + share * step[parent], start[parent] + next_share * step[parent], muscle[parent]
