"""Videos and pictures of a recording."""

from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from matplotlib.image import imread

from msemu.errors import MsemuError
from msemu.motion.recording import Recording
from msemu.viewer.drawing.opengl import try_egl
from msemu.viewer.drawing.video import save_frame, write_video
from msemu.viewer.floor_forces import drawn, force_arrows
from msemu.viewer.readout import restarts, tracking_errors


@pytest.fixture(scope="module")
def recording(legs):
    frames = 12
    qpos = np.repeat(legs.neutral_qpos[None], frames, axis=0)
    qpos[:, 0] += 0.02 * np.arange(frames)
    reference = qpos.copy()
    knee = 7 + legs.joint_names.index("knee_angle_r")
    qpos[:, knee] += np.radians(20.0)
    qpos[:, 1] += 0.05
    activation = np.tile(np.linspace(0, 1, legs.num_muscles), (frames, 1))
    return Recording("myolegs", 50.0, legs.couplings.project(qpos), reference, activation, title="a test")


def needs_egl():
    if try_egl().problem:
        pytest.skip(f"EGL does not work here: {try_egl().problem}")


def picture(recording, body, path, renderer, **changes):
    changed = Recording(**{**vars(recording), **changes})
    save_frame(changed, body, 5, path, width=480, height=270, renderer=renderer)
    return (imread(path)[..., :3] * 255).astype(int)


@pytest.mark.parametrize("renderer", ["lines", "egl"])
def test_video_has_all_frames_in_real_time(recording, legs, tmp_path, renderer):
    if renderer == "egl":
        needs_egl()
    path = tmp_path / "new folder" / "out.mp4"
    done = []
    used = write_video(
        recording,
        legs,
        path,
        320,
        180,
        25.0,
        renderer,
        progress=lambda count, total: done.append((count, total)),
    )
    assert used == renderer
    assert done == [(count, 6) for count in range(1, 7)], "12 frames at 50 Hz are 6 at 25 Hz"
    reader = imageio_ffmpeg.read_frames(str(path))
    header = next(reader)
    images = [np.frombuffer(image, np.uint8).reshape(180, 320, 3) for image in reader]
    assert header["size"] == (320, 180) and header["codec"] == "h264" and header["fps"] == 25.0
    assert header["pix_fmt"].startswith("yuv420p")
    assert len(images) == 6
    assert [file.name for file in path.parent.iterdir()] == ["out.mp4"], "nothing unfinished stays"


@pytest.mark.parametrize("renderer", ["lines", "egl"])
def test_picture_shows_muscles_left_and_reference_right(recording, legs, tmp_path, renderer):
    if renderer == "egl":
        needs_egl()
    full = np.ones_like(recording.activation)
    rest = np.zeros_like(full)
    active = picture(recording, legs, tmp_path / "a.png", renderer, activation=full)
    resting = picture(recording, legs, tmp_path / "b.png", renderer, activation=rest)
    passive = picture(recording, legs, tmp_path / "c.png", renderer, activation=None)

    def red(image):
        return (image[35:240, :, 0] - image[35:240].max(axis=-1) == 0) & (
            image[35:240, :, 0] > 2 * image[35:240, :, 1] + 40
        )

    left, right = np.s_[:, :240], np.s_[:, 240:]
    assert red(active)[left].sum() > 150
    assert red(active)[right].sum() == 0, "the reference has no muscles"
    assert red(resting).sum() == 0 and red(passive).sum() == 0
    assert (resting != passive)[35:240][left].any(axis=-1).sum() > 150, "muscles at rest are seen too"
    body = (np.ptp(passive[35:240], axis=-1) > 12) | (passive[35:240].max(axis=-1) < 190)
    assert min(body[left].sum(), body[right].sum()) > 500, "there is a skeleton on either side"


@pytest.mark.parametrize("renderer", ["lines", "egl"])
def test_arrows_stand_for_what_the_floor_does(recording, legs, tmp_path, renderer):
    """One foot carries half the weight; green is nothing else in the picture."""
    if renderer == "egl":
        needs_egl()
    force, center = np.zeros((2, 12, 2, 3))
    force[:, 0] = [0.0, 0.0, 0.5 * legs.weight]
    center[..., :2] = recording.qpos[:, None, :2]
    green = []
    for factor in (1.0, 0.5, 0.0):
        loaded = {"contact_force": factor * force, "center_of_pressure": center}
        image = picture(recording, legs, tmp_path / "a.png", renderer, **loaded)
        green.append((image[..., 1] > 1.5 * image[..., [0, 2]].max(-1)).nonzero())
    heights = [np.ptp(rows) if len(rows) else 0 for rows, _ in green]
    assert heights[0] > 1.5 * heights[1] > 15 and heights[2] == 0
    assert max(columns.max() for _, columns in green[:2]) < 240, "the reference has no forces"


def test_arrows_are_as_long_as_forces_and_can_be_left_out(recording, legs, tmp_path):
    force, center = np.zeros((2, 12, 2, 3))
    force[3, 1], center[3, 1] = [0.0, 0.1 * legs.weight, legs.weight], [0.3, 0.2, 0.0]
    force[4, 1] = [0.0, 0.0, 19.0]
    seen = Recording(**{**vars(recording), "contact_force": force, "center_of_pressure": center})
    arrows = force_arrows(seen, legs)
    np.testing.assert_allclose(arrows[3, 1], [[0.3, 0.2, 0.0], [0.3, 0.26, 0.6]])
    assert len(drawn(arrows[3])) == 1 and len(drawn(arrows[4])) == 0
    unknown = Recording(**{**vars(seen), "center_of_pressure": np.full_like(center, np.nan)})
    assert force_arrows(unknown, legs) is None and force_arrows(recording, legs) is None
    files = [tmp_path / name for name in ("with.png", "without.png", "none.png")]
    save_frame(seen, legs, 3, files[0], 480, 270, "lines")
    save_frame(seen, legs, 3, files[1], 480, 270, "lines", forces=False)
    save_frame(recording, legs, 3, files[2], 480, 270, "lines")
    shown, left_out, never = (path.read_bytes() for path in files)
    assert shown != left_out == never


def test_alone_without_reference(recording, legs, tmp_path):
    alone = picture(recording, legs, tmp_path / "a.png", "lines", reference_qpos=None)
    dark = alone[35:240].max(axis=-1) < 190
    columns = np.flatnonzero(dark.any(axis=0))
    assert 180 < columns.mean() < 300, "the body stands in the middle"


def test_camera_follows_and_jumps_with_the_episode(recording, legs, tmp_path):
    """A body that is somewhere else after a reset is in the middle of the picture at once."""
    qpos = recording.qpos.copy()
    qpos[6:, 0] += 50.0
    start = np.zeros(12, bool)
    start[6] = True
    far = Recording("myolegs", 50.0, qpos, episode_start=start)
    for frame in (5, 6):
        save_frame(far, legs, frame, tmp_path / f"{frame}.png", 480, 270, "lines")
    images = [imread(tmp_path / f"{frame}.png")[35:240, :, :3] for frame in (5, 6)]
    columns = [np.flatnonzero((image.max(axis=-1) < 0.7).any(axis=0)).mean() for image in images]
    assert columns == pytest.approx([240, 240], abs=40)


def test_errors_are_in_degrees_and_centimeters(recording, legs):
    joint_deg, root_cm = tracking_errors(recording, legs)
    np.testing.assert_allclose(root_cm, 5.0)
    hinges = [j for j in legs.independent_joints if legs.model.joint(legs.joint_names[j]).type[0] == 3]
    np.testing.assert_allclose(joint_deg, 20.0 / len(hinges), rtol=1e-6)
    assert tracking_errors(Recording("myolegs", 50.0, recording.qpos), legs) is None


def test_mistakes_are_named(recording, legs, tmp_path):
    with pytest.raises(MsemuError, match="myofullbody"):
        write_video(Recording(**{**vars(recording), "body": "myofullbody"}), legs, tmp_path / "a.mp4")
    with pytest.raises(MsemuError, match="activation has shape"):
        wrong = Recording(**{**vars(recording), "activation": recording.activation[:, :3]})
        write_video(wrong, legs, tmp_path / "a.mp4")
    with pytest.raises(MsemuError, match="even numbers"):
        write_video(recording, legs, tmp_path / "a.mp4", width=641)
    with pytest.raises(MsemuError, match=r"a\.txt is no name of a video; give one that ends with \.mp4"):
        write_video(recording, legs, tmp_path / "a.txt")
    with pytest.raises(MsemuError, match="positive"):
        write_video(recording, legs, tmp_path / "a.mp4", fps=0.0)
    with pytest.raises(MsemuError, match="not finite from frame 3"):
        broken = recording.qpos.copy()
        broken[3:, 8] = np.nan
        save_frame(Recording("myolegs", 50.0, broken), legs, 0, tmp_path / "a.png")
    with pytest.raises(MsemuError, match="no frame 12"):
        save_frame(recording, legs, 12, tmp_path / "a.png")
    (tmp_path / "file").touch()
    for attempt in (
        lambda: write_video(recording, legs, tmp_path / "file" / "a.mp4", renderer="lines"),
        lambda: save_frame(recording, legs, 0, tmp_path / "file" / "a.png", renderer="lines"),
        lambda: write_video(recording, legs, Path("/proc/a.mp4"), renderer="lines"),
    ):
        with pytest.raises(MsemuError, match=r"cannot write .*; give another path"):
            attempt()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_no_egl_means_lines_not_a_crash(recording, legs, tmp_path, monkeypatch):
    monkeypatch.setenv("PYOPENGL_PLATFORM", "none such")
    try_egl.cache_clear()
    try:
        assert try_egl().problem and not try_egl().in_hardware
        assert write_video(recording, legs, tmp_path / "a.mp4", 320, 180, 5.0, "auto") == "lines"
        with pytest.raises(MsemuError, match=r"EGL does not work here .*use the renderer 'lines'"):
            write_video(recording, legs, tmp_path / "b.mp4", renderer="egl")
    finally:
        try_egl.cache_clear()


def test_an_interrupted_video_leaves_the_old_one(recording, legs, tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    def interrupt(count, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(recording, legs, path, 320, 180, renderer="lines", progress=interrupt)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_restarts_are_counted_from_the_first_episode(recording):
    assert restarts(recording).tolist() == [0] * 12
    starts = np.isin(np.arange(12), [0, 4, 9])
    counted = restarts(Recording(**{**vars(recording), "episode_start": starts}))
    assert counted.tolist() == [0] * 4 + [1] * 5 + [2] * 3
