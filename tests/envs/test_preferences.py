"""Preferences of the configuration, body by body, and the observation of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from msemu.config import cfg_names, load_named
from msemu.envs.action.preferring import Preferring
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import FatigueCfg, JointCfg, ObservationTermCfg, PreferenceCfg, TaskCfg

NUM_ENVS = 4


@pytest.fixture
def make_env(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> Callable[[PreferenceCfg], MotionTrackingEnv]:
    def make(preference: PreferenceCfg) -> MotionTrackingEnv:
        tracking_cfg.env.action = JointCfg(preference=preference)
        tracking_cfg.env.observations["preference"] = ObservationTermCfg()
        return MotionTrackingEnv(tracking_cfg, legs, march)

    return make


def preferring_of(env: MotionTrackingEnv) -> Preferring:
    return env.action_space.preferring  # type: ignore[attr-defined]


def test_bodies_side_by_side_prefer_as_they_are_told(make_env: Callable, legs: Body) -> None:
    env = make_env(PreferenceCfg())
    preferring = preferring_of(env)
    assert preferring.preferences is None and not env.get_observations()["preference"].any()
    chosen = ("no_gastrocnemius", "co_contraction_0.2", "left_weak_30", "volume")
    preferring.assign([load_named(PreferenceCfg, name) for name in chosen])
    env.restart(torch.zeros_like(env.frame))
    codes = env.get_observations()["preference"]
    assert len({tuple(code.tolist()) for code in codes}) == NUM_ENVS
    for _ in range(10):
        env.step(torch.zeros(NUM_ENVS, env.num_actions))
    activation, names = env.sim.act.numpy(), np.array(legs.muscle_names)
    gastrocnemius, left = np.char.startswith(names, "gas"), np.char.endswith(names, "_l")
    assert activation[0, gastrocnemius].max() < 0.02 < activation[1, gastrocnemius].min()
    assert np.median(activation[1]) > 3.0 * np.median(activation[0])
    assert activation[2, left].max() <= 0.7 + 1e-3
    parameters = {name: index for index, name in enumerate(legs.muscle_names)}
    weight = preferring.preferences.weight[3]
    force = legs.model.actuator_gainprm[:, 2]
    assert weight[parameters["soleus_r"]] > weight[parameters["grac_r"]] and force[parameters["soleus_r"]] > 3000


def test_weights_leave_the_cost_of_the_reference_alone(make_env: Callable) -> None:
    env = make_env(PreferenceCfg(weight_spread=10.0, weights={"soleus_*": 3.0}, seed=5))
    usual = np.square(env.scene.muscles.activation).mean(0)
    weight = preferring_of(env).preferences.weight.numpy()
    np.testing.assert_allclose(weight @ usual, usual.sum(), rtol=1e-9)
    np.testing.assert_array_equal(weight[0], weight[1])
    assert weight[0].max() > 20.0 * weight[0].min()


def test_episodes_draw_anew_where_they_start_anew(make_env: Callable) -> None:
    env = make_env(replace(load_named(PreferenceCfg, "continuum"), seed=1))
    preferring = preferring_of(env)
    before = preferring.preferences.weight.clone()
    env.action_space.reset(torch.tensor([True, False, False, True]))
    changed = (preferring.preferences.weight != before).any(1)
    assert changed.tolist() == [True, False, False, True]
    state = env.state_dict()
    drawn = preferring.preferences.tone.clone()
    env.action_space.reset(torch.ones(NUM_ENVS, dtype=torch.bool))
    afterwards = preferring.preferences.tone.clone()
    env.load_state_dict(state)
    assert torch.equal(preferring.preferences.tone, drawn) and not torch.equal(drawn, afterwards)
    env.action_space.reset(torch.ones(NUM_ENVS, dtype=torch.bool))
    assert torch.equal(preferring.preferences.tone, afterwards)


def test_tired_muscles_have_what_the_fatigue_model_leaves(make_env: Callable) -> None:
    env = make_env(PreferenceCfg(tired_s=300.0))
    load, rates = env.scene.muscles.activation.mean(0), FatigueCfg()
    found = solve_ivp(
        lambda _, tired: rates.fatigue_rate * load - rates.recovery_rate * tired,
        (0.0, 300.0),
        np.zeros_like(load),
        rtol=1e-8,
    )
    expected = 1.0 - np.minimum(found.y[:, -1], 1.0 - load)
    np.testing.assert_allclose(preferring_of(env).preferences.capacity[0], expected, atol=1e-5)
    assert expected.min() < 0.8


def test_emg_is_preferred_in_its_bursts(make_env: Callable, legs: Body) -> None:
    env = make_env(PreferenceCfg(emg=0.3))
    rows = preferring_of(env)._envelope.numpy()
    soleus, tibialis = (legs.muscle_names.index(f"{name}_r") for name in ("soleus", "tibant"))
    assert set(np.unique(rows)) == {0.0, 1.0}
    assert (rows[:, soleus] * rows[:, tibialis]).mean() < 0.15  # calf and shin take turns
    assert 0.3 < rows[:, soleus].mean() < 0.7


@pytest.mark.parametrize(
    ("preference", "named"),
    [
        (PreferenceCfg(capacity={"gastroc_r": 0.0}), "gastroc_r"),
        (PreferenceCfg(weights={"sole_l": 2.0}), "soleus_l"),
    ],
)
def test_a_muscle_that_the_body_lacks_is_named(make_env: Callable, preference: PreferenceCfg, named: str) -> None:
    with pytest.raises(MsemuError, match=named):
        make_env(preference)


def test_every_named_preference_can_be_had(make_env: Callable) -> None:
    env = make_env(PreferenceCfg())
    names = cfg_names("preference")
    for first in range(0, len(names), NUM_ENVS):
        four = (names * 2)[first : first + NUM_ENVS]
        preferring_of(env).assign([load_named(PreferenceCfg, name) for name in four])
        assert torch.isfinite(preferring_of(env).code()).all()


def test_the_observation_is_for_muscles_that_prefer(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.env.observations["preference"] = ObservationTermCfg()
    with pytest.raises(MsemuError, match="joint"):
        MotionTrackingEnv(tracking_cfg, legs, march)
