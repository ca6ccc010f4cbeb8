"""The acrobatic clips of the catalogue, retargeted and repaired, hold the numbers that the docs promise."""

import os
from pathlib import Path

import numpy as np
import pytest

from msemu.analysis.plausibility.muscles import tendon_jumps
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.flight import find_flights, flight_figures, lowest_height
from msemu.motion.library.catalogue import find_entry
from msemu.motion.library.obtain import obtain_clip
from msemu.motion.quality import clip_errors

pytestmark = pytest.mark.slow

MEAN_ERROR_CM = {
    ("myofullbody", "cartwheel"): 1.01,
    ("myofullbody", "backflip"): 1.06,
    ("myofullbody", "spinkick"): 0.94,
    ("myofullbody", "jump"): 0.62,
    ("ms_human_700", "cartwheel"): 1.08,
    ("ms_human_700", "backflip"): 0.95,
    ("ms_human_700", "spinkick"): 1.27,
    ("ms_human_700", "jump"): 0.65,
}
"""Mean joint-center error of a plain position IK of the same clips, without floor and contacts."""

FLIGHTS = {"cartwheel": 0, "backflip": 1, "spinkick": 1, "jump": 1}
RESIDUAL = {("myofullbody", "spinkick"): 0.16}
"""Missing force of a flight [body weights] that ends above 0.1, see docs/plausibility.md."""
JUMPS = {("ms_human_700", "backflip"): {"TMIN_l"}}
"""Muscles that jump by 3 to 3.5 % of their fiber, see docs/plausibility.md."""


@pytest.fixture(scope="module", params=["myofullbody", "ms_human_700"])
def body(request: pytest.FixtureRequest) -> Body:
    if request.param == "ms_human_700" and not os.environ.get("MSEMU_MS_HUMAN_700"):
        pytest.skip("MSEMU_MS_HUMAN_700 is not set")
    return load_body(request.param)


def obtained(name: str, body: Body) -> Path:
    """Return the path of a clip of the catalogue."""
    try:
        return obtain_clip(find_entry(name), body)
    except MsemuError as error:
        pytest.skip(f"the real clip is not in the cache and cannot be fetched: {error}")


@pytest.fixture(scope="module", params=list(FLIGHTS))
def clips(request: pytest.FixtureRequest, body: Body) -> tuple[MotionClip, MotionClip]:
    """A clip and what it was before its flights were repaired."""
    path = obtained(request.param, body)
    clip, raw = MotionClip.load(path), path.with_suffix(".raw.npz")
    return clip, MotionClip.load(raw) if raw.is_file() else clip


def test_joint_centers_follow_the_recording(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    clip, raw = clips
    errors = 100 * clip_errors(body, raw)
    assert errors.shape == (raw.num_frames, 12)
    assert errors.mean() <= MEAN_ERROR_CM[body.name, raw.name]
    assert errors.max() <= 12.0
    assert raw.quality["error_mean_cm"] == pytest.approx(errors.mean())
    assert clip.quality["error_mean_cm"] == pytest.approx(100 * clip_errors(body, clip).mean())


def test_the_floor_is_kept(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    clip, _ = clips
    assert 100 * lowest_height(body, clip.qpos).min() > -1.0
    assert -1.0 < clip.quality["stance_height_min_cm"] <= clip.quality["stance_height_max_cm"] < 1.0


def test_no_joint_is_faster_than_the_person(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    clip, _ = clips
    speed = np.abs(np.diff(clip.qpos[:, 7 + body.independent_joints], axis=0)).max() * clip.fps
    assert speed <= max(30.0, clip.quality["source_speed_max_rad_s"])


def test_couplings_and_limits_hold(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    clip, _ = clips
    assert np.abs(body.couplings.residual(clip.qpos)).max() < 1e-3
    low, high = body.model.jnt_range[1 + body.independent_joints].T
    angles = clip.qpos[:, 7 + body.independent_joints]
    assert np.degrees(np.maximum(low - angles, angles - high).max()) < 0.3


def test_flights_are_free(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    clip, raw = clips
    found = [flight_figures(body, clip, flight) for flight in find_flights(lowest_height(body, clip.qpos), clip.cyclic)]
    flights = [figures for figures in found if not (figures.flight.is_hovering or figures.is_supported)]
    assert len(flights) == FLIGHTS[clip.name]
    for figures in flights:
        assert figures.residual_max < RESIDUAL.get((body.name, clip.name), 0.1)
        assert figures.drift < 0.05
    if flights:
        assert raw.quality["error_mean_cm"] < clip.quality["error_mean_cm"]
        assert clip.quality["error_max_cm"] < 12.5
        assert clip.quality["repair_change_mean_cm"] < 1.6
        assert clip.quality["repair_change_flight_cm"] < 4.6


def jumping_muscles(body: Body, clip: MotionClip, share: float = 0.03) -> set[str]:
    """Return the muscles that jump by more than a share of their fiber."""
    jump = tendon_jumps(body, clip.qpos).max(axis=0)
    return {name for name, value in zip(body.muscle_names, jump, strict=True) if value > share}


def test_no_tendon_jumps(body: Body, clips: tuple[MotionClip, MotionClip]) -> None:
    assert jumping_muscles(body, clips[0]) == JUMPS.get((body.name, clips[0].name), set())
    assert jumping_muscles(body, clips[0], 0.035) == set()


@pytest.mark.parametrize("name", ["dance_a", "crawl"])
def test_no_tendon_jumps_where_those_of_the_source_do(body: Body, name: str) -> None:
    assert jumping_muscles(body, MotionClip.load(obtained(name, body))) == set()
