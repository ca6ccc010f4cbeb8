"""The search for a muscle-driven simulation of a clip: what it finds is simulated, repeatable and continued exactly."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from msemu.errors import MsemuError
from msemu.models import Body
from msemu.models.simulated import simulate
from msemu.models.strength.sets import multiplied
from msemu.motion.clip import MotionClip
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters
from msemu.tracking.climb import Climb, Order
from msemu.tracking.cost import Momentum, momentum_along
from msemu.tracking.environment import Condition, make_env, tracking_cfg
from msemu.tracking.particles import Particles
from msemu.tracking.settings import SearchCfg
from msemu.tracking.space import GuidedCfg
from msemu.tracking.tree import Layer, Tree

STEPS = 12


@pytest.fixture
def order(legs: Body, march_once: MotionClip) -> Order:
    cfg = tracking_cfg("myolegs", "march")
    cfg.sim.num_threads = 1
    search = SearchCfg(window_steps=3)
    return Order(cfg, legs, march_once, STEPS, Condition(), 1.0, bodies=5, passes=2, seed=4, search=search)


def found(climb: Climb, windows: int = 10**6) -> Climb:
    """Let a search go through so many windows."""
    left = iter(range(windows))
    climb.run(lambda: next(left, None) is None, lambda _: None)
    return climb


def test_the_excitations_alone_lead_through_the_same_states(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(order, tmp_path / "a.search.npz"))
    best = climb.search.best
    assert best is not None and len(best) == STEPS and climb.steps >= 5 * STEPS
    result = climb.result()
    sim = simulate(order.body, 1, order.cfg.sim)
    start = (result.rollout.qpos[:1], result.rollout.qvel[:1], result.rollout.activation[:1])
    sim.reset(torch.ones(1, dtype=torch.bool), *map(torch.from_numpy, start))
    for excitation, qpos in zip(best.excitation, best.qpos, strict=True):
        sim.step(excitation[None], 10)
        assert torch.equal(sim.qpos[0], qpos)
    assert np.array_equal(result.rollout.qpos[1:], best.qpos.numpy())
    assert np.array_equal(result.rollout.reference_qpos[-1], order.clip.qpos[STEPS])


def test_a_replay_that_leads_elsewhere_is_refused(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(order, tmp_path / "a.search.npz"))
    assert climb.search.best
    climb.search.best.excitation[0, 0] += 0.1
    with pytest.raises(MsemuError, match="leads elsewhere"):
        climb.result()


@pytest.mark.parametrize("windows", [2, 5])
def test_a_search_goes_on_as_if_it_had_not_been_left(order: Order, tmp_path: Path, windows: int) -> None:
    """In the first pass, and in the second."""
    whole = found(Climb(order, tmp_path / "a.search.npz"))
    left = found(Climb(order, tmp_path / "b.search.npz"), windows)
    left.save()
    again = Climb(order, tmp_path / "b.search.npz")
    again.resume()
    found(again)
    one, other = whole.search.best, again.search.best
    assert one and other and torch.equal(one.excitation, other.excitation) and torch.equal(one.qpos, other.qpos)
    assert (whole.search.records, whole.steps) == (again.search.records, again.steps)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"seed": 5}, "seed 4, not 5"), ({"bodies": 6}, "bodies 5, not 6"), ({"total": 9}, "steps 12, not 9")],
)
def test_another_search_is_not_gone_on_with(order: Order, tmp_path: Path, change: dict, said: str) -> None:
    file = tmp_path / "a.search.npz"
    found(Climb(order, file), 1).save()
    with pytest.raises(MsemuError, match=said):
        Climb(replace(order, **change), file).resume()


def test_a_damaged_search_is_one_line(order: Order, tmp_path: Path) -> None:
    file = tmp_path / "a.search.npz"
    climb = found(Climb(order, file), 1)
    climb.save()
    arrays = dict(np.load(file, allow_pickle=False))
    for broken in ({"mean": np.zeros(0)}, {"random": np.zeros(3)}):
        np.savez(file, **(arrays | broken))
        with pytest.raises(MsemuError, match="damaged"):
            Climb(order, file).resume()
    np.savez(file, qpos=np.zeros(3))
    with pytest.raises(MsemuError, match="no search of msemu-track"):
        Climb(order, file).resume()
    file.unlink()
    with pytest.raises(MsemuError, match="no search to go on with"):
        Climb(order, file).resume()


def test_bodies_go_on_from_the_rows_that_they_are_given(order: Order) -> None:
    env = make_env(order.cfg, order.body, order.clip, 4, order.condition, GuidedCfg(), 0)
    particles = Particles(env, lambda: torch.zeros(4))
    particles.begin()
    generator = torch.Generator().manual_seed(0)
    guidance = 0.1 * torch.randn(4, env.num_actions, generator=generator)
    still = torch.zeros_like(guidance)
    particles.advance(still, guidance, 3)
    state = particles.state(torch.tensor([2, 0]))
    alone = particles.advance(guidance, still, 3)
    particles.load(state, torch.tensor([0, 1, 0, 1]))
    copied = particles.advance(guidance[[2, 0, 2, 0]], still, 3)
    assert torch.equal(copied.qpos, alone.qpos[[2, 0, 2, 0]])
    assert torch.equal(copied.excitation, alone.excitation[[2, 0, 2, 0]])
    assert not torch.equal(alone.qpos[2], alone.qpos[0])


def test_momentum_is_the_engines(order: Order) -> None:
    body, generator = order.body, np.random.default_rng(0)
    qpos = order.clip.qpos[:4].copy()
    qvel = generator.normal(size=(4, body.model.nv))
    sim = simulate(body, 4, order.cfg.sim)
    everything = torch.ones(4, dtype=torch.bool)
    sim.reset(everything, torch.from_numpy(qpos), torch.from_numpy(qvel), torch.zeros(4, body.num_muscles))
    velocity, spin = Momentum(sim).read()
    data = mujoco.MjData(body.model)
    for row in range(4):
        data.qpos[:], data.qvel[:] = qpos[row], qvel[row]
        mujoco.mj_forward(body.model, data)
        mujoco.mj_subtreeVel(body.model, data)
        assert np.allclose(velocity[row], data.subtree_linvel[1], atol=1e-9)
        assert np.allclose(spin[row] * body.model.body_mass.sum(), data.subtree_angmom[1], atol=1e-8)
    along = momentum_along(body, order.clip)
    step = np.gradient(along[:, 0].numpy(), 1 / order.clip.fps)
    assert np.allclose(along[2:-2, 3], step[2:-2], atol=0.02)


def test_a_tree_remembers_its_ways_and_forgets_the_others() -> None:
    """Random parents; each way is told by the numbers of its layers, which a list keeps as well."""
    generator = torch.Generator().manual_seed(0)
    tree = Tree([Layer.of([torch.zeros(1).long(), *[torch.zeros(1, 1)] * 7], {})], memory=3)
    ways: list[list[float]] = [[]]
    for window in range(12):
        parent = torch.randint(len(ways), (6,), generator=generator)
        own = 100.0 * window + torch.arange(6.0)
        ways = [[*ways[index], value] for index, value in zip(parent.tolist(), own.tolist(), strict=True)]
        data = own[:, None, None]
        total = torch.tensor([0.1 * sum(way) for way in ways])
        tree.add(Layer.of((parent, own[:, None], own, total, own[:, None], data, data, data), {"sim.x": own}))
    path, best = tree.path(), min(ways, key=sum)
    assert path.cost.tolist() == best == path.excitation.squeeze(1).tolist() == path.guidance.squeeze(1).tolist()
    assert [layer.state["sim.x"].item() for layer in path.layers] == best
    assert len(tree.layers[2]) < 6 == len(tree.layers[10])
    tree.go_back(99)
    assert tree.windows == 9 and tree.path().cost.shape == (9,)


def test_a_second_pass_is_never_worse(order: Order, tmp_path: Path) -> None:
    """Its bodies compete with the best way of before, which nothing is lost of."""
    one, two = (found(Climb(replace(order, passes=passes), tmp_path / "a.search.npz")) for passes in (1, 2))
    assert one.search.best and two.search.best
    assert two.search.best.cost.sum() <= one.search.best.cost.sum()
    two.result()


def test_a_strength_multiplies_every_force(legs: Body) -> None:
    before, after = (MuscleParameters.of(body.model) for body in (legs, multiplied(legs, 1.5)))
    assert np.allclose(after.max_isometric_force, 1.5 * before.max_isometric_force)
    assert np.allclose(after.optimal_fiber_length, before.optimal_fiber_length)


def test_a_search_may_begin_with_a_stronger_body(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(replace(order, begin_strength=1.5, passes=1), tmp_path / "a.search.npz"))
    assert [stage["strength"] for stage in climb.needed()] == [1.5, 1.25, 1.0]
    assert climb.condition.strength == 1.0 and climb.search.completed
    assert climb.steps >= 3 * 5 * STEPS


def test_what_is_written_is_a_rollout_and_a_clip(order: Order, tmp_path: Path) -> None:
    result = found(Climb(replace(order, passes=1), tmp_path / "a.search.npz")).result()
    result.save(tmp_path / "a.npz", order.clip, {"strength": 1.0, "strength_set": "own"})
    rollout, clip = Rollout.load(tmp_path / "a.npz"), MotionClip.load(tmp_path / "a.clip.npz")
    assert np.array_equal(rollout.excitation[1:], result.path.excitation.numpy())
    assert np.array_equal(clip.qpos, rollout.qpos) and not clip.cyclic
    assert clip.source == "made up; simulated by msemu-track with muscle strength 1 (own)"
    assert np.load(tmp_path / "a.npz", allow_pickle=False)["wanted_acceleration"].shape[0] == STEPS
