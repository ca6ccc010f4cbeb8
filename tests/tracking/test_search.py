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
from msemu.motion.flight import lowest_height
from msemu.motion.rollout import Rollout
from msemu.muscle.parameters import MuscleParameters
from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.order import Order
from msemu.tracking.cost import Momentum, momentum_along
from msemu.tracking.environment import Condition, make_env, tracking_cfg
from msemu.tracking.particles import Particles
from msemu.tracking.reference.retiming import at_speed
from msemu.tracking.reference.windows import is_run, phase_windows, regular_windows, touch_downs
from msemu.tracking.search import Search, _rank
from msemu.tracking.settings import SearchCfg
from msemu.tracking.space import GuidedCfg, RecordedCfg
from msemu.tracking.tree import Layer, Tree

STEPS = 12


@pytest.fixture
def order(legs: Body, march_once: MotionClip) -> Order:
    cfg = tracking_cfg("myolegs", "march")
    cfg.sim.num_threads = 1
    search = SearchCfg(window_steps=3)
    return Order(cfg, legs, march_once, STEPS, Condition(), Condition(), bodies=4, passes=2, seed=4, search=search)


def found(climb: Climb, windows: int = 10**6) -> Climb:
    """Let a search go through so many windows."""
    left = iter(range(windows))
    climb.run(lambda: next(left, None) is None, lambda _: None)
    return climb


def test_the_excitations_alone_lead_through_the_same_states(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(order, tmp_path / "a.search.npz"))
    best = climb.search.best
    assert best is not None and len(best) == STEPS and climb.steps >= 4 * STEPS
    result = climb.result()
    sim = simulate(order.body, 1, order.cfg.sim)
    start = (result.rollout.qpos[:1], result.rollout.qvel[:1], result.rollout.activation[:1])
    sim.reset(torch.ones(1, dtype=torch.bool), *map(torch.from_numpy, start))
    path = result.path
    for excitation, qpos in zip(path.excitation, path.qpos, strict=True):
        sim.step(excitation[None], 10)
        assert torch.equal(sim.qpos[0], qpos)
    assert np.array_equal(result.rollout.qpos[1:], result.path.qpos.numpy())
    assert np.array_equal(result.rollout.reference_qpos[-1], order.clip.qpos[STEPS])


def test_a_replay_that_leads_elsewhere_is_refused(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(order, tmp_path / "a.search.npz"))
    assert climb.search.best
    climb.search.best.excitation[0, 0] += 0.1
    with pytest.raises(MsemuError, match="leads elsewhere"):
        climb.result()


@pytest.mark.parametrize("windows", [2, 5, 14])
def test_a_search_goes_on_as_if_it_had_not_been_left(order: Order, tmp_path: Path, windows: int) -> None:
    """In the first pass, in the second, and in the first one of the second start."""
    order = replace(order, passes=4, search=replace(order.search, least_gain=1.0))
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
    [({"seed": 5}, "seed 4, not 5"), ({"bodies": 6}, "bodies 4, not 6"), ({"total": 9}, "steps 12, not 9")],
)
def test_another_search_is_not_gone_on_with(order: Order, tmp_path: Path, change: dict, said: str) -> None:
    file = tmp_path / "a.search.npz"
    found(Climb(order, file), 1).save()
    with pytest.raises(MsemuError, match=said):
        Climb(replace(order, **change), file).resume()


def test_a_search_of_another_clip_of_the_same_name_is_not_gone_on_with(order: Order, tmp_path: Path) -> None:
    """Also of one whose numbers have the same sum: the same poses in another order."""
    file = tmp_path / "a.search.npz"
    Climb(order, file).save()
    turned = replace(order.clip, qpos=order.clip.qpos[::-1].copy(), qvel=order.clip.qvel[::-1].copy())
    with pytest.raises(MsemuError, match="is of another search: poses of the clip; give its options again"):
        Climb(replace(order, clip=turned), file).resume()


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
    tree = Tree([Layer.of([torch.zeros(1).long(), *[torch.zeros(1, 1)] * 8], {})], memory=3)
    ways: list[list[float]] = [[]]
    for window in range(12):
        parent = torch.randint(len(ways), (6,), generator=generator)
        own = 100.0 * window + torch.arange(6.0)
        ways = [[*ways[index], value] for index, value in zip(parent.tolist(), own.tolist(), strict=True)]
        data = own[:, None, None]
        total = torch.tensor([0.1 * sum(way) for way in ways])
        tree.add(Layer.of((parent, data, own, total, own[:, None], *[data] * 4), {"sim.x": own}))
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


def test_where_passes_gain_no_more_the_search_begins_anew(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start has nothing to go about in its first pass, and one that came to nothing better is left at once."""
    order = replace(order, passes=20, search=replace(order.search, least_gain=1.0, starts=3))
    climb, about, ranks = Climb(order), [], []
    monkeypatch.setattr(
        "msemu.tracking.search.Search._finish",
        lambda self, tree, own=Search._finish: (about.append(self._particles.space.is_about_found), own(self, tree))[1],
    )
    climb.run(lambda: False, lambda _: None, lambda _: ranks.append(_rank(climb.search.best)))
    assert about[:4] == [False, True, True, False], "three passes that gain too little, and a new start"
    firsts = [number for number, is_about in enumerate(about) if not is_about]
    assert len(firsts) == 3 and ranks == sorted(ranks), "the best way of all is kept"
    for first, end in zip(firsts[1:], [*firsts[2:], len(about)], strict=True):
        assert end - first == (3 if ranks[first] > ranks[first - 1] else 1)
    costs = [climb.search.records[first].cost for first in firsts]
    assert len(set(costs)) == 3, "each draws other numbers"
    once = found(Climb(replace(order, search=replace(order.search, starts=1))))
    assert once.search.records == climb.search.records[:3]


def test_a_strength_multiplies_every_force(legs: Body) -> None:
    before, after = (MuscleParameters.of(body.model) for body in (legs, multiplied(legs, 1.5)))
    assert np.allclose(after.max_isometric_force, 1.5 * before.max_isometric_force)
    assert np.allclose(after.optimal_fiber_length, before.optimal_fiber_length)


def test_a_search_goes_from_easier_conditions_to_the_stated_one(order: Order, tmp_path: Path) -> None:
    begin = Condition(strength=1.5, speed=0.75, gravity=0.5, assist_bw=0.25)
    climb = found(Climb(replace(order, begin=begin, passes=1, total=6), tmp_path / "a.search.npz"))
    stages = climb.needed()
    assert [stage["strength"] for stage in stages] == [1.5, 1.25, 1.0]
    assert [stage["assist_bw"] for stage in stages] == [0.25, 0.125, 0.0]
    assert climb.found and climb.found[0] == Condition() and climb.search.completed
    assert [stage["passes"][0]["reached"] for stage in stages] == [8, 7, 6]
    assert climb.result().condition.aids == ""


def test_what_was_found_with_help_says_so(order: Order, tmp_path: Path) -> None:
    """The last condition is not searched at all, so that the one before is what there is."""
    begin = Condition(gravity=0.75, assist_bw=0.25)
    climb = Climb(replace(order, begin=begin, passes=1, total=6), tmp_path / "a.search.npz")
    left = iter(range(2))
    climb.run(lambda: next(left, None) is None, lambda _: None)
    climb.save()
    again = Climb(replace(order, begin=begin, passes=1, total=6), tmp_path / "a.search.npz")
    again.resume()
    result = again.result()
    assert again.condition == Condition() and result.condition == begin
    assert "gravity 0.75" in result.clip(order.clip).source and "assisted" in result.condition.aids


def test_gravity_and_assistance_do_what_they_say(order: Order) -> None:
    """A body without muscle force falls half as fast under half its gravity; the assistance pulls it to its clip."""
    falls = []
    for condition in (Condition(), Condition(gravity=0.5), Condition(assist_bw=1.0)):
        env = make_env(order.cfg, order.body, order.clip, 1, condition, RecordedCfg(), 0)
        high = env.reference.state(torch.zeros(1, dtype=torch.long))[0]
        high[:, 2] += 0.2
        env.restart(torch.zeros(1, dtype=torch.long), high)
        for _ in range(3):
            env.step(torch.zeros(1, env.num_actions))
        falls.append(float(high[0, 2] - env.sim.qpos[0, 2]))
    assert falls[1] == pytest.approx(0.5 * falls[0], rel=0.1)
    assert falls[2] > 1.2 * falls[0]


def test_a_slow_clip_passes_the_same_poses(legs: Body, march: MotionClip, march_once: MotionClip) -> None:
    for clip in (march, march_once):
        slow = at_speed(legs, clip, 0.5)
        assert slow.duration_s == pytest.approx(2.0 * clip.duration_s)
        assert np.allclose(slow.qpos[:-1:2], clip.qpos[: len(slow.qpos[:-1:2])], atol=1e-6)
        assert np.allclose(slow.qvel[2:-2:2], 0.5 * clip.qvel[1 : len(slow.qvel[2:-2:2]) + 1], atol=0.1)
        assert np.array_equal(at_speed(legs, clip, 1.0).qpos, clip.qpos)


def test_windows_end_where_the_clip_touches_down(legs: Body, march_once: MotionClip) -> None:
    """Two hops of 0.2 s, above 0.24 s of standing each."""
    still = march_once.qpos[:1].repeat(46, 0)
    height = np.zeros(46)
    height[12:22] = height[34:44] = 0.1 * np.sin(np.pi * (np.arange(10) + 0.5) / 10)
    qpos = still.copy()
    qpos[:, 2] += height - lowest_height(legs, still)
    clip = replace(march_once, qpos=qpos)
    assert touch_downs(legs, clip, 45) == [22, 44] and is_run(legs, clip, 45)
    windows = phase_windows(legs, clip, 45, 5)
    assert [sum(window) for window in windows] == [22, 22, 1] and len(windows[0]) == 4
    assert regular_windows(12, 5) == ((5,), (5,), (2,))


def test_a_search_from_touch_down_to_touch_down(order: Order, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("msemu.tracking.climb.attempt.phase_windows", lambda *_: ((3, 4), (5,)))
    left = found(Climb(replace(order, windows="phase"), tmp_path / "b.search.npz"), 3)
    left.save()
    again = Climb(replace(order, windows="phase"), tmp_path / "b.search.npz")
    again.resume()
    best = found(again).search.best
    assert best and [len(layer.cost[0]) for layer in best.layers] == [7, 5]
    assert best.guidance.shape[0] == 3
    again.result()


def test_a_smooth_way_takes_the_place_of_a_rough_one_only_where_it_costs_little(order: Order, tmp_path: Path) -> None:
    climb = found(Climb(replace(order, passes=1), tmp_path / "a.search.npz"))
    climb.result()
    assert not any(record["kept"] and record["cost"] > 1.02 * record["cost_before"] for record in climb.smoothing)
    generous = Climb(replace(order, search=replace(order.search, smoothing_cost=1.0)), tmp_path / "a.search.npz")
    generous.attempt.search = climb.search
    result = generous.result()
    assert any(record["kept"] for record in generous.smoothing) == (result.path is not climb.search.best)


def test_what_is_written_is_a_rollout_and_a_clip(order: Order, tmp_path: Path) -> None:
    result = found(Climb(replace(order, passes=1), tmp_path / "a.search.npz")).result()
    result.save(tmp_path / "a.npz", order.clip, {"strength": 1.0})
    rollout, clip = Rollout.load(tmp_path / "a.npz"), MotionClip.load(tmp_path / "a.clip.npz")
    assert np.array_equal(rollout.excitation[1:], result.path.excitation.numpy())
    assert np.array_equal(clip.qpos, rollout.qpos) and not clip.cyclic
    assert clip.source == "made up; simulated by msemu-track with muscle strength 1 (own)"
    assert np.load(tmp_path / "a.npz", allow_pickle=False)["wanted_acceleration"].shape[0] == STEPS
