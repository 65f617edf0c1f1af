# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 on a socket, byte by byte: heads and bodies read, answers sent whole or spoilt as told."""

from __future__ import annotations

import select
import socket
import struct
import threading
import typing as t
from dataclasses import dataclass, field
from http.client import responses

from .journal import Headers, Recorded

BLOCK = 64 * 1024
_LONGEST_LINE = 128 * 1024
_TLS_RECORD = b"\x16"  # the first byte of a client that speaks TLS to a server that does not


class ClientLeft(Exception):
    """The client closed the connection, or sent what is no HTTP."""


class CutOff(ClientLeft):
    """The test wants the connection reset at this byte of the request."""


class Content(t.Protocol):
    """A body that is not held in memory."""

    def __len__(self) -> int:
        """Return the number of bytes."""

    def __iter__(self) -> t.Iterator[bytes]:
        """Yield the bytes in blocks."""


@dataclass
class Delivery:
    """How an answer is sent. Sizes are in bytes of the body; ``drip`` is a size and the seconds after each."""

    truncate: int | None = None
    reset: bool = False
    silent: bool = False
    close: bool = False
    chunked: bool = False
    early: bool = False
    drip: tuple[int, float] | None = None
    raw: bytes | None = None
    preface: bytes = b""


@dataclass
class Answer:
    """A status, headers, a body, and how to deliver them."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes | Content = b""
    delivery: Delivery = field(default_factory=Delivery)

    def blocks(self) -> t.Iterator[bytes]:
        """Yield the body in blocks, up to where it is truncated."""
        left = len(self.body) if self.delivery.truncate is None else self.delivery.truncate
        for block in [self.body] if isinstance(self.body, bytes) else self.body:
            if left <= 0:
                return
            yield block[:left]
            left -= len(block)

    def content(self) -> bytes:
        """Return the whole body."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def replace(self, body: bytes) -> None:
        """Set another body, and its length where one is stated."""
        self.body = body
        if "Content-Length" in self.headers:
            self.headers.set("Content-Length", str(len(body)))


class Tap:
    """Reads a file and keeps a copy of all that was read."""

    def __init__(self, file: t.Any, copy: bytearray | None) -> None:
        self._file = file
        self._copy = copy

    def some(self, most: int = BLOCK) -> bytes:
        """Return what is there, waiting for a first byte."""
        return self._note(self._file.read1(most))

    def line(self) -> bytes:
        """Return a line with its end."""
        return self._note(self._file.readline(_LONGEST_LINE))

    def _note(self, data: bytes) -> bytes:
        if self._copy is not None:
            self._copy += data
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Channel:
    """A connection that speaks HTTP."""

    def __init__(self, sock: socket.socket, number: int, stopped: threading.Event, copy: bytearray | None = None) -> None:
        self.sock = sock
        self.number = number
        self.reader = Tap(sock.makefile("rb", BLOCK), copy)
        self._stopped = stopped

    def read_head(self, server: str) -> Recorded | None:
        """Return the next request, None where the client has ended the connection in order."""
        first = self.reader.some(1)
        if not first:
            return None
        if first == _TLS_RECORD:
            self.reader.some()
            self.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            raise ClientLeft
        line = first + self.reader.line()
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise ClientLeft
        return Recorded(server, self.number, parts[0], parts[1], Headers(self._read_headers()))

    def _read_headers(self) -> t.Iterator[tuple[str, str]]:
        while True:
            line = self.reader.line()
            if not line.endswith(b"\n"):
                raise ClientLeft
            if not line.strip():
                return
            name, _colon, value = line.decode("latin-1").partition(":")
            yield name.strip(), value.strip()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self.sock.sendall(data)
        except OSError:
            raise ClientLeft from None

    def send_answer(self, answer: Answer, request: Recorded) -> bool:
        """Send an answer; return whether the connection serves the next request."""
        delivery = answer.delivery
        if delivery.silent:
            self.wait_for_leaving()
            return False
        if delivery.reset and delivery.truncate is None:
            self.reset()
            return False
        if delivery.raw is not None:
            self.send(delivery.raw)
            return False
        self.send(delivery.preface + self._head(answer))
        bodiless = request.method == "HEAD" or answer.status in (204, 304)
        if not bodiless:
            self._send_body(answer)
        if delivery.truncate is not None and delivery.reset:
            self.reset()
            return False
        honest = bodiless or delivery.chunked or answer.headers.get("Content-Length", "-") in ("-", str(len(answer.body)))
        return honest and delivery.truncate is None and not delivery.close and request.headers.get("Connection").lower() != "close"

    def _head(self, answer: Answer) -> bytes:
        headers = Headers(answer.headers.pairs)
        if answer.delivery.chunked:
            headers.set("Content-Length", None)
            headers.set("Transfer-Encoding", "chunked")
        elif "Content-Length" not in headers and answer.status != 204:
            headers.set("Content-Length", str(len(answer.body)))
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers.pairs]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send_body(self, answer: Answer) -> None:
        delivery = answer.delivery
        for block in answer.blocks():
            size, pause = delivery.drip or (len(block) or 1, 0.0)
            for start in range(0, len(block), size):
                piece = block[start : start + size]
                self.send(b"%x\r\n%s\r\n" % (len(piece), piece) if delivery.chunked else piece)
                if pause and self._stopped.wait(pause):
                    raise ClientLeft
        if delivery.chunked and delivery.truncate is None:
            self.send(b"0\r\n\r\n")

    def wait_for_leaving(self) -> None:
        """Wait until the client closes the connection, or the server is stopped (which shuts the socket down)."""
        if not self._stopped.is_set():
            select.select([self.sock], [], [])

    def reset(self) -> None:
        """End the connection by a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.reader.close()
        self.sock.close()

    def linger(self) -> None:
        """End the connection, and let the client read the answer although it is still sending."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(5)
            while self.sock.recv(BLOCK):
                pass
        except OSError:
            return

    def stop(self) -> None:
        """End the connection from another thread: the one that reads it wakes up."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """End the connection."""
        self.stop()
        try:
            self.reader.close()
            self.sock.close()
        except OSError:
            pass
