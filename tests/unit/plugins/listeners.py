# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that speak no HTTP, or hardly any: what the fake registry is too polite for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import typing as t

ENDLESS = 15.0  # seconds after which even the endless ends: a client that falls for it shall fail its test, not hang
Serve = t.Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def listener(serve: Serve) -> t.Iterator[int]:
    """Listen on a port, which is yielded; ``serve`` has each connection in a thread and ends when the event is set or the client is gone."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threads: list[threading.Thread] = []

    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = server.accept()
                if over.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=run, args=(connection,), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server.getsockname()[1]
    finally:
        over.set()
        socket.create_connection(server.getsockname(), 5).close()
        acceptor.join(5)
        server.close()
        for thread in threads:
            thread.join(5)


@contextlib.contextmanager
def full_house() -> t.Iterator[int]:
    """Listen on a port, which is yielded, where no further connection is accepted or refused."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _number in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def read_head(connection: socket.socket) -> None:
    """Read a request without a body."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(4096)
        if not block:
            raise ConnectionResetError
        received += block


def _go_on(connection: socket.socket, over: threading.Event, parts: t.Sequence[bytes], endless: bytes, pause: float) -> None:
    for part in parts:
        connection.sendall(part)
    end = time.monotonic() + ENDLESS
    while not over.wait(pause) and time.monotonic() < end:
        if not endless:
            over.wait(ENDLESS)
            return
        connection.sendall(endless)


def sending(*parts: bytes, endless: bytes = b"", pause: float = 0.0) -> Serve:
    """Return what reads a request, sends ``parts`` and then ``endless`` again and again with a ``pause`` after each."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        read_head(connection)
        _go_on(connection, over, parts, endless, pause)

    return serve


def shaking(*parts: bytes, endless: bytes = b"", pause: float = 0.0) -> Serve:
    """Return what does the same to a client that says hello for TLS."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        _go_on(connection, over, parts, endless, pause)

    return serve


def taking(size: int, pause: float) -> Serve:
    """Return what takes ``size`` bytes of a request at a time with a ``pause`` after each, and answers 201 at its end."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        left = int(head.lower().partition(b"content-length:")[2].split()[0])
        while left and not over.wait(pause):
            block = connection.recv(min(size, left))
            if not block:
                return
            left -= len(block)
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    return serve
