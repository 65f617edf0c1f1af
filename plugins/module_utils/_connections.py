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
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies
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
# Where the system can: it holds little that is not sent yet, or what a slow peer takes of it would not show for a long time.
_UNSENT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)

Addresses = t.Callable[[str, int], t.Sequence[str]]
Certificates = dict[tuple[str, int], bytes]


class _Pace:
    """Measures one direction of a socket: its whole timeout may be waited for each ``timeout`` KiB that pass, no longer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout() or 0.0
        self._waited = 0.0
        self._count = 0

    def step(self, move: t.Callable[[], int | None]) -> int | None:
        """Return how many bytes ``move`` (a read or write of the socket) has moved."""
        left = self._timeout - self._waited
        if left <= 0:
            raise socket.timeout("too little passed")
        self._sock.settimeout(left)
        start = time.monotonic()
        count = move()
        self._waited += time.monotonic() - start
        self._count += count or 0
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


class _Bounded(io.BufferedReader):
    """Reads lines (of heads, interim answers, chunk sizes, trailers) only so far without content between them."""

    _lines = 0

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        self._lines += len(line)
        if self._lines > MAX_HEAD:
            raise RegistryError(f"An answer came with more than {MAX_HEAD} bytes of headers: it is refused.", "invalid_response")
        return line

    def read(self, size: int | None = -1) -> bytes:
        self._lines = 0
        return super().read(size)

    def readinto(self, buffer: t.Any) -> int:
        self._lines = 0
        return super().readinto(buffer)


class PacedResponse(http.client.HTTPResponse):
    """An answer whose head and body must keep coming, and whose head must end."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = _Bounded(_PacedReader(sock), _BUFFER)

    def begin(self) -> None:
        """Read the head of the answer; interim ones (103, say) are passed over: Python itself knows only 100."""
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = t.cast(t.Any, None)  # or the next head is not read
            super().begin()


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


def _pool_classes(addresses: Addresses, certificates: Certificates) -> dict[str, t.Any]:
    def connect(connection: t.Any) -> socket.socket:
        # The proxy, where there is one, is what the connection's own host and port name.
        host = getattr(connection, "_dns_host", connection.host)
        return _connect(addresses(host, connection.port), connection.port, connection.timeout)

    def send(connection: t.Any, data: t.Any) -> None:
        if connection.sock is not None and isinstance(data, bytes) and len(data) > _BUFFER:
            _send_paced(connection.sock, data)
        else:
            super(type(connection), connection).send(data)

    def connect_securely(connection: t.Any) -> None:
        super(type(connection), connection).connect()
        host, port = (connection._tunnel_host, connection._tunnel_port) if connection._tunnel_host else (connection.host, connection.port)
        certificates[host.strip("[]"), port] = connection.sock.getpeercert(binary_form=True)

    members = {"response_class": PacedResponse, "_new_conn": connect, "send": send}
    plain = type("PlainConnection", (HTTPConnection,), members)
    secure = type("SecureConnection", (HTTPSConnection,), {**members, "connect": connect_securely})
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


if HAS_REQUESTS:

    class Adapter(HTTPAdapter):
        """Connects only to what ``addresses(host, port)`` returns, or to a proxy, with one TLS context for good."""

        def __init__(self, context: ssl.SSLContext, addresses: Addresses, proxies: Addresses, connections: int) -> None:
            if context.check_hostname and str(getattr(urllib3, "__version__", "")).startswith("1."):
                context.check_hostname = False  # urllib3 1 compares the names itself, and tells the context none for addresses
            self._tls: dict[str, t.Any] = {"ssl_context": context, "cert_reqs": context.verify_mode}
            self.certificates: Certificates = {}  # of each host and port, in DER
            self._classes = _pool_classes(addresses, self.certificates)
            self._proxy_classes = _pool_classes(proxies, self.certificates)
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


def send(
    adapter: Adapter, method: str, url: str, headers: dict[str, str], body: t.Any, timeout: float, proxy: str | None
) -> requests.Response:
    """Send one request to exactly ``url`` and return its answer, body unread."""
    prepared = requests.Request(method, url, headers=headers, data=body).prepare()
    prepared.url = url
    return adapter.send(prepared, stream=True, timeout=(timeout, timeout), proxies={"all": proxy} if proxy else {})


def environ_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for ``url``, None where it names none; raises ``invalid_option`` for one of no use."""
    try:
        proxy: str | None = requests.utils.select_proxy(url, get_environ_proxies(url))
        parts = urlsplit(proxy if not proxy or "://" in proxy else f"http://{proxy}")
        usable = not proxy or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        usable = False
    if not usable:
        raise RegistryError(
            "The environment names a proxy that cannot be used: it must be http://[user:password@]host:port, special characters "
            "of the password percent-encoded.",
            "invalid_option",
        )
    return proxy


def transport_errors(reading: bool = False) -> tuple[type[Exception], ...]:
    """Return what can be raised while a request is sent, or an answer is read: then also the ValueError for a chunk of no possible size."""
    return (requests.RequestException, HTTPError, http.client.HTTPException, OSError, *([ValueError] if reading else []))
