"""Gait cycles against a plain loop over a made-up walk, the textbook's muscles, and the command msemu-analyze gait."""

import json
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from command_line import assert_one_clear_line, run
from matplotlib.image import imread

from msemu.analysis.gait.cycles import find_cycles
from msemu.analysis.gait.gait import cut, stride_duration_s
from msemu.analysis.gait.muscle_timing import Agreement, OverallAgreement
from msemu.control.gait_phase import find_stances, find_strikes
from msemu.control.textbook_timing import TextbookTiming
from msemu.errors import MsemuError
from msemu.models import Body, load_body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import sole_heights

TASK = "Msemu-Track-MyoLegs-v0"
FPS = 50.0


def made_up_contact(durations: list[int], stance: float = 0.6, lead: int = 20) -> tuple[np.ndarray, list[int]]:
    """A foot that strikes after ``lead`` samples and then stands for a share of each duration; the strikes."""
    touches, strikes = [False] * lead, []
    for duration in durations:
        strikes.append(len(touches))
        touches += [step < stance * duration for step in range(duration)]
    strikes.append(len(touches))
    return np.array([*touches, True, *[True] * 20]), strikes


def closed_and_opened(touches: np.ndarray, shortest: int) -> np.ndarray:
    """Fill interruptions inside the signal that are too short, then remove touches that are."""
    for value in (False, True):
        begin, runs = 0, []
        for state, members in groupby(touches):
            runs.append((state, begin, begin := begin + len(list(members))))
        touches = touches.copy()
        for state, first, last in runs[1:-1]:
            if state == value and last - first < shortest:
                touches[first:last] = not value
    return touches


@pytest.mark.parametrize("fps", [30.0, 50.0, 60.0, 100.0])
def test_brief_touches_and_gaps_do_not_count(fps: float) -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        lengths = random.integers(1, 20, size=30)
        touches = np.repeat(np.arange(30) % 2 == random.integers(2), lengths)
        # Runs at the ends are cut off by the recording, so they last for an unknown time and count.
        expected = closed_and_opened(touches, round(0.1 * fps))
        np.testing.assert_array_equal(find_stances(touches, fps), expected)


def test_a_signal_that_repeats_has_no_ends() -> None:
    touches = np.repeat([True, False, True, False], [12, 20, 3, 15])
    stands = np.repeat([True, False], [12, 38])
    for shift in range(50):
        found = find_stances(np.roll(touches, shift), FPS, cyclic=True)
        np.testing.assert_array_equal(found, np.roll(stands, shift))
        assert find_strikes(found, cyclic=True).tolist() == [shift]
        # A stance that begins in the first sample may have begun before it.
        assert find_strikes(found).tolist() == [shift] * (shift > 0)


def test_cycles_run_from_strike_to_strike() -> None:
    touches, strikes = made_up_contact([50, 54, 48, 25, 52])
    touches[strikes[1] + 10 : strikes[1] + 13] = False  # the foot bounces in stance
    touches[strikes[2] + 40] = True  # and scuffs in swing
    cycles, left_out = find_cycles(touches, FPS, 1.0)
    spans = [(begin, end) for begin, end in pairwise(strikes) if end - begin != 25]
    assert [(cycle.strike, cycle.next_strike) for cycle in cycles] == spans and left_out == 1
    np.testing.assert_allclose([cycle.stance for cycle in cycles], 0.6, atol=0.02)


def test_activity_is_cut_and_resampled_as_by_hand() -> None:
    """Two episodes of two muscles, one of which ends in a failure."""
    random = np.random.default_rng(1)
    contacts = [made_up_contact([55] * 8, lead=lead) for lead in (20, 33)]
    steps = min(len(touches) for touches, _ in contacts)
    touches = np.stack([touches[:steps] for touches, _ in contacts], axis=1)
    activation = random.random((steps, 2, 2))
    failed_at = np.array([steps, 240])
    leg = cut(activation, touches, failed_at, FPS, 1.1)
    expected = []
    for episode, (_, strikes) in enumerate(contacts):
        for begin, end in pairwise(strikes):
            if begin > 50 and end < failed_at[episode]:
                instants = begin + (end - begin) * np.arange(101) / 100
                low = np.minimum(instants.astype(int), end - 1)
                share = (instants - low)[:, None]
                expected.append((1 - share) * activation[low, episode] + share * activation[low + 1, episode])
    assert len(expected) == 9 and leg.left_out == 0
    np.testing.assert_allclose(leg.activation, expected, atol=1e-12)
    np.testing.assert_allclose(leg.stance, 33 / 55)
    assert cut(activation, touches, np.array([10, 60]), FPS, 1.1).activation.shape == (0, 101, 2)


def test_agreement_is_that_of_numpy() -> None:
    is_on = np.zeros(101, dtype=bool)
    is_on[20:41] = True
    perfect = Agreement.of(is_on * 0.8 + 0.1, is_on)
    assert (perfect.inside, perfect.outside, perfect.peak) == pytest.approx((0.9, 0.1, 0.9))
    assert (perfect.peak_at, perfect.correlation, perfect.shifts_as_good) == (20, pytest.approx(1.0), 0.0)
    course = np.random.default_rng(2).random(101)
    course[100] = course[0]
    some = Agreement.of(course, is_on)
    of_shifts = [np.corrcoef(np.roll(course[:100], shift), is_on[:100])[0, 1] for shift in range(100)]
    assert some.correlation == pytest.approx(of_shifts[0])
    assert some.shifts_as_good == pytest.approx(np.mean(np.array(of_shifts[1:]) >= of_shifts[0]))
    silent = Agreement.of(np.full(101, 0.2), is_on)
    assert np.isnan(silent.correlation) and np.isnan(silent.shifts_as_good)


def test_all_muscles_together_are_found_late() -> None:
    timing = TextbookTiming.named()
    late = np.stack([np.append(rolled, rolled[0]) for rolled in _bursts_moved(timing, 7)], axis=1)
    overall = OverallAgreement.of(late, timing)
    assert (overall.best_shift, overall.best_correlation) == (-7, pytest.approx(1.0))
    each = [Agreement.of(late[:, column], channel.is_on) for column, channel in enumerate(timing.channels.values())]
    assert overall.correlation == pytest.approx(np.mean([agreement.correlation for agreement in each]))
    silent = late.copy()
    silent[:, 1:] = 0.3
    assert OverallAgreement.of(silent, timing).correlation == pytest.approx(each[0].correlation)
    assert np.isnan(OverallAgreement.of(np.zeros_like(late), timing).correlation)


def _bursts_moved(timing: TextbookTiming, percent: int) -> list[np.ndarray]:
    return [np.roll(channel.is_on[:100].astype(float), percent) for channel in timing.channels.values()]


def test_the_textbook_is_read_as_printed(legs: Body) -> None:
    timing = TextbookTiming.named()
    assert len(timing.channels) == 22
    soleus = timing.channels["soleus"].is_on
    assert list(np.flatnonzero(soleus)[[0, -1]]) == [3, 52] and soleus[3:53].all()
    assert not timing.channels["vastus lateralis"].is_on[16:88].any()
    for channel in timing.channels.values():
        assert all(0 <= begin < end <= 100 for begin, end in channel.bursts)
    weights = timing.weights(legs, "l")
    np.testing.assert_allclose(weights.sum(0), 1.0)
    column = weights[:, list(timing.channels).index("gastrocnemius")]
    assert {legs.muscle_names[row]: column[row] for row in np.flatnonzero(column)} == {"gasmed_l": 0.5, "gaslat_l": 0.5}


@pytest.mark.parametrize("name", ["myolegs", "myofullbody", "ms_human_700"])
def test_the_bodies_have_the_textbooks_muscles(name: str) -> None:
    try:
        body = load_body(name)
    except MsemuError as missing:
        if name != "ms_human_700":
            raise
        pytest.skip(f"no MS-Human-700 here: {missing}")
    for side in "rl":
        assert (TextbookTiming.named().weights(body, side).max(0) > 0).all()


def test_a_body_with_other_names_is_refused(legs: Body) -> None:
    other = replace(legs, name="other", muscle_names=tuple(f"X_{name}" for name in legs.muscle_names))
    with pytest.raises(MsemuError, match=r"body 'other' has no muscle addlong_r, .* and \d+ others.*myolegs"):
        TextbookTiming.named().weights(other, "r")


def on_the_floor(legs: Body, clip: MotionClip) -> MotionClip:
    """The march with its lower foot on the floor."""
    qpos = clip.qpos.copy()
    qpos[:, 2] -= sole_heights(legs, qpos).min(1)
    return replace(clip, qpos=qpos)


def test_a_clip_knows_its_strides(legs: Body, march: MotionClip) -> None:
    clip = on_the_floor(legs, march)
    assert stride_duration_s(legs, clip) == pytest.approx(1.0)
    twice = replace(clip, qpos=np.concatenate([clip.qpos] * 2), qvel=np.concatenate([clip.qvel] * 2))
    assert stride_duration_s(legs, twice) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def trained(legs: Body, march: MotionClip, march_once: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that have hardly learned: a march of a controller that may fall, one that ends, and standing."""
    folder = tmp_path_factory.mktemp("gait")
    standing = replace(march, name="standing", qpos=np.repeat(legs.neutral_qpos[None], 50, 0), qvel=0 * march.qvel)
    marching = (
        "--env.action",
        "joint",
        "--env.action.controller.decoder.objective",
        "torque",
        "--env.terminations.body-position-deviation.limit",
        "1000",
    )
    for name, clip, more in (
        ("march", on_the_floor(legs, march), marching),
        ("once", march_once, ()),
        ("standing", standing, ()),
        ("falls", on_the_floor(legs, march), ()),
    ):
        clip.save(folder / f"{name}.npz")
        arguments = ("--motion", folder / f"{name}.npz", "--iterations", "1", "--num-envs", "2", "--device", "cpu")
        brief = ("--agent.num-steps-per-env", "4", "--runs-dir", folder / name)
        result = run("train", TASK, *arguments, *brief, *more)
        assert result.returncode == 0, result.stderr
    return folder


def test_the_command_measures_and_draws(trained: Path, tmp_path: Path) -> None:
    figures, plot = tmp_path / "gait.json", tmp_path / "new" / "gait.png"
    emg = tmp_path / "emg.csv"
    emg.write_text("percent,soleus_r\n" + "\n".join(f"{place},{place / 100}" for place in range(0, 101, 5)))
    arguments = ("--runs-dir", trained / "march", "--episodes", "8", "--seconds", "4", "--json", figures)
    result = run("analyze", "gait", TASK, *arguments, "--plot", plot, "--emg", emg)
    assert result.returncode == 0, result.stderr
    assert "gastrocnemius" in result.stdout and "0-11, 55-100" in result.stdout and "Perry" not in result.stderr
    measured = json.loads(figures.read_text())
    assert measured["survival"] == 1.0 and measured["episodes"] == 8 and "Perry" in measured["textbook"]
    assert len(measured["muscles"]) == 22 and min(measured["cycles"].values()) >= 1
    for muscle in measured["muscles"].values():
        course = np.mean([muscle["mean"]["right"], muscle["mean"]["left"]], axis=0)[:100]
        on = np.any([(begin <= np.arange(100)) & (np.arange(100) <= end) for begin, end in muscle["bursts"]], axis=0)
        assert muscle["inside"] == pytest.approx(course[on].mean())
        assert muscle["correlation"] == pytest.approx(np.corrcoef(course, on)[0, 1])
        assert 0.0 <= min(muscle["mean"]["left"]) <= max(muscle["mean"]["left"]) <= 1.0
        assert min(muscle["standard_deviation"]["right"]) >= 0.0
    course = np.array(measured["muscles"]["soleus"]["mean"]["right"])[:100]
    (own,) = measured["emg"].values()
    assert own["correlation"] == pytest.approx(np.corrcoef(course, np.arange(100))[0, 1])
    assert "soleus_r against EMG: r" in result.stdout
    each = [muscle["correlation"] for muscle in measured["muscles"].values()]
    assert measured["all_muscles"]["correlation"] == pytest.approx(np.mean(each))
    pixels = imread(plot)[:, :, :3]
    assert (np.ptp(pixels, axis=2) > 0.2).sum() > 5000, "the plot has no curves"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("once", (), ("'march' does not repeat", "cyclic")),
        ("standing", (), ("'standing' is no gait", "0 times")),
        ("falls", ("--seconds", "2"), ("a leg finishes no gait cycle of about 1.00 s", "0% of the episodes last 2 s")),
        ("falls", ("--clip", "walk"), ("no clip 'walk'", "march")),
        ("falls", ("--episodes", "0"), ("--episodes",)),
        ("falls", ("--seconds", "nan"), ("--seconds",)),
        ("falls", ("--pretrained",), ("no pretrained policy",)),
        ("nothing", (), ("no run of", "train one first")),
    ],
)
def test_wrong_input_ends_in_one_line(
    trained: Path, name: str, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    defaults = () if "--episodes" in arguments else ("--episodes", "2")
    place = () if "--pretrained" in arguments else ("--runs-dir", trained / name)
    result = run("analyze", "gait", TASK, *place, *defaults, *arguments)
    assert_one_clear_line(result, *words)


def test_a_plot_that_cannot_be_written_is_refused_before_the_walk(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("not a folder")
    for plot, words in ((tmp_path / "plots" / "gait.png", "plots"), (tmp_path / "gait.xyz", "must end in .png")):
        assert_one_clear_line(run("analyze", "gait", TASK, "--runs-dir", trained / "march", "--plot", plot), words)


def test_emg_that_does_not_fit_is_refused_before_the_walk(trained: Path, tmp_path: Path) -> None:
    emg = tmp_path / "emg.csv"
    for text, words in (
        ("percent,calf_r\n0,0.1\n50,0.2\n", "50% of the cycle has no row"),
        (
            "percent,calf_r\n" + "\n".join(f"{place},0.1" for place in range(0, 101, 5)),
            "'calf_r' is no muscle of a leg",
        ),
    ):
        emg.write_text(text)
        assert_one_clear_line(run("analyze", "gait", TASK, "--runs-dir", trained / "falls", "--emg", emg), words)
