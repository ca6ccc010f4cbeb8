"""The viewer in the browser: a page that plays a recording."""

import socket
import threading
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import viser

from msemu.errors import MsemuError
from msemu.models.body import Body
from msemu.motion.recording import Recording
from msemu.viewer.live import Live
from msemu.viewer.page.origin import own_pages_only
from msemu.viewer.page.page import Page
from msemu.viewer.readout import check_recording


def serve(
    recording: Recording,
    body: Body,
    host: str = "127.0.0.1",
    port: int = 8080,
    block: bool = True,
    picture: np.ndarray | None = None,
    live: Live | None = None,
) -> Page:
    """Show a recording in a browser page, with a picture [H, W, 3], uint8, below the controls if there is one.

    With a ``live`` simulation the body can be pushed, and what its muscles prefer be chosen.

    Ctrl-C ends it; without ``block`` it returns at once, and `Page.stop` ends the page.

    Raises:
        MsemuError: The recording does not fit the body, or the port cannot be had.
    """
    check_recording(recording, body)
    _require_free_port(host, port)
    with own_pages_only(host), redirect_stdout(StringIO()):  # viser's own banner
        server = viser.ViserServer(host=host, port=port, label="msemu", verbose=False)
    page = Page(server, recording, body, picture, live)
    print(f"viewer: {page.url}   (Ctrl-C ends it)", flush=True)
    if block:
        try:
            threading.Event().wait()
        finally:
            with redirect_stdout(StringIO()):
                page.stop()
    return page


def _require_free_port(host: str, port: int) -> None:
    """Refuse a port that is taken; viser would silently move on to another one."""
    try:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MsemuError(f"cannot listen on port {port} of {host} ({reason}); give another one with --port") from error
