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
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from .._core.errors import RegistryError, missing_library

try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
    from urllib3 import disable_warnings
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

LEAST_BYTES_PER_SECOND = 1024
MAX_HEAD = 1024 * 1024
_BUFFER = 64 * 1024
_TLS_RECORD = 16 * 1024
_LINES_FOR_CONTENT = 8  # bytes of chunk sizes for each byte of content: chunks may be of one byte, but hold no long extensions then
# Where the system can: it holds little that is not sent yet, or what a slow peer takes of it would not show for a long time.
_UNSENT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)

Certificates = dict[tuple[str, int], bytes]


@dataclass(frozen=True)
class Route:
    """How hosts are connected to.

    ``addresses(host, port)`` are tried in their order; ``connected(host, address)`` hears which one answered, and may refuse it by
    raising an error; ``failed(error, host, port)``, where it is given, returns the error to raise for a host that is not reached.
    """

    addresses: t.Callable[[str, int], t.Sequence[str]]
    connected: t.Callable[[str, str], None] = lambda host, address: None
    failed: t.Callable[[Exception, str, int], Exception] | None = None

    def guard(self, connection: t.Any, step: t.Callable[[], t.Any]) -> t.Any:
        """Return what ``step``, which connects, returns; its failure is put into the words of ``failed``."""
        if self.failed is None:
            return step()
        try:
            return step()
        except (OSError, HTTPError, ValueError) as error:
            raise self.failed(error, connection.host, connection.port) from None


class _Pace:
    """Measures one direction of a socket: its whole timeout may be waited for each ``timeout`` KiB that pass, no longer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout() or 0.0
        self._waited = 0.0
        self._count = 0
        self.held = False  # while what passes may turn out to be no progress

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
        if not self.held and self._count >= self._timeout * LEAST_BYTES_PER_SECOND:
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
        super().__init__(_PacedReader(sock, self._pace), _BUFFER)

    def readline(self, size: int | None = -1) -> bytes:
        most = self._lines_left + 1
        self._pace.held = True
        line = super().readline(most if size is None or size < 0 else min(size, most))
        self._lines_left -= len(line)
        if self._lines_left < 0:
            raise RegistryError(
                f"An answer came with more than {MAX_HEAD} bytes of headers, or with more of chunk sizes than of content: it is refused.",
                "invalid_response",
            )
        self._pace.held = False
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


def _connect(route: Route, host: str, port: int, timeout: float) -> socket.socket:
    """Open a connection to the first address of ``host`` that answers; ``timeout`` seconds are for all of them."""
    deadline = time.monotonic() + timeout
    failure = OSError("the name has no address")
    for address in route.addresses(host, port):
        try:
            sock = socket.create_connection((address, port), max(deadline - time.monotonic(), 0.001))
        except OSError as error:
            failure = error
            continue
        try:
            route.connected(host, address)
        except RegistryError:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _UNSENT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _UNSENT, 2 * _BUFFER)
        sock.settimeout(timeout)
        return sock
    raise failure


def _send_paced(sock: socket.socket, block: t.Any) -> None:
    """Send a block; a peer that hardly takes it is given up like one that hardly answers."""
    view = memoryview(block).cast("B")
    size = _TLS_RECORD if isinstance(sock, ssl.SSLSocket) else _BUFFER  # TLS tells nothing before all of a piece is gone
    pace = _Pace(sock)
    try:
        while view:
            sent = pace.step(partial(sock.send, view[:size])) or 0
            view = view[sent:]
    finally:
        pace.end()


def _pool_classes(route: Route, certificates: Certificates) -> dict[str, t.Any]:
    def connect(connection: t.Any) -> socket.socket:
        # The proxy, where there is one, is what the connection's own host and port name.
        host = getattr(connection, "_dns_host", connection.host)
        sock: socket.socket = route.guard(connection, lambda: _connect(route, host, connection.port, connection.timeout))
        return sock

    def send(connection: t.Any, data: t.Any) -> None:
        if connection.sock is not None and isinstance(data, bytes) and len(data) > _BUFFER:
            _send_paced(connection.sock, data)
        else:
            super(type(connection), connection).send(data)

    def connect_securely(connection: t.Any) -> None:
        own = super(type(connection), connection).connect
        if connection._tunnel_host:
            own()
            host, port = connection._tunnel_host, connection._tunnel_port
        else:
            route.guard(connection, own)  # to the host itself, or to a proxy that speaks TLS
            host, port = connection.host, connection.port
        certificates[host.strip("[]"), port] = connection.sock.getpeercert(binary_form=True)

    def connect_to_secure_proxy(connection: t.Any, hostname: str, sock: t.Any) -> t.Any:
        return route.guard(connection, lambda: super(type(connection), connection)._connect_tls_proxy(hostname, sock))

    members = {"response_class": PacedResponse, "_new_conn": connect, "send": send}
    secure_members = {**members, "connect": connect_securely, "_connect_tls_proxy": connect_to_secure_proxy}
    plain = type("PlainConnection", (HTTPConnection,), members)
    secure = type("SecureConnection", (HTTPSConnection,), secure_members)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


if HAS_REQUESTS:

    class Adapter(HTTPAdapter):
        """Connects only as ``route`` says, or to a proxy as ``proxy_route`` says, with one TLS context for good."""

        def __init__(self, context: ssl.SSLContext, route: Route, proxy_route: Route, connections: int) -> None:
            if context.check_hostname and str(getattr(urllib3, "__version__", "")).startswith("1."):
                context.check_hostname = False  # urllib3 1 compares the names itself, and tells the context none for addresses
            self._tls: dict[str, t.Any] = {"ssl_context": context, "cert_reqs": context.verify_mode}
            self.certificates: Certificates = {}  # of each host and port, in DER
            self._classes = _pool_classes(route, self.certificates)
            self._proxy_classes = _pool_classes(proxy_route, self.certificates)
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


def make_adapter(context: ssl.SSLContext, route: Route, proxy_route: Route, connections: int) -> Adapter:
    """Return an adapter, or say that requests is missing."""
    if not HAS_REQUESTS:
        raise missing_library("requests (2.25.1 or newer)")
    if context.verify_mode == ssl.CERT_NONE:
        disable_warnings(InsecureRequestWarning)
    return Adapter(context, route, proxy_route, connections)


def send(
    adapter: Adapter, method: str, url: str, headers: dict[str, str], body: t.Any, timeout: float, proxy: str | None
) -> requests.Response:
    """Send one request to exactly ``url`` and return its answer, body unread."""
    prepared = requests.Request(method, url, headers=headers, data=body).prepare()
    prepared.url = url
    return adapter.send(prepared, stream=True, timeout=(timeout, timeout), proxies={"all": proxy} if proxy else {})


def transport_errors(reading: bool = False) -> tuple[type[Exception], ...]:
    """Return what can be raised while a request is sent, or an answer is read: then also the ValueError for a chunk of no possible size."""
    return (requests.RequestException, HTTPError, http.client.HTTPException, OSError, *([ValueError] if reading else []))
