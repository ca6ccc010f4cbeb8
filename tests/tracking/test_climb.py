"""A search from condition to condition: going back, stalling, where conditions end, a clip that gives way."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from msemu.config import load_named
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import lowest_height
from msemu.schema import ActionCfg
from msemu.tracking.climb.attempt import Attempt
from msemu.tracking.climb.climb import Climb
from msemu.tracking.climb.order import Order
from msemu.tracking.environment import Condition, controller_of, tracking_cfg, tracking_task
from msemu.tracking.particles import Particles, Trial
from msemu.tracking.reason import Place, Reason
from msemu.tracking.reference.adaptation import Tolerance, adapted, change_of
from msemu.tracking.search import Progress
from msemu.tracking.settings import SearchCfg
from msemu.tracking.space import ONE_DECODING

STEPS = 12


@pytest.fixture
def order(legs: Body, march_once: MotionClip) -> Order:
    cfg = tracking_cfg("myolegs", "march")
    cfg.sim.num_threads = 1
    search = SearchCfg(window_steps=3, back=(2, 3), tries=2)
    return Order(cfg, legs, march_once, STEPS, Condition(), Condition(), bodies=4, passes=1, seed=4, search=search)


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Lets all bodies fail in the window that begins at a frame, so many times."""

    def begin(frame: int, times: int) -> None:
        own, left = Particles.advance, iter(range(times))

        def advance(self: Particles, *arguments) -> Trial:
            is_there = bool((self.env.frame == frame).all())
            trial = own(self, *arguments)
            if is_there and next(left, None) is not None:
                trial.failed[:] = True
            return trial

        monkeypatch.setattr(Particles, "advance", advance)

    return begin


def test_a_run_is_searched_with_the_controller_of_running(order: Order) -> None:
    usual, running = (controller_of(tracking_task("myolegs", motion)) for motion in ("march", "run"))
    assert usual == order.controller and running == load_named(ActionCfg, "joint_running").controller
    space = Attempt(replace(order, controller=running), Condition(), order.clip).particles.env.action_space
    assert space._cfg == replace(running, **ONE_DECODING)  # type: ignore[attr-defined]
    assert replace(order, controller=running).identity() != order.identity()
    assert controller_of(tracking_task("myolegs", "run"), "torque").decoder.objective == "torque"


def searched(climb: Climb, windows: int = 10**6) -> list[int]:
    """Search through so many windows, and return how many steps had been gone through after each one."""
    seen: list[Progress] = []
    climb.run(lambda: len(seen) >= windows, seen.append)
    return [progress.done for progress in seen]


def test_where_all_bodies_fail_the_search_goes_back_several_windows(order: Order, fail_at) -> None:
    fail_at(9, 1)
    climb = Climb(order)
    assert searched(climb) == [3, 6, 9, 6, 9, 12]
    assert climb.search.completed
    climb.result()


def test_it_goes_back_further_from_a_place_where_bodies_fail_again(order: Order, fail_at) -> None:
    fail_at(9, 2)
    climb = Climb(order)
    assert searched(climb) == [3, 6, 9, 6, 9, 3, 6, 9, 12]
    climb.result()


def test_a_search_that_stalls_keeps_its_best_and_says_where(order: Order, fail_at) -> None:
    """It goes back twice in each pass; a start ends after the third one that gets no further, later ones at once."""
    fail_at(9, 1000)
    climb = Climb(replace(order, passes=8))
    assert max(searched(climb)) == 9
    assert [record.reached for record in climb.search.records] == [9, 9, 9, 9, 9]
    assert not climb.search.is_halfway and climb.attempt.failed_in == Place(4, 4, 9, 12)
    result = climb.result()
    assert result.completed == 0.75 and result.rollout.num_frames == 10


def test_where_no_body_comes_through_the_first_window_the_reason_is_given(order: Order, fail_at) -> None:
    fail_at(0, 1000)
    climb = Climb(order)
    searched(climb)
    assert climb.found is None and climb.attempt.errors() is None
    with pytest.raises(
        MsemuError, match=r"first 3 control steps of the clip 'march': .*(asked for|muscles are strong)"
    ):
        climb.result()


def test_a_lack_is_told_by_its_window_and_its_factor(legs: Body, march_once: MotionClip) -> None:
    """A knee that swings too fast for its muscles in some frames, and is still in the others."""
    still = march_once.qpos[:1].repeat(50, 0)
    knee = 7 + legs.joint_names.index("knee_angle_r")
    still[:, knee] += 1.5 * np.exp(-0.5 * ((np.arange(50) - 30) / 1.5) ** 2)
    qpos = legs.couplings.project(still)
    qpos[:, 2] += 1.0  # in the air, where no contact gives anything
    qvel = np.zeros((50, legs.model.nv))
    reason = Reason(legs, replace(march_once, qpos=qpos, qvel=qvel))
    assert re.match(r"\w+_r is asked for", reason.overall())
    told = reason.within(Place(7, 10, 30, 35))
    frame = int(told.split("in frame ")[1].split()[0])
    assert 25 <= frame <= 40 and "times what its muscles give there" in told


@pytest.mark.parametrize(
    ("begin", "count"),
    [
        (Condition(strength=1.5), 3),
        (Condition(speed=0.75), 2),
        (Condition(gravity=0.5), 3),
        (Condition(assist_bw=0.5), 3),
    ],
)
def test_each_condition_ends_at_the_stated_one(order: Order, begin: Condition, count: int) -> None:
    climb = Climb(replace(order, begin=begin, total=6))
    searched(climb)
    needed = climb.needed()
    conditions = [Condition(**{name: stage[name] for name in asdict(begin)}) for stage in needed]
    assert len(needed) == count == climb.num_conditions
    assert conditions[0] == begin and conditions[-1] == Condition()
    assert all(stage["completed"] == 1.0 and len(stage["passes"]) == 1 for stage in needed)
    result = climb.result()
    assert result.condition == Condition() and result.condition.aids == "" and len(result.path) == 6


def test_conditions_go_in_steps_of_a_quarter_at_most(order: Order) -> None:
    stages = replace(order, begin=Condition(strength=2.0, speed=0.4, assist_bw=0.1)).stages()
    for one, other in pairwise(stages):
        changes = [abs(getattr(one, name) - getattr(other, name)) for name in ("strength", "speed", "assist_bw")]
        assert 0.0 < max(changes) <= 0.25
    assert stages[-1] == Condition() and len(stages) == 5


def test_a_search_is_left_and_gone_on_with_at_a_later_condition(order: Order, tmp_path: Path) -> None:
    order = replace(order, begin=Condition(strength=1.25, gravity=0.75), total=9)
    whole = Climb(order, tmp_path / "a.search.npz")
    searched(whole)
    left = Climb(order, tmp_path / "b.search.npz")
    searched(left, 4)
    assert len(left.finished) == 1 and left.search.is_halfway
    left.save()
    again = Climb(order, tmp_path / "b.search.npz")
    again.resume()
    searched(again)
    one, other = whole.search.best, again.search.best
    assert one and other and torch.equal(one.excitation, other.excitation) and torch.equal(one.qpos, other.qpos)
    assert (whole.needed(), whole.steps) == (again.needed(), again.steps)


TOLERANCE = Tolerance(1.0, 2.0, 20.0)


@pytest.mark.parametrize("windows", [2, 5, 9])
def test_a_clip_that_gives_way_is_gone_on_with(order: Order, tmp_path: Path, windows: int) -> None:
    """Left in the first pass, in the first trial of a changed clip, and in a later one: trials begin anew."""
    order = replace(order, tolerance=TOLERANCE, passes=2, total=9)
    whole = Climb(order, tmp_path / "a.search.npz")
    searched(whole)
    left = Climb(order, tmp_path / "b.search.npz")
    searched(left, windows)
    left.save()
    again = Climb(order, tmp_path / "b.search.npz")
    again.resume()
    searched(again)
    assert whole.change and np.array_equal(whole.clip.qpos, again.clip.qpos) and whole.change == again.change
    one, other = whole.search.best, again.search.best
    assert one and other and torch.equal(one.excitation, other.excitation)
    assert whole.needed() == again.needed()


def test_what_is_kept_while_a_changed_clip_is_tried_can_be_gone_on_with(order: Order, tmp_path: Path) -> None:
    """As after a power cut: the file is the search before the trial, and fits the clip of then."""
    file = tmp_path / "a.search.npz"
    climb = Climb(replace(order, tolerance=TOLERANCE, total=9), file)

    def cut(progress: Progress) -> None:
        if climb.change:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        climb.run(lambda: False, cut)
    again = Climb(replace(order, tolerance=TOLERANCE, total=9), file)
    again.resume()
    assert (
        again.change is None
        and again.may_give_way
        and again.search.completed
        and again.search.records == climb.search.records
    )


def test_a_changed_clip_that_bodies_get_less_far_with_is_not_kept(order: Order, monkeypatch) -> None:
    climb = Climb(replace(order, tolerance=TOLERANCE, total=6))
    own = Particles.advance

    def advance(self: Particles, *arguments) -> Trial:
        trial = own(self, *arguments)
        trial.failed |= climb.change is not None
        return trial

    monkeypatch.setattr(Particles, "advance", advance)
    assert searched(climb) == [3, 6]
    assert climb.change is None and climb.is_change_refused and climb.search.completed and not climb.may_give_way
    assert len(climb.needed()[0]["passes"]) == 1
    climb.result()


def test_a_changed_clip_must_lead_closer_to_the_clip_as_it_was(order: Order, monkeypatch) -> None:
    climb = Climb(replace(order, tolerance=TOLERANCE, total=3))
    own = Attempt.errors

    def errors(self: Attempt) -> dict[str, float] | None:
        found = own(self)
        return {name: value + 99.0 for name, value in found.items()} if found and self.clip is not order.clip else found

    monkeypatch.setattr(Attempt, "errors", errors)
    assert searched(climb) == [3, 3, 3]
    assert climb.change is None and climb.is_change_refused and climb.steps == 3 * 3 * 4


def test_a_changed_clip_stays_within_the_tolerance(legs: Body, march_once: MotionClip) -> None:
    """Joints that are coupled to others do, too; what turns is told from what slides."""
    found = march_once.qpos[:20].copy()
    found[:, 0] += 0.3
    found[:, 7:] += 0.5
    found = legs.couplings.project(found)
    clip = adapted(legs, march_once, found, Tolerance(2.0, 4.0, 0.0))
    turned = np.degrees(np.abs(clip.qpos[:, 7:] - march_once.qpos[:, 7:]))[:, legs.is_hinge]
    moved = 100.0 * np.linalg.norm(clip.qpos[:, :3] - march_once.qpos[:, :3], axis=1)
    change = change_of(clip)
    assert 3.5 < turned.max() <= 4.0 + 1e-9 and moved.max() == pytest.approx(2.0)
    assert (change.cm, change.deg, change.ms) == pytest.approx((moved.max(), turned.max(), 0.0))


def rough(order: Order) -> Order:
    """Without the last pass, which changes the way."""
    return replace(order, search=replace(order.search, smoothing_s=()))


def test_a_clip_does_not_give_way_to_a_fall(legs: Body, march_once: MotionClip) -> None:
    """What was found in the last frames before bodies failed counts less and less, and nothing after them does."""
    found = march_once.qpos[:20].copy()
    found[:, 1] += 0.01
    clip = adapted(legs, march_once, found, Tolerance(2.0, 4.0, 20.0), fading=10)
    shift = 100.0 * (clip.qpos[:, 1] - march_once.qpos[:, 1])
    assert shift[0] == pytest.approx(0.5, abs=0.01) and 0.2 < shift[15] < 0.3
    assert np.allclose(clip.qpos[40:], march_once.qpos[40:], atol=1e-6)


def test_errors_of_the_best_way_are_those_of_the_result(order: Order) -> None:
    climb = Climb(rough(order))
    searched(climb)
    path, errors = climb.search.best, climb.attempt.errors()
    result = climb.result()
    assert result.path is path and errors
    evaluation = result.evaluation
    for name, value in (
        ("joint_angle_deg", evaluation.joint_angle_error_deg),
        ("root_rotation_deg", evaluation.root_rotation_error_deg),
        ("body_position_cm", evaluation.body_position_error_cm),
        ("root_translation_cm", evaluation.root_translation_error_cm),
    ):
        assert errors[name] == pytest.approx(value, rel=1e-3)


def test_errors_are_against_the_clip_as_it_was(order: Order) -> None:
    climb = Climb(replace(rough(order), tolerance=TOLERANCE))
    searched(climb)
    assert climb.change
    errors, result = climb.attempt.errors(), climb.result()
    assert errors and result.path is climb.search.best
    assert errors["root_translation_cm"] == pytest.approx(result.evaluation.root_translation_error_cm, rel=1e-3)
    assert np.array_equal(result.recorded_qpos, order.clip.qpos[: STEPS + 1])


def test_auto_cuts_runs_at_their_touch_downs_and_others_evenly(legs: Body, order: Order) -> None:
    """Two hops of 0.2 s; a march that never leaves the floor."""
    still = order.clip.qpos[:1].repeat(46, 0)
    height = np.zeros(46)
    height[12:22] = height[34:44] = 0.1 * np.sin(np.pi * (np.arange(10) + 0.5) / 10)
    qpos = still.copy()
    qpos[:, 2] += height - lowest_height(legs, still)
    qvel = np.gradient(qpos, 0.02, axis=0)
    hops = replace(order.clip, qpos=qpos, qvel=np.delete(qvel, 6, axis=1))
    cut = Climb(replace(order, clip=hops, total=45, windows="auto")).search.windows
    assert [sum(window) for window in cut] == [22, 22, 1]
    assert Climb(replace(order, windows="auto")).search.windows == ((3,),) * 4
