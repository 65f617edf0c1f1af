# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A listening socket on the loopback interface: a thread for each connection, TLS where a context is given."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
import typing as t

from .body import Body
from .journal import Journal, Recorded
from .wire import Answer, Channel, ClientLeft, CutOff

Handler = t.Callable[[Recorded, Body, Channel], t.Optional[Answer]]


class Server:
    """Listens on a free port and hands each request to ``handle``; an answer of None means that the connection is done with."""

    def __init__(self, name: str, handle: Handler, journal: Journal, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.name = name
        self.journal = journal
        self.accepted = 0
        self.handshake_failures: list[str] = []
        self.copy: bytearray | None = None
        self._handle = handle
        self._context = context
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"{name} acceptor", daemon=True)
        self._acceptor.start()

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, with TLS ``localhost:port``."""
        return f"{'localhost' if self._context else '127.0.0.1'}:{self.port}"

    @property
    def url(self) -> str:
        """The address with its scheme, without a slash at the end."""
        return f"{'https' if self._context else 'http'}://{self.host}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _peer = self._socket.accept()
            except OSError:
                return
            if self.stopped.is_set():
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            thread = threading.Thread(target=self._run, args=(sock, self.accepted), name=f"{self.name} {self.accepted}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket, number: int) -> None:
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        channel = Channel(sock, number, self.stopped, self.copy)
        with self._lock:
            self._channels[number] = channel
        if self.stopped.is_set():
            channel.stop()
        try:
            self._shake_hands(channel)
            while self._serve(channel):
                pass
        except CutOff:
            channel.reset()
        except (ClientLeft, OSError):
            pass
        except Exception:
            self.journal.fail(f"the fake server itself failed: {traceback.format_exc()}")
        finally:
            with self._lock:
                del self._channels[number]
            channel.close()

    def _shake_hands(self, channel: Channel) -> None:
        if not isinstance(channel.sock, ssl.SSLSocket):
            return
        try:
            channel.sock.do_handshake()
        except OSError as error:
            self.handshake_failures.append(str(error))
            channel.linger()  # the client may read the alert that says why
            raise

    def _serve(self, channel: Channel) -> bool:
        request = channel.read_head(self.name)
        if request is None:
            return False
        body = Body(channel, request)
        answer = self._handle(request, body, channel)
        if answer is None:
            return False
        request.status = answer.status
        if not answer.delivery.early:
            body.drain()
        again = channel.send_answer(answer, request)
        if answer.delivery.early and not body.complete:
            channel.linger()
            return False
        return again

    def close(self) -> None:
        """End all connections and wait for their threads."""
        if self.stopped.is_set():
            return
        self.stopped.set()
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            pass
        self._acceptor.join(5)
        self._socket.close()
        with self._lock:
            channels = list(self._channels.values())
        for channel in channels:
            channel.stop()
        for thread in self._threads:
            thread.join(5)
