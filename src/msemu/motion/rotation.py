"""Rotations as unit quaternions (w, x, y, z) in torch, over any leading dimensions."""

import torch


def multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Hamilton product ``a b``, shape [..., 4]."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        dim=-1,
    )


def conjugate(q: torch.Tensor) -> torch.Tensor:
    """Inverse rotation, shape [..., 4]."""
    return torch.cat((q[..., :1], -q[..., 1:]), dim=-1)


def rotate(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Rotate vectors ``v`` [..., 3] by ``q`` [..., 4]; both have the same number of dimensions and broadcast."""
    axis = q[..., 1:]
    cross = 2.0 * torch.linalg.cross(axis, v)
    return v + q[..., :1] * cross + torch.linalg.cross(axis, cross)


def rotate_inverse(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Rotate vectors ``v`` [..., 3] by the inverse of ``q`` [..., 4]."""
    return rotate(conjugate(q), v)


def heading(q: torch.Tensor) -> torch.Tensor:
    """Rotation about the vertical that turns +x to the horizontal direction of ``q``'s x axis, shape [..., 4]."""
    w, x, y, z = q.unbind(-1)
    angle = torch.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    zero = torch.zeros_like(angle)
    return torch.stack((torch.cos(0.5 * angle), zero, zero, torch.sin(0.5 * angle)), dim=-1)


def angle_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angle of the rotation from ``a`` to ``b`` [rad], in [0, pi], shape [...]."""
    difference = multiply(conjugate(a), b)
    return 2.0 * torch.atan2(difference[..., 1:].norm(dim=-1), difference[..., 0].abs())


def tangent_normal(q: torch.Tensor) -> torch.Tensor:
    """Six numbers without a jump: the rotated x and z axes, shape [..., 6] (doi:10.1109/CVPR.2019.00589)."""
    w, x, y, z = q.unbind(-1)
    return torch.stack(
        (
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y + w * z),
            2.0 * (x * z - w * y),
            2.0 * (x * z + w * y),
            2.0 * (y * z - w * x),
            1.0 - 2.0 * (x * x + y * y),
        ),
        dim=-1,
    )
