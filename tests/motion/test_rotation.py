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
    inverse = rotation.conjugate(quaternion(a))
    assert np.allclose(rotation.rotate(inverse, torch.from_numpy(vectors)), a.inv().apply(vectors))


def test_angle_between_is_the_magnitude_of_the_difference(pair: tuple[Rotation, Rotation]) -> None:
    a, b = pair
    assert np.allclose(rotation.angle_between(quaternion(a), quaternion(b)), (a.inv() * b).magnitude())
    assert np.allclose(rotation.angle_between(quaternion(a), -quaternion(a)), 0, atol=1e-7)


def test_heading_is_the_turn_about_the_vertical(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    turn = Rotation.from_euler("z", np.linspace(-3, 3, 50)[:, None])
    assert np.allclose(rotation.angle_between(rotation.heading(quaternion(turn)), quaternion(turn)), 0, atol=1e-6)
    turned = rotation.heading(quaternion(turn * a))
    wanted = rotation.multiply(quaternion(turn), rotation.heading(quaternion(a)))
    assert np.allclose(rotation.angle_between(turned, wanted), 0, atol=1e-6)
    vertical = rotation.rotate(turned, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64))
    assert np.allclose(vertical, [0, 0, 1])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_heading_does_not_jump_in_a_somersault(axis: str) -> None:
    angles = np.linspace(0, 2 * np.pi, 101)
    tumble = Rotation.from_euler("z", 0.7) * Rotation.from_euler(axis, angles[:, None])
    upright = quaternion(Rotation.from_euler("z", np.full((101, 1), 0.7)))
    off = rotation.angle_between(rotation.heading(quaternion(tumble)), upright)
    on_its_head = np.isclose(angles, np.pi)
    assert np.allclose(off[~on_its_head], 0, atol=1e-6)
    assert torch.isfinite(off).all()


def test_tangent_normal_holds_the_x_and_z_axes(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    matrix = a.as_matrix()
    assert np.allclose(
        rotation.tangent_normal(quaternion(a)), np.concatenate((matrix[:, :, 0], matrix[:, :, 2]), axis=1)
    )
