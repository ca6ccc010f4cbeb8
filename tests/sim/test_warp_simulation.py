"""The warp engine on Warp's cpu device against MuJoCo C."""

import os

import numpy as np
import pytest
import torch
from mujoco.batch import Batch

from msemu.bench.subject import physics_shares
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.models.simulated import simulate
from msemu.muscle.parameters import MuscleParameters
from msemu.schema import Capacity, MuscleCfg, SimCfg
from msemu.sim import CpuSimulation, Simulation, make_simulation
from msemu.sim.device import require_memory
from msemu.sim.randomization import Variation
from msemu.sim.warp_simulation import WarpSimulation

NUM_ENVS = 3
SUBSTEPS = 10
CAPACITY = Capacity(contacts=100, constraints=300)
EVERYWHERE = torch.ones(NUM_ENVS, dtype=torch.bool)

pytestmark = pytest.mark.slow


def make_warp(body: Body, level: str = "mujoco", **options: object) -> WarpSimulation:
    return WarpSimulation(body.model, NUM_ENVS, MuscleCfg(level=level), "cpu", CAPACITY, **options)


@pytest.fixture(scope="module")
def legs_engine(legs: Body) -> WarpSimulation:
    """One engine for the tests that put it into a state of their own."""
    return make_warp(legs)


def random_state(body: Body, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Standing with some motion and random activation."""
    generator = torch.Generator().manual_seed(seed)
    model = body.model
    qpos = torch.tensor(body.neutral_qpos).repeat(NUM_ENVS, 1)
    qvel = 0.2 * torch.randn(NUM_ENVS, model.nv, generator=generator)
    return qpos, qvel, torch.rand(NUM_ENVS, model.nu, generator=generator)


def random_excitation(body: Body, seed: int = 1) -> torch.Tensor:
    return torch.rand(NUM_ENVS, body.num_muscles, generator=torch.Generator().manual_seed(seed))


def state_of(sim: Simulation) -> dict[str, torch.Tensor]:
    names = ("qpos", "qvel", "act", "muscle_force", "contact_force")
    return {name: getattr(sim, name).clone() for name in names}


@pytest.mark.parametrize("name", ["myolegs", "myofullbody", "ms_human_700"])
def test_both_engines_agree(name: str) -> None:
    if name == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 does not name the body's folder")
    body = load_body(name)
    warp, reference = make_warp(body), CpuSimulation(body.model, NUM_ENVS, 2)
    # Not every state will do: where a contact begins within rounding of a step's end, the engines take it a step apart.
    state, excitation = random_state(body, seed=2), random_excitation(body)
    for sim in (warp, reference):
        sim.reset(EVERYWHERE, *state)
        assert torch.equal(sim.unstable, torch.zeros(NUM_ENVS, dtype=torch.bool))
    strongest = torch.tensor(MuscleParameters.of(body.model).max_isometric_force)

    def largest_difference(quantity: str) -> torch.Tensor:
        return (getattr(warp, quantity) - getattr(reference, quantity)).abs().amax(0)

    assert largest_difference("muscle_length").max() < 1e-6
    assert (largest_difference("muscle_force") / strongest).max() < 1e-4
    assert largest_difference("body_position").max() < 1e-5
    torch.testing.assert_close(warp.moment_arms(), reference.moment_arms(), rtol=0, atol=1e-5)

    warp.step(excitation, 1)
    before = reference.qvel.clone()
    reference.step(excitation, 1)
    acceleration = (reference.qvel - before) / body.model.opt.timestep
    speed_difference = largest_difference("qvel").max() / body.model.opt.timestep
    assert speed_difference / acceleration.abs().max() < 1e-3
    for _ in range(4):
        warp.step(excitation, SUBSTEPS)
        reference.step(excitation, SUBSTEPS)
    warp.step(excitation, 9)
    reference.step(excitation, 9)
    assert largest_difference("qpos").max() < 1e-3
    assert largest_difference("muscle_length").max() < 1e-4
    assert largest_difference("act").max() < 1e-5
    weight = body.model.body_mass.sum() * 9.81
    assert largest_difference("contact_force").max() / weight < 1e-2


def test_a_masked_reset_leaves_the_others_alone(legs: Body, legs_engine: WarpSimulation) -> None:
    sim = legs_engine
    sim.reset(EVERYWHERE, *random_state(legs))
    sim.step(random_excitation(legs), SUBSTEPS)
    before = state_of(sim)
    mask = torch.tensor([False, True, False])
    qpos, qvel, act = random_state(legs, seed=5)
    nan = torch.full_like(qpos[:1], torch.nan)
    sim.reset(mask, torch.where(mask.unsqueeze(1), qpos, nan), qvel, act)
    after = state_of(sim)
    for name, values in before.items():
        assert torch.equal(after[name][~mask], values[~mask]), name
    torch.testing.assert_close(after["qpos"][mask], qpos[mask].float())
    torch.testing.assert_close(after["qvel"][mask], qvel[mask])
    assert torch.equal(after["act"][mask], act[mask])
    assert not after["contact_force"][mask].any()


def test_a_saved_state_goes_on_alike(legs: Body, legs_engine: WarpSimulation) -> None:
    sim = legs_engine
    sim.reset(EVERYWHERE, *random_state(legs))
    sim.step(random_excitation(legs), SUBSTEPS)
    saved = sim.state_dict()
    sim.step(random_excitation(legs, 2), SUBSTEPS)
    expected = state_of(sim)
    sim.reset(EVERYWHERE, *random_state(legs, seed=9))
    sim.load_state_dict(saved)
    sim.step(random_excitation(legs, 2), SUBSTEPS)
    for name, values in state_of(sim).items():
        assert torch.equal(values, expected[name]), name


def test_a_body_that_blows_up_is_marked_and_can_be_reset(legs: Body, legs_engine: WarpSimulation) -> None:
    sim = legs_engine
    qpos, qvel, act = random_state(legs)
    excitation = random_excitation(legs)
    sim.reset(EVERYWHERE, qpos, qvel, act)
    sim.step(excitation, SUBSTEPS)
    expected = state_of(sim)
    broken_qvel = qvel.clone()
    broken_qvel[1, 3] = torch.nan
    sim.reset(EVERYWHERE, qpos, broken_qvel, act)
    sim.step(excitation, SUBSTEPS)
    assert sim.unstable.tolist() == [False, True, False]
    for name, values in state_of(sim).items():
        assert torch.equal(values[~sim.unstable], expected[name][~sim.unstable]), name
    sim.reset(sim.unstable.clone(), qpos, qvel, act)
    assert not sim.unstable.any()
    sim.reset(EVERYWHERE, qpos, qvel, act)
    sim.step(excitation, SUBSTEPS)
    for name, values in state_of(sim).items():
        assert torch.equal(values, expected[name]), name


@pytest.mark.parametrize("level", ["rigid", "elastic"])
def test_both_engines_run_every_muscle_alike(legs: Body, level: str) -> None:
    cfg = SimCfg(device="cpu", muscle=MuscleCfg(level=level), num_threads=2)
    reference = make_simulation(legs.model, NUM_ENVS, cfg)
    warp = make_warp(legs, level)
    for sim in (warp, reference):
        sim.reset(EVERYWHERE, *random_state(legs))
        for _ in range(5):
            sim.step(random_excitation(legs), SUBSTEPS)
    torch.testing.assert_close(warp.qpos.double(), reference.qpos, rtol=0, atol=1e-3)
    torch.testing.assert_close(warp.act, reference.act, rtol=0, atol=1e-5)
    state, expected = warp.read_muscles(), reference.read_muscles()
    torch.testing.assert_close(state.fiber_length, expected.fiber_length, rtol=0, atol=1e-2)


def test_too_little_room_is_reported_with_what_is_needed(legs: Body) -> None:
    small = WarpSimulation(legs.model, NUM_ENVS, MuscleCfg(), "cpu", Capacity(contacts=100, constraints=24))
    enough = make_warp(legs)
    for sim in (small, enough):
        sim.reset(EVERYWHERE, *random_state(legs))
        for _ in range(5):
            sim.step(random_excitation(legs), SUBSTEPS)
    assert enough.overflow() is None
    assert 24 < enough.demand.constraints < CAPACITY.constraints
    assert "--sim.constraints-per-env" in small.overflow()
    assert "3 of 3 environments" in small.overflow()


def test_bodies_vary_as_asked(legs: Body) -> None:
    variation = Variation(mass=np.array([0.8, 1.0, 1.3]), friction=np.array([0.5, 1.0, 2.0]))
    warp = make_warp(legs, variation=variation)
    reference = Batch(legs.model, NUM_ENVS, 1, persistent=True)
    reference.expand("body_mass")[:] *= variation.mass[:, None]
    reference.expand("body_inertia")[:] *= variation.mass[:, None, None]
    reference.set_const()
    for field in ("body_mass", "body_subtreemass", "dof_invweight0", "body_invweight0", "tendon_invweight0"):
        ours = getattr(warp.device_model, field).numpy().reshape(NUM_ENVS, -1)
        theirs = np.asarray(reference.expand(field)).reshape(NUM_ENVS, -1)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, err_msg=field)
    cpu = CpuSimulation(legs.model, NUM_ENVS, 2, variation=variation)
    qpos, qvel, act = (tensor[:1].expand(NUM_ENVS, -1) for tensor in random_state(legs))
    for sim in (warp, cpu):
        sim.reset(EVERYWHERE, qpos, qvel, act)
        sim.step(random_excitation(legs)[:1].expand(NUM_ENVS, -1), SUBSTEPS)
    torch.testing.assert_close(warp.qpos.double(), cpu.qpos, rtol=0, atol=1e-4)
    assert (cpu.qpos[0] - cpu.qpos[1]).abs().max() > 1e-2
    friction = warp.device_model.geom_friction.numpy()[..., 0]
    np.testing.assert_allclose(friction, legs.model.geom_friction[:, 0] * variation.friction[:, None], rtol=1e-6)


def test_a_range_that_is_none_is_refused(legs: Body) -> None:
    cfg = SimCfg()
    cfg.randomization.mass = (1.2, 0.8)
    with pytest.raises(MsemuError, match=r"sim: randomization: mass: .* least"):
        make_simulation(legs.model, 1, cfg)


def test_too_little_memory_names_what_fits() -> None:
    require_memory(10, 100, 1000)
    with pytest.raises(MsemuError, match="--num-envs 9 or less"):
        require_memory(10, 100, 999)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "bullet"}, "sim: engine: 'bullet' is unknown"),
        ({"engine": "warp"}, "names no capacity"),
        pytest.param(
            {"device": "cuda"},
            "no CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here"),
        ),
    ],
)
def test_an_engine_that_cannot_be_had_is_refused(legs: Body, changes: dict[str, str], message: str) -> None:
    cfg = SimCfg(**({"device": "cpu"} | changes))
    with pytest.raises(MsemuError, match=message):
        make_simulation(legs.model, 1, cfg)


def test_moment_arms_and_stages_of_exact_paths(legs: Body) -> None:
    """The arms are those of the CPU's engine; launched alone, the muscles' stages leave the body where it is."""
    cfg = SimCfg(engine="warp", device="cpu")
    sim, reference = simulate(legs, NUM_ENVS, cfg), CpuSimulation(legs.model, NUM_ENVS, 2)
    for engine in (sim, reference):
        engine.reset(EVERYWHERE, *random_state(legs))
    torch.testing.assert_close(sim.moment_arms(), reference.moment_arms(), rtol=0, atol=1e-6)
    assert sim.is_lean
    sim.step(random_excitation(legs), 1)
    before = state_of(sim)
    stages = sim.stages(3)
    assert set(stages) == {"muscle dynamics", "muscle paths"}
    for launch in stages.values():
        launch()
    assert all(torch.equal(values, before[name]) for name, values in state_of(sim).items() if name[0] == "q")
    assert not torch.equal(sim.act, before["act"])
    shares = physics_shares(sim, 3, rounds=1)
    assert sum(shares.values()) == pytest.approx(1.0) and set(shares) == {*stages, "engine"}
    assert not torch.equal(sim.act, before["act"]) and torch.equal(sim.qpos, before["qpos"])
