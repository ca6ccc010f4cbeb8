"""What a movement puts on the floor, and how its center of mass moves."""

import mujoco
import numpy as np
import pytest
import torch

from msemu.control.inverse_dynamics import Movement, differentiate
from msemu.control.tracking.reference_dynamics import ReferenceDynamics, held
from msemu.models import Body
from msemu.models.geoms import lowest_points
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import FEET
from msemu.schema import ContactCfg


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


def hovering(body: Body, heights: list[float], cyclic: bool = False) -> Movement:
    """A body that stands upright so high above the floor [m]."""
    qpos = np.tile(still(body, [1, 0, 0, 0])[0].qpos[:1], (len(heights), 1))
    qpos[:, 2] += heights
    nothing = np.zeros((len(heights), body.model.nv))
    return Movement(qpos, nothing, nothing, 50.0, cyclic)


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


HEIGHTS = [0.02, 0.01, 0.02, 0.01, 0.02, 0.05, 0.02, 0.01]
"""Heights over the floor [m] that flicker about the 0.015 m below which a part touches."""


@pytest.mark.parametrize(
    ("release", "cyclic", "pattern"),
    [(1.0, False, "-x-x---x"), (2.0, False, "-xxxx--x"), (2.0, True, "xxxxx--x"), (1.2, True, "-x-x---x")],
)
def test_what_touches_lets_go_higher_than_it_came(legs: Body, release: float, cyclic: bool, pattern: str) -> None:
    found = ReferenceDynamics.along(legs, [hovering(legs, HEIGHTS, cyclic)], ContactCfg(release=release))
    for foot in FEET:
        column = found.touching[:, found.regions.index(foot)].tolist()
        assert "".join("x" if touches else "-" for touches in column) == pattern


def test_clips_and_regions_hold_each_for_itself(legs: Body) -> None:
    movements = [hovering(legs, [0.05, 0.01]), hovering(legs, [0.02, 0.02])]
    found = ReferenceDynamics.along(legs, movements, ContactCfg(release=2.0))
    assert found.touching[:, found.regions.index(FEET[0])].tolist() == [False, True, False, False]
    coming = torch.tensor([[True, False], [False, False], [False, True]])
    staying = torch.tensor([[True, True], [True, True], [False, True]])
    assert held(coming, staying, cyclic=False).tolist() == [[True, False], [True, False], [False, True]]


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
