"""The browser page, driven by a real Chromium."""

import asyncio
import base64
import dataclasses
import io
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import asynccontextmanager

import mujoco
import numpy as np
import pytest
import viser
from matplotlib.image import imread
from patience import PATIENCE_S
from real_clips import recording_of

from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.models.poses import at_pose
from msemu.motion.recording import Recording
from msemu.motion.retargeting.retarget import RetargetCfg, retarget
from msemu.viewer import serving
from msemu.viewer.camera import following_cameras, framing, heading_deg, standing_height, vertical_extent
from msemu.viewer.live import Live
from msemu.viewer.muscle_coloring import COLORINGS
from msemu.viewer.page import page as page_module
from msemu.viewer.page.browser import serve
from msemu.viewer.page.muscle_list import muscle_list
from msemu.viewer.page.origin import is_own, own_pages_only

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def recording(legs):
    frames = 10
    qpos = np.repeat(legs.neutral_qpos[None], frames, axis=0)
    qpos[:, 0] += 3.0 + 0.02 * np.arange(frames)
    reference = qpos + 0.0
    reference[:, 1] += 0.1
    activation = np.tile(np.linspace(0, 1, legs.num_muscles), (frames, 1))
    return Recording("myolegs", 50.0, qpos, reference, activation, title="a <b>test</b>")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_taken_port_is_named(recording, legs):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MsemuError, match=rf"port {port} .*--port"):
            serve(recording, legs, port=port, block=False)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("not a host", 8080)])
def test_an_impossible_address_is_named(recording, legs, host, port):
    with pytest.raises(MsemuError, match=rf"port {port} of {host} .*--port"):
        serve(recording, legs, host=host, port=port, block=False)


def test_serves_on_localhost_and_frees_the_port(recording, legs, capsys):
    port = free_port()
    page = serve(recording, legs, port=port, block=False)
    assert page.url == f"http://127.0.0.1:{port}"
    assert capsys.readouterr().out.count("\n") == 1, "one line with the address"
    assert urllib.request.urlopen(page.url).status == 200
    page.stop()
    serve(recording, legs, port=port, block=False).stop()


def handshake(port, *headers):
    """Status that a WebSocket is answered with, opened with these lines."""
    lines = ["GET / HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", *headers]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Sec-WebSocket-Protocol: viser-v{viser.__version__}"]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(line.recv(100).split()[1])


def test_only_its_own_page_may_open_a_websocket(recording, legs):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    port = free_port()
    page = serve(recording, legs, port=port, block=False)
    version = [f"viser-v{viser.__version__}"]
    try:
        for own in (page.url, f"http://localhost:{port}", None):  # None: a program, no browser
            with connect(f"ws://127.0.0.1:{port}", origin=own, subprotocols=version, max_size=None) as connection:
                assert len(connection.recv(timeout=PATIENCE_S)) > 1000, "it is sent the scene"
        for foreign in ("http://evil.example", f"http://evil.example:{port}", f"http://127.0.0.1:{port + 1}", "null"):
            with pytest.raises(InvalidStatus, match="403"):
                connect(f"ws://127.0.0.1:{port}", origin=foreign, subprotocols=version).__enter__()
        rebound = (f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}")
        assert handshake(port, *rebound) == 403, "a name of others that leads to this machine"
        twice = (f"Host: localhost:{port}", "Origin: http://evil.example", f"Origin: http://localhost:{port}")
        assert handshake(port, *twice) == 403
        assert handshake(port, f"Host: localhost:{port}", f"Origin: http://localhost:{port}") == 101
    finally:
        page.stop()


@pytest.mark.parametrize(
    ("origin", "asked", "host", "own"),
    [
        ("http://desk:8080", "desk:8080", "0.0.0.0", True),
        ("http://evil.example", "desk:8080", "0.0.0.0", False),
        (
            "http://localhost:9000",
            "localhost:9000",
            "127.0.0.1",
            True,
        ),  # through a tunnel of ssh -L 9000:localhost:8080
        ("http://localhost:9000", "localhost:8080", "127.0.0.1", False),
        ("http://[::1]:8080", "[::1]:8080", "::1", True),
        ("http://evil.example:8080", "evil.example:8080", "::1", False),
        ("http://[half:8080", "[half:8080", "127.0.0.1", False),
        ("", "", "127.0.0.1", True),
    ],
)
def test_an_origin_is_the_address_that_was_asked_for(origin, asked, host, own):
    assert is_own(origin, asked, host) == own


def test_a_viser_that_serves_otherwise_is_noticed():
    with pytest.raises(RuntimeError, match="pages of others"), own_pages_only("127.0.0.1"):
        pass


def test_the_muscle_list_has_the_strongest_first_and_escapes_names():
    names = ["soleus_r", "<script>", "rectus_femoris_r"]
    listed = muscle_list(names, np.array([0.2, 0.9, 0.5]), np.ones(3, bool), 2, COLORINGS["activation"])
    assert "soleus" not in listed and "<script>" not in listed
    assert listed.index("&lt;script&gt;") < listed.index("rectus_femoris_r")
    assert "no muscle" in muscle_list(names, np.zeros(3), np.zeros(3, bool), 2, COLORINGS["activation"])


class Tab:
    """A page in Chromium, through the DevTools protocol."""

    def __init__(self, connection):
        self._connection = connection
        self._count = 0

    async def call(self, method, **params):
        self._count += 1
        await self._connection.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._connection.recv())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    async def evaluate(self, expression):
        return (await self.call("Runtime.evaluate", expression=expression))["result"].get("value")

    async def until(self, expression):
        end = time.monotonic() + PATIENCE_S
        while not await self.evaluate(expression):
            assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {expression}"
            await asyncio.sleep(0.3)

    async def picture(self, condition):
        """Return a screenshot that meets a condition, for the page fades in and draws at its own pace."""
        end = time.monotonic() + PATIENCE_S
        while True:
            await asyncio.sleep(0.5)
            png = base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])
            image = imread(io.BytesIO(png))[..., :3]
            if condition(image):
                return image
            assert time.monotonic() < end, f"{red_pixels(image)} red, {body_pixels(image)} body pixels"


@asynccontextmanager
async def chromium(url, profile):
    from websockets.asyncio.client import connect

    browser = subprocess.Popen(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-unsafe-swiftshader",
            "--use-angle=swiftshader",
            "--remote-debugging-port=0",
            "--window-size=1000,700",
            f"--user-data-dir={profile}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port_file = profile / "DevToolsActivePort"
        end = time.monotonic() + PATIENCE_S
        while not (port_file.exists() and port_file.read_text().strip()):
            assert browser.poll() is None and time.monotonic() < end, "chromium did not start"
            await asyncio.sleep(0.1)
        port = port_file.read_text().split()[0]
        tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        async with connect(address, max_size=None) as connection:
            tab = Tab(connection)
            await tab.call("Page.enable")
            await tab.call("Page.navigate", url=url)
            yield tab
    finally:
        browser.terminate()
        browser.wait(timeout=PATIENCE_S)


def red_pixels(image):
    """Number of pixels in the color of an active muscle, left of the control panel."""
    scene = image[:, : image.shape[1] * 2 // 3]
    return int(((scene[..., 0] > 0.5) & (scene[..., 0] > 2.5 * scene[..., 1])).sum())


def body_pixels(image):
    """Number of pixels in the middle of the scene that are darker than the floor grid."""
    middle = image[:, image.shape[1] // 4 : image.shape[1] // 2]
    return int((middle.max(axis=-1) < 0.72).sum())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed")
def test_page_shows_the_body_and_obeys_its_controls(recording, legs, tmp_path):
    button = "[...document.querySelectorAll('button')].find(b => b.innerText == '{}')"
    toggle = (
        "[...document.querySelectorAll('label')].find(l => l.innerText == '{}')"
        ".closest('div').parentElement.querySelector('input[type=checkbox]').click()"
    )
    words = ("a <b>test</b>", "Speed", "Loop", "Camera follows", "Contact shapes", "root offset 10.0 cm")

    async def drive(page):
        async with chromium(page.url, tmp_path) as tab:
            await tab.until("document.body && document.body.innerText.includes('the greatest 16 of 80')")
            text = await tab.evaluate("document.body.innerText")
            assert all(expected in text for expected in words), text
            await tab.evaluate(button.format("Pause") + ".click()")
            await tab.until(button.format("Play") + " !== undefined")
            everything = await tab.picture(lambda image: red_pixels(image) > 300)
            await tab.evaluate(toggle.format("Muscles"))
            bones = await tab.picture(lambda image: red_pixels(image) == 0)
            await tab.evaluate(toggle.format("Bones"))
            await tab.evaluate(toggle.format("Reference"))
            await tab.picture(lambda image: body_pixels(image) < 500)
            return everything, bones

    page = serve(recording, legs, port=free_port(), block=False)
    try:
        everything, bones = asyncio.run(drive(page))
    finally:
        page.stop()
    assert min(body_pixels(everything), body_pixels(bones)) > 2000


def green_pixels(image):
    """Number of pixels in the color of the floor's force, left of the control panel."""
    scene = image[:, : image.shape[1] * 2 // 3]
    return int((scene[..., 1] > scene[..., [0, 2]].max(-1) + 0.07).sum())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed")
def test_the_page_shows_what_the_floor_does_until_it_is_not_wanted(recording, legs, tmp_path):
    """One body weight, half a meter to the left of the body."""
    frames, regions = len(recording.qpos), len(legs.contact_regions)
    force, center = np.zeros((2, frames, regions, 3))
    force[:, 0, 2], center[..., :2] = legs.weight, recording.qpos[:, None, :2] + [0.0, 0.5]
    loaded = dataclasses.replace(recording, contact_force=force, center_of_pressure=center)
    box = "[...document.querySelectorAll('label')].find(l => l.innerText == 'Ground reaction')"

    async def drive(page):
        async with chromium(page.url, tmp_path) as tab:
            await tab.until(f"document.body && {box} !== undefined")
            await tab.picture(lambda image: green_pixels(image) > 100)
            await tab.evaluate(f"{box}.closest('div').parentElement.querySelector('input[type=checkbox]').click()")
            await tab.picture(lambda image: green_pixels(image) == 0 and red_pixels(image) > 300)

    page = serve(loaded, legs, port=free_port(), block=False)
    try:
        asyncio.run(drive(page))
    finally:
        page.stop()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed")
def test_the_page_pushes_the_body_and_gives_a_video(recording, legs, tmp_path):
    """A click simulates anew with the chosen force, a choice with other muscles; a video is downloaded."""
    button = "[...document.querySelectorAll('button')].find(b => b.innerText == '{}')"
    asked = []

    def simulate(push, preference):
        asked.append((push, preference))
        shown = {name: getattr(recording, name)[:7] for name in ("qpos", "reference_qpos", "activation")}
        return dataclasses.replace(recording, **shown)

    async def drive(page):
        async with chromium(page.url, tmp_path) as tab:
            await tab.until(button.format("Push now") + " !== undefined")
            assert "muscle activation" in await tab.evaluate("document.body.innerHTML")
            divs = "[...document.querySelectorAll('div')]"
            await tab.until(f"{divs}.some(d => d.style.background.includes('linear-gradient'))")
            await tab.evaluate(button.format("Push now") + ".click()")
            await tab.until("document.body.innerText.includes('of 0.14 s')")
            choice = "[...document.querySelectorAll('input')].find(i => i.value == 'own')"
            await tab.until(f"{choice} !== undefined")
            await tab.evaluate(choice + ".click()")
            option = "[...document.querySelectorAll('[role=option]')].find(o => o.innerText == 'cubed')"
            await tab.until(f"{option} !== undefined")
            await tab.evaluate(option + ".click()")
            end = time.monotonic() + PATIENCE_S
            while len(asked) < 2:
                assert time.monotonic() < end
                await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)
            await tab.until(button.format("Push now") + " !== undefined")  # one thing at a time
            (tmp_path / "videos").mkdir()
            await tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "videos"))
            await tab.evaluate(button.format("Record video") + ".click()")
            end = time.monotonic() + PATIENCE_S
            while not (found := list((tmp_path / "videos").glob("*.mp4"))):
                assert time.monotonic() < end, await tab.evaluate("document.body.innerText")
                await asyncio.sleep(0.3)
            return found[0].read_bytes()[4:8]

    page = serve(recording, legs, port=free_port(), block=False, live=Live(simulate, ("own", "cubed")))
    try:
        assert asyncio.run(drive(page)) == b"ftyp"
    finally:
        page.stop()
    (push, preference), (again, chosen) = asked
    assert 0.0 <= push.begin_s <= 0.2 and push.duration_s == 0.2 and preference == "own"
    np.testing.assert_allclose(push.force, [100.0, 0.0, 0.0], atol=1e-6)  # forward, where the body faces
    assert again is push and chosen == "cubed"


def test_a_shorter_movement_takes_over_while_the_page_plays(recording, legs, monkeypatch):
    """No frame is drawn between the new movement and its place in it: the page would end at a frame there is not."""
    short = dataclasses.replace(
        recording, **{name: getattr(recording, name)[:2] for name in ("qpos", "reference_qpos", "activation")}
    )
    page = serve(recording, legs, port=free_port(), block=False)
    drawn, show = [], page._show

    def watched(frame):
        show(frame)
        drawn.append(frame)

    def wait_for(condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert page._thread.is_alive(), "playing has ended"
            assert time.monotonic() < end
            time.sleep(0.01)

    monkeypatch.setattr(page, "_show", watched)
    monkeypatch.setattr(page._server, "get_clients", lambda: {0: None})
    try:
        wait_for(lambda: drawn and drawn[-1] >= 2)
        page._playback.loop = False
        monkeypatch.setattr(page_module, "force_arrows", lambda *_: time.sleep(0.3))  # time for several frames
        page.change(short, 0)
        drawn.clear()
        wait_for(lambda: 1 in drawn)
    finally:
        page.stop()


def test_the_camera_frames_a_jump(legs):
    """Head and feet are in the picture at the bottom and at the top of it, where they were not before."""
    qpos = np.repeat(legs.neutral_qpos[None], 3, axis=0)
    qpos[1, 2] += 0.7
    camera = framing(qpos, legs, 0.0)
    low, high = vertical_extent(qpos, legs)
    assert high - low == pytest.approx(standing_height(legs) + 0.7, abs=1e-6)
    for height in (low, high):
        row = camera.project(np.array([*camera.lookat[:2], height]), 640, 480)[1]
        assert 10 < row < 470
    for followed in following_cameras(qpos, 50.0, np.zeros(0, bool), legs, 0.0):
        rows = [followed.project(np.array([*followed.lookat[:2], height]), 640, 480)[1] for height in (low, high)]
        assert min(rows) > 10 and max(rows) < 470


def body_mask(image):
    """Pixels of bones [H, W]: darker than floor and background."""
    return image.max(axis=-1) < 0.72


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed")
def test_head_hands_and_feet_are_on_the_page_at_the_top_of_a_real_jump(tmp_path):
    """Each part is seen where MuJoCo and a pinhole camera that frames the whole movement say that it is."""
    body = load_body("myofullbody")
    clip = retarget(body, recording_of("jump"), RetargetCfg(fps=20.0))
    shown = dataclasses.replace(Recording.from_clip(clip), source_segments=None)
    poses = [at_pose(body.model, pose) for pose in shown.qpos]
    top = int(np.argmax([pose.xpos[1:, 2].min() for pose in poses]))
    named = [mujoco.mj_id2name(body.model, mujoco.mjtObj.mjOBJ_BODY, i) for i in range(body.model.nbody)]
    parts = [i for i, name in enumerate(named) if name in ("head", "3distph_r", "3distph_l", "calcn_r", "calcn_l")]
    assert len(parts) == 5 and poses[top].xpos[parts, 2].min() > 0.15, "it flies"
    places = poses[top].xpos[parts] - [*shown.qpos[top, :2], 0.0]  # the page follows the root over the floor

    async def drive(page):
        async with chromium(page.url, tmp_path) as tab:
            button = "[...document.querySelectorAll('button')].find(b => b.innerText == '{}')"
            await tab.until("document.querySelectorAll('.mantine-NumberInput-input').length > 1")
            await tab.evaluate(button.format("Pause") + ".click()")
            await tab.until(button.format("Play") + " !== undefined")
            await tab.evaluate("document.querySelectorAll('.mantine-Notification-closeButton').forEach(b => b.click())")
            field = "document.querySelector('.mantine-NumberInput-input')"  # of the slider of frames
            await tab.evaluate(f"{field}.focus(); {field}.select()")
            await tab.call("Input.insertText", text=str(top))
            await tab.until(f"document.body.innerText.includes('{top / 20.0:.2f} s of')")
            size = await tab.evaluate("(c => [c.clientWidth, c.clientHeight].join())(document.querySelector('canvas'))")
            width, height = (int(word) for word in size.split(","))
            camera = framing(shown.qpos, body, heading_deg(shown.qpos[0], body))
            camera = dataclasses.replace(camera, lookat=camera.lookat * [0.0, 0.0, 1.0])
            columns, rows = camera.project(places, width, height)[:, :2].round().astype(int).T
            assert 10 < rows.min() < rows.max() < height - 10 and 10 < columns.min() < columns.max() < width - 10

            def seen(image):
                mask = body_mask(image[:height, :width])
                mask[:4] = mask[-4:] = mask[:, :4] = mask[:, -4:] = False
                near = 12
                return all(
                    mask[max(row - near, 0) : row + near, max(column - near, 0) : column + near].any()
                    for row, column in zip(rows, columns, strict=True)
                )

            return await tab.picture(seen)

    page = serve(shown, body, port=free_port(), block=False)
    try:
        image = asyncio.run(drive(page))
    finally:
        page.stop()
    assert not body_mask(image[:4, : image.shape[1] // 2]).any(), "nothing is cut off above"


def test_without_viser_the_page_names_the_extra(recording, legs, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("msemu.viewer.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MsemuError, match=r"the page needs viser: pip install 'msemu\[viewer\]'"):
        serving.serve(recording, legs)
