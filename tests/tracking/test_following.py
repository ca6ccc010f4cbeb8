"""What the search has found is followed: as a clip with its activations and the accelerations that it wanted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from msemu.analysis.rollout import measure_episodes
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.schema import ControllerCfg, JointCfg
from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.order import Order
from msemu.tracking.environment import Condition, tracking_cfg
from msemu.tracking.result import Result
from msemu.tracking.settings import SearchCfg
from msemu.tracking.space import ONE_DECODING

STEPS = 9


@pytest.fixture(scope="module")
def result(legs: Body, march_once: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Result:
    cfg = tracking_cfg("myolegs", "march")
    cfg.sim.num_threads = 1
    search = SearchCfg(window_steps=3)
    order = Order(cfg, legs, march_once, STEPS, Condition(), Condition(), bodies=4, passes=1, seed=4, search=search)
    climb = Climb(order, tmp_path_factory.mktemp("search") / "a.search.npz")
    climb.run(lambda: False, lambda _: None)
    return climb.result()


@pytest.fixture
def clip(result: Result, march_once: MotionClip, tmp_path: Path) -> MotionClip:
    result.clip(march_once).save(tmp_path / "a.clip.npz")
    return MotionClip.load(tmp_path / "a.clip.npz")


def environment(legs: Body, clip: MotionClip, feedforward: bool) -> MotionTrackingEnv:
    cfg = tracking_cfg("myolegs", "march")
    action = JointCfg(controller=ControllerCfg(feedforward=feedforward, **ONE_DECODING))
    cfg = replace(cfg, num_envs=1, env=replace(cfg.env, action=action))
    cfg.sim.num_threads = 1
    return MotionTrackingEnv(cfg, legs, clip)


def test_a_body_on_the_found_way_wants_what_the_search_wanted(legs: Body, clip: MotionClip, result: Result) -> None:
    env = environment(legs, clip, feedforward=True)
    for frame in (0, 4, STEPS - 1):
        env.restart(torch.full((1,), frame))
        env.step(torch.zeros(1, env.num_actions))
        wanted = env.action_space.controller.wanted[0]
        assert torch.allclose(wanted, result.path.wanted[frame], atol=0.02 * float(wanted.abs().max()))
    assert np.array_equal(env.sampler._reference.clips[0].qpos[1:], result.path.qpos.numpy())


def test_the_found_way_is_followed_closer_with_its_accelerations(legs: Body, clip: MotionClip) -> None:
    still = torch.zeros(1, len(legs.independent_joints))
    errors = []
    for feedforward in (True, False):
        env = environment(legs, clip, feedforward)
        errors.append(measure_episodes(env, lambda _: still[:, : env.num_actions], STEPS - 1))  # noqa: B023
    close, far = (np.nanmean(each.root_translation_cm) for each in errors)
    assert close < 0.5 * far
    recorded = errors[0].recorded
    assert recorded is not None and np.nanmean(recorded.root_translation_cm) > 2 * close


def test_bodies_start_with_the_activations_that_were_found(legs: Body, clip: MotionClip, result: Result) -> None:
    env = environment(legs, clip, feedforward=True)
    env.restart(torch.full((1,), 5))
    assert np.allclose(env.sim.act[0], result.rollout.activation[5], atol=1e-6)


def test_a_clip_that_nobody_simulated_has_no_accelerations(legs: Body, march_once: MotionClip) -> None:
    with pytest.raises(MsemuError, match=r"the clip 'march' comes without wanted accelerations.*msemu-track"):
        environment(legs, march_once, feedforward=True)
