# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy on loopback that counts requests and lets each one wait, as a distant registry would."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter

_BLOCK = 1024 * 1024
_HEAD_END = b"\r\n\r\n"
_SESSION = re.compile(r"/blobs/uploads/[^/?]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NO_BODY = (204, 304)
_TLS = b"\x16\x03"


class _Closed(Exception):
    """The other side has closed the connection."""


class _Head:
    """The first line and the headers of a request or an answer."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.words = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        self._fields = {name.strip().lower(): value.strip() for name, _colon, value in pairs}

    @property
    def length(self) -> int | None:
        length = self._fields.get("content-length")
        return int(length) if length is not None else None

    @property
    def chunked(self) -> bool:
        return self._fields.get("transfer-encoding", "").lower() == "chunked"

    @property
    def expects(self) -> bool:
        return self._fields.get("expect", "").lower() == "100-continue"


class _Side:
    """One end of a proxied connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._buffer = b""

    def _receive(self) -> bytes:
        block = self.sock.recv(_BLOCK)
        if not block:
            raise _Closed
        return block

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._buffer += self._receive()
            if self._buffer.startswith(_TLS):
                raise _Closed  # skopeo tries TLS first, and would wait long for an answer
        found, _mark, self._buffer = self._buffer.partition(mark)
        return found + mark

    def copy(self, length: int, other: _Side) -> None:
        """Send ``length`` bytes on to the other side."""
        while length:
            block = self._buffer or self._receive()
            now, self._buffer = block[:length], block[length:]
            other.sock.sendall(now)
            length -= len(now)

    def copy_chunks(self, other: _Side) -> None:
        while True:
            line = self.read_until(b"\r\n")
            other.sock.sendall(line)
            size = int(line.split(b";")[0], 16)
            if not size:
                while line != b"\r\n":
                    line = self.read_until(b"\r\n")
                    other.sock.sendall(line)
                return
            self.copy(size + 2, other)

    def copy_to_the_end(self, other: _Side) -> None:
        while True:
            block, self._buffer = self._buffer or self._receive(), b""
            other.sock.sendall(block)

    def copy_body(self, head: _Head, other: _Side) -> None:
        if head.chunked:
            self.copy_chunks(other)
        elif head.length:
            self.copy(head.length, other)


class Proxy:
    """Forwards to ``host`` (host:port), each request ``delay`` seconds later; ``counts`` says what was asked for."""

    def __init__(self, host: str, delay: float) -> None:
        name, _colon, port = host.partition(":")
        self._upstream = (name, int(port))
        self._delay = delay
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def take_counts(self) -> dict[str, int]:
        """Return how often each kind of request came since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock, socket.create_connection(self._upstream) as upstream:
                client, server = _Side(sock), _Side(upstream)
                while True:
                    self._forward(client, server)
        except (_Closed, OSError):
            return

    def _forward(self, client: _Side, server: _Side) -> None:
        request = _Head(client.read_until(_HEAD_END))
        self._count(request)
        time.sleep(self._delay)
        server.sock.sendall(request.raw)
        if not request.expects:
            client.copy_body(request, server)
        answer = self._answer(client, server)
        if request.expects and answer.words[1] == "100":
            client.copy_body(request, server)
            answer = self._answer(client, server)
        status = int(answer.words[1])
        if request.words[0] == "HEAD" or status in _NO_BODY:
            return
        if answer.length is None and not answer.chunked:
            server.copy_to_the_end(client)
        server.copy_body(answer, client)

    def _answer(self, client: _Side, server: _Side) -> _Head:
        answer = _Head(server.read_until(_HEAD_END))
        client.sock.sendall(answer.raw)
        return answer

    def _count(self, request: _Head) -> None:
        method, path = request.words[0], request.words[1].partition("?")[0]
        kind = _DIGEST.sub("DIGEST", _SESSION.sub("/blobs/uploads/SESSION", path))
        if "/manifests/" in kind and not kind.endswith("DIGEST"):
            kind = kind.rpartition("/")[0] + "/TAG"
        with self._lock:
            self._counts[f"{method} {kind}"] += 1
