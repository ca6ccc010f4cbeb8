"""What a movement puts on the floor, and how its center of mass moves."""

import mujoco
import numpy as np
import pytest

from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.control.tracking.reference_dynamics import ReferenceDynamics
from msemu.models import Body
from msemu.models.geoms import lowest_points
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import FEET


def still(body: Body, quaternion: list[float]) -> tuple[Movement, dict[str, float]]:
    """A body that lies or stands on the floor for three frames, and the height of each region by MuJoCo's geometry."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.neutral_qpos
    data.qpos[3:7] = quaternion
    mujoco.mj_forward(body.model, data)

    def heights() -> dict[str, float]:
        return {
            region: float(lowest_points(body.model, data, geoms)[:, 2].min())
            for region, geoms in body.contact_regions.items()
        }

    data.qpos[2] -= min(heights().values())
    mujoco.mj_forward(body.model, data)
    nothing = np.zeros((3, body.model.nv))
    return Movement(np.tile(data.qpos, (3, 1)), nothing, nothing, 50.0), heights()


@pytest.mark.parametrize("quaternion", [[1, 0, 0, 0], [0.7071, 0, 0.7071, 0], [0.7071, 0, -0.7071, 0]], ids=str)
def test_what_a_movement_puts_on_the_floor_is_found(legs: Body, quaternion: list[float]) -> None:
    movement, heights = still(legs, quaternion)
    low = {region for region, height in heights.items() if height < 0.015}
    assert set(ReferenceDynamics.along(legs, [movement]).touched()) == low
    assert bool(low - set(FEET)) == (quaternion[2] != 0)


def test_a_foot_that_flies_past_the_floor_does_not_touch_it(legs: Body) -> None:
    movement, _ = still(legs, [1, 0, 0, 0])
    movement.qvel[1, 0] = 3.0
    found = ReferenceDynamics.along(legs, [movement, movement])
    assert found.touching.any(1).tolist() == [True, False, True, True, False, True]
    assert found.feet.shape == (6, 2, 3)


def test_the_center_of_mass_is_that_of_the_engine_and_moves_as_its_differences(legs: Body, march: MotionClip) -> None:
    movement = differentiate(legs, march, 0.04)
    found = ReferenceDynamics.along(legs, [movement])
    data, center = mujoco.MjData(legs.model), []
    for qpos in movement.qpos:
        data.qpos[:] = qpos
        mujoco.mj_forward(legs.model, data)
        center.append(data.subtree_com[1] - qpos[:3])
    np.testing.assert_allclose(found.center, center, atol=1e-9)
    path = np.array(center) + movement.qpos[:, :3]
    velocity = np.gradient(path, 1 / march.fps, axis=0)[3:-3]
    acceleration = np.gradient(found.center_velocity.numpy(), 1 / march.fps, axis=0)[3:-3]
    scale = np.abs(acceleration).max()
    np.testing.assert_allclose(found.center_velocity[3:-3], velocity, atol=0.02 * np.abs(velocity).max())
    np.testing.assert_allclose(found.center_acceleration[3:-3], acceleration, atol=0.05 * scale)
