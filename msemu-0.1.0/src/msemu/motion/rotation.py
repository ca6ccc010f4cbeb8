"""Rotations as unit quaternions (w, x, y, z) in torch, over any leading dimensions.

Products of quaternions are bilinear: each result is a fixed combination of the 16 products of two components. One outer
product and one matrix product compute it, which for small batches is several times faster than writing the sums out.
"""

from functools import cache

import torch

_HAMILTON_PRODUCT: dict[int, tuple[tuple[int, int, int], ...]] = {
    # component of the result: its (sign, left component, right component)
    0: ((1, 0, 0), (-1, 1, 1), (-1, 2, 2), (-1, 3, 3)),
    1: ((1, 0, 1), (1, 1, 0), (1, 2, 3), (-1, 3, 2)),
    2: ((1, 0, 2), (-1, 1, 3), (1, 2, 0), (1, 3, 1)),
    3: ((1, 0, 3), (1, 1, 2), (-1, 2, 1), (1, 3, 0)),
}

_ROTATED_X_AND_Z_AXIS: dict[int, tuple[tuple[int, int, int], ...]] = {
    0: ((1, 0, 0), (1, 1, 1), (-1, 2, 2), (-1, 3, 3)),
    1: ((2, 1, 2), (2, 0, 3)),
    2: ((2, 1, 3), (-2, 0, 2)),
    3: ((2, 1, 3), (2, 0, 2)),
    4: ((2, 2, 3), (-2, 0, 1)),
    5: ((1, 0, 0), (-1, 1, 1), (-1, 2, 2), (1, 3, 3)),
}


def multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Hamilton product ``a b``, shape [..., 4]."""
    return _bilinear(a, b, _table("product", a.dtype, a.device))


def conjugate(q: torch.Tensor) -> torch.Tensor:
    """Inverse rotation, shape [..., 4]."""
    return torch.cat((q[..., :1], -q[..., 1:]), dim=-1)


def rotate(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Rotate vectors ``v`` [..., 3] by ``q`` [..., 4]; both have the same number of dimensions and broadcast."""
    axis = q[..., 1:]
    cross = 2.0 * torch.linalg.cross(axis, v)
    return v + q[..., :1] * cross + torch.linalg.cross(axis, cross)


def heading(q: torch.Tensor) -> torch.Tensor:
    """Return the part of a rotation that turns about the vertical (its twist about z), shape [..., 4].

    Unlike the direction in which the x axis points, it passes through a somersault or a cartwheel without a jump. It is
    undefined only where a half turn about a horizontal axis stands the body exactly on its head; no turn is returned.
    """
    w, z = q[..., :1], q[..., 3:]
    length = torch.sqrt(w * w + z * z)
    defined = length > 1e-6
    zero = torch.zeros_like(w)
    return torch.cat((torch.where(defined, w / length, 1.0), zero, zero, torch.where(defined, z / length, 0.0)), dim=-1)


def angle_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angle of the rotation from ``a`` to ``b`` [rad], in [0, pi], shape [...]."""
    difference = multiply(conjugate(a), b)
    return 2.0 * torch.atan2(difference[..., 1:].norm(dim=-1), difference[..., 0].abs())


def tangent_normal(q: torch.Tensor) -> torch.Tensor:
    """Six numbers without a jump: the rotated x and z axes, shape [..., 6] (doi:10.1109/CVPR.2019.00589)."""
    return _bilinear(q, q, _table("axes", q.dtype, q.device))


def _bilinear(a: torch.Tensor, b: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2) @ table


@cache
def _table(name: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Coefficients of the 16 products of components for each number of the result, shape [16, results]."""
    terms = {"product": _HAMILTON_PRODUCT, "axes": _ROTATED_X_AND_Z_AXIS}[name]
    table = torch.zeros(4, 4, len(terms), dtype=dtype)
    for component, parts in terms.items():
        for sign, left, right in parts:
            table[left, right, component] = sign
    return table.flatten(0, 1).to(device)
