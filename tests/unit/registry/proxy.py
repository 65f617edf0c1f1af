# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A forward proxy: CONNECT and absolute addresses, Basic credentials where it is told some, any host led to where a test wants."""

from __future__ import annotations

import socket
import threading
import typing as t
from urllib.parse import urlsplit

from .auth import decode_basic
from .body import Body
from .faults import page
from .journal import Headers, Journal, Recorded
from .server import Server
from .wire import BLOCK, Answer, Channel

_HOP = ("proxy-authorization", "proxy-connection", "connection", "keep-alive")


class Proxy:
    """A proxy for the environment variables ``http_proxy`` and ``https_proxy``.

    ``routes`` leads names elsewhere: ``proxy.routes["registry.example.com:443"] = registry.host``; other names are refused (502)
    unless they are on the loopback interface. With ``refusal``, a status, everything is refused.
    """

    def __init__(self, user: str = "", password: str = "") -> None:
        self.journal = Journal()
        self.routes: dict[str, str] = {}
        self.refusal = 0
        self.user = user
        self.password = password
        self.server = Server("proxy", self._handle, self.journal)

    @property
    def url(self) -> str:
        """The address, without credentials."""
        return self.server.url

    @property
    def requests(self) -> list[Recorded]:
        """The requests that came in."""
        return self.journal.requests

    def log(self) -> list[str]:
        """Return the requests as ``CONNECT host:port`` and ``GET http://host/path``."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def environ(self) -> dict[str, str]:
        """Return the environment that has everything go through the proxy, with its credentials."""
        login = f"{self.user}:{self.password}@" if self.user else ""
        address = f"http://{login}{self.server.host}"
        return {"http_proxy": address, "https_proxy": address, "no_proxy": ""}

    def _handle(self, request: Recorded, body: Body, channel: Channel) -> Answer | None:
        request.endpoint = "proxy"
        self.journal.add(request)
        if self.user and decode_basic(request.headers.get("Proxy-Authorization")) != (self.user, self.password):
            answer = page(407, "407 Proxy Authentication Required")
            answer.headers.add("Proxy-Authenticate", 'Basic realm="proxy"')
            return answer
        if self.refusal:
            return page(self.refusal, f"{self.refusal} of the proxy")
        parts = urlsplit(request.target)
        asked = request.target if request.method == "CONNECT" else f"{parts.hostname}:{parts.port or 80}"
        host, _colon, port = self.routes.get(asked, asked).rpartition(":")
        if host != "127.0.0.1":
            return page(502, "502 Bad Gateway")
        try:
            upstream = socket.create_connection((host, int(port)), 10)
        except OSError:
            return page(502, "502 Bad Gateway")
        upstream.settimeout(None)
        with upstream:
            if request.method == "CONNECT":
                channel.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _tunnel(channel, upstream)
            else:
                _forward(request, body, channel, upstream)
        return None

    def close(self) -> None:
        """Stop listening."""
        self.server.close()

    def verify(self) -> None:
        """Raise where the proxy itself failed."""
        assert not self.journal.problems(), self.journal.problems()


def _copy(receive: t.Callable[[], bytes], sink: socket.socket) -> None:
    try:
        while True:
            data = receive()
            if not data:
                break
            sink.sendall(data)
    except (OSError, ValueError):
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _tunnel(channel: Channel, upstream: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(lambda: upstream.recv(BLOCK), channel.sock), daemon=True)
    back.start()
    _copy(channel.reader.some, upstream)
    back.join(10)


def _forward(request: Recorded, body: Body, channel: Channel, upstream: socket.socket) -> None:
    """Send a request on, its own hop's headers left out, and its answer back; the connection ends with it."""
    parts = urlsplit(request.target)
    path = request.target[request.target.index(parts.netloc) + len(parts.netloc) :] or "/"
    headers = Headers([pair for pair in request.headers.pairs if pair[0].lower() not in _HOP])
    headers.add("Connection", "close")
    head = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.pairs), "", ""]
    upstream.sendall("\r\n".join(head).encode("latin-1"))
    for block in body.blocks():
        upstream.sendall(block)
    _copy(lambda: upstream.recv(BLOCK), channel.sock)
