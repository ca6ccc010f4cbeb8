"""Which pages of a browser may talk to the viewer: its own.

A WebSocket is not bound to the page that it was made for: any page that somebody has open could read what the viewer
shows and press its buttons. Browsers say in the header Origin where a page comes from, programs do not.
"""

import http
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import websockets.asyncio.server as websockets
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

_LOOPBACK = "localhost"

Answer = Callable[[ServerConnection, Request], Response | None]


@contextmanager
def own_pages_only(host: str) -> Iterator[None]:
    """Let a server of viser that starts here, at the address ``host``, refuse pages of others (403).

    Raises:
        RuntimeError: viser serves in another way than it did, so that its requests are not seen.
    """
    serve, guarded = websockets.serve, []

    def guarded_serve(*args: Any, process_request: Answer, **options: Any) -> websockets.serve:
        def answer(connection: ServerConnection, request: Request) -> Response | None:
            origin, asked = (",".join(request.headers.get_all(name)) for name in ("Origin", "Host"))
            if is_own(origin, asked, host):
                return process_request(connection, request)
            return connection.respond(http.HTTPStatus.FORBIDDEN, "the viewer answers to its own page only\n")

        guarded.append(answer)
        return serve(*args, process_request=answer, **options)

    with patch.object(websockets, "serve", guarded_serve):  # viser has no option for it
        yield
    if not guarded:
        raise RuntimeError("viser no longer serves by websockets.asyncio.server.serve; pages of others would be let in")


def is_own(origin: str, asked: str, host: str) -> bool:
    """Whether a request comes from the viewer's own page, or from a program, which states no origin.

    Args:
        origin: The page's origin, such as ``http://localhost:8080``; empty for none.
        asked: Address that was asked for, which a tunnel may change: host and port.
        host: Address that the viewer is served at. On a loopback address it must have been asked for by a name of
            this machine; a name of somebody else's may lead here, too (DNS rebinding).
    """
    if not origin:
        return True
    page, own = _host_and_port(origin), _host_and_port(f"//{asked}")
    served = _host_and_port(f"//[{host}]" if ":" in host else f"//{host}")
    return page == own is not None and (own[0] == _LOOPBACK or served != (_LOOPBACK, None))


def _host_and_port(address: str) -> tuple[str, int | None] | None:
    """Return where an address leads to, with one name for all of this machine; None where it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    with suppress(ValueError):
        host = _LOOPBACK if ipaddress.ip_address(host).is_loopback else host
    return (host, port) if host else None
