# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports requests and opens sockets: paced reads, chosen addresses, one TLS policy."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import typing as t
from functools import partial
from urllib.parse import urlsplit

from ._errors import RegistryError

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies
    from urllib3 import __version__ as urllib3_version
    from urllib3 import disable_warnings
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

LEAST_BYTES_PER_SECOND = 1024
_BUFFER = 64 * 1024

Addresses = t.Callable[[str, int], t.Sequence[str]]


class _Pace:
    """Measures one direction of a socket: its whole timeout may be waited for each ``timeout`` KiB that pass, no longer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout() or 0.0
        self._waited = 0.0
        self._count = 0

    def step(self, move: t.Callable[[], int | None], length: int | None = None) -> int | None:
        """Return what ``move`` (a read or write of the socket) returns; ``length`` is what it moves where it does not say."""
        left = self._timeout - self._waited
        if left <= 0:
            raise socket.timeout("too little passed")
        self._sock.settimeout(left)
        start = time.monotonic()
        count = move()
        self._waited += time.monotonic() - start
        self._count += (count if length is None else length) or 0
        if self._count >= self._timeout * LEAST_BYTES_PER_SECOND:
            self._waited, self._count = 0.0, 0
        return count

    def end(self) -> None:
        """Give the socket its timeout back: the connection may serve the next request."""
        if self._sock.fileno() >= 0:
            self._sock.settimeout(self._timeout)


class _PacedReader(io.RawIOBase):
    """Reads a socket at a pace."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._raw = t.cast(io.RawIOBase, sock.makefile("rb", buffering=0))
        self._pace = _Pace(sock)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        return self._pace.step(lambda: self._raw.readinto(buffer))

    def close(self) -> None:
        self._pace.end()
        self._raw.close()
        super().close()


class PacedResponse(http.client.HTTPResponse):
    """An answer whose head and body must keep coming."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_PacedReader(sock), _BUFFER)


def _connect(addresses: t.Iterable[str], port: int, timeout: float) -> socket.socket:
    """Open a connection to the first of ``addresses`` that answers; ``timeout`` seconds are for all of them."""
    deadline = time.monotonic() + timeout
    failure = OSError("the name has no address")
    for address in addresses:
        try:
            sock = socket.create_connection((address, port), max(deadline - time.monotonic(), 0.001))
        except OSError as error:
            failure = error
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(timeout)
            return sock
    raise failure


def _send_paced(sock: socket.socket, block: t.Any) -> None:
    """Send a block; a peer that hardly takes it is given up like one that hardly answers."""
    view = memoryview(block).cast("B")
    pace = _Pace(sock)
    try:
        while view:
            piece = view[:_BUFFER]
            pace.step(partial(sock.sendall, piece), len(piece))
            view = view[_BUFFER:]
    finally:
        pace.end()


def _pool_classes(addresses: Addresses) -> dict[str, t.Any]:
    def connect(connection: t.Any) -> socket.socket:
        # The proxy, where there is one, is what the connection's own host and port name.
        host = getattr(connection, "_dns_host", connection.host)
        return _connect(addresses(host, connection.port), connection.port, connection.timeout)

    def send(connection: t.Any, data: t.Any) -> None:
        if connection.sock is not None and isinstance(data, bytes) and len(data) > _BUFFER:
            _send_paced(connection.sock, data)
        else:
            super(type(connection), connection).send(data)

    members = {"response_class": PacedResponse, "_new_conn": connect, "send": send}
    plain = type("PlainConnection", (HTTPConnection,), members)
    secure = type("SecureConnection", (HTTPSConnection,), members)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


if HAS_REQUESTS:

    class Adapter(HTTPAdapter):
        """Connects only to what ``addresses(host, port)`` returns, or to a proxy, with one TLS context for good."""

        def __init__(self, context: ssl.SSLContext, addresses: Addresses, proxies: Addresses, connections: int) -> None:
            if context.check_hostname and urllib3_version.startswith("1."):
                context.check_hostname = False  # urllib3 1 compares the names itself, and tells the context none for addresses
            self._tls: dict[str, t.Any] = {"ssl_context": context, "cert_reqs": context.verify_mode}
            self._classes = _pool_classes(addresses)
            self._proxy_classes = _pool_classes(proxies)
            super().__init__(pool_connections=64, pool_maxsize=connections, max_retries=0)

        def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: t.Any) -> None:
            """Make the pools with the TLS context and the connection classes of this adapter."""
            super().init_poolmanager(connections, maxsize, block, **options, **self._tls)
            self.poolmanager.pool_classes_by_scheme = self._classes

        def proxy_manager_for(self, proxy: str, **options: t.Any) -> t.Any:
            """Return the pools behind ``proxy``, which looks up names itself."""
            manager = super().proxy_manager_for(proxy, **options, **self._tls)
            manager.pool_classes_by_scheme = self._proxy_classes
            return manager

        def cert_verify(self, conn: t.Any, url: t.Any, verify: t.Any, cert: t.Any) -> None:
            """Leave trust to the TLS context: nothing is added from the environment or from certifi."""

        def build_connection_pool_key_attributes(
            self, request: requests.PreparedRequest, verify: t.Any, cert: t.Any = None
        ) -> tuple[t.Any, t.Any]:
            """Return where to connect; the TLS settings are those of the pools."""
            parts = urlsplit(request.url or "")
            return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}


def make_adapter(context: ssl.SSLContext, addresses: Addresses, proxies: Addresses, connections: int) -> Adapter:
    """Return an adapter, or say that requests is missing."""
    if not HAS_REQUESTS:
        raise RegistryError(
            "The Python library requests is missing on the host that runs this task: install requests 2.25.1 or newer there.",
            "missing_library",
        )
    if context.verify_mode == ssl.CERT_NONE:
        disable_warnings(InsecureRequestWarning)
    return Adapter(context, addresses, proxies, connections)


def send(adapter: Adapter, method: str, url: str, headers: dict[str, str], body: t.Any, timeout: float) -> requests.Response:
    """Send one request to exactly ``url`` and return its answer, body unread; proxies are those of the environment."""
    prepared = requests.Request(method, url, headers=headers, data=body).prepare()
    prepared.url = url
    return adapter.send(prepared, stream=True, timeout=(timeout, timeout), proxies=get_environ_proxies(url))


def environ_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for ``url``, None where it names none."""
    return requests.utils.select_proxy(url, get_environ_proxies(url))


def transport_errors() -> tuple[type[Exception], ...]:
    """Return what can be raised while a request is sent or an answer is read."""
    return (requests.RequestException, HTTPError, http.client.HTTPException, OSError)
