# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write sockets at a pace: a peer that hardly moves anything is given up, and heads of answers must end."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import typing as t
from functools import partial

from .._core.errors import RegistryError

BUFFER = 64 * 1024
LEAST_BYTES_PER_SECOND = 1024
MAX_HEAD = 1024 * 1024
_TLS_RECORD = 16 * 1024
_LINES_FOR_CONTENT = 8  # bytes of chunk sizes for each byte of content: chunks may be of one byte, but hold no long extensions then


class _Pace:
    """Measures one direction of a socket: its whole timeout may be waited for each ``timeout`` KiB that pass, no longer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout() or 0.0
        self._waited = 0.0
        self._count = 0
        self.suspended = False  # while what passes may turn out to be no progress

    def step(self, move: t.Callable[[], int | None]) -> int | None:
        """Return how many bytes ``move`` (a read or write of the socket) has moved."""
        left = self._timeout - self._waited
        if left <= 0:
            raise socket.timeout("too little passed")
        self._sock.settimeout(left)
        start = time.monotonic()
        count = move()
        self._waited += time.monotonic() - start
        self.add(count or 0)
        return count

    def add(self, count: int) -> None:
        """Count progress; a negative one was none after all."""
        self._count += count
        if not self.suspended and self._count >= self._timeout * LEAST_BYTES_PER_SECOND:
            self._waited, self._count = 0.0, 0

    def end(self) -> None:
        """Give the socket its timeout back: the connection may serve the next request."""
        if self._sock.fileno() >= 0:
            self._sock.settimeout(self._timeout)


class _PacedReader(io.RawIOBase):
    """Reads a socket at a pace."""

    def __init__(self, sock: socket.socket, pace: _Pace) -> None:
        super().__init__()
        self._raw = t.cast(io.RawIOBase, sock.makefile("rb", buffering=0))
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        return self._pace.step(lambda: self._raw.readinto(buffer))

    def close(self) -> None:
        self._pace.end()
        self._raw.close()
        super().close()


class _Bounded(io.BufferedReader):
    """Reads lines (of heads, interim answers, chunk sizes, trailers) only as far as content comes with them; lines are no progress."""

    def __init__(self, sock: socket.socket) -> None:
        self._pace = _Pace(sock)
        self._lines_left = MAX_HEAD
        super().__init__(_PacedReader(sock, self._pace), BUFFER)

    def readline(self, size: int | None = -1) -> bytes:
        most = self._lines_left + 1
        self._pace.suspended = True
        line = super().readline(most if size is None or size < 0 else min(size, most))
        self._lines_left -= len(line)
        if self._lines_left < 0:
            raise RegistryError(
                f"A response has more than {MAX_HEAD} bytes of headers, or more bytes of chunk sizes than of content.",
                "invalid_response",
            )
        self._pace.suspended = False
        self._pace.add(-len(line))
        return line

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self._lines_left += _LINES_FOR_CONTENT * len(content)
        return content

    def readinto(self, buffer: t.Any) -> int:
        count = super().readinto(buffer)
        self._lines_left += _LINES_FOR_CONTENT * count
        return count


class PacedResponse(http.client.HTTPResponse):
    """An answer whose head and body must keep coming, and whose head must end."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = _Bounded(sock)

    def begin(self) -> None:
        """Read the head of the answer; interim ones (103, say) are passed over: Python itself knows only 100."""
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = t.cast(t.Any, None)  # or the next head is not read
            super().begin()


def send_paced(sock: socket.socket, block: t.Any) -> None:
    """Send a block; a peer that hardly takes it is given up like one that hardly answers."""
    view = memoryview(block).cast("B")
    size = _TLS_RECORD if isinstance(sock, ssl.SSLSocket) else len(view)  # TLS tells nothing before all of a piece is gone
    pace = _Pace(sock)
    try:
        while view:
            sent = pace.step(partial(sock.send, view[:size])) or 0
            view = view[sent:]
    finally:
        pace.end()
