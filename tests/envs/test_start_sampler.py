"""Where episodes start: segments of clips, their failure rates, and how often they are drawn."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from conftest import make_marching_clip

from msemu.analysis.rollout import measure_episodes
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.envs.start_sampler import StartSampler
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.motion.reference import CLIP_SPACING, ReferenceMotion
from msemu.schema import StartSamplingCfg, TaskCfg

CPU = torch.device("cpu")
FPS = 50.0


@pytest.fixture(scope="module")
def clips(march: MotionClip, march_once: MotionClip) -> list[MotionClip]:
    """A cyclic clip of 50 frames, one of 50 that ends, and a cyclic one of 13."""
    return [march, replace(march_once, name="once"), replace(_first_frames(march, 13), name="short")]


@pytest.fixture(scope="module")
def reference(clips: list[MotionClip], legs: Body) -> ReferenceMotion:
    return ReferenceMotion(clips, legs, FPS, CPU)


@pytest.fixture(scope="module")
def alone(march: MotionClip, legs: Body) -> ReferenceMotion:
    return ReferenceMotion(march, legs, FPS, CPU)


def _first_frames(clip: MotionClip, frames: int) -> MotionClip:
    return replace(clip, qpos=clip.qpos[:frames], qvel=clip.qvel[:frames])


def _segments(reference: ReferenceMotion, sampler: StartSampler) -> list[list[int]]:
    """Numbers of the frames that each segment consists of, from the drawing of very many frames."""
    numbers = sampler.draw(20_000, torch.Generator().manual_seed(0)).unique()
    segment = sampler.segment_of(numbers)
    return [numbers[segment == index].tolist() for index in range(len(sampler.probability()))]


def _run_episodes(sampler: StartSampler, starts: Sequence[int], steps: int, fails: Sequence[bool]) -> None:
    """Let episodes from ``starts`` end after ``steps``, side by side."""
    start, fails = torch.tensor(starts), torch.tensor(fails)
    for age in range(1, steps + 1):
        done = torch.full_like(fails, age == steps)
        sampler.record(start, start + age, fails & done, done)


def test_clips_are_cut_into_segments_of_about_a_duration(reference: ReferenceMotion) -> None:
    segments = _segments(reference, StartSampler(reference, StartSamplingCfg(segment_s=0.1)))
    assert list(chain(*segments)) == [
        *range(50),
        *(CLIP_SPACING + frame for frame in range(49)),
        *(2 * CLIP_SPACING + frame for frame in range(13)),
    ]
    assert len(segments) == 10 + 10 + 3
    assert {len(segment) for segment in segments} <= {4, 5}
    assert all(segment == list(range(segment[0], segment[0] + len(segment))) for segment in segments)


def test_a_frame_in_any_cycle_belongs_to_a_segment(reference: ReferenceMotion) -> None:
    sampler = StartSampler(reference, StartSamplingCfg(segment_s=0.1))
    numbers = torch.tensor([0, 5, 55, -1, CLIP_SPACING + 49, 2 * CLIP_SPACING + 13 * 7])
    assert sampler.segment_of(numbers).tolist() == [0, 1, 1, 9, 19, 20]


def test_uniform_starts_take_all_clips_and_all_their_frames_alike(reference: ReferenceMotion) -> None:
    sampler = StartSampler(reference, StartSamplingCfg(uniform_share=1.0))
    _run_episodes(sampler, [0, 0, 20], 3, [True, True, False])
    count = 200_000
    numbers = sampler.draw(count, torch.Generator().manual_seed(0))
    clip = reference.clip_of(numbers)
    np.testing.assert_allclose(np.bincount(clip, minlength=3) / count, 1 / 3, atol=4 * np.sqrt(0.25 / count))
    for index, starts in enumerate((50, 49, 13)):
        seen = np.bincount(numbers[clip == index] - index * CLIP_SPACING, minlength=starts)
        assert len(seen) == starts
        chi_square = ((seen - seen.mean()) ** 2 / seen.mean()).sum()
        assert chi_square < starts + 5 * np.sqrt(2 * starts)


def test_before_anything_is_known_starts_are_uniform(reference: ReferenceMotion) -> None:
    adaptive = StartSampler(reference, StartSamplingCfg(uniform_share=0.0))
    uniform = StartSampler(reference, StartSamplingCfg(uniform_share=1.0))
    torch.testing.assert_close(adaptive.probability(), uniform.probability())
    assert adaptive.probability().sum().item() == pytest.approx(1.0)


def test_the_failure_rate_follows_the_episodes(reference: ReferenceMotion) -> None:
    """Against a plain loop over environments, with counts that forget in NumPy."""
    cfg = StartSamplingCfg(uniform_share=0.2, horizon_s=0.3, memory=8.0)
    sampler = StartSampler(reference, cfg)
    segments = _segments(reference, sampler)
    generator = np.random.default_rng(0)
    episodes, failures = np.zeros(len(segments)), np.zeros(len(segments))
    clip_steps, clip_failures = np.zeros(3), np.zeros(3)
    starts = [segments[0][0]] * 12
    ages = [0] * 12
    results = {"late failure": 0, "early time-out": 0, "passed": 0, "failed": 0}
    for _ in range(400):
        ages = [age + 1 for age in ages]
        dones = generator.random(12) < 0.08
        failed = dones & (generator.random(12) < 0.5)
        frames = [start + age for start, age in zip(starts, ages, strict=True)]
        sampler.record(*(torch.tensor(np.array(values)) for values in (starts, frames, failed, dones)))
        new_episodes, new_failures = np.zeros(len(segments)), np.zeros(len(segments))
        clip_steps, clip_failures = 0.99 * clip_steps, 0.99 * clip_failures
        for env in range(12):
            (segment,) = (index for index, numbers in enumerate(segments) if starts[env] in numbers)
            clip = starts[env] // CLIP_SPACING
            clip_steps[clip] += 1
            clip_failures[clip] += failed[env]
            if failed[env] and ages[env] <= 15:
                new_episodes[segment] += 1
                new_failures[segment] += 1
                results["failed"] += 1
            elif ages[env] == 15 or (dones[env] and ages[env] < 15):
                new_episodes[segment] += 1
                results["passed" if ages[env] == 15 else "early time-out"] += 1
            elif failed[env]:
                results["late failure"] += 1
            if dones[env]:
                numbers = segments[generator.integers(20)]
                starts[env] = numbers[generator.integers(len(numbers))]
                ages[env] = 0
        forgotten = (1 - 1 / 8) ** new_episodes
        episodes, failures = forgotten * episodes + new_episodes, forgotten * failures + new_failures
        rate = (1 + failures) / (1 + episodes)
        np.testing.assert_allclose(sampler.failure_rate(), rate, rtol=1e-5)
    assert min(results.values()) > 10
    uniform = np.concatenate([[len(s) / 50 / 3 for s in segments[:10]], [len(s) / 49 / 3 for s in segments[10:20]]])
    uniform = np.append(uniform, [len(s) / 13 / 3 for s in segments[20:]])
    wanted = 0.2 * uniform + 0.8 * uniform * rate / (uniform * rate).sum()
    np.testing.assert_allclose(sampler.probability(), wanted, rtol=1e-5)
    log = sampler.log()
    curves = [log[f"Clip/{name}_failures_per_step"] for name in ("march", "once", "short")]
    np.testing.assert_allclose(curves, clip_failures / np.maximum(clip_steps, 1), rtol=1e-5)
    assert log["Start/failure_rate"].item() == pytest.approx((uniform * rate).sum(), rel=1e-5)
    assert log["Start/hardest_failure_rate"].item() == pytest.approx(rate.max(), rel=1e-5)
    hardest = segments[int(rate.argmax())][0] % CLIP_SPACING
    assert log["Start/hardest_s"].item() == pytest.approx(hardest / FPS, abs=1e-6)


def test_a_segment_that_always_fails_is_drawn_as_often_as_the_formula_says(alone: ReferenceMotion) -> None:
    """Environments that draw their starts, and fail after 7 steps if that was in the sixth of ten segments."""
    sampler = StartSampler(alone, StartSamplingCfg(uniform_share=0.3, segment_s=0.1, horizon_s=0.4, memory=50.0))
    generator = torch.Generator().manual_seed(0)
    start = sampler.draw(64, generator)
    frame = start.clone()
    begun = torch.zeros(10)
    for step in range(6000):
        frame = frame + 1
        failed = (start // 5 == 5) & (frame - start == 7)
        dones = failed | (frame - start == 30)
        sampler.record(start, frame, failed, dones)
        fresh = sampler.draw(64, generator)
        start, frame = torch.where(dones, fresh, start), torch.where(dones, fresh, frame)
        if step > 2000:
            begun += torch.bincount(fresh[dones] // 5, minlength=10)
    hard = 0.03 + 0.07 * 1.0 / ((1.0 + 9 / 51) / 10)
    # Several results of one step do not age one another, so the counts are a little above the memory.
    assert sampler.probability()[5].item() == pytest.approx(hard, rel=0.02)
    share = begun / begun.sum()
    assert share[5].item() == pytest.approx(hard, rel=0.02)
    np.testing.assert_allclose(share[torch.arange(10) != 5], (1 - hard) / 9, rtol=0.1)
    log = sampler.log()
    assert log["Start/hardest_failure_rate"].item() == pytest.approx(1.0)
    assert log["Start/hardest_s"].item() == pytest.approx(0.5)
    assert not any(name.startswith("Clip/") for name in log)


def test_a_long_clip_is_drawn_by_the_mean_of_its_frames(march: MotionClip, legs: Body) -> None:
    """Of a clip of 10 and one of 400 frames, one fails half as often: it is drawn half as often."""
    long = make_marching_clip(legs, frames=400)
    reference = ReferenceMotion([_first_frames(march, 10), long], legs, FPS, CPU)
    sampler = StartSampler(reference, StartSamplingCfg(uniform_share=0.0, segment_s=0.1, memory=1e6))
    for failed in (True, False):
        numbers = [*range(0, 10, 5), *(CLIP_SPACING + frame for frame in range(0, 400, 5))]
        for _ in range(500):
            _run_episodes(sampler, numbers, 1, [failed or number < CLIP_SPACING for number in numbers])
    probability = sampler.probability()
    assert len(probability) == 2 + 80
    assert probability[:2].sum().item() == pytest.approx(2 / 3, rel=2e-3)
    np.testing.assert_allclose(probability[2:], 1 / 240, rtol=2e-3)


@pytest.mark.parametrize(("segment_s", "pieces"), [(0.001, 13), (0.02, 13), (0.1, 3), (1.0, 1), (100.0, 1)])
def test_a_segment_has_a_frame_at_least_and_a_clip_at_most(
    segment_s: float, pieces: int, march: MotionClip, legs: Body
) -> None:
    reference = ReferenceMotion(_first_frames(march, 13), legs, FPS, CPU)
    segments = _segments(reference, StartSampler(reference, StartSamplingCfg(segment_s=segment_s)))
    assert len(segments) == pieces and list(chain(*segments)) == list(range(13))


@pytest.mark.parametrize(("frames", "cyclic"), [(1, True), (1, False), (2, True), (2, False)])
def test_clips_of_a_frame_or_two(
    frames: int, cyclic: bool, march: MotionClip, tracking_cfg: TaskCfg, legs: Body
) -> None:
    tiny = replace(_first_frames(march, frames), cyclic=cyclic, name="tiny", cycle_displacement=np.zeros(3))
    for clips in (tiny, [tiny, march], [march, tiny]):
        env = MotionTrackingEnv(tracking_cfg, legs, clips, seed=0)
        segments = _segments(env.reference, env.sampler)
        index = 1 if env.reference.names == ("march", "tiny") else 0
        first = index * CLIP_SPACING
        starts = [first + frame for frame in range(frames if cyclic else 1)]
        assert [segment for segment in segments if first in segment] == [starts]
        env.restart(torch.full((4,), first))
        extras = env.step(torch.zeros(4, env.num_actions))[3]
        assert (extras["time_outs"] == (not cyclic)).all()
        assert env.sampler.probability().sum().item() == pytest.approx(1.0)


def test_environments_count_against_the_start(tracking_cfg: TaskCfg, legs: Body, march_once: MotionClip) -> None:
    env = MotionTrackingEnv(tracking_cfg, legs, march_once, seed=0)
    start = torch.tensor([2, 2, 21, 46])
    env.restart(start)
    for _ in range(3):
        env.step(torch.zeros(4, env.num_actions))
    episodes, failures = env.sampler._results
    # The last one has come to the end of the clip.
    assert episodes.tolist() == [0] * 9 + [1] and failures.sum() == 0
    assert torch.equal(env._start[:3], start[:3]) and env._start[3] == env.frame[3]
    env.cfg.env.terminations["body_position_deviation"].limit = 1e-6
    env.step(torch.zeros(4, env.num_actions))
    episodes, failures = env.sampler._results
    assert failures[0] == 2 and failures[4] >= 1 and failures.sum() == 4
    assert torch.equal(env._start, env.frame)


def test_evaluation_does_not_depend_on_the_sampling(tracking_cfg: TaskCfg, legs: Body, march: MotionClip) -> None:
    tracking_cfg.env.terminations["body_position_deviation"].limit = 0.05
    results = []
    for share in (0.0, 1.0):
        tracking_cfg.env.start_sampling = StartSamplingCfg(uniform_share=share)
        env = MotionTrackingEnv(tracking_cfg, legs, march, seed=0)
        results.append(measure_episodes(env, lambda _: torch.zeros(4, env.num_actions), 25))  # noqa: B023
    one, other = results
    assert (one.failed_at < 25).any()
    np.testing.assert_array_equal(one.failed_at, other.failed_at)
    for name, values in vars(one).items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(values, getattr(other, name))


def test_the_same_generator_gives_the_same_starts_after_loading(alone: ReferenceMotion) -> None:
    cfg = StartSamplingCfg(horizon_s=0.1)
    sampler, twin = StartSampler(alone, cfg), StartSampler(alone, cfg)
    _run_episodes(sampler, [0, 10, 10, 30], 4, [True, False, True, False])
    draw = sampler.draw(500, torch.Generator().manual_seed(4))
    assert not torch.equal(draw, twin.draw(500, torch.Generator().manual_seed(4)))
    saved = sampler.state_dict()
    _run_episodes(sampler, [0], 4, [False])
    twin.load_state_dict(saved)
    assert torch.equal(draw, twin.draw(500, torch.Generator().manual_seed(4)))


def test_a_state_of_other_segments_is_refused(alone: ReferenceMotion, reference: ReferenceMotion) -> None:
    fine = StartSampler(alone, StartSamplingCfg(segment_s=0.02))
    with pytest.raises(ValueError, match="50 start segments of 1 clips"):
        StartSampler(alone, StartSamplingCfg()).load_state_dict(fine.state_dict())
    with pytest.raises(ValueError, match="23 start segments of 3 clips"):
        fine.load_state_dict(StartSampler(reference, StartSamplingCfg()).state_dict())
    with pytest.raises(KeyError):
        fine.load_state_dict({})
