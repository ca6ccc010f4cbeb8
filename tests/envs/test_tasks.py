"""The tasks that msemu brings: their names, their values, and some of them on their motions."""

import os

import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.motion.library.catalogue import catalogue, clip_sets
from msemu.motion.library.task_clips import load_clips, motions_of
from msemu.registry import get_task, list_tasks
from msemu.rl.assemble import make_env
from msemu.rl.runner import Runner
from msemu.sim.simulation import contact_sensors

BODIES = {"MyoLegs": "myolegs", "MyoFullBody": "myofullbody", "MsHuman700": "ms_human_700"}
RUN = [f"Msemu-{motion}-{body}-v0" for motion in ("Walk", "Run") for body in BODIES] + ["Msemu-Gait-MsHuman700-v0"]
"""Tasks that are really run; the others differ from them by names alone, and their clips take minutes to make."""

OWN = [spec for spec in list_tasks() if spec.origin == "msemu"]


@pytest.mark.parametrize("task", RUN)
def test_a_task_runs_on_its_motion(task: str) -> None:
    spec = get_task(task)
    cfg = spec.load_config()
    cfg.num_envs, cfg.sim.num_threads = 2, 2
    if cfg.body == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    variable = cfg.motion.removeprefix("$")
    if cfg.motion.startswith("$") and variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    body = load_body(cfg.body)
    try:
        clips = load_clips(cfg, body)
    except MsemuError as error:
        if "download" not in str(error):
            raise
        pytest.skip(f"the motion cannot be downloaded here: {error}")
    env = make_env(spec.id, cfg, body, clips, seed=0)
    torch.manual_seed(0)
    runner = Runner(env, spec.load_agent(), None, "cpu")
    for _ in range(3):
        with torch.inference_mode():
            groups, reward, _, extras = env.step(runner.alg.act(env.get_observations()))
        assert torch.isfinite(reward).all() and not env.sim.unstable.any()
        assert all(torch.isfinite(values).all() for values in groups.values())
    # In 60 ms the reference moves 6 cm (walk) or 18 cm (run) and the body hardly leaves it, whatever the muscles do:
    # a reset with velocities that do not fit the poses would show.
    assert extras["log"]["Error/root_translation_cm"] < (8.0 if "Run" in task else 5.0)
    assert extras["log"]["Error/joint_angle_deg"] < 12.0


@pytest.mark.parametrize("spec", OWN, ids=lambda spec: spec.id)
def test_a_task_loads_what_its_name_says(spec) -> None:
    name, motion, body, version = spec.id.split("-")
    assert (name, version) == ("Msemu", "v0")
    cfg = spec.load_config()
    assert cfg.body == BODIES[body]
    assert cfg.env.rewards and spec.load_agent().algorithm
    if motion == "Track":
        assert cfg.motion == ""
    elif motion != "Gait":
        assert cfg.motion.replace("_", "").lower() == motion.lower()
        assert motions_of(cfg) == list(clip_sets().get(cfg.motion, [cfg.motion]))


def test_every_motion_and_every_set_is_a_task_on_both_whole_bodies() -> None:
    motions = {(cfg.body, cfg.motion) for cfg in (spec.load_config() for spec in OWN)}
    for body in ("myofullbody", "ms_human_700"):
        assert {motion for owner, motion in motions if owner == body} >= {*catalogue(), *clip_sets(), ""}
    assert len(OWN) == 2 * (len(catalogue()) + len(clip_sets()) + 1) + 5
    ids = {spec.id for spec in OWN}
    for motion in (
        "Walk",
        "Run",
        "DanceA",
        "DanceB",
        "Cartwheel",
        "Spinkick",
        "Backflip",
        "Locomotion",
        "Paper",
        "All",
    ):
        assert {f"Msemu-{motion}-MyoFullBody-v0", f"Msemu-{motion}-MsHuman700-v0"} <= ids


def test_what_may_touch_the_floor() -> None:
    allowed = {spec.id: spec.load_config().env.terminations["forbidden_contact"].options["allowed"] for spec in OWN}
    assert allowed["Msemu-Walk-MyoFullBody-v0"] == allowed["Msemu-Acrobatics-MyoFullBody-v0"] == []
    assert allowed["Msemu-Crawl-MsHuman700-v0"] == allowed["Msemu-Roll-MsHuman700-v0"] == []
    assert allowed["Msemu-Backflip-MsHuman700-v0"] == ["foot"]
    assert "hand" in allowed["Msemu-Cartwheel-MyoFullBody-v0"]
    regions, _ = contact_sensors(load_body("myofullbody").model)
    parts = {region.removesuffix("_r").removesuffix("_l") for region in regions}
    assert {part for parts_of_task in allowed.values() for part in parts_of_task} <= parts
