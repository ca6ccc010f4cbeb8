"""The assistive wrench at the root, and the force that both engines let act there."""

from dataclasses import replace

import pytest
import torch

from msemu.cli.training import train
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.assemble import open_policy
from msemu.rl.run_folder import RunFolder
from msemu.schema import AssistCfg, SimCfg, TaskCfg, TrainCfg
from msemu.sim import make_simulation

FOREVER = 10**6


@pytest.mark.parametrize("engine", ["mujoco", "warp"])
def test_a_force_at_the_root_moves_the_whole_body(engine: str, legs: Body) -> None:
    sim = make_simulation(legs.model, 2, SimCfg(device="cpu", engine=engine, num_threads=2), 0, legs.capacity)
    qpos = torch.from_numpy(legs.neutral_qpos).repeat(2, 1)
    qpos[:, 2] += 2.0
    everywhere = torch.ones(2, dtype=torch.bool)
    sim.reset(everywhere, qpos, torch.zeros_like(sim.qvel), torch.zeros_like(sim.act))
    start = sim.center_of_mass.clone()
    mass = float(legs.model.body_mass.sum())
    force = torch.tensor([50.0, -80.0, mass * 9.81])
    sim.root_force[1, :3] = force.to(sim.root_force)
    sim.step(torch.zeros(2, legs.num_muscles), 50)  # 0.1 s
    moved = (sim.center_of_mass - start).double().cpu()
    fall = torch.tensor([0.0, 0.0, -9.81]) * 0.5 * 0.1**2 * 1.02  # Euler's steps are one half step ahead
    torch.testing.assert_close(moved[0], fall.double(), atol=2e-4, rtol=0.0)
    lifted = torch.tensor([50.0, -80.0, 0.0]) / mass * 0.5 * 0.1**2 * 1.02
    torch.testing.assert_close(moved[1], lifted.double(), atol=2e-4, rtol=0.0)
    sim.reset(torch.tensor([False, True]), qpos, torch.zeros_like(sim.qvel), torch.zeros_like(sim.act))
    assert not sim.root_force.any()


def make_env(cfg: TaskCfg, legs: Body, clip: MotionClip, assist: AssistCfg) -> MotionTrackingEnv:
    cfg.env.assist = assist
    return MotionTrackingEnv(cfg, legs, clip, seed=0)


def test_a_wrench_that_has_faded_is_none(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    plain = make_env(tracking_cfg, legs, march, AssistCfg())
    faded = make_env(tracking_cfg, legs, march, AssistCfg(max_force_bw=0.5, fade_begin=0, fade_end=0))
    actions = torch.rand(20, 4, 80, generator=torch.Generator().manual_seed(0))
    for action in actions:
        one, two = plain.step(action), faded.step(action)
        assert all(torch.equal(one[0][key], two[0][key]) for key in set(one[0].keys()))
        assert two[3]["log"]["Assist/share"] == 0.0 and two[3]["log"]["Assist/force_bw"] == 0.0
    assert not any(key.startswith("Assist") for key in one[3]["log"])


def test_the_wrench_pulls_to_the_reference_within_its_bound(
    tracking_cfg: TaskCfg, legs: Body, march: MotionClip
) -> None:
    env = make_env(tracking_cfg, legs, march, AssistCfg(max_force_bw=0.1, fade_begin=4, fade_end=8))
    weight = float(legs.model.body_mass.sum()) * 9.81
    env.cfg.env.terminations["body_position_deviation"].limit = 10.0
    env.frame += 50  # the reference is a cycle, 1 m, ahead
    shares = []
    for _ in range(10):
        log = env.step(torch.zeros(4, 80))[3]["log"]
        shares.append(float(log["Assist/share"]))
        force = env.sim.root_force[:, :3]
        assert (force.norm(dim=1) <= shares[-1] * 0.1 * weight * (1 + 1e-9)).all()
        if shares[-1] > 0.0:
            assert (force[:, 0] > 0.8 * shares[-1] * 0.1 * weight).all()
    assert shares == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0])


def test_the_wrench_holds_a_body_that_would_fall(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    heights = []
    for force in (0.0, 5.0):
        assist = AssistCfg(max_force_bw=force, natural_frequency_hz=2.0, fade_begin=FOREVER, fade_end=FOREVER)
        env = make_env(tracking_cfg, legs, march, assist)
        env.cfg.env.terminations["body_position_deviation"].limit = 10.0
        for _ in range(25):
            log = env.step(torch.zeros(4, 80))[3]["log"]
        heights.append(float(log["Error/root_translation_cm"]))
    assert heights[1] < 0.5 * heights[0]


def test_a_fade_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(MsemuError, match="one after the other"):
        AssistCfg(fade_begin=10, fade_end=5)


def test_a_policy_is_played_without_the_wrench(train_cfg: TrainCfg) -> None:
    train_cfg.env.assist = AssistCfg(max_force_bw=0.5, fade_begin=FOREVER, fade_end=FOREVER)
    run = RunFolder.open(train("Msemu-Track-MyoLegs-v0", replace(train_cfg, iterations=1)))
    assert run.load_config().env.assist.max_force_bw == 0.5
    env, _ = open_policy(run, run.checkpoint("last"), 2, "cpu", seed=0)
    log = env.step(torch.zeros(2, 80))[3]["log"]
    assert not env.sim.root_force.any() and "Assist/share" not in log
