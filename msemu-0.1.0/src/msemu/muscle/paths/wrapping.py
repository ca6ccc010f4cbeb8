"""How a taut path runs around a sphere or a cylinder: MuJoCo's geometry, in the precision of either engine.

A path from one point to another in the frame of the surface touches a circle: that in the plane of both points and the
center of a sphere, or the cross section of a cylinder, along which it climbs evenly.
"""

from collections.abc import Callable

import warp as wp

_FAR = 1e4
"""Squared distance that stands for tangents that cross one another [m^2]."""
_TINY = 1e-15
_MAX_STEPS = 20
_TOLERANCE = 1e-6
"""Where Newton's method for the point of contact from within ends [rad]."""


def make_wrap(real: type) -> Callable:  # one branch a case of the geometry
    """Return the function ``wrap(start, end, side, has_side, radius, is_sphere)`` for numbers of type ``real``.

    It gives the length on the surface [m] and the two points where the path leaves the straight line, in the frame of
    the surface; the length is negative when the path does not touch it. The path passes on the side of the point
    ``side``, and inside when that lies within the surface.
    """
    vec2, vec3 = wp.types.vector(2, real), wp.types.vector(3, real)
    tiny, zero, one, half, two = real(_TINY), real(0.0), real(1.0), real(0.5), real(2.0)
    pi, tolerance, far = real(wp.PI), real(_TOLERANCE), real(_FAR)

    @wp.func
    def cross(a: vec2, b: vec2) -> real:
        return a[0] * b[1] - a[1] * b[0]

    @wp.func
    def turn(start: vec2, end: vec2) -> real:
        """Signed angle about the center, in (-pi, pi]."""
        return wp.atan2(cross(start, end), wp.dot(start, end))

    @wp.func
    def intersect(a0: vec2, a1: vec2, b0: vec2, b1: vec2) -> bool:
        """Whether two straight pieces meet."""
        along, across = a1 - a0, b1 - b0
        determinant = cross(along, across)
        if wp.abs(determinant) < tiny:
            return False
        sign = wp.sign(determinant)
        starts, ends = a0 - b0, a1 - b1
        return (
            sign * cross(across, starts) >= zero
            and sign * cross(across, ends) < zero
            and sign * cross(along, starts) >= zero
            and sign * cross(along, ends) < zero
        )

    @wp.func
    def tangent(point: vec2, squared: real, radius: real, sign: real) -> vec2:
        """Where one of the two tangents from a point touches the circle."""
        reach = wp.sqrt(squared - radius * radius)
        sine = sign * radius * reach
        return vec2(
            (point[0] * radius * radius + sine * point[1]) / squared,
            (point[1] * radius * radius - sine * point[0]) / squared,
        )

    @wp.func
    def around(start: vec2, end: vec2, side: vec2, has_side: bool, radius: real):
        squared0, squared1, step = wp.dot(start, start), wp.dot(end, end), end - start
        distance = wp.dot(step, step)
        within = wp.min(squared0, squared1) < radius * radius
        if within or radius < tiny or distance < tiny:
            return -one, start, end
        nearest = start + wp.clamp(-wp.dot(step, start) / distance, zero, one) * step
        is_clear = wp.dot(nearest, nearest) > radius * radius
        is_right = False
        if has_side:
            # The path winds about the center as the line over the point of the side does.
            first, second, direct = cross(start, side), cross(side, end), cross(start, end)
            turns_back = first * second < zero
            is_right = wp.where(turns_back, direct, first + second) > zero
            is_clear = is_clear and (turns_back or first * direct >= zero)
        if is_clear:
            return -one, start, end
        sign = wp.where(is_right, -one, one)
        touch0, touch1 = tangent(start, squared0, radius, sign), tangent(end, squared1, radius, -sign)
        meets = intersect(start, touch0, end, touch1)
        if not has_side:
            # The shorter of both ways, the other one where its tangents cross.
            other0, other1 = tangent(start, squared0, radius, -sign), tangent(end, squared1, radius, sign)
            other_meets = intersect(start, other0, end, other1)
            reach = wp.where(meets, far, wp.length_sq(touch0 - touch1))
            if wp.where(other_meets, far, wp.length_sq(other0 - other1)) <= reach:
                is_right, touch0, touch1, meets = True, other0, other1, other_meets
        if meets:
            return -one, start, end
        angle = turn(touch0, touch1)
        if not is_right:
            angle = -angle
        if angle < -tolerance:
            angle += two * pi
        return radius * wp.abs(angle), touch0, touch1

    @wp.func
    def inside(start: vec2, end: vec2, radius: real):
        far0, far1, step = wp.length(start), wp.length(end), end - start
        distance = wp.dot(step, step)
        if far0 <= radius or far1 <= radius or radius < tiny:
            return -one, start, start
        if distance > tiny:
            share = -wp.dot(step, start) / distance
            if share > zero and share < one and wp.length(start + share * step) <= radius:
                return -one, start, start
        touch = radius * wp.normalize(start + end)
        ratio0, ratio1 = radius / far0, radius / far1
        cosine = (far0 * far0 + far1 * far1 - distance) / (two * far0 * far1)
        if cosine < tiny - one:
            return -one, touch, touch
        if cosine > one - tiny:
            return zero, touch, touch
        # The path is reflected at the angle phi: asin(a sin phi) + asin(b sin phi) - 2 phi + angle = 0.
        angle = wp.acos(cosine)
        phi = half * pi
        within0, within1 = wp.asin(ratio0), wp.asin(ratio1)
        rest = within0 + within1 - two * phi + angle
        if rest > zero:
            return zero, touch, touch
        steps = wp.int32(0)
        while steps < wp.static(_MAX_STEPS) and wp.abs(rest) > tolerance:
            sine = wp.sin(phi)
            slope0 = ratio0 / wp.max(tiny, wp.sqrt(one - sine * sine * ratio0 * ratio0))
            slope1 = ratio1 / wp.max(tiny, wp.sqrt(one - sine * sine * ratio1 * ratio1))
            slope = wp.cos(phi) * (slope0 + slope1) - two
            if slope > -tiny or rest / slope < zero:
                return zero, touch, touch
            phi -= rest / slope
            sine = wp.sin(phi)
            within0, within1 = wp.asin(ratio0 * sine), wp.asin(ratio1 * sine)
            rest = within0 + within1 - two * phi + angle
            if rest > tolerance:
                return zero, touch, touch
            steps += wp.int32(1)
        if steps >= wp.static(_MAX_STEPS):
            return zero, touch, touch
        towards, swing = end, phi - within1
        if cross(start, end) > zero:
            towards, swing = start, phi - within0
        towards = radius * wp.normalize(towards)
        cosine, sine = wp.cos(swing), wp.sin(swing)
        touch = vec2(cosine * towards[0] - sine * towards[1], sine * towards[0] + cosine * towards[1])
        return zero, touch, touch

    @wp.func
    def plane_of(start: vec3, end: vec3, is_sphere: bool):
        """Two axes of the plane in which the path touches a circle."""
        if not is_sphere:
            return vec3(one, zero, zero), vec3(zero, one, zero)
        first = wp.normalize(start)
        normal = wp.cross(start, end)
        if wp.length(normal) < tiny:
            other = vec3(zero, one, one)
            if wp.abs(first[1]) > wp.abs(first[0]) and wp.abs(first[1]) > wp.abs(first[2]):
                other = vec3(one, zero, one)
            if wp.abs(first[2]) > wp.abs(first[0]) and wp.abs(first[2]) > wp.abs(first[1]):
                other = vec3(one, one, zero)
            normal = wp.cross(first, other)
        return first, wp.normalize(wp.cross(wp.normalize(normal), first))

    @wp.func
    def wrap(start: vec3, end: vec3, side: vec3, has_side: bool, radius: real, is_sphere: bool):
        if wp.length(start) < tiny or wp.length(end) < tiny:
            return -one, start, end
        first, second = plane_of(start, end, is_sphere)
        start2, end2 = vec2(wp.dot(start, first), wp.dot(start, second)), vec2(wp.dot(end, first), wp.dot(end, second))
        length, touch0, touch1 = -one, start2, end2
        if has_side and wp.length(side) < radius:
            length, touch0, touch1 = inside(start2, end2, radius)
        else:
            side2 = vec2(wp.dot(side, first), wp.dot(side, second))
            if wp.length(side2) < tiny:
                side2 = vec2(one, zero)
            length, touch0, touch1 = around(start2, end2, side2, has_side, radius)
        if length < zero:
            return -one, start, end
        near = touch0[0] * first + touch0[1] * second
        far = touch1[0] * first + touch1[1] * second
        if not is_sphere:
            # Unrolled, the path is straight: it climbs as far as it comes along.
            before, after = wp.length(start2 - touch0), wp.length(end2 - touch1)
            whole = before + length + after
            climb = end[2] - start[2]
            near[2] = start[2] + climb * before / whole
            far[2] = start[2] + climb * (before + length) / whole
            length = wp.sqrt(length * length + (far[2] - near[2]) * (far[2] - near[2]))
        return length, near, far

    return wrap
