"""The solution space of a rollout, whose muscles have to be those of the body."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_rollout import made_up_rollout

from msemu.analysis.solutions.space import space_of_rollout
from msemu.control.inverse_dynamics import Movement, dynamics_along
from msemu.control.muscle_capacity import MuscleCapacity
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters


@pytest.fixture
def rollout(march: MotionClip, legs: Body) -> Rollout:
    """Half a second of the clip itself, with activations at which every muscle pulls as the body's does."""
    frames = 25
    qpos, qvel = march.qpos[:frames], march.qvel[:frames]
    activation = np.random.default_rng(0).uniform(0.1, 0.6, (frames, legs.num_muscles))
    capacity = MuscleCapacity(MuscleParameters.of(legs.model), "mujoco")
    pull = []
    for _, state in dynamics_along(legs, Movement(qpos, qvel, np.zeros_like(qvel), 50.0), ()):
        active, passive = (each.clone().numpy() for each in capacity.forces(state.muscle_length, state.muscle_velocity))
        begun = sum(map(len, pull))
        pull.append(activation[begun : begun + len(active)] * active + passive)
    return made_up_rollout(legs, qpos, qvel, activation, np.concatenate(pull).clip(min=0.0))


def test_a_rollout_of_the_bodys_muscles_has_a_space_also_where_a_foot_lands(rollout: Rollout, legs: Body) -> None:
    landing = np.where(np.isin(np.arange(25), [3, 4, 17]), 3.0, 1.0)[:, None]
    found = space_of_rollout(legs, replace(rollout, muscle_force=landing * rollout.muscle_force), "mujoco")
    np.testing.assert_array_equal(found.known, rollout.activation)
    np.testing.assert_allclose(found.target, np.einsum("tjm,tm->tj", found.matrix, rollout.activation), atol=1e-12)


def test_weaker_muscles_on_one_side_are_not_the_bodys(rollout: Rollout, legs: Body) -> None:
    left = np.where([name.endswith("_l") for name in legs.muscle_names], 0.7, 1.0)
    with pytest.raises(MsemuError, match="pull otherwise"):
        space_of_rollout(legs, replace(rollout, muscle_force=left * rollout.muscle_force), "mujoco")
