"""The recorded movement beside the clip that follows it: stick figure, heat map, video, page."""

import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from matplotlib.image import imread

from msemu.errors import MsemuError
from msemu.models import LANDMARKS, Body
from msemu.motion.clip import MotionClip
from msemu.motion.geometry import landmark_path
from msemu.motion.recording import Recording, stick_figure
from msemu.viewer.drawing.heatmap import draw_heatmap
from msemu.viewer.drawing.video import save_frame
from msemu.viewer.page.browser import serve

NAMES = tuple(f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle", "shoulder"))


@pytest.fixture(scope="module")
def followed(march: MotionClip, legs: Body) -> MotionClip:
    """A clip that follows its recorded movement exactly, but for the right knee in one frame."""
    centers = landmark_path(legs, march.qpos)[0][:, [LANDMARKS.index(name) for name in NAMES]]
    centers[30, NAMES.index("knee_r")] += [0.0, 0.06, 0.08]
    return replace(march, joint_center_names=NAMES, joint_centers=centers)


def test_the_sticks_lie_between_the_joint_centers(followed: MotionClip, march: MotionClip) -> None:
    sticks = stick_figure(followed)
    # Two thighs, two shanks, hips, shoulders, trunk; there are no arms.
    assert sticks.shape == (march.num_frames, 7, 2, 3)
    center = {name: followed.joint_centers[:, index] for index, name in enumerate(NAMES)}
    ends = {tuple(np.round(stick, 9).ravel()) for stick in sticks[12]}
    middle = [0.5 * (center[f"{part}_r"] + center[f"{part}_l"]) for part in ("hip", "shoulder")]
    for near, far in ((center["hip_l"], center["knee_l"]), (center["knee_r"], center["ankle_r"]), middle):
        assert tuple(np.round([near[12], far[12]], 9).ravel()) in ends
    assert stick_figure(march) is None


def test_a_repeated_clip_takes_its_recorded_movement_along(followed: MotionClip) -> None:
    recording = Recording.from_clip(followed, cycles=3)
    frames = followed.num_frames
    assert recording.num_frames == len(recording.source_segments) == 3 * frames
    moved = recording.source_segments[2 * frames :] - recording.source_segments[:frames]
    np.testing.assert_allclose(moved - 2 * followed.cycle_displacement, 0.0, atol=1e-12)
    np.testing.assert_allclose(recording.qpos[frames:, 0] - recording.qpos[:-frames, 0], 1.0)


def test_the_heat_map_is_dark_where_the_clip_is_off(followed: MotionClip, march: MotionClip, legs: Body) -> None:
    picture = draw_heatmap(legs, followed)
    dark = (picture.max(axis=-1) < 20).mean(axis=0) > 0.05
    # The greatest error, 10 cm, is the black end of the scale; it lies in frame 30 of 50, between the labels on the
    # left and the color bar on the right.
    columns = np.flatnonzero(dark[: int(0.85 * len(dark))])
    assert 0.55 < np.median(columns) / len(dark) < 0.62
    with pytest.raises(MsemuError, match="no recorded joint centers"):
        draw_heatmap(legs, march)


def test_a_picture_shows_clip_and_recorded_movement(followed: MotionClip, legs: Body, tmp_path: Path) -> None:
    save_frame(Recording.from_clip(followed), legs, 5, tmp_path / "frame.png", 640, 360, renderer="lines")
    picture = imread(tmp_path / "frame.png")[..., :3]
    orange = (picture[..., 0] > 0.6) & (picture[..., 2] < 0.35)
    left, right = orange[:, :320].sum(), orange[:, 320:].sum()
    assert right > 200 and left < 0.1 * right


def test_the_page_shows_the_recorded_movement(followed: MotionClip, legs: Body) -> None:
    recording = Recording.from_clip(followed)
    page = serve(recording, legs, port=0, block=False, picture=draw_heatmap(legs, followed))
    try:
        assert urllib.request.urlopen(page.url).status == 200
        source = page._scene.source
        source.visible = True
        page._show(7)
        offset = source._node.points - recording.source_segments[7]
        np.testing.assert_allclose(offset, np.broadcast_to(offset[0, 0], offset.shape), atol=1e-5)
        assert 0.5 < np.linalg.norm(offset[0, 0]) < 1.5
    finally:
        page.stop()


def test_the_heat_map_is_written_by_a_command(followed: MotionClip, march: MotionClip, tmp_path: Path) -> None:
    followed.save(tmp_path / "followed.npz")
    result = run("motion", "play", tmp_path / "followed.npz", "--heatmap", tmp_path / "heat.png")
    assert result.returncode == 0, result.stderr
    assert imread(tmp_path / "heat.png").shape[1] > 500
    march.save(tmp_path / "march.npz")
    for arguments, words in (
        (("march.npz", "--heatmap", tmp_path / "other.png"), "no recorded joint centers"),
        (("followed.npz", "--heatmap", tmp_path / "heat.jpg"), "must end in .png"),
    ):
        result = run("motion", "play", tmp_path / arguments[0], *arguments[1:])
        assert result.returncode == 2 and words in result.stderr and result.stderr.count("\n") == 1
