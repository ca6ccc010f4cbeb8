"""Joint couplings against MuJoCo's own equality residuals."""

import mujoco
import numpy as np
import pytest

from msemu.models import load_body
from msemu.models.couplings import Couplings
from msemu.models.poses import random_poses

# c follows b and b follows a (listed in the unfavorable order), d is locked away from zero; some reference
# positions differ from zero.
CHAIN = """
<mujoco>
  <worldbody>
    <body><freejoint/><geom size="0.1" mass="1"/>
      <body><joint name="a" axis="1 0 0" ref="0.2"/><geom size="0.1" mass="1"/>
        <body><joint name="b" axis="0 1 0" ref="-0.1"/><geom size="0.1" mass="1"/>
          <body><joint name="c" type="slide"/><geom size="0.1" mass="1"/>
            <body><joint name="d" axis="0 0 1"/><geom size="0.1" mass="1"/></body>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <equality>
    <joint joint1="c" joint2="b" polycoef="0.05 0.5 -0.3 0.2 0.1"/>
    <joint joint1="b" joint2="a" polycoef="0.1 -0.7 0.4 0 0.3"/>
    <joint joint1="d" polycoef="0.25 0 0 0 0"/>
    <joint joint1="a" joint2="d" polycoef="0 1 0 0 0" active="false"/>
  </equality>
</mujoco>
"""


def equality_rows(model: mujoco.MjModel, qpos: np.ndarray, qvel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    data = mujoco.MjData(model)
    data.qpos, data.qvel = qpos, qvel
    mujoco.mj_forward(model, data)
    return data.efc_pos[: data.ne], data.efc_vel[: data.ne]


@pytest.fixture(scope="module")
def chain() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(CHAIN)


def test_chained_and_locked_joints_satisfy_mujoco(chain):
    couplings = Couplings.of(chain)
    rng = np.random.default_rng(0)
    for _ in range(10):
        qpos = couplings.project(np.concatenate([[0, 0, 0, 1, 0, 0, 0], rng.uniform(-1, 1, 4)]))
        qvel = couplings.project_velocity(qpos, rng.normal(size=chain.nv))
        position, velocity = equality_rows(chain, qpos, qvel)
        assert len(position) == 3  # the inactive equality is left out
        np.testing.assert_allclose(position, 0, atol=1e-12)
        np.testing.assert_allclose(velocity, 0, atol=1e-12)
        np.testing.assert_allclose(couplings.residual(qpos), 0, atol=1e-12)


def test_ranges_of_a_chain_are_those_of_its_root(chain):
    """The root goes one radian to both sides of its reference; the polynomial of b has its minimum in between."""
    away = np.r_[np.zeros(7), 1, 9, 9, 9]
    rows = Couplings.of(chain).ranges(chain.qpos0 - away, chain.qpos0 + away)
    b = np.polyval([0.3, 0, 0.4, -0.7, 0.1], np.linspace(-1, 1, 100_001))
    c = np.polyval([0.1, 0.2, -0.3, 0.5, 0.05], b)
    b = b + chain.qpos0[8]
    np.testing.assert_allclose(rows, [[c.min(), c.max()], [b.min(), b.max()], [0.25, 0.25]], atol=1e-5)


def test_residual_equals_mujoco_off_the_manifold(chain):
    couplings = Couplings.of(chain)
    qpos = np.array([0, 0, 0, 1, 0, 0, 0, 0.3, -0.4, 0.6, 0.1])
    position, _ = equality_rows(chain, qpos, np.zeros(chain.nv))
    np.testing.assert_allclose(couplings.residual(qpos), position, atol=1e-12)


def test_projection_keeps_drivers_and_does_not_write_to_its_input(chain):
    couplings = Couplings.of(chain)
    qpos = np.tile([0, 0, 0, 1, 0, 0, 0, 0.3, 9.0, 9.0, 9.0], (5, 1))
    projected = couplings.project(qpos)
    assert projected.shape == (5, 11)
    np.testing.assert_array_equal(projected[:, :8], qpos[:, :8])
    assert (qpos[:, 8:] == 9.0).all()


@pytest.mark.parametrize(("name", "count", "locked"), [("myofullbody", 51, 2), ("myolegs", 14, 0)])
def test_bodies_satisfy_their_equalities_in_random_poses(name, count, locked):
    body = load_body(name)
    assert len(body.couplings.dependent) == count
    assert (body.couplings.driver < 0).sum() == locked
    rng = np.random.default_rng(1)
    for qpos in random_poses(body.model, 5, seed=3):
        qvel = body.couplings.project_velocity(qpos, rng.normal(size=body.model.nv))
        position, velocity = equality_rows(body.model, qpos, qvel)
        assert len(position) == count
        np.testing.assert_allclose(position, 0, atol=1e-9)
        np.testing.assert_allclose(velocity, 0, atol=1e-9)
