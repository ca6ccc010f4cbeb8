"""Quaternion arithmetic against scipy."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from msemu.motion import rotation


@pytest.fixture
def pair() -> tuple[Rotation, Rotation]:
    rng = np.random.default_rng(0)
    return Rotation.random(50, rng), Rotation.random(50, rng)


def quaternion(rotations: Rotation) -> torch.Tensor:
    return torch.from_numpy(rotations.as_quat(scalar_first=True))


def test_product_inverse_and_rotation(pair: tuple[Rotation, Rotation]) -> None:
    a, b = pair
    vectors = np.random.default_rng(1).normal(size=(50, 3))
    product = rotation.multiply(quaternion(a), quaternion(b))
    assert np.allclose(
        (Rotation.from_quat(product.numpy(), scalar_first=True).inv() * (a * b)).magnitude(), 0, atol=1e-9
    )
    assert np.allclose(rotation.rotate(quaternion(a), torch.from_numpy(vectors)), a.apply(vectors))
    assert np.allclose(rotation.rotate_inverse(quaternion(a), torch.from_numpy(vectors)), a.inv().apply(vectors))


def test_angle_between_is_the_magnitude_of_the_difference(pair: tuple[Rotation, Rotation]) -> None:
    a, b = pair
    assert np.allclose(rotation.angle_between(quaternion(a), quaternion(b)), (a.inv() * b).magnitude())
    assert np.allclose(rotation.angle_between(quaternion(a), -quaternion(a)), 0, atol=1e-7)


def test_heading_turns_x_to_the_horizontal_direction(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    direction = a.apply([1.0, 0.0, 0.0])[:, :2]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    turned = rotation.rotate(rotation.heading(quaternion(a)), torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64))
    assert np.allclose(turned[:, :2], direction) and np.allclose(turned[:, 2], 0)


def test_tangent_normal_holds_the_x_and_z_axes(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    matrix = a.as_matrix()
    assert np.allclose(
        rotation.tangent_normal(quaternion(a)), np.concatenate((matrix[:, :, 0], matrix[:, :, 2]), axis=1)
    )
