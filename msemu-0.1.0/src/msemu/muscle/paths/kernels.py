"""Kernels: length and speed of every path, and what the muscles' forces do to the joints.

A straight piece of a path from body a to body b pulls along one line, whose six numbers are its moment about the
person's center of mass and its direction: ``(p x u, u)`` for any point ``p`` of it. With the velocities of bodies in
the same six numbers the piece lengthens at ``line . (velocity of b - velocity of a)``, and a force in it is
``force * line`` on b and the opposite on a. What a degree of freedom feels is the sum over the bodies that it moves.
"""

from typing import Any, NamedTuple

import warp as wp

from msemu.muscle.paths.wrapping import make_wrap
from msemu.muscle.quiet_warp import start_quietly

# Every kernel of the muscles starts from these records.
start_quietly()
wp.set_module_options({"enable_backward": False})


class PathKernels(NamedTuple):
    """Kernels and records for the numbers of an engine.

    Attributes:
        real: Type of the numbers.
        segment: Record of a segment, see `msemu.muscle.paths.segments.MusclePaths`, with its first line.
        surface: Record of a surface that a path may wrap around.
        measure: Length, speed and lines of each muscle.
        add_up: Force of all muscles on each body.
        pull: Generalized force of all muscles and of the root's force.
        combine: Motions of bodies with degrees of freedom and what hangs on them.
        moment_arms: Change of each muscle's length with the motions that its path feels.
    """

    real: type
    segment: Any
    surface: Any
    measure: wp.Kernel
    add_up: wp.Kernel
    pull: wp.Kernel
    combine: wp.Kernel
    moment_arms: wp.Kernel


def _make(real: type) -> PathKernels:
    wrap = make_wrap(real)
    vec3, mat33 = wp.types.vector(3, real), wp.types.matrix((3, 3), real)
    line6 = wp.types.vector(6, real)
    tiny, zero = real(1e-15), real(0.0)

    @wp.struct
    class Segment:
        start_body: int
        end_body: int
        surface: int
        line: int
        start: vec3
        end: vec3

    @wp.struct
    class Surface:
        body: int
        side_body: int
        is_sphere: int
        radius: real
        position: vec3
        side: vec3
        rotation: mat33

    @wp.func
    def piece(start: vec3, end: vec3, center: vec3):
        """Length and line of a straight piece."""
        along = end - start
        length = wp.length(along)
        direction = vec3(real(1.0), zero, zero)
        if length > tiny:
            direction = along / length
        moment = wp.cross(start - center, direction)
        return length, line6(moment[0], moment[1], moment[2], direction[0], direction[1], direction[2])

    @wp.kernel(enable_backward=False)
    def measure(
        # Model:
        first_in: wp.array(dtype=int),
        constant_length_in: wp.array(dtype=real),
        segments_in: wp.array(dtype=Segment),
        surfaces_in: wp.array(dtype=Surface),
        # Data in:
        position_in: wp.array2d(dtype=vec3),
        rotation_in: wp.array2d(dtype=mat33),
        center_in: wp.array2d(dtype=vec3),
        velocity_in: wp.array2d(dtype=line6),
        # Data out:
        length_out: wp.array2d(dtype=real),
        speed_out: wp.array2d(dtype=real),
        line_out: wp.array2d(dtype=line6),
    ):
        row, muscle = wp.tid()
        center = center_in[row, 1]
        length = constant_length_in[muscle]
        speed = real(0.0)
        for index in range(first_in[muscle], first_in[muscle + 1]):
            segment = segments_in[index]
            first, last = segment.start_body, segment.end_body
            start = position_in[row, first] + rotation_in[row, first] @ segment.start
            end = position_in[row, last] + rotation_in[row, last] @ segment.end
            if segment.surface < 0:
                distance, line = piece(start, end, center)
                length += distance
                speed += wp.dot(line, velocity_in[row, last] - velocity_in[row, first])
                line_out[row, segment.line] = line
            else:
                surface = surfaces_in[segment.surface]
                body = surface.body
                axes = rotation_in[row, body] @ surface.rotation
                origin = position_in[row, body] + rotation_in[row, body] @ surface.position
                to_surface = wp.transpose(axes)
                side = vec3(zero, zero, zero)
                if surface.side_body >= 0:
                    side = position_in[row, surface.side_body] + rotation_in[row, surface.side_body] @ surface.side
                    side = to_surface @ (side - origin)
                on_surface, near, far = wrap(
                    to_surface @ (start - origin),
                    to_surface @ (end - origin),
                    side,
                    surface.side_body >= 0,
                    surface.radius,
                    surface.is_sphere != 0,
                )
                if on_surface < zero:
                    # One line on both sides of the surface's body, which then feels nothing.
                    distance, line = piece(start, end, center)
                    length += distance
                    speed += wp.dot(line, velocity_in[row, last] - velocity_in[row, first])
                    line_out[row, segment.line] = line
                    line_out[row, segment.line + 1] = line
                else:
                    before, line = piece(start, origin + axes @ near, center)
                    after, next_line = piece(origin + axes @ far, end, center)
                    length += before + on_surface + after
                    speed += wp.dot(line, velocity_in[row, body] - velocity_in[row, first])
                    speed += wp.dot(next_line, velocity_in[row, last] - velocity_in[row, body])
                    line_out[row, segment.line] = line
                    line_out[row, segment.line + 1] = next_line
        length_out[row, muscle] = length
        speed_out[row, muscle] = speed

    @wp.kernel(enable_backward=False)
    def add_up(
        # Model:
        first_in: wp.array(dtype=int),
        line_index_in: wp.array(dtype=int),
        muscle_in: wp.array(dtype=int),
        sign_in: wp.array(dtype=real),
        # Data in:
        force_in: wp.array2d(dtype=real),
        line_in: wp.array2d(dtype=line6),
        # Data out:
        wrench_out: wp.array2d(dtype=line6),
    ):
        row, body = wp.tid()
        wrench = line6()
        for index in range(first_in[body], first_in[body + 1]):
            wrench += sign_in[index] * force_in[row, muscle_in[index]] * line_in[row, line_index_in[index]]
        wrench_out[row, body] = wrench

    @wp.kernel(enable_backward=False)
    def pull(
        # Model:
        body_in: wp.array(dtype=int),
        end_in: wp.array(dtype=int),
        # Data in:
        wrench_in: wp.array2d(dtype=line6),
        axis_in: wp.array2d(dtype=line6),
        root_force_in: wp.array2d(dtype=real),
        # Data out:
        force_out: wp.array2d(dtype=real),
    ):
        row, dof = wp.tid()
        wrench = line6()
        # Bodies are in depth-first order: those that a degree of freedom moves follow one another.
        for body in range(body_in[dof], end_in[dof]):
            wrench += wrench_in[row, body]
        force = wp.dot(axis_in[row, dof], wrench)
        if dof < 6:
            force += root_force_in[row, dof]
        force_out[row, dof] = force

    @wp.kernel(enable_backward=False)
    def combine(
        # Model:
        first_in: wp.array(dtype=int),
        dof_in: wp.array(dtype=int),
        sign_in: wp.array(dtype=real),
        # Data in:
        axis_in: wp.array2d(dtype=line6),
        slope_in: wp.array2d(dtype=real),
        # Data out:
        motion_out: wp.array2d(dtype=line6),
    ):
        row, motion = wp.tid()
        total, axes, slopes = line6(), axis_in[row], slope_in[row]
        for index in range(first_in[motion], first_in[motion + 1]):
            dof = dof_in[index]
            total += sign_in[index] * slopes[dof] * axes[dof]
        motion_out[row, motion] = total

    @wp.kernel(enable_backward=False)
    def moment_arms(
        # Model:
        first_arm_in: wp.array(dtype=int),
        first_in: wp.array(dtype=int),
        line_index_in: wp.array(dtype=int),
        motion_index_in: wp.array(dtype=int),
        # Data in:
        line_in: wp.array2d(dtype=line6),
        motion_in: wp.array2d(dtype=line6),
        # Data out:
        arm_out: wp.array2d(dtype=real),
    ):
        row, muscle = wp.tid()
        lines, motions = line_in[row], motion_in[row]
        for entry in range(first_arm_in[muscle], first_arm_in[muscle + 1]):
            arm = real(0.0)
            for index in range(first_in[entry], first_in[entry + 1]):
                arm += wp.dot(lines[line_index_in[index]], motions[motion_index_in[index]])
            arm_out[row, entry] = arm

    return PathKernels(real, Segment, Surface, measure, add_up, pull, combine, moment_arms)


SINGLE, DOUBLE = _make(wp.float32), _make(wp.float64)
"""For an engine in single, and in double precision."""
