"""The body in a browser page: nodes of a viser scene that move from frame to frame."""

import numpy as np
import viser

from msemu.models.body import Body
from msemu.viewer.floor_forces import HEAD_M, SHAFT_M
from msemu.viewer.geometry import BodyMesh, bone_meshes, contact_meshes
from msemu.viewer.palette import BONE_RGB, CONTACT_RGB, FORCE_RGB, REFERENCE_RGB, SOURCE_RGB, activation_colors
from msemu.viewer.pose import Pose, Poser

_BONE_DETAIL_M = 0.008
_GHOST_DETAIL_M = 0.016
_GHOST_OPACITY = 0.4
_CONTACT_OPACITY = 0.3
_MUSCLE_WIDTH_M = 0.006
_STICK_WIDTH_M = 0.03
_UNDER_BRIGHT_LIGHT = 205
"""Full brightness of a surface color; the lights of the page bleach anything brighter."""

_FLOOR_M = 60.0
_FOG_M = (10.0, 40.0)
"""Where the floor begins to fade and where it ends; the body stands nearer."""

_OUT_OF_SIGHT = np.array([[0.0, 0.0, -1e3], [0.0, 0.0, -1001.0]])
"""Where an arrow without length goes, for its head would be seen [m]."""

_WORLD = "/world"


class _Shown:
    """What hangs on one node of the scene."""

    _node: viser.SceneNodeHandle

    @property
    def visible(self) -> bool:
        """Whether it is shown; what is hidden need not be moved."""
        return self._node.visible

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._node.visible = visible


class MovingMeshes(_Shown):
    """Meshes that follow the bodies of one pose.

    Args:
        server: The page.
        name: Name of the group in the scene.
        meshes: What to show.
        rgb: Color.
        opacity: Opacity; None is solid.
        visible: Whether the group is shown at first.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        name: str,
        meshes: list[BodyMesh],
        rgb: np.ndarray,
        opacity: float | None = None,
        visible: bool = True,
    ):
        self._meshes = meshes
        self._node = server.scene.add_frame(f"{_WORLD}/{name}", show_axes=False, visible=visible)
        red, green, blue = (int(_UNDER_BRIGHT_LIGHT * channel) for channel in rgb)
        self._nodes = [
            server.scene.add_mesh_simple(
                f"{_WORLD}/{name}/{mesh.body_id}",
                mesh.vertices,
                mesh.faces,
                color=(red, green, blue),
                opacity=opacity,
                cast_shadow=opacity is None,
                receive_shadow=False,
                side="double" if opacity is None else "front",
            )
            for mesh in meshes
        ]

    def shift(self, offset: np.ndarray) -> None:
        """Show the group displaced by ``offset`` [m], shape [3]."""
        self._node.position = offset

    def move(self, pose: Pose) -> None:
        """Put every mesh where its body is."""
        for mesh, node in zip(self._meshes, self._nodes, strict=True):
            node.position = pose.position[mesh.body_id]
            node.wxyz = pose.quaternion[mesh.body_id]


class MuscleLines(_Shown):
    """All muscle paths as one set of colored line segments, at most ``capacity`` in any pose.

    Attributes:
        shown: Which muscles to draw, shape [num_muscles].
    """

    def __init__(self, server: viser.ViserServer, capacity: int, num_muscles: int):
        self._points = np.zeros((capacity, 2, 3), np.float32)
        self._colors = np.zeros((capacity, 2, 3), np.uint8)
        self.shown = np.ones(num_muscles, bool)
        self._lines = self._node = server.scene.add_line_segments(
            f"{_WORLD}/muscles", self._points, self._colors, thickness=_MUSCLE_WIDTH_M
        )

    def move(self, pose: Pose, activation: np.ndarray) -> None:
        """Draw the paths of one pose in the colors of the activation [-], shape [num_muscles].

        The arrays keep their size, so positions and colors always belong together in the page; unused
        entries are segments without length. Points are relative to the root: a slow page moves nodes at once
        but takes longer over arrays, and so the muscles stay at the body.
        """
        root = pose.position[1]
        drawn = self.shown[pose.segment_muscle]
        count = int(drawn.sum())
        self._points[:count] = pose.segments[drawn] - root
        self._points[count:] = 0.0
        muscle_colors = (255 * _linear(activation_colors(activation))).astype(np.uint8)
        self._colors[:count] = muscle_colors[pose.segment_muscle[drawn], None]
        self._node.position = root
        self._lines.points = self._points.copy()
        self._lines.colors = self._colors.copy()


class StickFigure(_Shown):
    """The recorded movement as sticks between its joint centers [m], shape [S, 2, 3]; their number stays."""

    def __init__(self, server: viser.ViserServer, segments: np.ndarray):
        self._offset = np.zeros(3)
        color = (255 * _linear(SOURCE_RGB)).astype(np.uint8)
        self._lines = self._node = server.scene.add_line_segments(
            f"{_WORLD}/source",
            segments.astype(np.float32),
            np.broadcast_to(color, segments.shape),
            thickness=_STICK_WIDTH_M,
        )

    def shift(self, offset: np.ndarray) -> None:
        """Show it displaced by ``offset`` [m], shape [3]."""
        self._offset = offset

    def move(self, segments: np.ndarray) -> None:
        """Draw the segments [m], shape [S, 2, 3]."""
        self._lines.points = (segments + self._offset).astype(np.float32)


class ForceArrows(_Shown):
    """What the floor does as arrows, one for each contact region."""

    def __init__(self, server: viser.ViserServer, arrows: np.ndarray):
        red, green, blue = (int(_UNDER_BRIGHT_LIGHT * channel) for channel in FORCE_RGB)
        self._arrows = self._node = server.scene.add_arrows(
            f"{_WORLD}/forces",
            arrows.astype(np.float32),
            (red, green, blue),
            shaft_radius=SHAFT_M,
            head_radius=HEAD_M[0],
            head_length=HEAD_M[1],
        )

    def move(self, arrows: np.ndarray, root: np.ndarray) -> None:
        """Draw arrows from begin to end [m], shape [R, 2, 3]; one without length is nowhere.

        Points are relative to the root, as those of the muscles.
        """
        self._node.position = root
        has_length = (arrows[:, 0] != arrows[:, 1]).any(axis=1)[:, None, None]
        self._arrows.points = np.where(has_length, arrows - root, _OUT_OF_SIGHT).astype(np.float32)


def _linear(rgb: np.ndarray) -> np.ndarray:
    """Return sRGB colors as linear light (IEC 61966-2-1), which is what the page takes line colors for."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


class BodyScene:
    """A body, its muscles, its contact shapes and the reference on a floor grid.

    Attributes:
        bones: The skeleton.
        muscles: The muscle paths, or None.
        ghost: The skeleton of the reference, or None.
        source: The recorded movement, sticks [m], shape [S, 2, 3], or None.
        forces: What the floor does, arrows [m], shape [R, 2, 3], or None.
        contacts: The shapes that touch the floor, hidden at first.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        body: Body,
        with_muscles: bool,
        with_reference: bool,
        source_segments: np.ndarray | None = None,
        arrows: np.ndarray | None = None,
    ):
        self._server = server
        self._poser = Poser(body.model)
        server.scene.configure_fog(*_FOG_M)
        self._world = server.scene.add_frame(_WORLD, show_axes=False)
        server.scene.add_grid(
            f"{_WORLD}/floor",
            _FLOOR_M,
            _FLOOR_M,
            cell_size=0.25,
            cell_color=(228, 228, 228),
            section_size=1.0,
            section_color=(195, 195, 195),
            position=(0.0, 0.0, -0.002),
        )
        self.bones = MovingMeshes(server, "bones", bone_meshes(body.model, _BONE_DETAIL_M), BONE_RGB)
        self.muscles = MuscleLines(server, self._poser.max_segments, body.num_muscles) if with_muscles else None
        self.ghost = None
        if with_reference:
            ghost_meshes = bone_meshes(body.model, _GHOST_DETAIL_M)
            self.ghost = MovingMeshes(server, "ghost", ghost_meshes, REFERENCE_RGB, _GHOST_OPACITY)
        self.source = None if source_segments is None else StickFigure(server, source_segments)
        self.forces = None if arrows is None else ForceArrows(server, arrows)
        geoms = np.concatenate([np.zeros(0, int), *body.contact_regions.values()])
        shapes = contact_meshes(body.model, geoms)
        self.contacts = MovingMeshes(server, "contacts", shapes, CONTACT_RGB, _CONTACT_OPACITY, visible=False)

    def show(
        self,
        qpos: np.ndarray,
        reference_qpos: np.ndarray | None,
        activation: np.ndarray | None,
        follow: bool,
        source_segments: np.ndarray | None = None,
        arrows: np.ndarray | None = None,
    ) -> None:
        """Show poses [nq], activation [M] [-], sticks of the recorded movement [S, 2, 3] [m], arrows [R, 2, 3] [m].

        To follow keeps the body in the middle: the world moves under it, so the view that the user has turned to stays.
        """
        pose = self._poser.pose(qpos)
        with self._server.atomic():
            if follow:
                self._world.position = (-qpos[0], -qpos[1], 0.0)
            for group in (self.bones, self.contacts):
                if group.visible:
                    group.move(pose)
            if activation is not None and self.muscles is not None and self.muscles.visible:
                self.muscles.move(pose, activation)
            if reference_qpos is not None and self.ghost is not None and self.ghost.visible:
                self.ghost.move(self._poser.pose(reference_qpos))
            if source_segments is not None and self.source is not None and self.source.visible:
                self.source.move(source_segments)
            if arrows is not None and self.forces is not None and self.forces.visible:
                self.forces.move(arrows, pose.position[1])
