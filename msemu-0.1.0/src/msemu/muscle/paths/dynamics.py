"""The paths of the muscles of many bodies beside an engine."""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import warp as wp

from msemu.muscle.paths.kernels import DOUBLE, SINGLE
from msemu.muscle.paths.segments import MusclePaths


@dataclass(frozen=True)
class EngineArrays:
    """Arrays of an engine of N bodies, in its precision.

    Attributes:
        position: Origin of each body [m], vectors, shape [N, B].
        rotation: Axes of each body, matrices, shape [N, B].
        center: Center of mass of what hangs on each body [m], vectors, shape [N, B].
        velocity: Angular then linear velocity of each body at the center of mass of the whole, shape [N, B].
        axis: The same for a unit speed of each degree of freedom, shape [N, nv].
    """

    position: wp.array
    rotation: wp.array
    center: wp.array
    velocity: wp.array
    axis: wp.array


class PathDynamics:
    """Length and speed of M paths over a tree of bodies, and the generalized force of the muscles along them.

    Attributes:
        pieces: Muscle, first and last body of each of the L straight pieces whose lines are kept, shape [L] each.
        num_muscles: Number M of muscles.
        kernels: Kernels in the precision of the engine.
    """

    def __init__(self, paths: MusclePaths, model: mujoco.MjModel, device: str = "cpu", double: bool = True):
        """Put the tables on a device of Warp; ``paths`` have the bodies of ``model``, whose second body is the root."""
        self._device, self.kernels = device, DOUBLE if double else SINGLE
        self.num_muscles, self._num_bodies = len(paths.constant_length), model.nbody
        self._path_tables = self._records(paths)
        self.pieces = _pieces(paths)
        self._body_tables = self._entries(_ends(*self.pieces), model.nbody)
        chain = _subtree_ends(model)
        self._dof_tables = [self.ints(model.dof_bodyid), self.ints(chain[model.dof_bodyid])]

    def allocate(self, num_envs: int) -> tuple[wp.array, wp.array]:
        """Return arrays of lines and of forces on bodies for N environments, shapes [N, L] and [N, B]."""
        line6 = wp.types.vector(6, self.kernels.real)
        lines, wrench = (
            wp.zeros((num_envs, count), dtype=line6, device=self._device)
            for count in (len(self.pieces[0]), self._num_bodies)
        )
        return lines, wrench

    def measure(self, engine: EngineArrays, length: wp.array, speed: wp.array, lines: wp.array) -> dict[str, Any]:
        """Return the launch that measures lengths [m] and speeds [m/s], shape [N, M], and the lines."""
        data = [engine.position, engine.rotation, engine.center, engine.velocity]
        outputs = [length, speed, lines]
        return self.launch("measure", self.num_muscles, length, [*self._path_tables, *data], outputs)

    def add_up(self, force: wp.array, lines: wp.array, wrench: wp.array) -> dict[str, Any]:
        """Return the launch that adds up what forces of muscles [N], shape [N, M], negative pulls, do to each body."""
        return self.launch("add_up", self._num_bodies, force, [*self._body_tables, force, lines], [wrench])

    def pull(self, axis: wp.array, wrench: wp.array, root_force: wp.array, force: wp.array) -> dict[str, Any]:
        """Return the launch that writes the generalized force [N, N m], shape [N, nv], with that on the root [N, 6]."""
        inputs = [*self._dof_tables, wrench, axis, root_force]
        return self.launch("pull", force.shape[1], force, inputs, [force])

    def launch(self, name: str, count: int, like: wp.array, inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
        """Return the launch of a kernel for each row of an array, and each of ``count`` elements."""
        size = (like.shape[0], count)
        kernel = getattr(self.kernels, name)
        return {"kernel": kernel, "dim": size, "inputs": inputs, "outputs": outputs, "device": self._device}

    def _records(self, paths: MusclePaths) -> list[wp.array]:
        kernels = self.kernels
        segments = np.zeros(len(paths.bodies), kernels.segment.numpy_dtype())
        segments["start_body"], segments["end_body"] = paths.bodies.T
        segments["surface"] = paths.wrap
        segments["line"] = _first_lines(paths)
        segments["start"], segments["end"] = paths.points[:, 0], paths.points[:, 1]
        surfaces = np.zeros(len(paths.wrap_body), kernels.surface.numpy_dtype())
        for field, values in (
            ("body", paths.wrap_body),
            ("side_body", paths.side_body),
            ("is_sphere", paths.is_sphere),
            ("radius", paths.wrap_radius),
            ("position", paths.wrap_position),
            ("side", paths.side_point),
            ("rotation", paths.wrap_rotation),
        ):
            surfaces[field] = values
        return [
            self.ints(paths.first),
            self.reals(paths.constant_length),
            wp.array(segments, dtype=kernels.segment, device=self._device),
            wp.array(surfaces, dtype=kernels.surface, device=self._device),
        ]

    def _entries(self, entries: np.ndarray, count: int) -> list[wp.array]:
        """Return rows (owner, line, muscle, sign), sorted by owner, as arrays with the start of each owner."""
        entries = entries[np.argsort(entries[:, 0], kind="stable")]
        first = np.searchsorted(entries[:, 0], np.arange(count + 1))
        return [self.ints(first), self.ints(entries[:, 1]), self.ints(entries[:, 2]), self.reals(entries[:, 3])]

    def ints(self, values: np.ndarray) -> wp.array:
        """Return a table of numbers of things."""
        return wp.array(np.asarray(values, np.int32), dtype=int, device=self._device)

    def reals(self, values: np.ndarray) -> wp.array:
        """Return a table in the precision of the engine."""
        real = self.kernels.real
        return wp.array(np.asarray(values, wp.dtype_to_numpy(real)), dtype=real, device=self._device)


def _first_lines(paths: MusclePaths) -> np.ndarray:
    """Return the first line of each segment: a straight one has one, one at a surface two, shape [S]."""
    count = _pieces_of(paths)
    return np.cumsum(count) - count


def _pieces_of(paths: MusclePaths) -> np.ndarray:
    """Return the number of straight pieces of each segment, shape [S]."""
    return 1 + (paths.wrap >= 0)


def _pieces(paths: MusclePaths) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return muscle, first and last body of each straight piece, shape [L] each."""
    count, first = _pieces_of(paths), _first_lines(paths)
    muscle = np.repeat(np.arange(len(paths.constant_length)), np.diff(paths.first))
    start, end = np.repeat(paths.bodies, count, axis=0).T.copy()
    # One at a surface goes from its start to the body of the surface, and from there to its end.
    at_surface = np.flatnonzero(paths.wrap >= 0)
    end[first[at_surface]] = start[first[at_surface] + 1] = paths.wrap_body[paths.wrap[at_surface]]
    return np.repeat(muscle, count), start, end


def _ends(muscle: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return (body, line, muscle, sign of the pull) of both ends of each piece between different bodies."""
    line = np.flatnonzero(start != end)
    sides = ((end, 1), (start, -1))
    return np.concatenate(
        [np.column_stack([body[line], line, muscle[line], np.full(len(line), sign)]) for body, sign in sides]
    )


def _subtree_ends(model: mujoco.MjModel) -> np.ndarray:
    """Return the body after the last one of each body's subtree, shape [B]."""
    end = np.arange(model.nbody) + 1
    for body in range(model.nbody - 1, 0, -1):
        parent = model.body_parentid[body]
        end[parent] = max(end[parent], end[body])
    return end
