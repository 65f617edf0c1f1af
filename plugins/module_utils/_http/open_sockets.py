# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Know which sockets are open, so that a task that is ended does not wait for other hosts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import typing as t
import weakref


class OpenSockets:
    """The sockets of one client, so that all can be shut down, whatever their threads wait for."""

    def __init__(self, check: t.Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._sockets: list[weakref.ref[socket.socket]] = []
        self._lock = threading.RLock()  # a signal handler may come between

    def add(self, sock: socket.socket) -> None:
        """Note a new socket; raises what ``check`` raises where there must be none."""
        with self._lock:
            self._sockets = [known for known in self._sockets if known() is not None] + [weakref.ref(sock)]
        self._check()

    def shut_down(self) -> None:
        """End what every thread sends and receives."""
        for known in self._sockets:
            sock = known()
            if sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # under TLS as well: the other side needs no farewell

    def watch(self, context: ssl.SSLContext) -> None:
        """Note the sockets that ``context`` wraps before they shake hands: the plain ones are of no use from then on."""
        add = self.add

        class Watched(ssl.SSLSocket):
            """A TLS socket that is noted."""

            def do_handshake(self, block: bool = False) -> None:
                add(self)
                super().do_handshake(block)

        context.sslsocket_class = Watched
