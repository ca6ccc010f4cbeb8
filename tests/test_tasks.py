"""Every registered task: its values load, its environment runs on the real motion, its agent fits."""

import os

import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.registry import TaskSpec, list_tasks
from msemu.rl.runner import Runner
from msemu.rl.setup import load_clip, make_env


def is_ready(spec: TaskSpec) -> bool:
    """A task on any motion has none of its own."""
    return spec.load_config().motion != ""


@pytest.mark.parametrize("spec", [spec for spec in list_tasks() if is_ready(spec)], ids=lambda spec: spec.id)
def test_a_task_runs_on_its_motion(spec: TaskSpec) -> None:
    cfg = spec.load_config()
    cfg.num_envs, cfg.sim.num_threads = 2, 2
    if cfg.body == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    variable = cfg.motion.removeprefix("$")
    if cfg.motion.startswith("$") and variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    body = load_body(cfg.body)
    try:
        clip = load_clip(cfg, body)
    except MsemuError as error:
        if "download" not in str(error):
            raise
        pytest.skip(f"the motion cannot be downloaded here: {error}")
    env = make_env(spec.id, cfg, body, clip, seed=0)
    runner = Runner(env, spec.load_agent(), None, "cpu")
    for _ in range(3):
        with torch.inference_mode():
            groups, reward, _, extras = env.step(runner.alg.act(env.get_observations()))
        assert torch.isfinite(reward).all() and not env.sim.unstable.any()
        assert all(torch.isfinite(values).all() for values in groups.values())
    # In 60 ms the reference moves 6 cm (walk) or 18 cm (run) and the body hardly leaves it, whatever the muscles do:
    # a reset with velocities that do not fit the poses would show.
    assert extras["log"]["Error/root_translation_cm"] < 5.0
    assert extras["log"]["Error/joint_angle_deg"] < 12.0


def test_ids_follow_the_pattern() -> None:
    own = [spec for spec in list_tasks() if spec.origin == "msemu"]
    assert len(own) == 10
    for spec in own:
        name, motion, body, version = spec.id.split("-")
        assert (name, version) == ("Msemu", "v0")
        assert motion in ("Walk", "Run", "Track", "Gait") and body in ("MyoLegs", "MyoFullBody", "MsHuman700")
        assert (
            spec.load_config().body
            == {
                "MyoLegs": "myolegs",
                "MyoFullBody": "myofullbody",
                "MsHuman700": "ms_human_700",
            }[body]
        )
